/* Which models may learn in two layers, and what such learning needs. */
#include "pair_layers.h"

static int64_t magnitude(int64_t number) { return number < 0 ? -number : number; }

/* The fractional bits of an output. */
static int bits_of(int components, int channels, int output) {
    return output < components ? 6 : output < components * (1 + channels) ? 8
           : output < components * (1 + 2 * channels) ? 5 : 8;
}

/* A weight of the last layer, as errors go back through it. */
static int32_t weight_back(int32_t weight, int bits, int shift) {
    const int by = NLC_BACK_BITS + 5 - bits - shift;
    const int64_t found = by < 0 ? ((int64_t)weight + (1 << -by >> 1)) >> -by : (int64_t)weight * (1 << by);
    return (int32_t)(found > INT16_MAX ? INT16_MAX : found < INT16_MIN ? INT16_MIN : found);
}

/* The largest magnitude of a row's sum. */
static int64_t largest_sum(const nlc_layer_source *layer, int32_t row) {
    int64_t sum = 0;
    for (int32_t column = 0; column < layer->columns; column++)
        sum += magnitude(layer->weight[(size_t)row * (size_t)layer->columns + (size_t)column]);
    return NLC_ACTIVATION_MAX * sum + magnitude(layer->bias[row]);
}

/* Whether weights have at most 16 bits, as products of what learns take them. */
static int is_wide_at_most(const nlc_layer_source *layer) {
    int fits = 1;
    for (size_t k = 0; k < (size_t)layer->rows * (size_t)layer->columns; k++)
        fits &= magnitude(layer->weight[k]) <= INT16_MAX;
    return fits;
}

int nlc_pair_is_bounded(const nlc_model_source *s) {
    if (s->layer_count < 3)
        return 0;
    const nlc_layer_source *last = &s->layers[s->layer_count - 1], *hidden = last - 1;
    const int64_t widest = (hidden->rows > hidden->columns ? hidden->rows : hidden->columns) + 1;
    const int64_t correction = NLC_LARGEST_USED * NLC_ACTIVATION_MAX * widest;
    int fits = hidden->skip < 0 && correction < NLC_SUM_LIMIT && is_wide_at_most(last) && is_wide_at_most(hidden);
    for (int32_t row = 0; row < last->rows; row++)
        fits &= (largest_sum(last, row) >> last->shift[row]) + (correction >> (NLC_PAIR_BITS - 3)) + 2 < NLC_SUM_LIMIT;
    for (int32_t row = 0; row < hidden->rows; row++) {
        fits &= hidden->shift[row] <= NLC_PAIR_BITS;
        fits = fits && (largest_sum(hidden, row) << (NLC_PAIR_BITS - hidden->shift[row])) + correction <= INT32_MAX;
    }
    for (int32_t unit = 0; fits && unit < last->columns; unit++) {
        int64_t sum = 0;
        for (int32_t row = 0; row < last->rows; row++) {
            const int32_t weight = last->weight[(size_t)row * (size_t)last->columns + (size_t)unit];
            const int64_t most =
                magnitude(weight_back(weight, bits_of(s->components, s->channels, row), last->shift[row]));
            sum += most + 64 < 1 << 15 ? most + 64 : 1 << 15;
        }
        fits = sum * NLC_LARGEST_GRADIENT <= INT32_MAX;
    }
    return fits;
}

int nlc_pair_is_joined(const nlc_model_source *s) {
    const nlc_layer_source *hidden = &s->layers[s->layer_count - 2];
    const int64_t correction = NLC_LARGEST_USED * NLC_ACTIVATION_MAX * ((int64_t)hidden->columns + 1);
    int fits = 1;
    for (int32_t row = 0; row < hidden->rows; row++) {
        const int more = NLC_PAIR_BITS - hidden->shift[row];
        fits &= (largest_sum(hidden, row) << more) + correction < 1 << 29;
        for (int32_t unit = 0; unit < hidden->columns; unit++) {
            const int32_t weight = hidden->weight[(size_t)row * (size_t)hidden->columns + (size_t)unit];
            fits &= (magnitude(weight) << more) + NLC_LARGEST_USED <= INT16_MAX;
        }
    }
    return fits;
}

