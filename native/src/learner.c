#include "learner.h"

/* Bytes from one unit's activations to the next's: those of NLC_TEACHERS pixels, and room for a rounded count. */
#define UNITS_STRIDE (NLC_TEACHERS + 64)

static const nlc_layer *last_layer(const nlc_model *model) { return &model->layers[model->layer_count - 1]; }

/* Units of the last hidden layer and the constant one, rounded up to groups of 4, and to lanes. */
static size_t unit_count(const nlc_model *model) { return (size_t)last_layer(model)->columns + 1; }
static size_t grouped_units(const nlc_model *model) { return nlc_round_up(unit_count(model), 4); }
static size_t rounded_units(const nlc_model *model) { return nlc_round_up(unit_count(model), NLC_LANES); }

/* The products of what is learned, and of how it is learned. */
static enum nlc_products products_of(const nlc_model *model) { return model->kernels->narrow ? NLC_NARROW : NLC_WIDE; }

/* Groups that hold `count` units, or pixels. */
static size_t group_count(const nlc_model *model, size_t count) {
    const size_t group = nlc_group(model->kernels, products_of(model));
    return (count + group - 1) / group;
}

static size_t used_bytes(const nlc_model *model) {
    return rounded_units(model) * model->output_stride * (model->kernels->narrow ? 1 : 2);
}

int nlc_learner_space_new(const nlc_model *model, nlc_learner_space *space) {
    const size_t outputs = model->output_stride;
    space->units = nlc_allocate(rounded_units(model), UNITS_STRIDE);
    space->wide_units = nlc_allocate(NLC_LANES, UNITS_STRIDE * sizeof(int16_t));
    space->gradient = nlc_allocate(outputs, NLC_TEACHERS * sizeof(int16_t));
    space->excess = nlc_allocate(outputs, NLC_TEACHERS);
    space->exceeds = nlc_allocate(outputs, 1);
    space->reduction = nlc_allocate(rounded_units(model), sizeof(int32_t));
    space->active = nlc_allocate(rounded_units(model), sizeof(size_t));
    space->sums = nlc_allocate(outputs, NLC_CHUNK * sizeof(int32_t));
    space->more = nlc_allocate(outputs, NLC_LANES * sizeof(int32_t));
    space->wide = nlc_allocate(NLC_CHUNK, model->narrow_stride * sizeof(int16_t));
    space->shifts = nlc_allocate(outputs, sizeof(int32_t));
    if (!space->units || !space->wide_units || !space->gradient || !space->excess || !space->exceeds ||
        !space->reduction || !space->active || !space->sums || !space->more || !space->wide || !space->shifts)
        return NLC_NO_MEMORY;
    /* 15 less the fractional bits of logits, means, log-scales and coefficients. */
    const int k = model->components, means = k * (1 + model->channels), scales = k * (1 + 2 * model->channels);
    for (int output = 0; output < model->outputs; output++)
        space->shifts[output] = output < k ? 9 : output < means ? 7 : output < scales ? 10 : 7;
    return NLC_OK;
}

void nlc_learner_space_free(nlc_learner_space *space) {
    void *const owned[] = {space->units,  space->wide_units, space->gradient, space->excess, space->exceeds,
                           space->active, space->reduction,  space->sums,     space->more,   space->wide,
                           space->shifts};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        nlc_release(owned[k]);
}

size_t nlc_learner_size(const nlc_model *model) {
    return rounded_units(model) * (model->output_stride * sizeof(int32_t) + sizeof(double)) + used_bytes(model);
}

int nlc_learner_new(const nlc_model *model, nlc_learner *learner) {
    const size_t units = rounded_units(model);
    learner->learned = nlc_allocate(units * model->output_stride, sizeof(int32_t));
    learner->used = nlc_allocate(used_bytes(model), 1);
    learner->squares = nlc_allocate(units, sizeof(double));
    if (!learner->learned || !learner->used || !learner->squares)
        return NLC_NO_MEMORY;
    for (size_t unit = 0; unit < units; unit++)
        learner->squares[unit] = NLC_FIRST_PIXELS * NLC_FIRST_SQUARE;
    learner->pixels = NLC_FIRST_PIXELS;
    return NLC_OK;
}

void nlc_learner_free(nlc_learner *learner) {
    nlc_release(learner->learned);
    nlc_release(learner->used);
    nlc_release(learner->squares);
    memset(learner, 0, sizeof *learner);
}

void nlc_learner_correct(const nlc_model *model, nlc_learner_space *space, const nlc_learner *learner,
                         const uint8_t *seen, size_t pixels, int32_t *outputs) {
    const nlc_kernels *kernels = model->kernels;
    const size_t width = model->output_stride, vectors = width / NLC_LANES, stride = model->narrow_stride;
    const size_t groups = group_count(model, grouped_units(model));
    for (size_t first = 0; first < pixels; first += NLC_CHUNK) {
        const size_t count = pixels - first < NLC_CHUNK ? pixels - first : NLC_CHUNK;
        if (kernels->narrow) {
            kernels->product8(seen + first * stride, stride, count, learner->used, groups, vectors, space->sums, width);
        } else {
            kernels->widen(seen + first * stride, count * stride, space->wide);
            kernels->product16(space->wide, stride, count, learner->used, groups, vectors, space->sums, width);
        }
        for (size_t pixel = 0; pixel < count; pixel++)
            kernels->correct(space->sums + pixel * width, space->shifts, width, outputs + (first + pixel) * width);
    }
}

