/* The lanes of a step: its pixels side by side, what the network makes of them, and what their tiles learn. */
#include "walk.h"

/* The rows [first, last) that have a pixel at a tile's next step. */
static void rows_at(const nlc_model *model, const nlc_state *state, int *first, int *last) {
    const int shear = model->horizon + 1, step = state->step;
    const int beyond = step - state->tile.width + 1; /* rows that have ended: ceil(beyond / shear) */
    *first = beyond > 0 ? (beyond + shear - 1) / shear : 0;
    *last = step / shear + 1 < state->tile.height ? step / shear + 1 : state->tile.height;
}

int nlc_lanes_next(nlc_walk *walk, size_t *lanes) {
    const nlc_model *model = walk->model;
    const size_t wanted = walk->learns ? WANTED_LEARNING_LANES : WANTED_LANES;
    size_t kept = 0, reach = 0;
    for (size_t k = 0; k < walk->under_way; k++) {
        nlc_state *state = walk->segments[k].state;
        if (state->step < state->steps) {
            walk->segments[kept++] = walk->segments[k];
            reach += widest_step(model, &state->tile);
            continue;
        }
        const int status = walk->mode == NLC_ENCODE ? nlc_state_push(walk, state) : NLC_OK;
        nlc_state_end(state);
        if (status != NLC_OK)
            return status;
    }
    while (walk->begun < walk->count && kept < walk->most_tiles && (!kept || reach < wanted)) {
        nlc_state *state = &walk->states[walk->begun++];
        walk->segments[kept++].state = state;
        reach += widest_step(model, &state->tile);
        const int status = nlc_state_begin(walk, state);
        walk->under_way = kept;
        if (status != NLC_OK)
            return status;
    }
    walk->under_way = kept;
    *lanes = 0;
    for (size_t k = 0; k < kept; k++) {
        nlc_segment *segment = &walk->segments[k];
        int first, last;
        for (rows_at(model, segment->state, &first, &last); first >= last;) {
            segment->state->step++; /* a step without pixels: the tile is narrower than the shear */
            rows_at(model, segment->state, &first, &last);
        }
        if (walk->learns) /* whose gradients are packed in fours */
            *lanes = nlc_round_up(*lanes, 4);
        segment->first = *lanes;
        segment->count = (size_t)(last - first);
        segment->row = first;
        *lanes += segment->count;
    }
    return NLC_OK;
}

static int16_t border_input(int distance, int horizon) {
    return (int16_t)(NLC_INPUT_STEPS * (distance < horizon ? distance : horizon));
}

void nlc_lanes_gather(nlc_walk *walk) {
    const nlc_model *model = walk->model;
    const int h = model->horizon, channels = model->channels;
    const size_t across = (size_t)((2 * h + 1) * channels), before = (size_t)(h * channels);
    for (size_t k = 0; k < walk->under_way; k++) {
        const nlc_segment *segment = &walk->segments[k];
        const nlc_state *state = segment->state;
        for (size_t n = 0; n < segment->count; n++) {
            const int row = segment->row + (int)n, column = state->step - row * (h + 1);
            const uint16_t *pixel = place_of(model, state, row, column);
            uint16_t seen[NLC_MAX_INPUTS];
            for (int up = h; up > 0; up--)
                memcpy(seen + (size_t)(h - up) * across, pixel - (size_t)up * state->row - before,
                       across * sizeof *seen);
            memcpy(seen + (size_t)h * across, pixel - before, before * sizeof *seen);
            const size_t lane = segment->first + n;
            nlc_block *block = &walk->blocks[lane / NLC_LANES];
            int16_t *inputs = walk->inputs + lane * model->wide_stride;
            int32_t base[NLC_MAX_CHANNELS];
            model->kernels->normalise(model, seen, inputs, base, &block->level[lane % NLC_LANES]);
            for (int c = 0; c < channels; c++)
                block->base[c][lane % NLC_LANES] = base[c];
            if (model->borders) {
                inputs[model->inputs - 3] = border_input(row, h);
                inputs[model->inputs - 2] = border_input(column, h);
                inputs[model->inputs - 1] = border_input(state->tile.width - 1 - column, h);
            }
        }
    }
}

/* The network's outputs of all lanes, corrected by what their tiles have learned of the last layer. */
static void evaluate_rest(nlc_walk *walk, size_t lanes) {
    const nlc_model *model = walk->model;
    const size_t width = model->output_stride;
    for (size_t first = 0; first < lanes; first += NLC_CHUNK) {
        uint8_t *seen = walk->learns ? walk->seen + first * model->narrow_stride : NULL;
        nlc_network_run(model, &walk->network, walk->inputs + first * model->wide_stride,
                        least(NLC_CHUNK, lanes - first), walk->outputs + first * width, seen);
    }
    if (walk->learns) {
        const size_t constant = (size_t)model->layers[model->layer_count - 1].columns;
        for (size_t lane = 0; lane < lanes; lane++)
            walk->seen[lane * model->narrow_stride + constant] = NLC_ONE;
        for (size_t k = 0; k < walk->under_way; k++) {
            const nlc_segment *segment = &walk->segments[k];
            nlc_learner_correct(model, &walk->learning, &segment->state->learner,
                                walk->seen + segment->first * model->narrow_stride, segment->count,
                                walk->outputs + segment->first * width);
        }
    }
}

