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
static const nlc_jpeg_note no_note;

/* What contexts are of: the first number of each. */
enum { OF_COUNT = 0, OF_EDGE_COUNT = 4, OF_INNER = 8, OF_EDGE = 10, OF_DC = 12 };

#define MOST 2047     /* that magnitudes count */
#define GRID 9        /* rows of magnitudes have a zero at their end */

/* The neighbours of a block, `nothing` where there is none, and its coefficients as far as they are known. */
typedef struct {
    int has_above, has_left, has_other;
    const int16_t *above, *left, *above_left, *above_right;
    const int16_t *luma, *other; /* blocks of the first component, and of the second for the third */
    const nlc_jpeg_note *of_above, *of_left, *of_above_left, *of_above_right, *of_luma, *of_other;
    nlc_vector rows_above[8], columns_left[8]; /* coefficients times their steps */
    int16_t *known; /* to be written, or filled in */
    int16_t block[64];
    nlc_jpeg_note *note;
    uint32_t c, coloured;
} surroundings;

static int min(int a, int b) { return a < b ? a : b; }

uint32_t nlc_jpeg_class(int32_t x) {
    const int bits = nlc_jpeg_bits((uint32_t)x);
    return bits < 3 ? (uint32_t)x : (uint32_t)((bits - 1) * 2 + (x >> (bits - 2) & 1));
}

/* The same, but at most 15. */
static inline uint32_t small_class(const nlc_jpeg_part *part, int32_t x) { return part->classes[x < 255 ? x : 255]; }

static inline uint32_t at_most(uint32_t x, uint32_t most) { return x < most ? x : most; }

static inline int32_t magnitude(int32_t x) { return min(nlc_magnitude(x), MOST); }

/* Divide and round to the nearest, halves away from 0. */
static int32_t divided(int32_t a, int32_t b) { return a < 0 ? -((-a + b / 2) / b) : (a + b / 2) / b; }

/* Two numbers of 16 bits. */
static inline uint32_t pair(int32_t a, int32_t b) { return (uint32_t)(uint16_t)a | (uint32_t)b << 16; }

static inline int32_t within(int64_t x, int32_t limit) {
    return (int32_t)(x < -limit ? -limit : x > limit ? limit : x);
}

static void times_steps(const int16_t *block, const int16_t *steps, nlc_vector rows[8]) {
    for (int v = 0; v < 8; v++)
        rows[v] = nlc_vector_times(nlc_vector_load(block + 8 * v), nlc_vector_load(steps + 8 * v));
}

static void look_around(const nlc_jpeg_part *part, int32_t row, int32_t column, surroundings *see) {
    const int c = part->component;
    const nlc_jpeg_component *own = &part->image->component[c];
    const ptrdiff_t width = own->columns;
    const size_t at = (size_t)row * (size_t)width + (size_t)column;
    const size_t own_at = at - (size_t)part->first_row[c] * (size_t)width;
    int16_t *block = see->known = own->coefficients + 64 * at;
    nlc_jpeg_note *note = see->note = part->notes[c] + own_at;
    const int up = see->has_above = row > part->first_row[c], left = see->has_left = column > 0;
    const int right = up && column + 1 < width;
    see->above = up ? block - 64 * width : nothing;
    see->left = left ? block - 64 : nothing;
    see->above_left = up && left ? block - 64 * width - 64 : nothing;
    see->above_right = right ? block - 64 * width + 64 : nothing;
    see->of_above = up ? note - width : &no_note;
    see->of_left = left ? note - 1 : &no_note;
    see->of_above_left = up && left ? note - width - 1 : &no_note;
    see->of_above_right = right ? note - width + 1 : &no_note;
    see->luma = see->other = nothing;
    see->of_luma = see->of_other = &no_note;
    see->c = (uint32_t)c;
    see->coloured = c > 0;
    if (c) {
        const nlc_jpeg_component *luma = &part->image->component[0];
        const size_t first = (size_t)part->first_row[0];
        const size_t luma_at =
            (size_t)(row * luma->v / own->v) * (size_t)luma->columns + (size_t)(column * luma->h / own->h);
        see->luma = luma->coefficients + 64 * luma_at;
        see->of_luma = part->notes[0] + luma_at - first * (size_t)luma->columns;
    }
    see->has_other = c == 2 && part->image->component[1].h == own->h && part->image->component[1].v == own->v;
    if (see->has_other) {
        see->other = part->image->component[1].coefficients + 64 * at;
        see->of_other = part->notes[1] + own_at;
    }
    times_steps(see->above, part->steps, see->rows_above);
    times_steps(see->left, part->steps, see->columns_left);
    nlc_vector_transpose(see->columns_left);
    memset(see->block, 0, sizeof see->block);
}

