/* The model of one block: its inner 7 x 7 coefficients, then its first row and column, then DC. */
#include "jpeg_block.h"

#include <stdlib.h>
#include <string.h>

/* The inner coefficients in the order of the zigzag. */
#define INNER 49
static const uint8_t inner[INNER] = {9,  10, 17, 25, 18, 11, 12, 19, 26, 33, 41, 34, 27, 20, 13, 14, 21,
                                     28, 35, 42, 49, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58,
                                     59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

static const int16_t nothing[64];

/* Where sets of weights begin. */
enum { INNER_1 = 0, EDGE_1 = 544, DC_1 = 800, INNER_COUNT_1 = 832, EDGE_COUNT_1 = 960 };
enum { INNER_2 = 0, EDGE_2 = 384, DC_2 = 544, INNER_COUNT_2 = 800, EDGE_COUNT_2 = 806 };
/* What contexts are of: the first number of each. */
enum { OF_COUNT = 0, OF_EDGE_COUNT = 8, OF_INNER = 16, OF_EDGE = 24, OF_DC = 32 };

/* The neighbours of a block, `nothing` where there is none, and of those that count their notes. */
typedef struct {
    const nlc_jpeg_component *own;
    int16_t *block;
    int has_above, has_left;
    const int16_t *above, *left, *above_left, *above_right;
    const int16_t *luma, *other; /* blocks of the first component, and of the second for the third */
    const nlc_jpeg_note *note_above, *note_left, *note_above_left, *note_above_right, *note_luma, *note_other;
    nlc_jpeg_note *note;
    uint32_t c, coloured;
} surroundings;

static int min(int a, int b) { return a < b ? a : b; }

/* A class of a magnitude: itself up to 3, then two for each power of 2. */
static uint32_t class_of(int32_t x) {
    const int bits = nlc_jpeg_bits((uint32_t)x);
    return bits < 3 ? (uint32_t)x : (uint32_t)((bits - 1) * 2 + (x >> (bits - 2) & 1));
}

/* The same of a number with a sign, from 0 to 63. */
static uint32_t signed_class(int32_t x) {
    const int32_t found = (int32_t)class_of(nlc_magnitude(x));
    return (uint32_t)(32 + (x < 0 ? -found : found));
}

static uint32_t length_up_to(int32_t x, int most) { return (uint32_t)min(nlc_jpeg_bits((uint32_t)x), most); }

/* Divide and round to the nearest, halves away from 0. */
static int32_t divided(int32_t a, int32_t b) { return a < 0 ? -((-a + b / 2) / b) : (a + b / 2) / b; }

static void look_around(const nlc_jpeg_part *part, int32_t row, int32_t column, surroundings *see) {
    const int c = part->component;
    const nlc_jpeg_component *own = see->own = &part->image->component[c];
    const ptrdiff_t width = own->columns;
    const size_t at = (size_t)row * (size_t)width + (size_t)column;
    const size_t own_at = at - (size_t)part->first_row[c] * (size_t)width;
    int16_t *block = see->block = own->coefficients + 64 * at;
    nlc_jpeg_note *note = see->note = part->notes[c] + own_at;
    const int up = see->has_above = row > part->first_row[c], left = see->has_left = column > 0;
    const int right = up && column + 1 < width;
    see->above = up ? block - 64 * width : nothing;
    see->left = left ? block - 64 : nothing;
    see->above_left = up && left ? block - 64 * width - 64 : nothing;
    see->above_right = right ? block - 64 * width + 64 : nothing;
    see->note_above = up ? note - width : NULL;
    see->note_left = left ? note - 1 : NULL;
    see->note_above_left = up && left ? note - width - 1 : NULL;
    see->note_above_right = right ? note - width + 1 : NULL;
    see->luma = see->other = nothing;
    see->note_luma = see->note_other = NULL;
    see->c = (uint32_t)c;
    see->coloured = c > 0;
    if (c) {
        const nlc_jpeg_component *luma = &part->image->component[0];
        const size_t first = (size_t)part->first_row[0];
        const size_t luma_at =
            (size_t)(row * luma->v / own->v) * (size_t)luma->columns + (size_t)(column * luma->h / own->h);
        see->luma = luma->coefficients + 64 * luma_at;
        see->note_luma = part->notes[0] + luma_at - first * (size_t)luma->columns;
    }
    if (c == 2 && part->image->component[1].h == own->h && part->image->component[1].v == own->v) {
        see->other = part->image->component[1].coefficients + 64 * at;
        see->note_other = part->notes[1] + own_at;
    }
}

/* The spread of a place; one that is new begins as that before it, or after it, if one of them is not. */
static nlc_mix_spread *spread_at(nlc_mix_spread *spreads, uint32_t place) {
    place = place < NLC_JPEG_SPREADS ? place : NLC_JPEG_SPREADS - 1;
    nlc_mix_spread *spread = &spreads[place];
    if (!spread->count) {
        if (place && spread[-1].count)
            spread->deviation = spread[-1].deviation;
        else if (place + 1 < NLC_JPEG_SPREADS && spread[1].count)
            spread->deviation = spread[1].deviation;
    }
    return spread;
}

static int nonzero(const nlc_jpeg_note *note) { return note ? note->nonzero : 0; }

/* A number of `bits` bits, most significant first; its contexts are those that are listed. */
static int code_tree(nlc_mix *mix, int bits, uint32_t first_set, uint32_t second_set, int value) {
    uint32_t node = 1;
    for (int left = bits - 1; left >= 0; left--) {
        const int bit = nlc_mix_code(mix, node & 15, first_set + (node & 63), second_set + (uint32_t)(bits - 1 - left),
                                     value >> left & 1);
        node = node * 2 + (uint32_t)bit;
    }
    return (int)(node - (1u << bits));
}

static int code_count(nlc_jpeg_part *part, const surroundings *see, int count) {
    nlc_mix *mix = &part->mix;
    const int above = nonzero(see->note_above), left = nonzero(see->note_left);
    const int above_left = nonzero(see->note_above_left), above_right = nonzero(see->note_above_right);
    const int luma = nonzero(see->note_luma), other = nonzero(see->note_other);
    const int average = see->has_above && see->has_left ? (above + left + 1) / 2 : above + left;
    const uint32_t here = see->c << 2 | (uint32_t)(see->has_above << 1 | see->has_left);
    const uint32_t contexts[7][2] = {
        {(uint32_t)average, 0},
        {(uint32_t)above, (uint32_t)left},
        {(uint32_t)(2 * (above + left) + above_left + above_right), 0},
        {(uint32_t)luma, (uint32_t)other},
        {(uint32_t)(average / 3), (uint32_t)(see->note_other ? other : luma)},
        {(uint32_t)above, (uint32_t)above_right},
        {(uint32_t)left, (uint32_t)above_left},
    };
    uint32_t high = 0;
    for (int half = 0; half < 2; half++) { /* three bits each, in contexts of their own */
        nlc_mix_clear(mix);
        for (uint32_t k = 0; k < 7; k++)
            nlc_mix_context(mix, OF_COUNT + k, (here << 12) + (contexts[k][0] << 6) + contexts[k][1],
                            half ? 1 + high : 0);
        const uint32_t set = INNER_COUNT_1 + see->coloured * 64 + (uint32_t)half * 8;
        const int bits = code_tree(mix, 3, set, INNER_COUNT_2 + (uint32_t)half * 3, half ? count & 7 : count >> 3);
        high = half ? high << 3 | (uint32_t)bits : (uint32_t)bits;
    }
    return (int)high;
}

/* A coefficient times its step, within what sums of them hold. */
static inline int32_t scaled(const int16_t *block, const uint16_t *steps, int k) {
    return nlc_clamp(block[k] * steps[k], -(1 << 20), 1 << 20);
}

/* The sum at the border of a block, in its frequencies along it: what continues in the next one. */
static int32_t border_sum(const int16_t *block, const uint16_t *steps, int k, int across) {
    int32_t sum = scaled(block, steps, k) * 181 / 256;
    for (int j = 1; j < 8; j++)
        sum += j & 1 ? -scaled(block, steps, k + across * j) : scaled(block, steps, k + across * j);
    return sum;
}

static void code_inner(nlc_jpeg_part *part, const surroundings *see, const int16_t *known, int count) {
    nlc_mix *mix = &part->mix;
    const uint16_t *steps = see->own->quantisation;
    const int16_t *above = see->above, *left = see->left, *luma = see->luma, *other = see->other;
    int16_t *block = see->block;
    int32_t top[8], side[8]; /* what is missing at the borders */
    for (int j = 1; j < 8 && count; j++) {
        top[j] = see->has_above ? border_sum(above, steps, j, 8) : 0;
        side[j] = see->has_left ? border_sum(left, steps, 8 * j, 1) : 0;
    }
    for (int z = 0; z < INNER && count; z++) {
        const int k = inner[z], u = k & 7, v = k >> 3;
        const int near = nlc_magnitude(above[k]) + nlc_magnitude(left[k]);
        const int weighted = 13 * near + 6 * nlc_magnitude(see->above_left[k]);
        const int local = (u > 1 ? nlc_magnitude(block[k - 1]) : 0) + (v > 1 ? nlc_magnitude(block[k - 8]) : 0) +
                          (u > 1 && v > 1 ? nlc_magnitude(block[k - 9]) : 0);
        int blurred = 2 * near + nlc_magnitude(above[k - 1]) + nlc_magnitude(left[k - 1]) +
                      nlc_magnitude(above[k - 8]) + nlc_magnitude(left[k - 8]);
        blurred += u < 7 ? nlc_magnitude(above[k + 1]) + nlc_magnitude(left[k + 1]) : 0;
        blurred += v < 7 ? nlc_magnitude(above[k + 8]) + nlc_magnitude(left[k + 8]) : 0;
        const int32_t terms[NLC_MIX_TERMS] = {
            above[k] * 16,
            left[k] * 16,
            luma[k] * 16,
            other[k] * 16,
            see->has_above ? nlc_clamp(divided(top[u] * 16, steps[k]), -32767, 32767) : 0,
            see->has_left ? nlc_clamp(divided(side[v] * 16, steps[k]), -32767, 32767) : 0,
            see->above_left[k] * 16,
            see->above_right[k] * 16,
        };
        int32_t *weights = part->regressions[see->c][k];
        const int32_t mean = nlc_mix_regress(weights, terms);
        nlc_mix_spread *spreads[NLC_MIX_EXPECTATIONS];
        nlc_mix_expectation expected[NLC_MIX_EXPECTATIONS];
        const uint32_t places[NLC_MIX_EXPECTATIONS] = {
            class_of(weighted), (uint32_t)min((int)class_of(local), 7) * 8 + length_up_to(count, 7),
            (uint32_t)min((int)class_of(blurred), 15) * 4 +
                length_up_to(nlc_magnitude(luma[k]) + nlc_magnitude(other[k]), 3)};
        for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++) {
            spreads[e] = spread_at(part->spreads[see->c][k][e], places[e]);
            expected[e] = nlc_mix_expect(spreads[e], mean);
        }
        const uint32_t here = see->c << 6 | (uint32_t)k;
        nlc_mix_clear(mix);
        nlc_mix_context(mix, OF_INNER, here,
                        length_up_to(nlc_magnitude(luma[k]), 7) << 4 | length_up_to(nlc_magnitude(other[k]), 7));
        nlc_mix_context(mix, OF_INNER + 1, here, (uint32_t)count);
        nlc_mix_context(mix, OF_INNER + 2, see->c, class_of(blurred) << 16 | class_of(count) << 8 | class_of(local));
        nlc_mix_context(mix, OF_INNER + 3, here, class_of(blurred));
        const int32_t value = nlc_mix_value(
            mix, INNER_1 + (see->coloured * 17 + (uint32_t)z / 3) * 16,
            INNER_2 + ((uint32_t)min((int)class_of(count), 11) + see->coloured * 12) * 16, expected, known[k]);
        block[k] = (int16_t)nlc_clamp(value, INT16_MIN, INT16_MAX);
        count -= value != 0;
        top[u] -= scaled(block, steps, k);
        side[v] -= scaled(block, steps, k);
        const int32_t error = value * 16 - mean;
        nlc_mix_regress_learn(weights, terms, error);
        for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++)
            nlc_mix_spread_learn(spreads[e], error);
    }
}