void nlc_lanes_evaluate(nlc_walk *walk, size_t lanes) {
    const nlc_model *model = walk->model;
    const size_t width = model->output_stride, outputs = (size_t)model->outputs;
    if (walk->learns == 2)
        for (size_t k = 0; k < walk->under_way; k++) {
            const nlc_segment *segment = &walk->segments[k];
            const size_t first = segment->first, narrow = model->narrow_stride;
            nlc_pair_evaluate(model, &walk->pair, &segment->state->pair, walk->inputs + first * model->wide_stride,
                              segment->count, walk->outputs + first * width, walk->given + first * narrow,
                              walk->raw_outputs + first * width, walk->seen + first * narrow);
        }
    else
        evaluate_rest(walk, lanes);
    /* Lanes of the last block that stand for no pixel are 0. */
    const size_t rounded = nlc_round_up(lanes, NLC_LANES);
    memset(walk->outputs + lanes * width, 0, (rounded - lanes) * width * sizeof *walk->outputs);
    for (size_t lane = lanes; lane < rounded; lane++)
        walk->blocks[lane / NLC_LANES].level[lane % NLC_LANES] = 0;
    for (size_t k = 0; k < rounded / NLC_LANES; k++) {
        model->kernels->turn(walk->outputs + k * NLC_LANES * width, width, outputs, walk->blocks[k].outputs);
        model->kernels->start_block(model, &walk->blocks[k]);
    }
}

static void fill(uint16_t *to, const uint16_t *pixel, size_t pixels, size_t channels) {
    for (size_t k = 0; k < pixels; k++)
        for (size_t c = 0; c < channels; c++)
            to[k * channels + c] = pixel[c];
}

void nlc_lanes_extend(nlc_walk *walk, const nlc_segment *segment) {
    const nlc_model *model = walk->model;
    const nlc_state *state = segment->state;
    const size_t h = (size_t)model->horizon, channels = (size_t)model->channels, width = (size_t)state->tile.width;
    const int shear = model->horizon + 1, step = state->step;
    uint16_t before[NLC_MAX_CHANNELS];
    if (segment->row == 0) { /* a pixel of the first row: the rows above are seen as it, and so is what follows it */
        uint16_t *pixel = place_of(model, state, 0, step);
        const size_t back = step ? 0 : h, pixels = back + least(h + 2, width + h - (size_t)step);
        memcpy(before, pixel, channels * sizeof *before);
        for (size_t up = 1; up <= h; up++)
            fill(pixel - up * state->row - back * channels, before, pixels, channels);
    }
    const int row = step / shear;
    if (step % shear == 0 && row < state->tile.height) { /* of the first column */
        uint16_t *pixel = place_of(model, state, row, 0);
        memcpy(before, pixel, channels * sizeof *before);
        fill(pixel - h * channels, before, h, channels);
        if (row + 1 < state->tile.height)
            fill(pixel + state->row - h * channels, before, h, channels);
    }
    const int ended = step - state->tile.width + 1;
    if (ended >= 0 && ended % shear == 0 && ended / shear < state->tile.height) { /* of the last column */
        uint16_t *pixel = place_of(model, state, ended / shear, state->tile.width - 1);
        memcpy(before, pixel, channels * sizeof *before);
        fill(pixel + channels, before, h, channels);
    }
}

/* The gradients of a block by the outputs of the weights that learn, and those that go back. */
static void teach_block(nlc_walk *walk, size_t number) {
    const nlc_model *model = walk->model;
    const nlc_block *coded = &walk->blocks[number];
    nlc_block *block = &walk->pair.block;
    nlc_lanes *gradients = walk->gradients + number * (size_t)model->outputs;
    memcpy(block->base, coded->base, sizeof block->base);
    memcpy(block->level, coded->level, sizeof block->level);
    model->kernels->turn(walk->raw_outputs + number * NLC_LANES * model->output_stride, model->output_stride,
                         (size_t)model->outputs, block->outputs);
    model->kernels->start_block(model, block);
    for (int plane = 0; plane < walk->planes; plane++) {
        model->kernels->start_plane(model, block, plane);
        memcpy(block->value, walk->values[number * NLC_MAX_CHANNELS + (size_t)plane], sizeof block->value);
        model->kernels->end_plane(model, block, plane, 1);
    }
    model->kernels->gradients(model, block, walk->planes, gradients);
    nlc_pair_take(model, &walk->pair, number, gradients);
}

void nlc_lanes_learn(nlc_walk *walk, size_t lanes) {
    const nlc_model *model = walk->model;
    const size_t outputs = (size_t)model->outputs, narrow = model->narrow_stride;
    for (size_t k = 0; k * NLC_LANES < lanes; k++) {
        if (walk->learns == 2)
            teach_block(walk, k);
        else
            model->kernels->gradients(model, &walk->blocks[k], walk->planes, walk->gradients + k * outputs);
    }
    for (size_t k = 0; k < walk->under_way; k++) {
        const nlc_segment *segment = &walk->segments[k];
        const size_t first = segment->first;
        if (walk->learns == 2)
            nlc_pair_learn(model, &walk->pair, &segment->state->pair, walk->given + first * narrow,
                           walk->seen + first * narrow, segment->count, walk->gradients, first);
        else
            nlc_learner_learn(model, &walk->learning, &segment->state->learner, walk->seen + first * narrow,
                              segment->count, walk->gradients, first);
    }
}
