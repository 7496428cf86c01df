/* The level of NEON, which every 64-bit ARM processor has. */
#include "target.h"

#if NLC_ARM64
#include "plain_movement.h"

#include "neon_products.h"

#define NLC_NARROW 0
#define NLC_WIDE_GROUP 1
#define NLC_LOOKUP lookup
#define NLC_POPCOUNT 1
#include "pixel_kernels.h"

#include "shared_table.h"
const nlc_kernels nlc_neon_kernels = NLC_KERNELS("neon");
#endif
