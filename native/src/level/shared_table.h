/* The table of a level's kernels; included after pixel_kernels.h and the level's products. */
#include "lattice_kernels.h"
#include "learning_kernels.h"
#include "pair_kernels.h"

#if NLC_NARROW
#define NLC_PRODUCT8 product8
#define NLC_PACK_GRADIENTS pack_gradients
#else
#define NLC_PRODUCT8 NULL
#define NLC_PACK_GRADIENTS NULL
#endif
#ifndef NLC_SPARSE8
#define NLC_SPARSE8(narrow_product) narrow_product
#endif
#ifndef NLC_SPARSE16
#define NLC_SPARSE16 product16
#endif
#define NLC_KERNELS(level_name) NLC_KERNELS_WITH(level_name, NLC_PRODUCT8)
#define NLC_KERNELS_WITH(level_name, narrow_product) \
    { \
        .name = level_name, .narrow = NLC_NARROW, .wide_group = NLC_WIDE_GROUP, .product8 = narrow_product, \
        .sparse8 = NLC_SPARSE8(narrow_product), .product16 = product16, .sparse16 = NLC_SPARSE16, \
        .transpose8 = transpose8, .activate = activate, .finish = finish, .turn = turn, .reduce = reduce, \
        .pack_gradients = NLC_PACK_GRADIENTS, .pack_wide = pack_wide, .widen = widen, .normalise = normalise, \
        .start_block = start_block, .start_plane = start_plane, .digit = digit, .end_plane = end_plane, \
        .gradients = gradients, .correct = correct, .follow = follow, .use = use, .weigh_green = weigh_green, \
        .weigh_blue = weigh_blue, .choose_green = choose_green, \
        .activate_learned = activate_learned, .true_gradients = true_gradients, .settle = settle, \
        .find_moving = find_moving, .reduce_errors = reduce_errors, .move_units = move_units, .lead_back = lead_back \
    }
