#include "learner.h"

/* Bytes from one unit's activations to the next's: those of NLC_TEACHERS pixels, and room for a rounded count. */
#define UNITS_STRIDE (NLC_TEACHERS + 64)

static const nlc_layer *last_layer(const nlc_model *model) { return &model->layers[model->layer_count - 1]; }

/* Units of the last hidden layer and the constant one, rounded up to groups of 4, and to lanes. */
static size_t unit_count(const nlc_model *model) { return (size_t)last_layer(model)->columns + 1; }
static size_t grouped_units(const nlc_model *model) { return nlc_round_up(unit_count(model), 4); }
static size_t rounded_units(const nlc_model *model) { return nlc_round_up(unit_count(model), NLC_LANES); }

static size_t used_bytes(const nlc_model *model) {
    return grouped_units(model) * model->output_stride * (model->kernels->narrow ? 1 : 2);
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
    const size_t units = grouped_units(model);
    for (size_t first = 0; first < pixels; first += NLC_CHUNK) {
        const size_t count = pixels - first < NLC_CHUNK ? pixels - first : NLC_CHUNK;
        if (kernels->narrow) {
            kernels->product8(seen + first * stride, stride, count, learner->used, units / 4, vectors, space->sums, width);
        } else {
            kernels->widen(seen + first * stride, count * stride, space->wide);
            kernels->product16(space->wide, stride, count, learner->used, units / 2, vectors, space->sums, width);
        }
        for (size_t pixel = 0; pixel < count; pixel++)
            kernels->correct(space->sums + pixel * width, space->shifts, width, outputs + (first + pixel) * width);
    }
}

/* Pack the gradients of a tile's pixels for narrow products, from one vector of outputs on; returns the largest. */
static int32_t pack_vector(const nlc_model *model, nlc_lanes *gradients, size_t vector, size_t first, size_t pixels,
                           int32_t above, int8_t *to) {
    const size_t outputs = (size_t)model->outputs, left = outputs - vector * NLC_LANES;
    int32_t largest = 0;
    for (size_t lane = first, end = first + pixels; lane < end;) {
        const size_t begin = lane % NLC_LANES, stop = begin + end - lane < NLC_LANES ? begin + end - lane : NLC_LANES;
        nlc_lanes *from = gradients + lane / NLC_LANES * outputs + vector * NLC_LANES;
        const int32_t found =
            model->kernels->pack_gradients(from, left < NLC_LANES ? left : NLC_LANES, begin, stop, above, to);
        largest = found > largest ? found : largest;
        to += (stop - begin) * NLC_LANES;
        lane += stop - begin;
    }
    return largest;
}

/* Pack the gradients of a tile's pixels in groups of pixels, for products that go over pixels. */
static void pack_gradients(const nlc_model *model, nlc_learner_space *space, size_t pixels, nlc_lanes *gradients,
                           size_t first) {
    const size_t outputs = (size_t)model->outputs, vectors = model->output_stride / NLC_LANES;
    if (model->kernels->narrow) {
        const size_t each = (pixels + 3) / 4 * 4 * NLC_LANES;
        for (size_t vector = 0; vector < vectors; vector++) {
            int8_t *to = (int8_t *)space->gradient + vector * each;
            space->exceeds[vector] = pack_vector(model, gradients, vector, first, pixels, 0, to) > INT8_MAX;
            if (space->exceeds[vector])
                pack_vector(model, gradients, vector, first, pixels, INT8_MAX, space->excess + vector * each);
        }
        return;
    }
    const size_t groups = (pixels + 1) / 2;
    memset(space->gradient, 0, vectors * groups * 2 * NLC_LANES * sizeof(int16_t));
    for (size_t output = 0; output < outputs; output++) {
        int16_t *to = (int16_t *)space->gradient + output / NLC_LANES * groups * 2 * NLC_LANES + output % NLC_LANES * 2;
        for (size_t pixel = 0; pixel < pixels; pixel++) {
            const size_t lane = first + pixel;
            to[pixel / 2 * 2 * NLC_LANES + pixel % 2] =
                (int16_t)gradients[lane / NLC_LANES * outputs + output][lane % NLC_LANES];
        }
    }
}

/* The sums of gradients by activations of some units, which stand one after the other. */
static void sum_gradients(const nlc_model *model, nlc_learner_space *space, const uint8_t *units, size_t count,
                          size_t pixels) {
    const nlc_kernels *kernels = model->kernels;
    const size_t width = model->output_stride, vectors = width / NLC_LANES;
    if (!kernels->narrow) {
        kernels->widen(units, count * UNITS_STRIDE, space->wide_units);
        kernels->product16(space->wide_units, UNITS_STRIDE, count, space->gradient, (pixels + 1) / 2, vectors,
                           space->sums, width);
        return;
    }
    const size_t groups = (pixels + 3) / 4;
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
    const size_t group = kernels->narrow ? 4 : 2, unit_groups = grouped_units(model) / group;
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
            memcpy(space->units + active * UNITS_STRIDE, space->units + unit * UNITS_STRIDE, nlc_round_up(pixels, 4));
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
                const size_t whole = unit / 4 * 4, place = whole * NLC_LANES; /* of their weights in a packed vector */
                kernels->use(learner->learned + whole * width, vectors, unit_groups,
                             (char *)learner->used + place * (kernels->narrow ? 1 : 2));
            }
        }
    }
}
