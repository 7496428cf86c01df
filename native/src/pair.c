#include "pair.h"


/* Learning's rates, in powers of two; averages move by 1/2^NLC_PACE of the distance. */
#define NLC_LAST_GAIN 2
#define NLC_HIDDEN_GAIN 4
#define NLC_PACE 4

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

/* The largest magnitude of a row's sum; 0 in `fits` if one of its weights has more than 16 bits. */
static int64_t largest_sum(const nlc_layer_source *layer, int32_t row, int *fits) {
    int64_t sum = 0;
    for (int32_t column = 0; column < layer->columns; column++) {
        const int64_t weight = magnitude(layer->weight[(size_t)row * (size_t)layer->columns + (size_t)column]);
        *fits &= weight <= INT16_MAX;
        sum += weight;
    }
    return NLC_ACTIVATION_MAX * sum + magnitude(layer->bias[row]);
}

int nlc_pair_is_bounded(const nlc_model_source *s) {
    if (s->layer_count < 3)
        return 0;
    const nlc_layer_source *last = &s->layers[s->layer_count - 1], *hidden = last - 1;
    const int64_t widest = (hidden->rows > hidden->columns ? hidden->rows : hidden->columns) + 1;
    const int64_t correction = NLC_LARGEST_USED * NLC_ACTIVATION_MAX * widest;
    int fits = hidden->skip < 0 && correction < NLC_SUM_LIMIT;
    for (int32_t row = 0; row < last->rows; row++)
        fits &= (largest_sum(last, row, &fits) >> last->shift[row]) + (correction >> (NLC_PAIR_BITS - 3)) + 2 < NLC_SUM_LIMIT;
    for (int32_t row = 0; row < hidden->rows; row++) {
        fits &= hidden->shift[row] <= NLC_PAIR_BITS;
        fits = fits && (largest_sum(hidden, row, &fits) << (NLC_PAIR_BITS - hidden->shift[row])) + correction <= INT32_MAX;
    }
    for (int32_t unit = 0; fits && unit < last->columns; unit++) {
        int64_t sum = 0;
        for (int32_t row = 0; row < last->rows; row++) {
            const int32_t weight = last->weight[(size_t)row * (size_t)last->columns + (size_t)unit];
            const int64_t most = magnitude(weight_back(weight, bits_of(s->components, s->channels, row), last->shift[row]));
            sum += most + 64 < 1 << 15 ? most + 64 : 1 << 15;
        }
        fits = sum * NLC_LARGEST_GRADIENT <= INT32_MAX;
    }
    return fits;
}

static const nlc_layer *last_layer(const nlc_model *model) { return &model->layers[model->layer_count - 1]; }
static const nlc_layer *hidden_layer(const nlc_model *model) { return &model->layers[model->layer_count - 2]; }
static size_t width_of(const nlc_layer *layer) { return (size_t)layer->vectors * NLC_LANES; }

/* Units that a layer is given and the constant one, rounded up to lanes. */
static size_t units_of(const nlc_layer *layer) { return (size_t)layer->columns + 1; }
static size_t rounded_units(const nlc_layer *layer) { return nlc_round_up(units_of(layer), NLC_LANES); }
static size_t groups_of(const nlc_model *model, const nlc_layer *layer) {
    return nlc_learned_groups(model, nlc_round_up(units_of(layer), 4));
}
static size_t used_bytes(const nlc_model *model, const nlc_layer *layer) {
    return rounded_units(layer) * width_of(layer) * (model->kernels->narrow ? 1 : 2);
}
/* Groups of outputs, in the products that take errors back. */
static size_t back_groups(const nlc_model *model) {
    const size_t group = (size_t)model->kernels->wide_group;
    return ((size_t)model->outputs + group - 1) / group;
}
static size_t back_size(const nlc_model *model) {
    return back_groups(model) * (size_t)model->kernels->wide_group * NLC_LANES;
}

