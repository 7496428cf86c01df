/* Coding the digits of the lanes of a step (sections 6 and 7). */
#include "walk.h"

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

void nlc_lanes_code(nlc_walk *walk, size_t lanes, int plane, int32_t stride) {
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

void nlc_lanes_keep(nlc_walk *walk, int plane) {
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
