/* The level of AVX-512 with VNNI, and that of AMX, which differs in its narrow products alone: they are in tiles.
 *
 * Tests define NLC_EMULATED_TILES, a header that stands in for the instructions on tiles.
 */
#include "target.h"

#if NLC_HAS_VNNI
#if NLC_HAS_AMX && defined(NLC_EMULATED_TILES)
#include <immintrin.h>

#include NLC_EMULATED_TILES
#endif
NLC_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,popcnt")
#include "x86.h"
#include "avx512_products.h"

NLC_DEFINE_PRODUCT(product8, uint8_t, int8_t, 4, __m512i, load_weights, __m512i, spread_group, _mm512_dpbusd_epi32)

#define NLC_NARROW 1
#define NLC_SPARSE8(narrow_product) sparse8
#define NLC_WIDE_GROUP 2
#define NLC_LOOKUP lookup
#define NLC_OWN_DIGIT
#define NLC_OWN_MOVE_UNITS
#define NLC_OWN_USE
#define NLC_OWN_PACK_GRADIENTS
#define NLC_OWN_LATTICE "avx512_lattice.h"
#define NLC_POPCOUNT 1
#include "pixel_kernels.h"
#include "avx512_kernels.h"
#include "avx512_learning.h"

#include "shared_table.h"
const nlc_kernels nlc_vnni_kernels = NLC_KERNELS("vnni");
NLC_TARGET_END

#if NLC_HAS_AMX
#ifdef NLC_EMULATED_TILES
NLC_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,popcnt")
#else
NLC_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,amx-tile,amx-int8,popcnt")
#endif
#include "amx_products.h"

const nlc_kernels nlc_amx_kernels = NLC_KERNELS_WITH("amx", product_in_tiles);
NLC_TARGET_END
#endif
#endif