/* The spread of a place; one that is new begins as that before it, or after it, if one of them is not. */
static inline nlc_mix_spread *spread_at(nlc_mix_spread *spreads, uint32_t place) {
    place = place < NLC_JPEG_SPREADS ? place : NLC_JPEG_SPREADS - 1;
    nlc_mix_spread *spread = &spreads[place];
    if (!(*spread & NLC_MIX_SPREAD_COUNTS)) {
        if (place && spread[-1] & NLC_MIX_SPREAD_COUNTS)
            *spread = spread[-1] & ~(nlc_mix_spread)NLC_MIX_SPREAD_COUNTS;
        else if (place + 1 < NLC_JPEG_SPREADS && spread[1] & NLC_MIX_SPREAD_COUNTS)
            *spread = spread[1] & ~(nlc_mix_spread)NLC_MIX_SPREAD_COUNTS;
    }
    return spread;
}

/* A number of three bits, most significant first; its contexts are those that are listed. */
static int code_number(nlc_mix *mix, uint32_t first_set, uint32_t second_set, int value) {
    uint32_t node = 1;
    for (int left = 2; left >= 0; left--)
        node = node * 2 + (uint32_t)nlc_mix_by_four(mix, node, first_set + node, second_set + 2 - (uint32_t)left,
                                                    value >> left & 1);
    return (int)(node - 8);
}

static int code_count(nlc_jpeg_part *part, const surroundings *see, int count) {
    nlc_mix *mix = &part->mix;
    const uint32_t above = see->of_above->inner, left = see->of_left->inner;
    const uint32_t luma = see->of_luma->inner, other = see->of_other->inner;
    const uint32_t average = see->has_above && see->has_left ? (above + left + 1) / 2 : above + left;
    const uint32_t here = (see->c << 2 | (uint32_t)(see->has_above << 1 | see->has_left)) << 12;
    const uint32_t around = 2 * (above + left) + see->of_above_left->inner + see->of_above_right->inner;
    uint32_t high = 0;
    for (uint32_t half = 0; half < 2; half++) { /* three bits each, in contexts of their own */
        const uint32_t group = half ? 1 + high : 0;
        nlc_mix_context(mix, 0, OF_COUNT, here + average, group);
        nlc_mix_context(mix, 1, OF_COUNT + 1, here + around, group);
        nlc_mix_context(mix, 2, OF_COUNT + 2, here + (luma << 6) + other, group);
        nlc_mix_context(mix, 3, OF_COUNT + 3, here + (average / 3 << 6) + (see->has_other ? other : luma), group);
        const uint32_t set = NLC_JPEG_COUNTS_1 + see->coloured * 64 + half * 8;
        const int bits = code_number(mix, set, NLC_JPEG_COUNTS_2 + half * 3, half ? count & 7 : count >> 3);
        high = high << 3 | (uint32_t)bits;
    }
    return (int)high;
}

/* What continues in the next block: sums at the border of one, in its frequencies along it, from rows across it. */
static void border_sums(const nlc_vector rows[8], int32_t sums[8]) {
    nlc_sums all = nlc_sums_add(nlc_sums_none(), rows[0], rows[1], 181, -256);
    for (int k = 2; k < 8; k += 2)
        all = nlc_sums_add(all, rows[k], rows[k + 1], 256, -256);
    nlc_sums_store(sums, all, 8);
}

