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
    space->sums = nlc_allocate(outputs, NLC_CHUNK * sizeof(int32_t));
    space->more = nlc_allocate(outputs, NLC_LANES * sizeof(int32_t));
    space->wide = nlc_allocate(NLC_CHUNK, model->narrow_stride * sizeof(int16_t));
    space->shifts = nlc_allocate(outputs, sizeof(int32_t));
    if (!space->units || !space->wide_units || !space->gradient || !space->excess || !space->sums || !space->more ||
        !space->wide || !space->shifts)
        return NLC_NO_MEMORY;
    /* 15 less the fractional bits of logits, means, log-scales and coefficients. */
    const int k = model->components, means = k * (1 + model->channels), scales = k * (1 + 2 * model->channels);
    for (int output = 0; output < model->outputs; output++)
        space->shifts[output] = output < k ? 9 : output < means ? 7 : output < scales ? 10 : 7;
    return NLC_OK;
}

void nlc_learner_space_free(nlc_learner_space *space) {
    void *const owned[] = {space->units, space->wide_units, space->gradient, space->excess,
                           space->sums,  space->more,       space->wide,     space->shifts};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        nlc_release(owned[k]);
}

size_t nlc_learner_size(const nlc_model *model) {
    return rounded_units(model) * (model->output_stride * sizeof(int32_t) + sizeof(int64_t)) + used_bytes(model);
}

int nlc_learner_new(const nlc_model *model, nlc_learner *learner) {
    const size_t units = rounded_units(model);
    learner->learned = nlc_allocate(units * model->output_stride, sizeof(int32_t));
    learner->used = nlc_allocate(used_bytes(model), 1);
    learner->squares = nlc_allocate(units, sizeof(int64_t));
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

/* Pack the gradients of a tile's pixels in groups of `group`, for products that go over pixels; those above 127 are
 * split for narrow products. Returns whether any was. */
static int pack_gradients(const nlc_model *model, nlc_learner_space *space, size_t pixels, nlc_lanes *gradients,
                          size_t first) {
    const size_t outputs = (size_t)model->outputs, narrow = (size_t)model->kernels->narrow, group = narrow ? 4 : 2;
    const size_t groups = (pixels + group - 1) / group, bytes = model->output_stride * groups * group;
    int above = 0;
    memset(space->gradient, 0, bytes * (narrow ? 1 : 2));
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        const size_t lane = (first + pixel) % NLC_LANES;
        nlc_lanes *from = gradients + (first + pixel) / NLC_LANES * outputs;
        for (size_t output = 0; output < outputs; output++) {
            const size_t place =
                ((output / NLC_LANES * groups + pixel / group) * NLC_LANES + output % NLC_LANES) * group + pixel % group;
            const int32_t gradient = from[output][lane];
            if (narrow)
                ((int8_t *)space->gradient)[place] = (int8_t)(gradient > INT8_MAX ? INT8_MAX : gradient);
            else
                ((int16_t *)space->gradient)[place] = (int16_t)gradient;
            above |= gradient > INT8_MAX;
        }
    }
    if (!narrow || !above)
        return 0;
    memset(space->excess, 0, bytes);
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        const size_t lane = (first + pixel) % NLC_LANES;
        nlc_lanes *from = gradients + (first + pixel) / NLC_LANES * outputs;
        for (size_t output = 0; output < outputs; output++)
            if (from[output][lane] > INT8_MAX)
                space->excess[((output / NLC_LANES * groups + pixel / 4) * NLC_LANES + output % NLC_LANES) * 4 +
                              pixel % 4] = (int8_t)(from[output][lane] - INT8_MAX);
    }
    return 1;
}

static int binary_digits(int64_t number) {
    int digits = 0;
    for (; number; number >>= 1)
        digits++;
    return digits;
}

/* u of section 14: the binary digits of the mean square, at least 2, less 10, halved downwards, plus 4. */
static int32_t reduction_of(int64_t squares, int64_t pixels) {
    int digits = binary_digits(squares / pixels);
    digits = digits < 2 ? 2 : digits;
    return (digits - 10 + 64) / 2 - 32 + 4;
}

void nlc_learner_learn(const nlc_model *model, nlc_learner_space *space, nlc_learner *learner, const uint8_t *seen,
                       size_t pixels, nlc_lanes *gradients, size_t first) {
    const nlc_kernels *kernels = model->kernels;
    const size_t width = model->output_stride, vectors = width / NLC_LANES, units = grouped_units(model);
    const size_t group = kernels->narrow ? 4 : 2, unit_groups = units / group;
    pixels = pixels < NLC_TEACHERS ? pixels : NLC_TEACHERS;
    const size_t groups = (pixels + group - 1) / group;
    const int above = pack_gradients(model, space, pixels, gradients, first);
    kernels->transpose8(seen, model->narrow_stride, pixels, unit_count(model), space->units, UNITS_STRIDE);
    learner->pixels += (int64_t)pixels;
    for (size_t begin = 0; begin < units; begin += NLC_LANES) {
        const size_t count = units - begin < NLC_LANES ? units - begin : NLC_LANES;
        const uint8_t *from = space->units + begin * UNITS_STRIDE;
        int32_t reduction[NLC_LANES];
        for (size_t unit = 0; unit < count; unit++) {
            uint32_t square = 0;
            for (size_t pixel = 0; pixel < pixels; pixel++)
                square += (uint32_t)from[unit * UNITS_STRIDE + pixel] * from[unit * UNITS_STRIDE + pixel];
            learner->squares[begin + unit] += square;
            reduction[unit] = reduction_of(learner->squares[begin + unit], learner->pixels);
        }
        if (kernels->narrow) {
            kernels->product8(from, UNITS_STRIDE, count, space->gradient, groups, vectors, space->sums, width);
            if (above) {
                kernels->product8(from, UNITS_STRIDE, count, space->excess, groups, vectors, space->more, width);
                for (size_t k = 0; k < count * width; k++)
                    space->sums[k] += space->more[k];
            }
        } else {
            kernels->widen(from, count * UNITS_STRIDE, space->wide_units);
            kernels->product16(space->wide_units, UNITS_STRIDE, count, space->gradient, groups, vectors, space->sums, width);
        }
        for (size_t unit = 0; unit < count; unit += 4) {
            const size_t place = (begin + unit) * NLC_LANES; /* of the packed weights of these units, in a vector */
            char *used = (char *)learner->used + place * (kernels->narrow ? 1 : 2);
            kernels->follow(space->sums + unit * width, width, reduction + unit, learner->learned + (begin + unit) * width,
                            vectors, unit_groups, used);
        }
    }
}
