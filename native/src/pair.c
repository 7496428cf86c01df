/* Evaluating and learning in the last two layers (section 14). */
#include "pair_layers.h"

/* Learning's rates, in powers of two; averages move by 1/2^NLC_PACE of the distance. */
#define NLC_LAST_GAIN 2
#define NLC_HIDDEN_GAIN 4
#define NLC_PACE 4

/* Sums of pixels' units, which are widened in `space->wide`, by packed weights of a layer. Units are often 0: it pays
 * to leave out pairs, but fours only in the last layer. */
static void product_of(const nlc_model *model, const nlc_pair_space *space, const nlc_layer *layer,
                       enum nlc_products products, const uint8_t *units, size_t pixels, const void *packed,
                       size_t groups, int32_t *sums) {
    const nlc_kernels *kernels = model->kernels;
    const size_t vectors = (size_t)layer->vectors, width = width_of(layer), stride = model->narrow_stride;
    const int is_sparse = layer == last_layer(model);
    if (products == NLC_NARROW)
        (is_sparse ? kernels->sparse8 : kernels->product8)(units, stride, pixels, packed, groups, vectors, sums, width);
    else
        kernels->sparse16(space->wide, stride, pixels, packed, groups, vectors, sums, width);
}

/* Sums by weights as learned layers have them packed, and by the model's own. */
static void learned_product(const nlc_model *model, const nlc_pair_space *space, const nlc_layer *layer,
                            const uint8_t *units, size_t pixels, const void *used, int32_t *sums) {
    product_of(model, space, layer, nlc_learned_products(model), units, pixels, used, groups_of(model, layer), sums);
}
static void own_product(const nlc_model *model, const nlc_pair_space *space, const nlc_layer *layer,
                        const uint8_t *units, size_t pixels, int32_t *sums) {
    product_of(model, space, layer, layer->products, units, pixels, layer->packed, (size_t)layer->groups, sums);
}

/* Complete what a layer is given by the constant unit, and widen it if a product takes it so. */
static void complete(const nlc_model *model, nlc_pair_space *space, const nlc_layer *layer, uint8_t *units,
                     size_t pixels) {
    for (size_t pixel = 0; pixel < pixels; pixel++)
        units[pixel * model->narrow_stride + (size_t)layer->columns] = NLC_ONE;
    if (!model->kernels->narrow || layer->products == NLC_WIDE)
        model->kernels->widen(units, pixels * model->narrow_stride, space->wide);
}

static void evaluate_last(const nlc_model *model, nlc_pair_space *space, uint8_t *units, size_t pixels,
                          const void *used, int32_t *outputs) {
    const nlc_layer *last = last_layer(model);
    const size_t width = model->output_stride;
    complete(model, space, last, units, pixels);
    own_product(model, space, last, units, pixels, space->base);
    model->kernels->finish(last, space->base, pixels, outputs);
    learned_product(model, space, last, units, pixels, used, space->corrections);
    for (size_t pixel = 0; pixel < pixels; pixel++)
        model->kernels->correct(space->corrections + pixel * width, space->shifts, width, outputs + pixel * width);
}

/* Activations of the hidden layer: `space->averaged`, and `raw` by the weights that learn. */
static void evaluate_hidden(const nlc_model *model, nlc_pair_space *space, const nlc_learned_layer *learned,
                            uint8_t *units, size_t pixels, uint8_t *raw) {
    const nlc_layer *hidden = hidden_layer(model);
    const nlc_kernels *kernels = model->kernels;
    const size_t stride = model->narrow_stride, groups = groups_of(model, hidden), width = width_of(hidden);
    const void *const used[2] = {learned->used_average, learned->used};
    uint8_t *const to[2] = {space->averaged, raw};
    complete(model, space, hidden, units, pixels);
    if (!model->joined)
        own_product(model, space, hidden, units, pixels, space->base);
    for (int k = 0; k < 2; k++) {
        if (model->joined) {
            kernels->sparse16(space->wide, stride, pixels, used[k], groups, (size_t)hidden->vectors, space->base,
                              width);
            kernels->activate(&space->joined, space->base, pixels, NULL, to[k], stride);
        } else {
            learned_product(model, space, hidden, units, pixels, used[k], space->corrections);
            kernels->activate_learned(hidden, space->base, space->corrections, pixels, to[k], stride);
        }
    }
}