static void code_inner(nlc_jpeg_part *part, surroundings *see, int count) {
    nlc_mix *mix = &part->mix;
    const int16_t *above = see->above, *left = see->left, *luma = see->luma, *other = see->other;
    int32_t top[8], side[8]; /* what is missing at the borders */
    int16_t near[GRID * GRID] = {0}, found[GRID * GRID] = {0}; /* magnitudes around, and in the block */
    border_sums(see->rows_above, top);
    border_sums(see->columns_left, side);
    for (int v = 0; v < 8; v++)
        nlc_vector_store(near + GRID * v,
                         nlc_vector_magnitudes(nlc_vector_load(above + 8 * v), nlc_vector_load(left + 8 * v)));
    for (int z = 0; z < INNER && count; z++) {
        const int k = inner[z], u = k & 7, v = k >> 3, at = k + v;
        const uint32_t local = small_class(part, found[at - 1] + found[at - GRID] + found[at - GRID - 1]);
        const uint32_t blurred =
            small_class(part, 2 * near[at] + near[at - 1] + near[at + 1] + near[at - GRID] + near[at + GRID]);
        const uint32_t colours = small_class(part, magnitude(luma[k]) + magnitude(other[k]));
        const uint32_t left_over = small_class(part, count);
        nlc_mix_context(mix, 0, OF_INNER, see->c << 6 | (uint32_t)k, left_over);
        nlc_mix_context(mix, 1, OF_INNER + 1, see->c, blurred << 16 | left_over << 8 | local);
        const int32_t inverse = part->inverses[k];
        const int32_t of_top = see->has_above ? within((int64_t)top[u] * inverse >> 16, 32767) : 0;
        const int32_t of_side = see->has_left ? within((int64_t)side[v] * inverse >> 16, 32767) : 0;
        const nlc_vector around =
            nlc_vector_of(pair(above[k], left[k]), pair(luma[k], other[k]), 0,
                          pair(see->above_left[k], see->above_right[k]));
        const nlc_vector terms =
            nlc_vector_add(nlc_vector_sixteenths(around), nlc_vector_of(0, 0, pair(of_top, of_side), 0));
        nlc_mix_regression *regression = &part->regressions[see->c][k];
        const int32_t mean = nlc_mix_regress(regression, terms);
        nlc_mix_spread *const spreads[NLC_MIX_EXPECTATIONS] = {
            spread_at(part->spreads[see->c][k][0], at_most(local, 7) * 8 + (left_over + 1) / 2),
            spread_at(part->spreads[see->c][k][1], blurred * 4 + at_most(colours, 3))};
        const nlc_mix_expectation expected = nlc_mix_expect((*spreads[0] >> 1) + (*spreads[1] >> 1), mean);
        const int32_t value = nlc_clamp(
            nlc_mix_value(mix, NLC_JPEG_INNER_1 + (see->coloured * 17 + (uint32_t)z / 3) * 16,
                          NLC_JPEG_INNER_2 + (left_over + see->coloured * 12) * 16, expected, see->known[k]),
            INT16_MIN, INT16_MAX);
        see->block[k] = (int16_t)value;
        found[at] = (int16_t)magnitude(value);
        count -= value != 0;
        const int32_t scaled = nlc_clamp(value * part->steps[k], INT16_MIN, INT16_MAX);
        top[u] -= scaled;
        side[v] -= scaled;
        const int32_t error = within(value * 16 - mean, 32767);
        nlc_mix_regress_learn(regression, terms, error);
        for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++)
            nlc_mix_spread_learn(mix, spreads[e], error);
    }
}

/* What each frequency along a border would be if samples went on from the neighbour, times steps: sums with weights
 * that are cosines at the middle of the first sample, or at the border, times the square root of 2, in 1/2048.
 */
static void continue_border(const nlc_vector from[8], const nlc_vector own[8], const int16_t weights[8],
                            int32_t sums[8]) {
    nlc_sums all = nlc_sums_none();
    for (int k = 0; k < 8; k += 2) {
        all = nlc_sums_add(all, from[k], from[k + 1], weights[k], -weights[k + 1]);
        all = nlc_sums_add(all, own[k], own[k + 1], -weights[k], -weights[k + 1]); /* own[0] is 0 so far */
    }
    nlc_sums_store(sums, all, 11);
}

