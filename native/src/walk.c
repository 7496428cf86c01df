/* Walking tiles step by step of the wavefront (section 3): decoding, encoding and drawing are one walk.
 *
 * Several tiles are under way at once. The pixels of their steps stand side by side as lanes, so that products are
 * wide even if tiles are small; what a tile is coded to depends on that tile alone.
 */
#include "deep.h"
#include "lattice.h"
#include "learner.h"
#include "pair.h"
#include "rans.h"

#include <math.h>

/* Lanes that are wanted at once, and bytes of what tiles have learned, which the second cache should hold. */
#define WANTED_LANES 64
#define WANTED_LEARNING_LANES 32
#define LEARNED_BYTES ((size_t)640 << 10)

/* A tile, and how far it is. */
typedef struct {
    nlc_tile tile;
    int step, steps;
    uint16_t *store; /* the samples that are known, channels together, in a border of what is seen beyond the tile's */
    size_t row;      /* samples from one row of the store to the next */
    size_t cursor;   /* digits done */
    size_t samples;  /* of a plane */
    rans_reader reader;
    uint32_t *left, *frequency; /* of each digit, while encoding */
    uint8_t *stream;
    size_t stream_size;
    double bits;
    nlc_learner learner;
    nlc_pair pair;
    nlc_lattice_map *map; /* with a lattice */
} nlc_state;

/* The pixels of one tile's step: lanes first to first + count - 1, of rows `row` and following. */
typedef struct {
    nlc_state *state;
    size_t first, count;
    int row;
} nlc_segment;

/* A lane's pixel on a lattice: what is foreseen of it, and how likely the values of its plane are. */
typedef struct {
    int32_t foreseen, cell, on;
    nlc_spread spread;
} nlc_spot;

struct nlc_walk {
    const nlc_model *model;
    const nlc_lattice *lattice; /* or NULL */
    nlc_spot *spots;            /* of all lanes, with a lattice */
    int mode, planes, learns, measure;
    int status; /* what ended the walk, if something did: its tiles are then half begun */
    nlc_state *states;
    size_t count, begun;
    nlc_segment *segments; /* of the tiles that are under way */
    size_t under_way;
    size_t most_lanes, most_tiles;
    nlc_network_space network;
    nlc_learner_space learning;
    int16_t *inputs;
    int32_t *outputs;
    uint8_t *seen; /* what the last layer saw */
    nlc_pair_space pair;
    uint8_t *given; /* what the hidden layer was given, that learns */
    int32_t *raw_outputs;
    nlc_lanes *values; /* of blocks, plane by plane */
    nlc_block *blocks;
    nlc_lanes *block_storage;
    nlc_lanes *gradients;
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* The widest step of a tile. */
static size_t widest_step(const nlc_model *model, const nlc_tile *tile) {
    const size_t shear = (size_t)model->horizon + 1;
    return least((size_t)tile->height, ((size_t)tile->width + shear - 1) / shear);
}

static size_t rows_of_block(const nlc_model *model, int learns) {
    return (size_t)model->outputs + (size_t)model->components * (learns ? 5 + 4 * NLC_MAX_CHANNELS : 5);
}

static void lay_out_block(const nlc_model *model, int learns, nlc_lanes *storage, nlc_block *block) {
    nlc_lanes **parts[] = {&block->weight, &block->prior, &block->mean, &block->slope_high, &block->slope_low};
    block->outputs = storage;
    storage += model->outputs;
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++, storage += model->components)
        *parts[k] = storage;
    for (int plane = 0; learns && plane < NLC_MAX_CHANNELS; plane++) {
        nlc_trace *trace = &block->trace[plane];
        nlc_lanes **of_trace[] = {&trace->below, &trace->above, &trace->step_below, &trace->step_above};
        for (size_t k = 0; k < sizeof of_trace / sizeof *of_trace; k++, storage += model->components)
            *of_trace[k] = storage;
    }
    for (int l = 0; l < NLC_LANES; l++)
        block->cumulative[NLC_RADIX][l] = NLC_FREE_FREQUENCY;
}