/* Pack the gradients of a tile's pixels, from one vector of outputs on; returns the largest of narrow ones. */
static int32_t pack_vector(const nlc_model *model, nlc_lanes *gradients, size_t vector, size_t first, size_t pixels,
                           int32_t above, void *to) {
    const nlc_kernels *kernels = model->kernels;
    const size_t outputs = (size_t)model->outputs, groups = group_count(model, pixels);
    const size_t here = outputs - vector * NLC_LANES < NLC_LANES ? outputs - vector * NLC_LANES : NLC_LANES;
    const size_t group = nlc_group(kernels, products_of(model));
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

/* Pack the gradients of a tile's pixels in groups of pixels, for products that go over pixels. */
static void pack_gradients(const nlc_model *model, nlc_learner_space *space, size_t pixels, nlc_lanes *gradients,
                           size_t first) {
    const size_t vectors = model->output_stride / NLC_LANES;
    if (!model->kernels->narrow && model->kernels->wide_group == NLC_ROW)
        memset(space->gradient, 0, model->output_stride * group_count(model, pixels) * NLC_ROW * sizeof(int16_t));
    for (size_t vector = 0; vector < vectors; vector++) {
        const int32_t largest = pack_vector(model, gradients, vector, first, pixels, 0, space->gradient);
        space->exceeds[vector] = largest > INT8_MAX;
        if (space->exceeds[vector])
            pack_vector(model, gradients, vector, first, pixels, INT8_MAX, space->excess);
    }
}

/* The sums of gradients by activations of some units, which stand one after the other. */
static void sum_gradients(const nlc_model *model, nlc_learner_space *space, const uint8_t *units, size_t count,
                          size_t pixels) {
    const nlc_kernels *kernels = model->kernels;
    const size_t width = model->output_stride, vectors = width / NLC_LANES;
    const size_t groups = group_count(model, pixels);
    if (!kernels->narrow) {
        for (size_t unit = 0; unit < count; unit++)
            kernels->widen(units + unit * UNITS_STRIDE, nlc_round_up(pixels, NLC_ROW),
                           space->wide_units + unit * UNITS_STRIDE);
        kernels->product16(space->wide_units, UNITS_STRIDE, count, space->gradient, groups, vectors, space->sums, width);
        return;
    }
    kernels->product8(units, UNITS_STRIDE, count, space->gradient, groups, vectors, space->sums, width);
    for (size_t vector = 0; vector < vectors; vector++) {
        if (!space->exceeds[vector])
            continue;
        kernels->product8(units, UNITS_STRIDE, count, space->excess + vector * groups * 4 * NLC_LANES, groups, 1,
                          space->more, NLC_LANES);
        for (size_t unit = 0; unit < count; unit++)
            for (size_t l = 0; l < NLC_LANES; l++)
                space->sums[unit * width + vector * NLC_LANES + l] += space->more[unit * NLC_LANES + l];
    }
}

void nlc_learner_learn(const nlc_model *model, nlc_learner_space *space, nlc_learner *learner, const uint8_t *seen,
                       size_t pixels, nlc_lanes *gradients, size_t first) {
    const nlc_kernels *kernels = model->kernels;
    const size_t width = model->output_stride, vectors = width / NLC_LANES, units = unit_count(model);
    const size_t group = nlc_group(kernels, products_of(model)), unit_groups = group_count(model, grouped_units(model));
    pixels = pixels < NLC_TEACHERS ? pixels : NLC_TEACHERS;
    pack_gradients(model, space, pixels, gradients, first);
    kernels->transpose8(seen, model->narrow_stride, pixels, units, space->units, UNITS_STRIDE);
    learner->pixels += (int64_t)pixels;
    kernels->reduce(space->units, UNITS_STRIDE, units, pixels, learner->squares, (double)learner->pixels,
                    space->reduction);
    /* Units that are 0 in all pixels learn nothing: the others are moved together. */
    size_t active = 0;
    for (size_t unit = 0; unit < units; unit++) {
        if (space->reduction[unit] < 0)
            continue;
        if (active != unit)
            memcpy(space->units + active * UNITS_STRIDE, space->units + unit * UNITS_STRIDE,
                   nlc_round_up(pixels, NLC_ROW));
        space->active[active++] = unit;
    }
    for (size_t begin = 0; begin < active; begin += NLC_LANES) {
        const size_t count = active - begin < NLC_LANES ? active - begin : NLC_LANES;
        sum_gradients(model, space, space->units + begin * UNITS_STRIDE, count, pixels);
        for (size_t k = 0; k < count; k++) {
            const size_t unit = space->active[begin + k];
            const int last_of_group = begin + k + 1 == active || space->active[begin + k + 1] / 4 > unit / 4;
            kernels->follow(space->sums + k * width, space->reduction[unit], learner->learned + unit * width, width);
            if (last_of_group) {
                const size_t whole = unit / 4 * 4, place = nlc_place(group, unit_groups, 0, whole);
                kernels->use(learner->learned + whole * width, vectors, unit_groups,
                             (char *)learner->used + place * (kernels->narrow ? 1 : 2));
            }
        }
    }
}
