/* Sums over the pixels of a step of a layer's gradients by what the layer was given: what learning follows. */
#ifndef NLC_OUTER_H
#define NLC_OUTER_H

#include "core.h"

/* Bytes from one unit's activations to the next's: those of NLC_TEACHERS pixels, and room for a rounded count. */
#define NLC_UNITS_STRIDE (NLC_TEACHERS + 64)

/* Working storage for layers of at most `width` outputs, a multiple of NLC_LANES. */
typedef struct {
    size_t width;
    void *gradient;      /* packed as a layer whose inputs are pixels */
    int8_t *excess;      /* what gradients of a vector have above 127, packed likewise, for narrow products */
    uint8_t *exceeds;    /* of each vector whether any has */
    int16_t *wide_units; /* activations of NLC_LANES units, widened */
    int32_t *sums;       /* of NLC_LANES units, or of NLC_CHUNK pixels: `width` each */
    int32_t *more;
} nlc_outer;

int nlc_outer_new(size_t width, nlc_outer *outer);
void nlc_outer_free(nlc_outer *outer);

/* The products of what is learned, and of how it is learned. */
static inline enum nlc_products nlc_learned_products(const nlc_model *model) {
    return model->kernels->narrow ? NLC_NARROW : NLC_WIDE;
}

/* Groups that hold `count` units, or pixels, in such products. */
static inline size_t nlc_learned_groups(const nlc_model *model, size_t count) {
    const size_t group = nlc_group(model->kernels, nlc_learned_products(model));
    return (count + group - 1) / group;
}

/* Take the gradients of a tile's pixels, `blocks` of gradients (outputs x lanes each) from the lane `first` on. */
void nlc_outer_take(const nlc_model *model, nlc_outer *outer, size_t outputs, size_t pixels, nlc_lanes *gradients,
                    size_t first);

/* The sums for at most NLC_LANES units, whose activations stand one after the other: `outer->sums` (units x vectors *
 * NLC_LANES), for the outputs that were taken. `sparse` if most activations are 0, so that
 * narrow products leave out fours of them. */
void nlc_outer_sum(const nlc_model *model, nlc_outer *outer, size_t outputs, const uint8_t *units, size_t count,
                   size_t pixels, int sparse);

#endif