static int new_storage(nlc_walk *walk) {
    const nlc_model *model = walk->model;
    const size_t lanes = walk->most_lanes, blocks = lanes / NLC_LANES, rows = rows_of_block(model, walk->learns);
    walk->segments = nlc_allocate(walk->most_tiles, sizeof *walk->segments);
    walk->inputs = nlc_allocate(lanes, model->wide_stride * sizeof *walk->inputs);
    walk->outputs = nlc_allocate(lanes, model->output_stride * sizeof *walk->outputs);
    walk->blocks = nlc_allocate(blocks, sizeof *walk->blocks);
    walk->block_storage = nlc_allocate(blocks * rows, sizeof *walk->block_storage);
    if (!walk->segments || !walk->inputs || !walk->outputs || !walk->blocks || !walk->block_storage)
        return NLC_NO_MEMORY;
    for (size_t k = 0; k < blocks; k++)
        lay_out_block(model, walk->learns, walk->block_storage + k * rows, &walk->blocks[k]);
    if (walk->lattice) {
        walk->spots = nlc_allocate(lanes, sizeof *walk->spots);
        if (!walk->spots)
            return NLC_NO_MEMORY;
    }
    if (walk->learns) {
        walk->seen = nlc_allocate(lanes + NLC_LANES, model->narrow_stride);
        walk->gradients = nlc_allocate(blocks * (size_t)model->outputs, sizeof *walk->gradients);
        if (!walk->seen || !walk->gradients || nlc_learner_space_new(model, &walk->learning) != NLC_OK)
            return NLC_NO_MEMORY;
    }
    if (walk->learns == 2) {
        walk->given = nlc_allocate(lanes + NLC_LANES, model->narrow_stride);
        walk->raw_outputs = nlc_allocate(lanes, model->output_stride * sizeof *walk->raw_outputs);
        walk->values = nlc_allocate(blocks, NLC_MAX_CHANNELS * sizeof *walk->values);
        if (!walk->given || !walk->raw_outputs || !walk->values || nlc_pair_space_new(model, lanes, &walk->pair) != NLC_OK)
            return NLC_NO_MEMORY;
    }
    return nlc_network_space_new(model, &walk->network);
}

static int good_tile(const nlc_walk *walk, const nlc_tile *tile) {
    const int64_t area = (int64_t)tile->height * tile->width;
    if (tile->height < 1 || tile->width < 1 || area > (1 << 28) || !tile->samples)
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
        walk->most_lanes = nlc_round_up(widest + wanted + 3 * walk->most_tiles, NLC_LANES);
        status = new_storage(walk);
    }
    if (status != NLC_OK) {
        nlc_walk_free(walk);
        return status;
    }
    *made = walk;
    return NLC_OK;
}

/* Let go of what a tile needs while it is under way. */
static void end_state(nlc_state *state) {
    nlc_release(state->store);
    nlc_release(state->left);
    nlc_release(state->frequency);
    nlc_release(state->map);
    state->map = NULL;
    state->store = NULL;
    state->left = state->frequency = NULL;
    nlc_learner_free(&state->learner);
    nlc_pair_free(&state->pair);
}