static const int16_t at_first_sample[8] = {2048, 2841, 2676, 2408, 2048, 1609, 1108, 565};
static const int16_t at_border[8] = {2048, 2896, 2896, 2896, 2896, 2896, 2896, 2896};

/* The first row, or the first column, the frequencies 1 to 7; `own` are its rows across them, times steps. */
static int code_edge(nlc_jpeg_part *part, surroundings *see, const nlc_vector own[8], int count, int is_column) {
    nlc_mix *mix = &part->mix;
    const int along = is_column ? 8 : 1, across = is_column ? 1 : 8;
    const int continues = is_column ? see->has_left : see->has_above;
    const int16_t *luma = see->luma, *other = see->other;
    const nlc_jpeg_note *of_colour = see->has_other ? see->of_other : see->of_luma;
    const uint32_t of_from = is_column ? see->of_left->column : see->of_above->row;
    const uint32_t of_beside = is_column ? see->of_above->column : see->of_left->row;
    const uint32_t of_same = is_column ? of_colour->column : of_colour->row, of_row = is_column ? see->note->row : 0;
    int32_t guesses[8], border_guesses[8];
    int edge = 0;
    uint32_t likely = 0;
    continue_border(is_column ? see->columns_left : see->rows_above, own, at_first_sample, guesses);
    continue_border(is_column ? see->columns_left : see->rows_above, own, at_border, border_guesses);
    for (int j = 1; j < 8; j++) {
        const int32_t inverse = continues ? part->inverses[along * j] : 0;
        edge += see->known[along * j] != 0;
        guesses[j] = within((int64_t)guesses[j] * inverse >> 16, 32767);
        border_guesses[j] = within((int64_t)border_guesses[j] * inverse >> 16, 32767);
        likely += nlc_magnitude(guesses[j]) >= 8;
    }
    const uint32_t side = see->c << 1 | (uint32_t)is_column, inside = small_class(part, count);
    nlc_mix_context(mix, 0, OF_EDGE_COUNT, side, of_same << 8 | inside);
    nlc_mix_context(mix, 1, OF_EDGE_COUNT + 1, side, likely << 8 | inside);
    nlc_mix_context(mix, 2, OF_EDGE_COUNT + 2, side, of_row << 3 | of_from);
    nlc_mix_context(mix, 3, OF_EDGE_COUNT + 3, side, of_beside << 3 | likely);
    edge = code_number(mix, NLC_JPEG_COUNTS_1 + 128 + (see->coloured * 2 + (uint32_t)is_column) * 8,
                       NLC_JPEG_COUNTS_2 + 6, edge);
    const int total = edge;
    for (int j = 1; j < 8 && edge; j++) {
        const int k = along * j;
        const int16_t *after = see->block + k;
        const int next_to = magnitude(after[across]) + magnitude(after[2 * across]) + magnitude(after[3 * across]);
        const nlc_vector around =
            nlc_vector_of(0, pair(see->above[k], see->left[k]), pair(luma[k], other[k]),
                          pair(see->above_left[k], see->above_right[k]));
        const nlc_vector terms = nlc_vector_add(nlc_vector_sixteenths(around),
                                                nlc_vector_of(pair(guesses[j], border_guesses[j]), 0, 0, 0));
        nlc_mix_regression *regression = &part->regressions[see->c][k];
        const int32_t mean = nlc_mix_regress(regression, terms);
        const int32_t means[NLC_MIX_EXPECTATIONS] = {border_guesses[j], mean};
        nlc_mix_spread *const spreads[NLC_MIX_EXPECTATIONS] = {
            spread_at(part->spreads[see->c][k][0], inside),
            spread_at(part->spreads[see->c][k][1], small_class(part, next_to) * 4 + (uint32_t)(edge / 2))};
        const nlc_mix_expectation expected[NLC_MIX_EXPECTATIONS] = {nlc_mix_expect(*spreads[0], means[0]),
                                                                    nlc_mix_expect(*spreads[1], means[1])};
        const uint32_t here = see->c << 6 | (uint32_t)k;
        nlc_mix_context(mix, 0, OF_EDGE, here, inside << 8 | (uint32_t)edge);
        nlc_mix_context(mix, 1, OF_EDGE + 1, here,
                        (uint32_t)(within(luma[k], 7) + 8) << 8 | (uint32_t)(within(other[k], 7) + 8));
        const uint32_t size = at_most(small_class(part, (nlc_magnitude(mean) + 8) >> 4), 9);
        const int32_t value =
            nlc_clamp(nlc_mix_value_of_two(mix, NLC_JPEG_EDGE_1 + (see->coloured * 8 + (uint32_t)j) * 16,
                                           NLC_JPEG_EDGE_2 + size * 16, expected, see->known[k]),
                      INT16_MIN, INT16_MAX);
        see->block[k] = (int16_t)value;
        edge -= value != 0;
        nlc_mix_regress_learn(regression, terms, within(value * 16 - mean, 32767));
        for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++)
            nlc_mix_spread_learn(mix, spreads[e], within(value * 16 - means[e], 32767));
    }
    return total;
}

