/* What a walk needs, and what a tile of it needs while it is under way. */
#include "walk.h"

#include <math.h>

/* Most tiles under way that have lattices of their own, 2 MB each. */
#define MOST_SEEN 2

static int new_storage(nlc_walk *walk) {
    const nlc_model *model = walk->model;
    const size_t lanes = walk->most_lanes, blocks = lanes / NLC_LANES, rows = nlc_block_size(model, walk->learns);
    walk->segments = nlc_allocate(walk->most_tiles, sizeof *walk->segments);
    walk->inputs = nlc_allocate(lanes, model->wide_stride * sizeof *walk->inputs);
    walk->outputs = nlc_allocate(lanes, model->output_stride * sizeof *walk->outputs);
    walk->blocks = nlc_allocate(blocks, sizeof *walk->blocks);
    walk->block_storage = nlc_allocate(blocks * rows, sizeof *walk->block_storage);
    if (!walk->segments || !walk->inputs || !walk->outputs || !walk->blocks || !walk->block_storage)
        return NLC_NO_MEMORY;
    for (size_t k = 0; k < blocks; k++)
        nlc_block_lay_out(model, walk->learns, walk->block_storage + k * rows, &walk->blocks[k]);
    if (walk->lattice) {
        walk->spots = nlc_allocate(lanes, sizeof *walk->spots);
        if (!walk->spots)
            return NLC_NO_MEMORY;
    }
    if (walk->learns) {
        walk->seen = nlc_allocate(lanes + NLC_LANES, model->narrow_stride);
        walk->gradients = nlc_allocate(blocks * (size_t)model->outputs, sizeof *walk->gradients);
        if (!walk->seen || !walk->gradients)
            return NLC_NO_MEMORY;
    }
    if (walk->learns == 2) { /* which has what evaluates the network, and learns, in the pair's space */
        walk->given = nlc_allocate(lanes + NLC_LANES, model->narrow_stride);
        walk->raw_outputs = nlc_allocate(lanes, model->output_stride * sizeof *walk->raw_outputs);
        walk->values = nlc_allocate(blocks, NLC_MAX_CHANNELS * sizeof *walk->values);
        if (!walk->given || !walk->raw_outputs || !walk->values)
            return NLC_NO_MEMORY;
        return nlc_pair_space_new(model, lanes, &walk->pair);
    }
    if (walk->learns && nlc_learner_space_new(model, &walk->learning) != NLC_OK)
        return NLC_NO_MEMORY;
    return nlc_network_space_new(model, &walk->network);
}

static int good_tile(const nlc_walk *walk, const nlc_tile *tile) {
    const int32_t height = tile->height, width = tile->width;
    if (height < 1 || width < 1 || height > NLC_MOST_TILE_SIDE || width > NLC_MOST_TILE_SIDE ||
        (int64_t)height * width > NLC_MOST_TILE_PIXELS || !tile->samples)
        return 0;
    if (walk->mode == NLC_DECODE)
        return tile->data || !tile->size;
    return walk->mode == NLC_ENCODE || tile->numbers;
}

int nlc_walk_new(const nlc_model *model, int mode, int planes, int learns, int measure, const nlc_lattice *lattice,
                 const nlc_tile *tiles, size_t count, nlc_walk **made) {
    *made = NULL;
    if (mode < NLC_DECODE || mode > NLC_DRAW || (planes != 1 && planes != model->channels) ||
        learns < 0 || learns > model->can_learn || (lattice && (planes != 3 || model->bits > 8 || mode == NLC_DRAW)))
        return NLC_BAD_ARGUMENT;
    nlc_walk *walk = nlc_allocate(1, sizeof *walk);
    if (!walk)
        return NLC_NO_MEMORY;
    walk->model = model;
    walk->mode = mode;
    walk->planes = planes;
    walk->learns = learns;
    walk->measure = measure;
    walk->lattice = lattice;
    walk->count = count;
    walk->states = nlc_allocate(count ? count : 1, sizeof *walk->states);
    int status = walk->states ? NLC_OK : NLC_NO_MEMORY;
    size_t widest = 1;
    for (size_t k = 0; status == NLC_OK && k < count; k++) {
        const size_t step = good_tile(walk, &tiles[k]) ? widest_step(model, &tiles[k]) : 0;
        walk->states[k].tile = tiles[k];
        widest = step > widest ? step : widest;
        status = step ? NLC_OK : NLC_BAD_ARGUMENT;
    }
    if (status == NLC_OK) {
        const size_t wanted = walk->learns ? WANTED_LEARNING_LANES : WANTED_LANES;
        const size_t size = walk->learns == 2 ? nlc_pair_size(model) : nlc_learner_size(model);
        const size_t fit = walk->learns ? LEARNED_BYTES / size : wanted;
        walk->most_tiles = least(count ? count : 1, fit ? fit : 1);
        if (lattice && !lattice->rows)
            walk->most_tiles = least(walk->most_tiles, MOST_SEEN);
        const size_t pixels = least(widest + wanted, widest * walk->most_tiles); /* of the tiles under way */
        walk->most_lanes = nlc_round_up(pixels + 3 * (walk->most_tiles - 1), NLC_LANES);
        status = new_storage(walk);
    }
    if (status != NLC_OK) {
        nlc_walk_free(walk);
        return status;
    }
    *made = walk;
    return NLC_OK;
}

