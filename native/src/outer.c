#include "outer.h"

int nlc_outer_new(size_t width, nlc_outer *outer) {
    outer->width = width;
    outer->gradient = nlc_allocate(width, NLC_TEACHERS * sizeof(int16_t));
    outer->excess = nlc_allocate(width, NLC_TEACHERS);
    outer->exceeds = nlc_allocate(width, 1);
    outer->wide_units = nlc_allocate(NLC_LANES, NLC_UNITS_STRIDE * sizeof(int16_t));
    outer->sums = nlc_allocate(width, NLC_CHUNK * sizeof(int32_t));
    outer->more = nlc_allocate(NLC_LANES, NLC_LANES * sizeof(int32_t));
    return outer->gradient && outer->excess && outer->exceeds && outer->wide_units && outer->sums && outer->more
               ? NLC_OK
               : NLC_NO_MEMORY;
}

void nlc_outer_free(nlc_outer *outer) {
    void *const owned[] = {outer->gradient, outer->excess, outer->exceeds, outer->wide_units, outer->sums, outer->more};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        nlc_release(owned[k]);
}

/* Pack the gradients of a tile's pixels, from one vector of outputs on; returns the largest of narrow ones. */
static int32_t pack_vector(const nlc_model *model, size_t outputs, nlc_lanes *gradients, size_t vector, size_t first,
                           size_t pixels, int32_t above, void *to) {
    const nlc_kernels *kernels = model->kernels;
    const size_t groups = nlc_learned_groups(model, pixels);
    const size_t here = outputs - vector * NLC_LANES < NLC_LANES ? outputs - vector * NLC_LANES : NLC_LANES;
    const size_t group = nlc_group(kernels, nlc_learned_products(model));
    int32_t largest = 0;
    for (size_t pixel = 0; pixel < pixels;) {
        const size_t lane = first + pixel, begin = lane % NLC_LANES, left = begin + pixels - pixel;
        const size_t stop = left < NLC_LANES ? left : NLC_LANES;
        nlc_lanes *from = gradients + lane / NLC_LANES * outputs + vector * NLC_LANES;
        const size_t place = nlc_place(group, groups, vector * NLC_LANES, pixel);
        if (kernels->narrow) {
            const int32_t found = kernels->pack_gradients(from, here, begin, stop, above, (int8_t *)to + place);
            largest = found > largest ? found : largest;
        } else {
            kernels->pack_wide(from, here, begin, stop, groups, (int16_t *)to + place);
        }
        pixel += stop - begin;
    }
    return largest;
}

void nlc_outer_take(const nlc_model *model, nlc_outer *outer, size_t outputs, size_t pixels, nlc_lanes *gradients,
                    size_t first) {
    const size_t vectors = (outputs + NLC_LANES - 1) / NLC_LANES;
    if (!model->kernels->narrow && model->kernels->wide_group == NLC_ROW)
        memset(outer->gradient, 0, vectors * NLC_LANES * nlc_learned_groups(model, pixels) * NLC_ROW * sizeof(int16_t));
    for (size_t vector = 0; vector < vectors; vector++) {
        const int32_t largest = pack_vector(model, outputs, gradients, vector, first, pixels, 0, outer->gradient);
        outer->exceeds[vector] = largest > INT8_MAX;
        if (outer->exceeds[vector])
            pack_vector(model, outputs, gradients, vector, first, pixels, INT8_MAX, outer->excess);
    }
}

void nlc_outer_sum(const nlc_model *model, nlc_outer *outer, size_t outputs, const uint8_t *units, size_t count,
                   size_t pixels, int sparse) {
    const nlc_kernels *kernels = model->kernels;
    const size_t vectors = (outputs + NLC_LANES - 1) / NLC_LANES, width = vectors * NLC_LANES;
    const size_t groups = nlc_learned_groups(model, pixels);
    if (!kernels->narrow) {
        for (size_t unit = 0; unit < count; unit++)
            kernels->widen(units + unit * NLC_UNITS_STRIDE, nlc_round_up(pixels, NLC_ROW),
                           outer->wide_units + unit * NLC_UNITS_STRIDE);
        kernels->sparse16(outer->wide_units, NLC_UNITS_STRIDE, count, outer->gradient, groups, vectors, outer->sums,
                          width);
        return;
    }
    (sparse ? kernels->sparse8 : kernels->product8)(units, NLC_UNITS_STRIDE, count, outer->gradient, groups, vectors,
                                                    outer->sums, width);
    for (size_t vector = 0; vector < vectors; vector++) {
        if (!outer->exceeds[vector])
            continue;
        kernels->product8(units, NLC_UNITS_STRIDE, count, outer->excess + vector * groups * 4 * NLC_LANES, groups, 1,
                          outer->more, NLC_LANES);
        for (size_t unit = 0; unit < count; unit++)
            for (size_t l = 0; l < NLC_LANES; l++)
                outer->sums[unit * width + vector * NLC_LANES + l] += outer->more[unit * NLC_LANES + l];
    }
}