/* Cosines at the middle of the first sample, times the square root of 2, in 1/8192. */
static const int32_t near_border[8] = {8192, 11363, 10703, 9633, 8192, 6436, 4433, 2260};
#define AT_BORDER 11585

/* What a coefficient of the first row or column would be if samples went on from the neighbour: in 16 steps. */
static void continue_border(const int16_t *from, const int16_t *block, const uint16_t *steps, int k, int across,
                            int32_t *at_samples, int32_t *at_border) {
    int64_t samples = (int64_t)scaled(from, steps, k) * 8192, border = samples;
    for (int j = 1; j < 8; j++) {
        const int p = k + across * j;
        const int32_t before = scaled(from, steps, p);
        const int64_t difference = (j & 1 ? -before : before) - scaled(block, steps, p);
        samples += difference * near_border[j];
        border += difference * AT_BORDER;
    }
    *at_samples = nlc_clamp(divided((int32_t)(samples >> 13) * 16, steps[k]), -32767, 32767);
    *at_border = nlc_clamp(divided((int32_t)(border >> 13) * 16, steps[k]), -32767, 32767);
}

/* The first row (across 8) or the first column (across 1), the frequencies 1 to 7. */
static void code_edge(nlc_jpeg_part *part, const surroundings *see, const int16_t *known, int count, int across) {
    nlc_mix *mix = &part->mix;
    const uint16_t *steps = see->own->quantisation;
    const int along = across == 8 ? 1 : 8;
    const int continues = across == 8 ? see->has_above : see->has_left;
    const int16_t *from = across == 8 ? see->above : see->left, *beside = across == 8 ? see->left : see->above;
    const int16_t *luma = see->luma, *other = see->other;
    int16_t *block = see->block;
    int32_t at_samples[8], at_border[8];
    int edge = 0, of_from = 0, of_beside = 0, of_colour = 0, of_row = 0, likely = 0;
    for (int j = 1; j < 8; j++) {
        const int k = along * j;
        edge += known[k] != 0;
        of_from += from[k] != 0;
        of_beside += beside[k] != 0;
        of_colour += (see->note_other ? other : luma)[k] != 0;
        of_row += across == 1 && block[j] != 0;
        at_samples[j] = at_border[j] = 0;
        if (continues)
            continue_border(from, block, steps, k, across, &at_samples[j], &at_border[j]);
        likely += nlc_magnitude(at_samples[j]) >= 8;
    }
    const uint32_t side = see->c << 1 | (across == 1), inside = class_of(count);
    nlc_mix_clear(mix);
    nlc_mix_context(mix, OF_EDGE_COUNT, side, (uint32_t)count);
    nlc_mix_context(mix, OF_EDGE_COUNT + 1, side, (uint32_t)(of_from << 3 | of_beside) << 8 | inside);
    nlc_mix_context(mix, OF_EDGE_COUNT + 2, side, (uint32_t)of_colour << 8 | inside);
    nlc_mix_context(mix, OF_EDGE_COUNT + 3, side, (uint32_t)likely << 8 | inside);
    nlc_mix_context(mix, OF_EDGE_COUNT + 4, side, (uint32_t)(of_row << 3 | of_from));
    nlc_mix_context(mix, OF_EDGE_COUNT + 5, side, (uint32_t)(of_beside << 3 | likely));
    nlc_mix_context(mix, OF_EDGE_COUNT + 6, side, (uint32_t)(of_row << 8 | count));
    edge = code_tree(mix, 3, EDGE_COUNT_1 + (see->coloured * 2 + (across == 1)) * 8, EDGE_COUNT_2, edge);
    for (int j = 1; j < 8 && edge; j++) {
        const int k = along * j;
        const int weighted =
            13 * (nlc_magnitude(from[k]) + nlc_magnitude(beside[k])) + 6 * nlc_magnitude(see->above_left[k]);
        const int next_to = nlc_magnitude(block[k + across]) + nlc_magnitude(block[k + 2 * across]) +
                            nlc_magnitude(block[k + 3 * across]);
        const int32_t terms[NLC_MIX_TERMS] = {
            at_samples[j], at_border[j],  see->above[k] * 16,      see->left[k] * 16,
            luma[k] * 16,  other[k] * 16, see->above_left[k] * 16, see->above_right[k] * 16,
        };
        int32_t *weights = part->regressions[see->c][k];
        const int32_t mean = nlc_mix_regress(weights, terms), means[NLC_MIX_EXPECTATIONS] = {mean, at_border[j], mean};
        nlc_mix_spread *spreads[NLC_MIX_EXPECTATIONS];
        nlc_mix_expectation expected[NLC_MIX_EXPECTATIONS];
        const uint32_t places[NLC_MIX_EXPECTATIONS] = {
            class_of(weighted), inside, (uint32_t)min((int)class_of(next_to), 15) * 4 + (uint32_t)(edge / 2)};
        for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++) {
            spreads[e] = spread_at(part->spreads[see->c][k][e], places[e]);
            expected[e] = nlc_mix_expect(spreads[e], means[e]);
        }
        const uint32_t here = see->c << 6 | (uint32_t)k, mean_class = signed_class(divided(mean, 16));
        nlc_mix_clear(mix);
        nlc_mix_context(mix, OF_EDGE, here, class_of(weighted) << 8 | (uint32_t)edge);
        nlc_mix_context(mix, OF_EDGE + 1, here, inside << 8 | (uint32_t)edge);
        nlc_mix_context(mix, OF_EDGE + 2, here,
                        (uint32_t)(nlc_clamp(luma[k], -7, 7) + 8) << 8 | (uint32_t)(nlc_clamp(other[k], -7, 7) + 8));
        nlc_mix_context(mix, OF_EDGE + 3, here, class_of(next_to) << 8 | mean_class);
        const uint32_t size = class_of(nlc_magnitude(divided(mean, 16)));
        const int32_t value = nlc_mix_value(mix, EDGE_1 + (see->coloured * 8 + (uint32_t)j) * 16,
                                            EDGE_2 + (uint32_t)min((int)size, 9) * 16, expected, known[k]);
        block[k] = (int16_t)nlc_clamp(value, INT16_MIN, INT16_MAX);
        edge -= value != 0;
        nlc_mix_regress_learn(weights, terms, value * 16 - mean);
        for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++)
            nlc_mix_spread_learn(spreads[e], value * 16 - means[e]);
    }
}