static int allocate_space(const nlc_model *model, size_t lanes, nlc_pair_space *space) {
    const nlc_layer *last = last_layer(model), *hidden = hidden_layer(model);
    const size_t widest = width_of(hidden) > width_of(last) ? width_of(hidden) : width_of(last);
    const size_t most = rounded_units(last) > rounded_units(hidden) ? rounded_units(last) : rounded_units(hidden);
    const size_t rows = (size_t)model->outputs + (size_t)model->components * (5 + 4 * NLC_MAX_CHANNELS);
    space->given = nlc_allocate(most, NLC_UNITS_STRIDE);
    space->raw = nlc_allocate(most, NLC_UNITS_STRIDE);
    space->some = nlc_allocate(NLC_LANES, NLC_UNITS_STRIDE);
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
    space->block_storage = nlc_allocate(rows, sizeof(nlc_lanes));
    if (!space->given || !space->raw || !space->some || !space->averaged || !space->base || !space->corrections ||
        !space->wide || !space->shifts || !space->reduction || !space->reduction_last || !space->nothing ||
        !space->back || !space->gradients || !space->errors || !space->moves ||
        !space->some_back || !space->moving || !space->block_storage)
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
    /* A block of its own. */
    nlc_lanes *storage = space->block_storage;
    nlc_block *block = &space->block;
    nlc_lanes **parts[] = {&block->weight, &block->prior, &block->mean, &block->slope_high, &block->slope_low};
    block->outputs = storage;
    storage += model->outputs;
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++, storage += k)
        *parts[n] = storage;
    for (int plane = 0; plane < NLC_MAX_CHANNELS; plane++) {
        nlc_trace *trace = &block->trace[plane];
        nlc_lanes **of_trace[] = {&trace->below, &trace->above, &trace->step_below, &trace->step_above};
        for (size_t n = 0; n < sizeof of_trace / sizeof *of_trace; n++, storage += k)
            *of_trace[n] = storage;
    }
    return NLC_OK;
}

void nlc_pair_space_free(nlc_pair_space *space) {
    void *const owned[] = {space->given, space->raw, space->some, space->averaged, space->base, space->corrections,
                           space->wide, space->shifts, space->reduction, space->reduction_last, space->nothing,
                           space->back, space->gradients, space->errors, space->moves, space->some_back,
                           space->moving, space->block_storage};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        nlc_release(owned[k]);
    nlc_network_space_free(&space->network);
    nlc_outer_free(&space->outer);
}