void nlc_walk_free(nlc_walk *walk) {
    if (!walk)
        return;
    for (size_t k = 0; walk->states && k < walk->count; k++) {
        end_state(&walk->states[k]);
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

static int begin_state(nlc_walk *walk, nlc_state *state) {
    const nlc_model *model = walk->model;
    const nlc_tile *tile = &state->tile;
    const size_t h = (size_t)model->horizon, channels = (size_t)model->channels;
    const size_t height = (size_t)tile->height, width = (size_t)tile->width;
    state->row = (width + 2 * h) * channels;
    state->samples = height * width;
    state->steps = tile->width + (tile->height - 1) * (model->horizon + 1);
    state->store = nlc_allocate((height + h) * state->row, sizeof *state->store);
    if (!state->store)
        return NLC_NO_MEMORY;
    /* What the first pixel sees: everything else is written before it is seen. */
    for (size_t row = 0; row <= h; row++)
        for (size_t k = 0; k < least(2 * h + 1, width + 2 * h) * channels; k++)
            state->store[row * state->row + k] = (uint16_t)model->first_sample;
    if (walk->mode == NLC_DECODE)
        rans_open(&state->reader, tile->data, tile->size);
    if (walk->mode == NLC_ENCODE) {
        const size_t digits = state->samples * (size_t)(walk->planes * model->digits + (walk->lattice != NULL));
        state->left = nlc_allocate(digits, sizeof *state->left);
        state->frequency = nlc_allocate(digits, sizeof *state->frequency);
        if (!state->left || !state->frequency)
            return NLC_NO_MEMORY;
    }
    if (walk->lattice) {
        state->map = nlc_allocate(1, sizeof *state->map);
        if (!state->map)
            return NLC_NO_MEMORY;
    }
    if (walk->learns == 2)
        return nlc_pair_new(model, &walk->pair, &state->pair);
    return walk->learns ? nlc_learner_new(model, &state->learner) : NLC_OK;
}

/* Push all digits of an encoded tile, last to first. */
static int push_digits(nlc_walk *walk, nlc_state *state) {
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

/* The rows [first, last) that have a pixel at a tile's next step. */
static void rows_at(const nlc_model *model, const nlc_state *state, int *first, int *last) {
    const int shear = model->horizon + 1, step = state->step;
    const int beyond = step - state->tile.width + 1; /* rows that have ended: ceil(beyond / shear) */
    *first = beyond > 0 ? (beyond + shear - 1) / shear : 0;
    *last = step / shear + 1 < state->tile.height ? step / shear + 1 : state->tile.height;
}

/* Begin tiles while there is room, and lay the next steps of those under way side by side; returns the lanes. */
static int next_lanes(nlc_walk *walk, size_t *lanes) {
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
        const int status = walk->mode == NLC_ENCODE ? push_digits(walk, state) : NLC_OK;
        end_state(state);
        if (status != NLC_OK)
            return status;
    }
    while (walk->begun < walk->count && kept < walk->most_tiles && (!kept || reach < wanted)) {
        nlc_state *state = &walk->states[walk->begun++];
        walk->segments[kept++].state = state;
        reach += widest_step(model, &state->tile);
        const int status = begin_state(walk, state);
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

/* Where a pixel of the tile stands in the store. */
static uint16_t *place_of(const nlc_model *model, const nlc_state *state, int row, int column) {
    const size_t h = (size_t)model->horizon;
    return state->store + ((size_t)row + h) * state->row + ((size_t)column + h) * (size_t)model->channels;
}

static int16_t border_input(int distance, int horizon) {
    return (int16_t)(NLC_INPUT_STEPS * (distance < horizon ? distance : horizon));
}

/* The network's inputs of all lanes, and what their blocks need to know of them. */
static void gather(nlc_walk *walk) {
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
                memcpy(seen + (size_t)(h - up) * across, pixel - (size_t)up * state->row - before, across * sizeof *seen);
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
        nlc_network_run(model, &walk->network, walk->inputs + first * model->wide_stride, least(NLC_CHUNK, lanes - first),
                        walk->outputs + first * width, seen);
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

/* The network's outputs of all lanes, corrected by what their tiles have learned, turned into blocks. */
static void evaluate(nlc_walk *walk, size_t lanes) {
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

static int32_t sample_at(const nlc_walk *walk, const nlc_state *state, int plane, int row, int column) {
    const size_t at = (size_t)plane * state->samples + (size_t)row * (size_t)state->tile.width + (size_t)column;
    return walk->model->bits > 8 ? ((const uint16_t *)state->tile.samples)[at] : ((const uint8_t *)state->tile.samples)[at];
}

/* A digit is known: go on to its part of the CDF. */
static inline void take_digit(const nlc_model *model, nlc_block *block, size_t lane, uint32_t digit, int32_t stride) {
    block->value[lane] += (int32_t)digit * stride;
    if (model->bits > 8) {
        block->deep_lowest[lane] += block->deep_cdf[digit][lane];
        block->deep_whole[lane] = block->deep_cdf[digit + 1][lane] - block->deep_cdf[digit][lane];
    } else {
        block->lowest[lane] += block->cdf[digit][lane];
        block->whole[lane] = block->cdf[digit + 1][lane] - block->cdf[digit][lane];
    }
}

/* The digit whose frequencies hold `place`. */
static inline uint32_t digit_at(const nlc_block *block, size_t lane, uint32_t place) {
    return (uint32_t)(place >= block->cumulative[1][lane] + 1) + (uint32_t)(place >= block->cumulative[2][lane] + 2) +
           (uint32_t)(place >= block->cumulative[3][lane] + 3);
}

static inline uint32_t left_of(const nlc_block *block, size_t lane, uint32_t digit) {
    return block->cumulative[digit][lane] + digit;
}

/* Code a digit of the lanes `first` to `last` - 1 of a block, which belong to one segment. */
static void code_digits(nlc_walk *walk, const nlc_segment *segment, nlc_block *block, size_t block_first, size_t first,
                        size_t last, int plane, int32_t stride) {
    const nlc_model *model = walk->model;
    nlc_state *state = segment->state;
    if (walk->mode == NLC_DECODE) {
        rans_reader reader = state->reader;
        for (size_t lane = first; lane < last; lane++) {
            const uint32_t digit = digit_at(block, lane, rans_peek(&reader)), left = left_of(block, lane, digit);
            rans_pop(&reader, left, left_of(block, lane, digit + 1) - left);
            take_digit(model, block, lane, digit, stride);
        }
        state->reader = reader;
    } else if (walk->mode == NLC_ENCODE) {
        for (size_t lane = first; lane < last; lane++) {
            const int row = segment->row + (int)(block_first + lane - segment->first);
            const int32_t sample = sample_at(walk, state, plane, row, state->step - row * (model->horizon + 1));
            const uint32_t digit = (uint32_t)(sample / stride % NLC_RADIX), left = left_of(block, lane, digit);
            state->left[state->cursor] = left;
            state->frequency[state->cursor++] = left_of(block, lane, digit + 1) - left;
            take_digit(model, block, lane, digit, stride);
        }
    } else {
        for (size_t lane = first; lane < last; lane++)
            take_digit(model, block, lane, digit_at(block, lane, state->tile.numbers[state->cursor++]), stride);
    }
}

/* The masses of the 16 values from `value` on, which may be some that all components leave alone. */
static const int32_t *masses_at(nlc_spread *spread, int32_t value) {
    const int32_t vector = value / NLC_LANES;
    int32_t *mass = spread->mass + vector * NLC_LANES;
    if (vector < spread->first || vector > spread->last)
        for (int l = 0; l < NLC_LANES; l++)
            mass[l] = (int32_t)(spread->kept[vector / 4] >> (vector % 4 * 16 + l) & 1) * spread->uniform;
    return spread->mass + value;
}

/* The frequencies of the next digit of a block's lanes from `first` on, from how likely the values of the plane are. */
static void digit_of_masses(nlc_walk *walk, nlc_block *block, size_t first, size_t last, int32_t stride) {
    const int fine = stride < NLC_LANES;
    const int32_t units = fine ? stride : stride / NLC_LANES;
    for (size_t lane = first; lane < last; lane++) {
        const size_t l = lane - first;
        nlc_spread *spread = &walk->spots[lane].spread;
        const int32_t *mass = fine ? masses_at(spread, block->value[l]) : spread->sums + block->value[l] / NLC_LANES;
        int32_t sum = 0;
        block->cdf[0][l] = 0;
        for (int k = 1; k <= NLC_RADIX; k++, mass += units) {
            for (int unit = 0; unit < units; unit++)
                sum += mass[unit];
            block->cdf[k][l] = sum;
        }
        block->whole[l] = sum > 1 ? sum : 1;
    }
    for (int k = 1; k < NLC_RADIX; k++)
        for (size_t l = 0; l < last - first; l++) {
            const double part = (double)block->cdf[k][l] * NLC_FREE_FREQUENCY; /* below 2^53 */
            block->cumulative[k][l] = (uint32_t)(int32_t)(part / (double)block->whole[l]);
        }
}

/* Code a digit of all lanes, block by block. */
static void code_digit(nlc_walk *walk, size_t lanes, int plane, int32_t stride) {
    const nlc_model *model = walk->model;
    const nlc_segment *segment = walk->segments;
    for (size_t begin = 0; begin < lanes; begin += NLC_LANES) {
        nlc_block *block = &walk->blocks[begin / NLC_LANES];
        const size_t end = least(begin + NLC_LANES, lanes);
        if (model->bits > 8)
            nlc_deep_digit(model, block, stride);
        else if (walk->lattice && plane)
            digit_of_masses(walk, block, begin, end, stride);
        else
            model->kernels->digit(model, block, stride);
        for (size_t lane = begin; lane < end;) {
            while (segment->first + segment->count <= lane)
                segment++;
            if (segment->first >= end)
                break;
            lane = lane < segment->first ? segment->first : lane;
            const size_t stop = least(segment->first + segment->count, end);
            code_digits(walk, segment, block, begin, lane - begin, stop - begin, plane, stride);
            lane = stop;
        }
    }
}

/* Keep a plane's values, in the store and, unless encoding, in the tile's samples. */
static void keep(nlc_walk *walk, int plane) {
    const nlc_model *model = walk->model;
    for (size_t k = 0; k < walk->under_way; k++) {
        const nlc_segment *segment = &walk->segments[k];
        nlc_state *state = segment->state;
        for (size_t n = 0; n < segment->count; n++) {
            const size_t lane = segment->first + n;
            const int row = segment->row + (int)n, column = state->step - row * (model->horizon + 1);
            const int32_t value = walk->blocks[lane / NLC_LANES].value[lane % NLC_LANES];
            uint16_t *place = place_of(model, state, row, column);
            place[plane] = (uint16_t)value;
            for (int c = 1; walk->planes == 1 && c < model->channels; c++)
                place[c] = (uint16_t)value;
            if (walk->mode == NLC_ENCODE)
                continue;
            const size_t at = (size_t)plane * state->samples + (size_t)row * (size_t)state->tile.width + (size_t)column;
            if (model->bits > 8)
                ((uint16_t *)state->tile.samples)[at] = (uint16_t)value;
            else
                ((uint8_t *)state->tile.samples)[at] = (uint8_t)value;
        }
    }
}

static void fill(uint16_t *to, const uint16_t *pixel, size_t pixels, size_t channels) {
    for (size_t k = 0; k < pixels; k++)
        for (size_t c = 0; c < channels; c++)
            to[k * channels + c] = pixel[c];
}

/* Refresh what is seen beyond the tile's borders, as far as the pixels of this step decide it (section 4). */
static void extend(nlc_walk *walk, const nlc_segment *segment) {
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

static void learn(nlc_walk *walk, size_t lanes) {
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

/* Code whether a pixel is on the lattice: a digit of 1 if it is. */
static int code_on(nlc_walk *walk, nlc_state *state, const uint16_t *pixel, uint32_t off, int row) {
    const uint32_t bounds[NLC_RADIX + 1] = {0, off + 1, NLC_FREE_FREQUENCY + 2, NLC_FREE_FREQUENCY + 3, RANS_TOTAL};
    int digit = 0;
    if (walk->mode == NLC_DECODE) {
        const uint32_t place = rans_peek(&state->reader);
        while (place >= bounds[digit + 1])
            digit++;
        rans_pop(&state->reader, bounds[digit], bounds[digit + 1] - bounds[digit]);
        return digit == 1;
    }
    const int column = state->step - row * (walk->model->horizon + 1);
    digit = nlc_lattice_has(walk->lattice, pixel[0], sample_at(walk, state, 1, row, column),
                            sample_at(walk, state, 2, row, column));
    state->left[state->cursor] = bounds[digit];
    state->frequency[state->cursor++] = bounds[digit + 1] - bounds[digit];
    return digit;
}

/* The pixel of a lane in the store. */
static uint16_t *pixel_of(const nlc_walk *walk, const nlc_segment *segment, size_t n, int *row) {
    *row = segment->row + (int)n;
    return place_of(walk->model, segment->state, *row, segment->state->step - *row * (walk->model->horizon + 1));
}

/* With a lattice, before the plane of green: what is foreseen of all lanes, and whether they are on the lattice. */
static void begin_green(nlc_walk *walk) {
    const nlc_model *model = walk->model;
    const nlc_lattice *lattice = walk->lattice;
    for (size_t k = 0; k < walk->under_way; k++) {
        const nlc_segment *segment = &walk->segments[k];
        nlc_state *state = segment->state;
        for (size_t n = 0; n < segment->count; n++) {
            int row;
            const size_t lane = segment->first + n;
            const uint16_t *pixel = pixel_of(walk, segment, n, &row), *west = pixel - 3, *north = pixel - state->row;
            nlc_spot *spot = &walk->spots[lane];
            spot->foreseen = model->kernels->weigh_green(model, &walk->blocks[lane / NLC_LANES], (int)(lane % NLC_LANES),
                                                         nlc_lattice_row(lattice, pixel[0], 0), &spot->spread);
            const int context = nlc_lattice_has(lattice, west[0], west[1], west[2]) +
                                2 * nlc_lattice_has(lattice, north[0], north[1], north[2]);
            spot->cell = nlc_lattice_cell(context, spot->foreseen);
            spot->on = code_on(walk, state, pixel, nlc_lattice_off(state->map, spot->cell, spot->foreseen), row);
            model->kernels->choose_green(&spot->spread, spot->on);
        }
    }
}

/* With a lattice, before the plane of blue. */
static void begin_blue(nlc_walk *walk) {
    const nlc_model *model = walk->model;
    for (size_t k = 0; k < walk->under_way; k++) {
        const nlc_segment *segment = &walk->segments[k];
        for (size_t n = 0; n < segment->count; n++) {
            int row;
            const size_t lane = segment->first + n;
            const uint16_t *pixel = pixel_of(walk, segment, n, &row);
            nlc_spot *spot = &walk->spots[lane];
            model->kernels->weigh_blue(model, &walk->blocks[lane / NLC_LANES], (int)(lane % NLC_LANES),
                                       nlc_lattice_row(walk->lattice, pixel[0], pixel[1]), spot->on, &spot->spread);
        }
    }
}

/* With a lattice, after a step: what its tiles have learned of it. */
static void learn_lattice(nlc_walk *walk) {
    for (size_t k = 0; k < walk->under_way; k++) {
        const nlc_segment *segment = &walk->segments[k];
        for (size_t n = 0; n < segment->count; n++) {
            const nlc_spot *spot = &walk->spots[segment->first + n];
            nlc_lattice_teach(segment->state->map, spot->cell, spot->foreseen, spot->on);
        }
        nlc_lattice_age(segment->state->map);
    }
}

static void code_lanes(nlc_walk *walk, size_t lanes) {
    const nlc_model *model = walk->model;
    const size_t blocks = (lanes + NLC_LANES - 1) / NLC_LANES;
    const int deep = model->bits > 8;
    for (int plane = 0; plane < walk->planes; plane++) {
        for (size_t k = 0; k < blocks; k++)
            (deep ? nlc_deep_start_plane : model->kernels->start_plane)(model, &walk->blocks[k], plane);
        if (walk->lattice && plane == 1)
            begin_green(walk);
        if (walk->lattice && plane == 2)
            begin_blue(walk);
        for (int32_t stride = 1 << (model->bits - 2); stride; stride /= NLC_RADIX)
            code_digit(walk, lanes, plane, stride);
        keep(walk, plane);
        for (size_t k = 0; walk->learns == 2 && k < blocks; k++)
            memcpy(walk->values[k * NLC_MAX_CHANNELS + (size_t)plane], walk->blocks[k].value, sizeof *walk->values);
        if (plane + 1 == walk->planes && walk->learns != 1)
            break;
        for (size_t k = 0; k < blocks; k++) {
            if (deep)
                nlc_deep_end_plane(model, &walk->blocks[k], plane);
            else
                model->kernels->end_plane(model, &walk->blocks[k], plane, walk->learns == 1);
        }
    }
}

int nlc_walk_run(nlc_walk *walk, size_t pixels, size_t *done) {
    *done = 0;
    while (walk->status == NLC_OK && *done < pixels) {
        size_t lanes = 0;
        walk->status = next_lanes(walk, &lanes);
        if (!lanes)
            break;
        gather(walk);
        evaluate(walk, lanes);
        code_lanes(walk, lanes);
        if (walk->learns)
            learn(walk, lanes);
        if (walk->lattice)
            learn_lattice(walk);
        for (size_t k = 0; k < walk->under_way; k++) {
            extend(walk, &walk->segments[k]);
            walk->segments[k].state->step++;
        }
        for (size_t k = 0; k < walk->under_way; k++)
            *done += walk->segments[k].count;
    }
    return walk->status;
}

int nlc_walk_stream(const nlc_walk *walk, size_t tile, const uint8_t **data, size_t *size, double *bits) {
    if (walk->mode != NLC_ENCODE || tile >= walk->count || !walk->states[tile].stream)
        return NLC_BAD_ARGUMENT;
    *data = walk->states[tile].stream;
    *size = walk->states[tile].stream_size;
    *bits = walk->states[tile].bits;
    return NLC_OK;
}

int nlc_walk_is_done(const nlc_walk *walk, size_t tile) {
    return tile < walk->count && walk->states[tile].steps && walk->states[tile].step == walk->states[tile].steps;
}

int32_t nlc_walk_known(const nlc_walk *walk, size_t tile, int32_t row) {
    const nlc_state *state = &walk->states[tile];
    const int64_t known = state->step - (int64_t)row * (walk->model->horizon + 1);
    return known < 0 ? 0 : known < state->tile.width ? (int32_t)known : state->tile.width;
}

int nlc_walk_ends_with(const nlc_walk *walk, size_t tile, uint32_t seed) {
    return walk->mode == NLC_DECODE && nlc_walk_is_done(walk, tile) &&
           rans_ends_with(&walk->states[tile].reader, seed);
}