void nlc_pair_evaluate(const nlc_model *model, nlc_pair_space *space, const nlc_pair *pair, const int16_t *inputs,
                       size_t pixels, int32_t *outputs, uint8_t *given, int32_t *raw_outputs, uint8_t *raw) {
    const size_t stride = model->narrow_stride, each = NLC_CHUNK * stride;
    for (size_t first = 0; first < pixels; first += NLC_CHUNK) {
        const size_t count = pixels - first < NLC_CHUNK ? pixels - first : NLC_CHUNK;
        uint8_t *units = given + first * stride, *own = raw + first * stride;
        nlc_network_layers(model, &space->network, inputs + first * model->wide_stride, count,
                           model->layer_count - 2);
        memcpy(units, space->network.activations + (size_t)(model->layer_count - 3) * each, count * stride);
        evaluate_hidden(model, space, &pair->hidden, units, count, own);
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
        for (size_t k = 0; k < count; k++) { /* vector by vector, which is shorter than a call */
            const int16_t *from = pair->back + space->moving[k] * stride;
            int16_t *to = space->some_back + k * stride;
            for (size_t vector = 0; vector < stride; vector += NLC_LANES)
                memcpy(to + vector, from + vector, NLC_LANES * sizeof *to);
        }
        kernels->product16(space->some_back, stride, count, space->gradients + block * size, groups, 1,
                           space->errors[0], NLC_LANES);
        memset(moves, 0, units * sizeof *moves);
        kernels->settle((const nlc_lanes *)space->errors, space->moving, count, activations, NLC_UNITS_STRIDE, mask,
                        space->reduction, pair->errors, moves);
    }
}

/* Move a layer by its gradients, given its units. */
static void move_layer(const nlc_model *model, nlc_pair_space *space, const nlc_layer *layer,
                       nlc_learned_layer *learned, const int32_t *reduction, const uint8_t *units, size_t pixels,
                       int32_t gain, int32_t pace, nlc_lanes *gradients, size_t first, int16_t *back) {
    const nlc_kernels *kernels = model->kernels;
    const size_t width = width_of(layer), count = units_of(layer), rows = (size_t)layer->rows;
    const size_t group = nlc_group(kernels, nlc_learned_products(model)), groups = groups_of(model, layer);
    const int16_t *own = model->joined && layer == hidden_layer(model) ? space->joined.packed : NULL;
    nlc_outer_take(model, &space->outer, rows, pixels, gradients, first);
    for (size_t begin = 0; begin < count; begin += NLC_LANES) {
        const int32_t *sums[NLC_LANES];
        int32_t by[NLC_LANES];
        const size_t here = count - begin < NLC_LANES ? count - begin : NLC_LANES;
        /* Units that are 0 in all pixels have sums of 0, and no reduction. */
        for (size_t k = 0; k < NLC_LANES; k++) {
            sums[k] = k < here ? space->outer.sums + k * width : space->nothing;
            by[k] = k < here && reduction[begin + k] > 0 ? reduction[begin + k] : 0;
        }
        nlc_outer_sum(model, &space->outer, rows, units + begin * NLC_UNITS_STRIDE, here, pixels,
                      layer == last_layer(model));
        for (size_t k = 0; k < NLC_LANES && begin + k < count; k += 4) {
            const size_t at = nlc_place(group, groups, 0, begin + k), place = at * (kernels->narrow ? 1 : 2);
            kernels->move_units(sums + k, by + k, gain, pace, (size_t)layer->vectors, groups,
                                learned->learned + (begin + k) * width, learned->average + (begin + k) * width,
                                own ? own + at : NULL, (char *)learned->used + place,
                                (char *)learned->used_average + place);
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
    kernels->reduce(raw, stride, units_of(last), pixels, pair->last.squares, (double)pair->pixels,
                    space->reduction_last);
    move_layer(model, space, last, &pair->last, space->reduction_last, space->raw + within, pixels, NLC_LAST_GAIN, pace,
               gradients, first, pair->back);
    kernels->reduce(given, stride, units_of(hidden), pixels, pair->hidden.squares, (double)pair->pixels,
                    space->reduction);
    move_layer(model, space, hidden, &pair->hidden, space->reduction, space->given, pixels, NLC_HIDDEN_GAIN, pace,
               space->moves, within, NULL);
}