static size_t layer_size(const nlc_model *model, const nlc_layer *layer) {
    return rounded_units(layer) * (2 * width_of(layer) * sizeof(int32_t) + sizeof(double)) + 2 * used_bytes(model, layer);
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

/* Sums of pixels' units by weights as learned layers have them packed. */
static void learned_product(const nlc_model *model, nlc_pair_space *space, const nlc_layer *layer, const uint8_t *units,
                            size_t pixels, const void *used, int32_t *sums) {
    const size_t vectors = (size_t)layer->vectors, stride = model->narrow_stride, groups = groups_of(model, layer);
    if (model->kernels->narrow) {
        (layer == last_layer(model) ? model->kernels->sparse8 : model->kernels->product8)(units, stride, pixels, used, groups, vectors, sums, width_of(layer));
        return;
    }
    model->kernels->widen(units, pixels * stride, space->wide);
    model->kernels->product16(space->wide, stride, pixels, used, groups, vectors, sums, width_of(layer));
}

/* Sums by the model's own weights. */
static void own_product(const nlc_model *model, nlc_pair_space *space, const nlc_layer *layer, const uint8_t *units,
                        size_t pixels, int32_t *sums) {
    const size_t vectors = (size_t)layer->vectors, stride = model->narrow_stride, groups = (size_t)layer->groups;
    if (layer->products == NLC_NARROW) {
        (layer == last_layer(model) ? model->kernels->sparse8 : model->kernels->product8)(units, stride, pixels, layer->packed, groups, vectors, sums, width_of(layer));
        return;
    }
    model->kernels->widen(units, pixels * stride, space->wide);
    model->kernels->product16(space->wide, stride, pixels, layer->packed, groups, vectors, sums, width_of(layer));
}

/* The constant unit of pixels' activations. */
static void set_constant(const nlc_model *model, const nlc_layer *layer, uint8_t *units, size_t pixels) {
    for (size_t pixel = 0; pixel < pixels; pixel++)
        units[pixel * model->narrow_stride + (size_t)layer->columns] = NLC_ONE;
}

static void evaluate_last(const nlc_model *model, nlc_pair_space *space, uint8_t *units, size_t pixels,
                          const void *used, int32_t *outputs) {
    const nlc_layer *last = last_layer(model);
    const size_t width = model->output_stride;
    set_constant(model, last, units, pixels);
    own_product(model, space, last, units, pixels, space->base);
    model->kernels->finish(last, space->base, pixels, outputs);
    learned_product(model, space, last, units, pixels, used, space->corrections);
    for (size_t pixel = 0; pixel < pixels; pixel++)
        model->kernels->correct(space->corrections + pixel * width, space->shifts, width, outputs + pixel * width);
}

void nlc_pair_evaluate(const nlc_model *model, nlc_pair_space *space, const nlc_pair *pair, const int16_t *inputs,
                       size_t pixels, int32_t *outputs, uint8_t *given, int32_t *raw_outputs, uint8_t *raw) {
    const nlc_layer *hidden = hidden_layer(model);
    const nlc_kernels *kernels = model->kernels;
    const size_t stride = model->narrow_stride, each = NLC_CHUNK * stride;
    for (size_t first = 0; first < pixels; first += NLC_CHUNK) {
        const size_t count = pixels - first < NLC_CHUNK ? pixels - first : NLC_CHUNK;
        uint8_t *units = given + first * stride, *own = raw + first * stride;
        nlc_network_layers(model, &space->network, inputs + first * model->wide_stride, count,
                           model->layer_count - 2);
        memcpy(units, space->network.activations + (size_t)(model->layer_count - 3) * each, count * stride);
        set_constant(model, hidden, units, count);
        own_product(model, space, hidden, units, count, space->base);
        learned_product(model, space, hidden, units, count, pair->hidden.used_average, space->corrections);
        kernels->activate_learned(hidden, space->base, space->corrections, count, space->averaged, stride);
        learned_product(model, space, hidden, units, count, pair->hidden.used, space->corrections);
        kernels->activate_learned(hidden, space->base, space->corrections, count, own, stride);
        evaluate_last(model, space, space->averaged, count, pair->last.used_average,
                      outputs + first * model->output_stride);
        evaluate_last(model, space, own, count, pair->last.used, raw_outputs + first * model->output_stride);
    }
}

void nlc_pair_take(const nlc_model *model, nlc_pair_space *space, size_t block, nlc_lanes *gradients) {
    model->kernels->true_gradients(model, space->block.outputs, gradients, back_groups(model),
                                   space->gradients + block * back_size(model));
}

/* By how much the hidden layer's units should move, in blocks of lanes. */
static void find_moves(const nlc_model *model, nlc_pair_space *space, nlc_pair *pair, size_t pixels, size_t first) {
    const nlc_kernels *kernels = model->kernels;
    const size_t units = (size_t)hidden_layer(model)->rows, size = back_size(model), groups = back_groups(model);
    const size_t begin = first / NLC_LANES, end = (first + pixels + NLC_LANES - 1) / NLC_LANES;
    const size_t stride = model->output_stride;
    kernels->reduce_errors(pair->errors, units, (double)pair->pixels, space->reduction);
    for (size_t block = begin; block < end; block++) {
        nlc_lanes *moves = space->moves + (block - begin) * units;
        const uint8_t *activations = space->raw + (block - begin) * NLC_LANES;
        uint8_t bytes[NLC_LANES];
        int32_t mask[NLC_LANES];
        for (size_t l = 0; l < NLC_LANES; l++) {
            mask[l] = -(block * NLC_LANES + l >= first && block * NLC_LANES + l < first + pixels);
            bytes[l] = (uint8_t)mask[l];
        }
        const size_t count = kernels->find_moving(activations, NLC_UNITS_STRIDE, units, bytes, space->moving);
        for (size_t k = 0; k < count; k++)
            memcpy(space->some_back + k * stride, pair->back + space->moving[k] * stride, stride * sizeof *pair->back);
        kernels->product16(space->some_back, stride, count, space->gradients + block * size, groups, 1,
                           space->errors[0], NLC_LANES);
        memset(moves, 0, units * sizeof *moves);
        for (size_t k = 0; k < count; k++) {
            const size_t unit = space->moving[k];
            pair->errors[unit] += kernels->settle(space->errors[k], activations + unit * NLC_UNITS_STRIDE, mask,
                                                  space->reduction[unit], moves[unit]);
        }
    }
}

/* Move a layer by its gradients, given its units. */
static void move_layer(const nlc_model *model, nlc_pair_space *space, const nlc_layer *layer,
                       nlc_learned_layer *learned, const int32_t *reduction, const uint8_t *units, size_t pixels,
                       int32_t gain, int32_t pace, nlc_lanes *gradients, size_t first, int16_t *back) {
    const nlc_kernels *kernels = model->kernels;
    const size_t width = width_of(layer), count = units_of(layer), rows = (size_t)layer->rows;
    const size_t group = nlc_group(kernels, nlc_learned_products(model)), groups = groups_of(model, layer);
    nlc_outer_take(model, &space->outer, rows, pixels, gradients, first);
    for (size_t begin = 0; begin < count; begin += NLC_LANES) {
        const int32_t *sums[NLC_LANES];
        int32_t by[NLC_LANES];
        size_t found = 0;
        for (size_t k = 0; k < NLC_LANES; k++) {
            const size_t unit = begin + k;
            sums[k] = space->nothing;
            by[k] = 0;
            if (unit >= count || reduction[unit] < 0)
                continue;
            by[k] = reduction[unit];
            sums[k] = space->outer.sums + found * width;
            memcpy(space->some + found++ * NLC_UNITS_STRIDE, units + unit * NLC_UNITS_STRIDE,
                   nlc_round_up(pixels, NLC_ROW));
        }
        if (found)
            nlc_outer_sum(model, &space->outer, rows, space->some, found, pixels);
        for (size_t k = 0; k < NLC_LANES && begin + k < count; k += 4) {
            const size_t place = nlc_place(group, groups, 0, begin + k) * (kernels->narrow ? 1 : 2);
            kernels->move_units(sums + k, by + k, gain, pace, (size_t)layer->vectors, groups,
                                learned->learned + (begin + k) * width, learned->average + (begin + k) * width,
                                (char *)learned->used + place, (char *)learned->used_average + place);
            for (size_t unit = begin + k; back && unit < begin + k + 4 && unit < (size_t)layer->columns; unit++)
                if (reduction[unit] >= 0)
                    kernels->lead_back(learned->learned + unit * width, space->back + unit * width, width,
                                       back + unit * width);
        }
    }
}

void nlc_pair_learn(const nlc_model *model, nlc_pair_space *space, nlc_pair *pair, const uint8_t *given,
                    const uint8_t *raw, size_t pixels, nlc_lanes *gradients, size_t first) {
    const nlc_kernels *kernels = model->kernels;
    const nlc_layer *last = last_layer(model), *hidden = hidden_layer(model);
    const size_t stride = model->narrow_stride, within = first % NLC_LANES;
    pixels = pixels < NLC_TEACHERS ? pixels : NLC_TEACHERS;
    /* Units of the hidden layer begin at their block's first lane, whose pixel may be another tile's. */
    kernels->transpose8(raw - within * stride, stride, within + pixels, units_of(last), space->raw, NLC_UNITS_STRIDE);
    kernels->transpose8(given, stride, pixels, units_of(hidden), space->given, NLC_UNITS_STRIDE);
    find_moves(model, space, pair, pixels, first);
    pair->pixels += (int64_t)pixels;
    int pace = 0;
    for (pair->steps++; pace < NLC_PACE && pair->steps >> (pace + 1); pace++)
        ;
    kernels->reduce(space->raw + within, NLC_UNITS_STRIDE, units_of(last), pixels, pair->last.squares,
                    (double)pair->pixels, space->reduction_last);
    move_layer(model, space, last, &pair->last, space->reduction_last, space->raw + within, pixels, NLC_LAST_GAIN, pace,
               gradients, first, pair->back);
    kernels->reduce(space->given, NLC_UNITS_STRIDE, units_of(hidden), pixels, pair->hidden.squares,
                    (double)pair->pixels, space->reduction);
    move_layer(model, space, hidden, &pair->hidden, space->reduction, space->given, pixels, NLC_HIDDEN_GAIN, pace,
               space->moves, within, NULL);
}
