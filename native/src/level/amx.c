/* The level of AMX: narrow products in tiles, everything else as the level of AVX-512 with VNNI.
 *
 * Tests define NLC_EMULATED_TILES, a header that stands in for the instructions on tiles.
 */
#include "target.h"

#if NLC_HAS_AMX
#ifdef NLC_EMULATED_TILES
#include <immintrin.h>

#include NLC_EMULATED_TILES
NLC_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,popcnt")
#else
NLC_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,amx-tile,amx-int8,popcnt")
#endif
#include "x86.h"
#include "avx512_products.h"
#include "amx_products.h"

#define NLC_NARROW 1
#define NLC_WIDE_GROUP 2
#define NLC_LOOKUP lookup
#define NLC_OWN_DIGIT
#define NLC_OWN_PACK_GRADIENTS
#define NLC_AVX512_PART
#define NLC_POPCOUNT 1
#include "pixel_kernels.h"
#include "avx512_kernels.h"

#include "shared_table.h"
const nlc_kernels nlc_amx_kernels = NLC_KERNELS("amx");
NLC_TARGET_END
#endif