/* The inverse transform in 1/8192, by frequency and place. */
static const int16_t cosines[8][8] = {
    {2896, 2896, 2896, 2896, 2896, 2896, 2896, 2896},     {4017, 3406, 2276, 799, -799, -2276, -3406, -4017},
    {3784, 1567, -1567, -3784, -3784, -1567, 1567, 3784}, {3406, -799, -4017, -2276, 2276, 4017, 799, -3406},
    {2896, -2896, -2896, 2896, 2896, -2896, -2896, 2896}, {2276, -4017, 799, 3406, -3406, -799, 4017, -2276},
    {1567, -3784, 3784, -1567, -1567, 3784, -3784, 1567}, {799, -2276, 3406, -4017, 4017, -3406, 2276, -799},
};

/* The samples of a block without its DC, in quarters. */
static void transform(const int16_t *block, const uint16_t *steps, int32_t samples[64]) {
    int32_t rows[64];
    for (int v = 0; v < 8; v++) {
        int32_t scaled[8];
        for (int u = 0; u < 8; u++)
            scaled[u] = u + v ? nlc_clamp(block[8 * v + u] * steps[8 * v + u], -16383, 16383) : 0;
        for (int x = 0; x < 8; x++) {
            int32_t sum = 0;
            for (int u = 0; u < 8; u++)
                sum += scaled[u] * cosines[u][x];
            rows[8 * v + x] = nlc_clamp(sum >> 11, -65535, 65535);
        }
    }
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            int32_t sum = 0;
            for (int v = 0; v < 8; v++)
                sum += rows[8 * v + x] * cosines[v][y];
            samples[8 * y + x] = sum >> 13;
        }
}