/* The inverse transform in 1/8192, by frequency and place. */
static const int16_t cosines[8][8] = {
    {2896, 2896, 2896, 2896, 2896, 2896, 2896, 2896},     {4017, 3406, 2276, 799, -799, -2276, -3406, -4017},
    {3784, 1567, -1567, -3784, -3784, -1567, 1567, 3784}, {3406, -799, -4017, -2276, 2276, 4017, 799, -3406},
    {2896, -2896, -2896, 2896, 2896, -2896, -2896, 2896}, {2276, -4017, 799, 3406, -3406, -799, 4017, -2276},
    {1567, -3784, 3784, -1567, -1567, 3784, -3784, 1567}, {799, -2276, 3406, -4017, 4017, -3406, 2276, -799},
};

static nlc_vector transform(const nlc_vector rows[8], int at) {
    nlc_sums all = nlc_sums_none();
    for (int k = 0; k < 8; k += 2)
        all = nlc_sums_add(all, rows[k], rows[k + 1], cosines[k][at], cosines[k + 1][at]);
    return nlc_sums_vector(all, 12);
}

/* Samples in quarters, from rows of coefficients times steps: of each column the first two and the last two. */
static void transform_borders(const nlc_vector rows[8], int16_t samples[8][8]) {
    const nlc_vector none = nlc_vector_of(0, 0, 0, 0);
    nlc_vector turned[8] = {transform(rows, 0), transform(rows, 1), transform(rows, 6), transform(rows, 7),
                            none,               none,               none,               none};
    nlc_vector_transpose(turned);
    for (int x = 0; x < 8; x++)
        nlc_vector_store(samples[x], transform(turned, x));
}

/* Keep the last samples at a border, and with them DC. */
static void keep_border(nlc_jpeg_border *border, int16_t samples[8][8], int32_t dc) {
    for (int j = 0; j < 8; j++) {
        border->inner[j] = (int16_t)within(samples[j][2] + dc, 32767);
        border->outer[j] = (int16_t)within(samples[j][3] + dc, 32767);
    }
}