void nlc_state_end(nlc_state *state) {
    nlc_release(state->store);
    nlc_release(state->left);
    nlc_release(state->frequency);
    nlc_release(state->map);
    nlc_lattice_free(state->seen);
    state->map = NULL;
    state->seen = NULL;
    state->store = NULL;
    state->left = state->frequency = NULL;
    nlc_learner_free(&state->learner);
    nlc_pair_free(&state->pair);
}

void nlc_walk_free(nlc_walk *walk) {
    if (!walk)
        return;
    for (size_t k = 0; walk->states && k < walk->count; k++) {
        nlc_state_end(&walk->states[k]);
        nlc_release(walk->states[k].stream);
    }
    void *const owned[] = {walk->states, walk->segments, walk->inputs,        walk->outputs,
                           walk->seen,   walk->blocks,   walk->block_storage, walk->gradients,
                           walk->spots,  walk->given,    walk->raw_outputs,   walk->values};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        nlc_release(owned[k]);
    nlc_network_space_free(&walk->network);
    nlc_learner_space_free(&walk->learning);
    nlc_pair_space_free(&walk->pair);
    nlc_release(walk);
}

int nlc_state_begin(nlc_walk *walk, nlc_state *state) {
    const nlc_model *model = walk->model;
    const nlc_tile *tile = &state->tile;
    const size_t h = (size_t)model->horizon, channels = (size_t)model->channels;
    const size_t height = (size_t)tile->height, width = (size_t)tile->width;
    state->row = (width + 2 * h) * channels;
    state->samples = height * width;
    state->steps = tile->width + (tile->height - 1) * (model->horizon + 1); /* below 10 * NLC_MOST_TILE_SIDE */
    state->store = nlc_allocate(height + h, state->row * sizeof *state->store);
    if (!state->store)
        return NLC_NO_MEMORY;
    /* What the first pixel sees: everything else is written before it is seen. */
    for (size_t row = 0; row <= h; row++)
        for (size_t k = 0; k < least(2 * h + 1, width + 2 * h) * channels; k++)
            state->store[row * state->row + k] = (uint16_t)model->first_sample;
    if (walk->mode == NLC_DECODE)
        rans_open(&state->reader, tile->data, tile->size);
    if (walk->mode == NLC_ENCODE) {
        const size_t digits = (size_t)(walk->planes * model->digits + (walk->lattice != NULL)); /* of a pixel */
        state->left = nlc_allocate(state->samples, digits * sizeof *state->left);
        state->frequency = nlc_allocate(state->samples, digits * sizeof *state->frequency);
        if (!state->left || !state->frequency)
            return NLC_NO_MEMORY;
    }
    if (walk->lattice) {
        state->map = nlc_allocate(1, sizeof *state->map);
        if (!state->map || (!walk->lattice->rows && nlc_lattice_new_seen(&state->seen) != NLC_OK))
            return NLC_NO_MEMORY;
    }
    if (walk->learns == 2)
        return nlc_pair_new(model, &walk->pair, &state->pair);
    return walk->learns ? nlc_learner_new(model, &state->learner) : NLC_OK;
}

int nlc_state_push(nlc_walk *walk, nlc_state *state) {
    rans_writer writer;
    /* Each digit adds at most 24 bits to the state, and a word is written for each 32 of them. */
    uint32_t *words = nlc_allocate(state->cursor * 3 / 4 + 2, sizeof *words);
    if (!words)
        return NLC_NO_MEMORY;
    rans_begin(&writer, words, state->tile.seed);
    for (size_t k = state->cursor; k-- > 0;)
        rans_push(&writer, state->left[k], state->frequency[k]);
    state->stream = nlc_allocate(4 * writer.count + RANS_STATE_BYTES, 1);
    if (state->stream)
        state->stream_size = rans_store(&writer, state->stream);
    nlc_release(words);
    if (walk->measure)
        for (size_t k = 0; k < state->cursor; k++)
            state->bits += NLC_FREQUENCY_BITS - log2(state->frequency[k]);
    return state->stream ? NLC_OK : NLC_NO_MEMORY;
}