/* The hidden layer as what it learns is added to its weights. */
static int join_layer(const nlc_model *model, nlc_layer *joined) {
    const nlc_layer *hidden = hidden_layer(model);
    const size_t group = (size_t)model->kernels->wide_group, groups = groups_of(model, hidden);
    *joined = *hidden;
    joined->groups = (int)groups;
    joined->packed = nlc_allocate(used_bytes(model, hidden), 1);
    joined->bias = nlc_allocate(width_of(hidden), sizeof(int32_t));
    joined->shift = nlc_allocate(width_of(hidden), sizeof(int32_t));
    if (!joined->packed || !joined->bias || !joined->shift)
        return NLC_NO_MEMORY;
    for (size_t row = 0; row < (size_t)hidden->rows; row++) {
        const int32_t more = 1 << (NLC_PAIR_BITS - hidden->shift[row]);
        joined->bias[row] = hidden->bias[row] * more;
        for (size_t unit = 0; unit < (size_t)hidden->columns; unit++) {
            const int32_t weight =
                ((const int16_t *)hidden->packed)[nlc_place(group, (size_t)hidden->groups, row, unit)];
            ((int16_t *)joined->packed)[nlc_place(group, groups, row, unit)] = (int16_t)(weight * more);
        }
    }
    for (size_t row = 0; row < width_of(hidden); row++)
        joined->shift[row] = NLC_PAIR_BITS;
    return NLC_OK;
}

static int allocate_space(const nlc_model *model, size_t lanes, nlc_pair_space *space) {
    const nlc_layer *last = last_layer(model), *hidden = hidden_layer(model);
    const size_t widest = width_of(hidden) > width_of(last) ? width_of(hidden) : width_of(last);
    const size_t most = rounded_units(last) > rounded_units(hidden) ? rounded_units(last) : rounded_units(hidden);
    space->given = nlc_allocate(most, NLC_UNITS_STRIDE);
    space->raw = nlc_allocate(most, NLC_UNITS_STRIDE);
    space->averaged = nlc_allocate(NLC_CHUNK, model->narrow_stride);
    space->base = nlc_allocate(NLC_CHUNK, widest * sizeof(int32_t));
    space->corrections = nlc_allocate(NLC_CHUNK, widest * sizeof(int32_t));
    space->wide = nlc_allocate(NLC_CHUNK, model->narrow_stride * sizeof(int16_t));
    space->shifts = nlc_allocate(model->output_stride, sizeof(int32_t));
    space->reduction = nlc_allocate(most, sizeof(int32_t));
    space->reduction_last = nlc_allocate(most, sizeof(int32_t));
    space->nothing = nlc_allocate(widest, sizeof(int32_t));
    space->back = nlc_allocate(rounded_units(last) * model->output_stride, sizeof(int16_t));
    space->gradients = nlc_allocate(lanes / NLC_LANES * back_size(model), sizeof(int16_t));
    space->errors = nlc_allocate(width_of(hidden), sizeof(nlc_lanes));
    space->moves = nlc_allocate((NLC_TEACHERS / NLC_LANES + 1) * width_of(hidden), sizeof(nlc_lanes));
    space->some_back = nlc_allocate(width_of(hidden) * model->output_stride, sizeof(int16_t));
    space->moving = nlc_allocate(width_of(hidden), sizeof(uint16_t));
    space->block_storage = nlc_allocate(nlc_block_size(model, 1), sizeof(nlc_lanes));
    if (!space->given || !space->raw || !space->averaged || !space->base || !space->corrections ||
        !space->wide || !space->shifts || !space->reduction || !space->reduction_last || !space->nothing ||
        !space->back || !space->gradients || !space->errors || !space->moves ||
        !space->some_back || !space->moving || !space->block_storage)
        return NLC_NO_MEMORY;
    if (model->joined && join_layer(model, &space->joined) != NLC_OK)
        return NLC_NO_MEMORY;
    const int status = nlc_network_space_new(model, &space->network);
    return status == NLC_OK ? nlc_outer_new(widest, &space->outer) : status;
}