static void code_dc(nlc_jpeg_part *part, surroundings *see, int count, int32_t column) {
    nlc_mix *mix = &part->mix;
    const int32_t step = part->steps[0];
    nlc_jpeg_border *borders[2] = {&part->bottoms[column], &part->right};
    int16_t samples[2][8][8]; /* of columns, of rows */
    int32_t sums[2] = {0, 0}, least = INT32_MAX, most = INT32_MIN;
    nlc_vector rows[8];
    times_steps(see->block, part->steps, rows);
    transform_borders(rows, samples[0]);
    nlc_vector_transpose(rows);
    transform_borders(rows, samples[1]);
    for (int from = 0; from < 2; from++) { /* above, left: lines go on with the slope that they have on both sides */
        const nlc_jpeg_border *border = borders[from];
        if (!(from ? see->has_left : see->has_above))
            continue;
        for (int j = 0; j < 8; j++) {
            const int32_t here = samples[from][j][0], next = samples[from][j][1];
            const int32_t found = border->outer[j] + ((border->outer[j] - border->inner[j] + here - next) >> 1) - here;
            least = found < least ? found : least;
            most = found > most ? found : most;
            sums[from] += found;
        }
    }
    const int ways = see->has_above + see->has_left;
    /* A step of DC is step / 2 quarters of each of 8 samples. */
    const int32_t both = ways ? within(divided((sums[0] + sums[1]) * 4, step * ways), 1 << 19) : 0;
    const int32_t from_above = see->has_above ? within(divided(sums[0] * 4, step), 1 << 19) : both;
    const int32_t from_left = see->has_left ? within(divided(sums[1] * 4, step), 1 << 19) : both;
    const int residual_above = see->of_above->residual, residual_left = see->of_left->residual;
    const int residual_luma = see->of_luma->residual, residual_other = see->of_other->residual;
    const nlc_vector terms =
        nlc_vector_of(pair(within(from_above - both, 32767), within(from_left - both, 32767)),
                      pair(residual_above, residual_left), pair(residual_luma, residual_other), 0);
    nlc_mix_regression *regression = &part->regressions[see->c][0];
    const int32_t mean = both + nlc_mix_regress(regression, terms);
    const int32_t whole = within((mean + 8) >> 4, 32767), rest = within(mean - 16 * whole, 32767);
    const uint32_t range = ways ? nlc_jpeg_class(min((most - least) / step * 4, 65535)) : 40;
    const uint32_t apart = nlc_jpeg_class(min(nlc_magnitude(from_above - from_left) >> 3, 65535));
    const uint32_t before = nlc_jpeg_class((nlc_magnitude(residual_above) + nlc_magnitude(residual_left)) >> 3);
    const uint32_t colour = nlc_jpeg_class((nlc_magnitude(residual_luma) + nlc_magnitude(residual_other)) >> 3);
    nlc_mix_spread *const spreads[NLC_MIX_EXPECTATIONS] = {
        spread_at(part->spreads[see->c][0][0], before),
        spread_at(part->spreads[see->c][0][1], (uint32_t)min((int)apart, 15) * 4 + (uint32_t)min((int)colour / 2, 3))};
    const nlc_mix_expectation expected = nlc_mix_expect((*spreads[0] >> 1) + (*spreads[1] >> 1), rest);
    nlc_mix_context(mix, 0, OF_DC, see->c, nlc_jpeg_class(count) << 8 | range);
    nlc_mix_context(mix, 1, OF_DC + 1, see->c, colour << 8 | range);
    const int32_t value =
        nlc_mix_value(mix, NLC_JPEG_DC_1 + see->coloured * 16, NLC_JPEG_DC_2 + (uint32_t)min((int)range, 15) * 16,
                      expected, see->known[0] - whole);
    see->block[0] = (int16_t)nlc_clamp(whole + value, INT16_MIN, INT16_MAX);
    const int32_t error = within(value * 16 - rest, 32767);
    see->note->residual = (int16_t)error;
    nlc_mix_regress_learn(regression, terms, error);
    for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++)
        nlc_mix_spread_learn(mix, spreads[e], error);
    const int32_t dc = see->block[0] * step / 2;
    for (int from = 0; from < 2; from++)
        keep_border(borders[from], samples[from], dc);
}

void nlc_jpeg_code_block(nlc_jpeg_part *part, int32_t row, int32_t column) {
    surroundings see;
    nlc_vector rows[8];
    look_around(part, row, column, &see);
    int count = 0;
    for (int z = 0; part->mix.coder.out && z < INNER; z++)
        count += see.known[inner[z]] != 0;
    count = code_count(part, &see, count);
    see.note->inner = (uint8_t)count;
    if (count)
        code_inner(part, &see, count);
    times_steps(see.block, part->steps, rows);
    see.note->row = (uint8_t)code_edge(part, &see, rows, count, 0);
    nlc_vector_transpose(rows);
    see.note->column = (uint8_t)code_edge(part, &see, rows, count, 1);
    code_dc(part, &see, count, column);
    if (!part->mix.coder.out)
        memcpy(see.known, see.block, sizeof see.block);
}
