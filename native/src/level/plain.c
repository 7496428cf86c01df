/* The plain level: portable C, which every other level is compared with. */
#include "plain_products.h"
#include "plain_movement.h"

#define NLC_NARROW 0
#define NLC_WIDE_GROUP NLC_ROW
#define NLC_LOOKUP lookup
#define NLC_POPCOUNT 0
#include "pixel_kernels.h"

#include "shared_table.h"
const nlc_kernels nlc_plain_kernels = NLC_KERNELS("plain");