int nlc_pair_space_new(const nlc_model *model, size_t lanes, nlc_pair_space *space) {
    const int status = allocate_space(model, lanes, space);
    if (status != NLC_OK)
        return status;
    const nlc_layer *last = last_layer(model);
    const nlc_kernels *kernels = model->kernels;
    const size_t group = nlc_group(kernels, last->products), groups = (size_t)last->groups;
    const int k = model->components;
    for (int output = 0; output < model->outputs; output++) {
        const int bits = bits_of(k, model->channels, output);
        space->shifts[output] = NLC_PAIR_BITS + 5 - bits;
        for (int unit = 0; unit < last->columns; unit++) {
            const size_t place = nlc_place(group, groups, (size_t)output, (size_t)unit);
            const int32_t weight = last->products == NLC_NARROW ? ((const int8_t *)last->packed)[place]
                                                                : ((const int16_t *)last->packed)[place];
            space->back[(size_t)unit * model->output_stride + (size_t)output] =
                (int16_t)weight_back(weight, bits, last->shift[output]);
        }
    }
    nlc_block_lay_out(model, 1, space->block_storage, &space->block);
    return NLC_OK;
}

void nlc_pair_space_free(nlc_pair_space *space) {
    void *const owned[] = {space->given, space->raw, space->averaged, space->base, space->corrections,
                           space->wide, space->shifts, space->reduction, space->reduction_last, space->nothing,
                           space->back, space->gradients, space->errors, space->moves, space->some_back,
                           space->moving, space->block_storage, space->joined.packed, space->joined.bias,
                           space->joined.shift};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        nlc_release(owned[k]);
    nlc_network_space_free(&space->network);
    nlc_outer_free(&space->outer);
}

static size_t layer_size(const nlc_model *model, const nlc_layer *layer) {
    return rounded_units(layer) * (2 * width_of(layer) * sizeof(int32_t) + sizeof(double)) +
           2 * used_bytes(model, layer);
}

size_t nlc_pair_size(const nlc_model *model) {
    const nlc_layer *last = last_layer(model), *hidden = hidden_layer(model);
    return layer_size(model, last) + layer_size(model, hidden) +
           rounded_units(last) * (model->output_stride * sizeof(int16_t) + sizeof(double));
}

static int new_layer(const nlc_model *model, const nlc_layer *layer, nlc_learned_layer *made) {
    const size_t units = rounded_units(layer);
    made->learned = nlc_allocate(units * width_of(layer), sizeof(int32_t));
    made->average = nlc_allocate(units * width_of(layer), sizeof(int32_t));
    made->used = nlc_allocate(used_bytes(model, layer), 1);
    made->used_average = nlc_allocate(used_bytes(model, layer), 1);
    made->squares = nlc_allocate(units, sizeof(double));
    if (!made->learned || !made->average || !made->used || !made->used_average || !made->squares)
        return NLC_NO_MEMORY;
    for (size_t unit = 0; unit < units; unit++)
        made->squares[unit] = NLC_FIRST_PIXELS * NLC_FIRST_SQUARE;
    return NLC_OK;
}

static void free_layer(nlc_learned_layer *layer) {
    void *const owned[] = {layer->learned, layer->average, layer->used, layer->used_average, layer->squares};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        nlc_release(owned[k]);
}

int nlc_pair_new(const nlc_model *model, const nlc_pair_space *space, nlc_pair *pair) {
    const nlc_layer *last = last_layer(model), *hidden = hidden_layer(model);
    const size_t units = rounded_units(last);
    pair->back = nlc_allocate(units * model->output_stride, sizeof(int16_t));
    pair->errors = nlc_allocate(width_of(hidden), sizeof(double));
    if (new_layer(model, hidden, &pair->hidden) != NLC_OK || new_layer(model, last, &pair->last) != NLC_OK ||
        !pair->back || !pair->errors)
        return NLC_NO_MEMORY;
    if (model->joined) {
        memcpy(pair->hidden.used, space->joined.packed, used_bytes(model, hidden));
        memcpy(pair->hidden.used_average, space->joined.packed, used_bytes(model, hidden));
    }
    memcpy(pair->back, space->back, units * model->output_stride * sizeof(int16_t));
    for (size_t unit = 0; unit < width_of(hidden); unit++)
        pair->errors[unit] = NLC_FIRST_PIXELS * (double)NLC_FIRST_ERROR;
    pair->pixels = NLC_FIRST_PIXELS;
    return NLC_OK;
}

void nlc_pair_free(nlc_pair *pair) {
    free_layer(&pair->hidden);
    free_layer(&pair->last);
    nlc_release(pair->back);
    nlc_release(pair->errors);
    memset(pair, 0, sizeof *pair);
}
