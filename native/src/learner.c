#include "learner.h"

static const nlc_layer *last_layer(const nlc_model *model) { return &model->layers[model->layer_count - 1]; }

/* Units of the last hidden layer and the constant one, rounded up to groups of 4, and to lanes. */
static size_t unit_count(const nlc_model *model) { return (size_t)last_layer(model)->columns + 1; }
static size_t grouped_units(const nlc_model *model) { return nlc_round_up(unit_count(model), 4); }
static size_t rounded_units(const nlc_model *model) { return nlc_round_up(unit_count(model), NLC_LANES); }

static size_t used_bytes(const nlc_model *model) {
    return rounded_units(model) * model->output_stride * (model->kernels->narrow ? 1 : 2);
}

int nlc_learner_space_new(const nlc_model *model, nlc_learner_space *space) {
    const size_t outputs = model->output_stride;
    space->units = nlc_allocate(rounded_units(model), NLC_UNITS_STRIDE);
    space->reduction = nlc_allocate(rounded_units(model), sizeof(int32_t));
    space->active = nlc_allocate(rounded_units(model), sizeof(size_t));
    space->wide = nlc_allocate(NLC_CHUNK, model->narrow_stride * sizeof(int16_t));
    space->shifts = nlc_allocate(outputs, sizeof(int32_t));
    if (!space->units || !space->reduction || !space->active || !space->wide || !space->shifts)
        return NLC_NO_MEMORY;
    /* 15 less the fractional bits of logits, means, log-scales and coefficients. */
    const int k = model->components, means = k * (1 + model->channels), scales = k * (1 + 2 * model->channels);
    for (int output = 0; output < model->outputs; output++)
        space->shifts[output] = output < k ? 9 : output < means ? 7 : output < scales ? 10 : 7;
    return nlc_outer_new(outputs, &space->outer);
}

void nlc_learner_space_free(nlc_learner_space *space) {
    void *const owned[] = {space->units, space->active, space->reduction, space->wide, space->shifts};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        nlc_release(owned[k]);
    nlc_outer_free(&space->outer);
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
    const size_t groups = nlc_learned_groups(model, grouped_units(model));
    for (size_t first = 0; first < pixels; first += NLC_CHUNK) {
        const size_t count = pixels - first < NLC_CHUNK ? pixels - first : NLC_CHUNK;
        if (kernels->narrow) {
            kernels->sparse8(seen + first * stride, stride, count, learner->used, groups, vectors, space->outer.sums,
                             width);
        } else {
            kernels->widen(seen + first * stride, count * stride, space->wide);
            kernels->sparse16(space->wide, stride, count, learner->used, groups, vectors, space->outer.sums, width);
        }
        for (size_t pixel = 0; pixel < count; pixel++)
            kernels->correct(space->outer.sums + pixel * width, space->shifts, width,
                             outputs + (first + pixel) * width);
    }
}

void nlc_learner_learn(const nlc_model *model, nlc_learner_space *space, nlc_learner *learner, const uint8_t *seen,
                       size_t pixels, nlc_lanes *gradients, size_t first) {
    const nlc_kernels *kernels = model->kernels;
    const size_t width = model->output_stride, vectors = width / NLC_LANES, units = unit_count(model);
    const size_t outputs = (size_t)model->outputs;
    const size_t group = nlc_group(kernels, nlc_learned_products(model)),
                 unit_groups = nlc_learned_groups(model, grouped_units(model));
    pixels = pixels < NLC_TEACHERS ? pixels : NLC_TEACHERS;
    nlc_outer_take(model, &space->outer, outputs, pixels, gradients, first);
    kernels->transpose8(seen, model->narrow_stride, pixels, units, space->units, NLC_UNITS_STRIDE);
    learner->pixels += (int64_t)pixels;
    kernels->reduce(seen, model->narrow_stride, units, pixels, learner->squares, (double)learner->pixels,
                    space->reduction);
    /* Units that are 0 in all pixels learn nothing: the others are moved together. */
    size_t active = 0;
    for (size_t unit = 0; unit < units; unit++) { /* without branches, which cannot be foreseen */
        space->active[active] = unit;
        active += space->reduction[unit] >= 0;
    }
    for (size_t k = 0; k < active; k++) {
        const uint8_t *from = space->units + space->active[k] * NLC_UNITS_STRIDE;
        uint8_t *to = space->units + k * NLC_UNITS_STRIDE;
        for (size_t pixel = 0; from != to && pixel < pixels; pixel += NLC_ROW)
            memcpy(to + pixel, from + pixel, NLC_ROW);
    }
    for (size_t begin = 0; begin < active; begin += NLC_LANES) {
        const size_t count = active - begin < NLC_LANES ? active - begin : NLC_LANES;
        nlc_outer_sum(model, &space->outer, outputs, space->units + begin * NLC_UNITS_STRIDE, count, pixels, 1);
        for (size_t k = 0; k < count; k++) {
            const size_t unit = space->active[begin + k];
            const int last_of_group = begin + k + 1 == active || space->active[begin + k + 1] / 4 > unit / 4;
            kernels->follow(space->outer.sums + k * width, space->reduction[unit], learner->learned + unit * width,
                            width);
            if (last_of_group) {
                const size_t whole = unit / 4 * 4, place = nlc_place(group, unit_groups, 0, whole);
                kernels->use(learner->learned + whole * width, vectors, unit_groups,
                             (char *)learner->used + place * (kernels->narrow ? 1 : 2));
            }
        }
    }
}
