/* The table of a level's kernels; included after pixel_kernels.h and the level's products. */
#define NLC_KERNELS(level_name) \
    { \
        .name = level_name, .narrow = NLC_NARROW, .product8 = product8, .product16 = product16, \
        .transpose8 = transpose8, .activate = activate, .finish = finish, .turn = turn, .reduce = reduce, \
        .pack_gradients = pack_gradients, .widen = widen, .normalise = normalise, \
        .start_block = start_block, .start_plane = start_plane, .digit = digit, .end_plane = end_plane, \
        .gradients = gradients, .correct = correct, .follow = follow, .use = use \
    }