static void code_dc(nlc_jpeg_part *part, const surroundings *see, const int16_t *known, int count, int32_t column) {
    nlc_mix *mix = &part->mix;
    const int32_t step = see->own->quantisation[0];
    int16_t *block = see->block;
    nlc_jpeg_border *bottom = &part->bottoms[column], *right = &part->right;
    int32_t samples[64], sums[2] = {0, 0}, least = INT32_MAX, most = INT32_MIN;
    transform(block, see->own->quantisation, samples);
    for (int from = 0; from < 2; from++) { /* above, left: lines go on with the slope that they have on both sides */
        const nlc_jpeg_border *border = from ? right : bottom;
        const int across = from ? 1 : 8, along = from ? 8 : 1;
        if (!(from ? see->has_left : see->has_above))
            continue;
        for (int j = 0; j < 8; j++) {
            const int32_t here = samples[along * j], next = samples[along * j + across];
            const int32_t found = border->outer[j] + ((border->outer[j] - border->inner[j] + here - next) >> 1) - here;
            least = found < least ? found : least;
            most = found > most ? found : most;
            sums[from] += found;
        }
    }
    const int ways = see->has_above + see->has_left;
    /* A step of DC is step / 2 quarters of each of 8 samples. */
    const int32_t both = ways ? nlc_clamp(divided((sums[0] + sums[1]) * 4, step * ways), -(1 << 19), 1 << 19) : 0;
    const int32_t from_above = see->has_above ? nlc_clamp(divided(sums[0] * 4, step), -(1 << 19), 1 << 19) : both;
    const int32_t from_left = see->has_left ? nlc_clamp(divided(sums[1] * 4, step), -(1 << 19), 1 << 19) : both;
    const int residual_above = see->note_above ? see->note_above->residual : 0;
    const int residual_left = see->note_left ? see->note_left->residual : 0;
    const int residual_luma = see->note_luma ? see->note_luma->residual : 0;
    const int residual_other = see->note_other ? see->note_other->residual : 0;
    const int32_t terms[NLC_MIX_TERMS] = {
        from_above - both, from_left - both, residual_above, residual_left, residual_luma, residual_other, 0, 0};
    int32_t *weights = part->regressions[see->c][0];
    const int32_t mean = both + nlc_mix_regress(weights, terms);
    const int32_t whole = nlc_clamp(divided(mean, 16), -32768, 32767),
                  rest = nlc_clamp(mean - 16 * whole, -32767, 32767);
    const uint32_t range = ways ? class_of(nlc_clamp((most - least) / step * 4, 0, 65535)) : 40;
    const uint32_t disagreement = class_of(nlc_clamp(nlc_magnitude(from_above - from_left) >> 3, 0, 65535));
    const uint32_t before = class_of((nlc_magnitude(residual_above) + nlc_magnitude(residual_left)) >> 3);
    const uint32_t colour = class_of((nlc_magnitude(residual_luma) + nlc_magnitude(residual_other)) >> 3);
    const uint32_t places[NLC_MIX_EXPECTATIONS] = {
        range, before, (uint32_t)min((int)disagreement, 15) * 4 + (uint32_t)min((int)colour / 2, 3)};
    nlc_mix_spread *spreads[NLC_MIX_EXPECTATIONS];
    nlc_mix_expectation expected[NLC_MIX_EXPECTATIONS];
    for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++) {
        spreads[e] = spread_at(part->spreads[see->c][0][e], places[e]);
        expected[e] = nlc_mix_expect(spreads[e], rest);
    }
    nlc_mix_clear(mix);
    nlc_mix_context(mix, OF_DC, see->c, range);
    nlc_mix_context(mix, OF_DC + 1, see->c,
                    class_of(nlc_magnitude(residual_above) >> 4) << 8 | class_of(nlc_magnitude(residual_left) >> 4));
    nlc_mix_context(mix, OF_DC + 2, see->c, class_of(count) << 8 | range);
    nlc_mix_context(mix, OF_DC + 3, see->c, colour << 8 | range);
    int32_t wanted = known[0] - whole;
    const int32_t value =
        nlc_mix_value(mix, DC_1 + see->coloured * 16, DC_2 + (uint32_t)min((int)range, 15) * 16, expected, wanted);
    block[0] = (int16_t)nlc_clamp(whole + value, -32768, 32767);
    const int32_t error = nlc_clamp(value * 16 - rest, -32767, 32767);
    see->note->residual = (int16_t)error;
    nlc_mix_regress_learn(weights, terms, error);
    for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++)
        nlc_mix_spread_learn(spreads[e], error);
    const int32_t dc = block[0] * step / 2;
    for (int j = 0; j < 8; j++) {
        bottom->inner[j] = (int16_t)nlc_clamp(samples[48 + j] + dc, -32768, 32767);
        bottom->outer[j] = (int16_t)nlc_clamp(samples[56 + j] + dc, -32768, 32767);
        right->inner[j] = (int16_t)nlc_clamp(samples[8 * j + 6] + dc, -32768, 32767);
        right->outer[j] = (int16_t)nlc_clamp(samples[8 * j + 7] + dc, -32768, 32767);
    }
}

void nlc_jpeg_code_block(nlc_jpeg_part *part, int32_t row, int32_t column) {
    surroundings see;
    int16_t known[64];
    look_around(part, row, column, &see);
    memcpy(known, see.block, sizeof known);
    if (!part->mix.coder.out)
        memset(see.block, 0, sizeof known);
    int count = 0;
    for (int z = 0; z < INNER; z++)
        count += known[inner[z]] != 0;
    count = code_count(part, &see, count);
    see.note->nonzero = (uint8_t)count;
    code_inner(part, &see, known, count);
    code_edge(part, &see, known, count, 8);
    code_edge(part, &see, known, count, 1);
    code_dc(part, &see, known, count, column);
}
