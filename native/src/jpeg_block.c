/* The model of one block: its inner 7 x 7 coefficients, then its first row and column, then DC. */
#include "jpeg_around.h"

#include <string.h>

/* The inner coefficients in the order of the zigzag. */
#define INNER 49
static const uint8_t inner[INNER] = {9,  10, 17, 25, 18, 11, 12, 19, 26, 33, 41, 34, 27, 20, 13, 14, 21,
                                     28, 35, 42, 49, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58,
                                     59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};
#define INNER_ONES UINT64_C(0xFEFEFEFEFEFEFE00) /* a bit for each, in raster order */

static const int16_t nothing[64];
static const nlc_jpeg_note no_note;

uint32_t nlc_jpeg_class(int32_t x) {
    const int bits = nlc_bit_length((uint32_t)x);
    return bits < 3 ? (uint32_t)x : (uint32_t)((bits - 1) * 2 + (x >> (bits - 2) & 1));
}

void nlc_jpeg_list_lines(nlc_jpeg_part *part) {
    for (uint32_t k = 0; k < 64; k++)
        for (uint32_t left_over = 0; left_over < NLC_JPEG_COUNT_CLASSES; left_over++)
            part->inner_lines[k][left_over] =
                (uint16_t)nlc_mix_line(OF_INNER, (uint32_t)part->component << 6 | k, left_over);
}

static void look_around(const nlc_jpeg_part *part, int32_t row, int32_t column, nlc_jpeg_surroundings *see) {
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
    nlc_vector_zeros(see->block);
}

static int code_count(nlc_jpeg_part *part, const nlc_jpeg_surroundings *see, int count) {
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
        const int bits = part->code->number(mix, set, NLC_JPEG_COUNTS_2 + half * 3, half ? count & 7 : count >> 3);
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

/* Sums of magnitudes above and left, of each frequency twice and of the four beside it, at most 255. */
static void blur(const int16_t above[64], const int16_t left[64], int16_t sums[64]) {
    nlc_vector rows[10];
    rows[0] = rows[9] = nlc_vector_of(0, 0, 0, 0);
    for (int v = 0; v < 8; v++)
        rows[v + 1] = nlc_vector_magnitudes(nlc_vector_load(above + 8 * v), nlc_vector_load(left + 8 * v));
    for (int v = 0; v < 8; v++) {
        const nlc_vector here = rows[v + 1], beside = nlc_vector_add(rows[v], rows[v + 2]);
        const nlc_vector sum = nlc_vector_add(nlc_vector_add(here, here), nlc_vector_beside(here));
        nlc_vector_store(sums + 8 * v, nlc_vector_least(nlc_vector_add(sum, beside), 255));
    }
}

static void code_inner(nlc_jpeg_part *part, nlc_jpeg_surroundings *see, int count) {
    nlc_mix *mix = &part->mix;
    const int16_t *luma = see->luma, *other = see->other;
    const int32_t has_above = see->has_above ? -1 : 0, has_left = see->has_left ? -1 : 0;
    int32_t top[8], side[8];     /* what is missing at the borders */
    int16_t near[64], found[64]; /* magnitudes around, blurred, and in the block */
    border_sums(see->rows_above, top);
    border_sums(see->columns_left, side);
    blur(see->above, see->left, near);
    nlc_vector_zeros(found);
    for (int z = 0; z < INNER && count; z++) {
        const int k = inner[z], u = k & 7, v = k >> 3;
        const uint32_t local = small_class(part, found[k - 1] + found[k - 8] + found[k - 9]);
        const uint32_t blurred = part->classes[near[k]], left_over = part->classes[count];
        const uint32_t colours = see->coloured ? small_class(part, magnitude(luma[k]) + magnitude(other[k])) : 0;
        nlc_mix_at(mix, 0, part->inner_lines[k][left_over]);
        nlc_mix_context(mix, 1, OF_INNER + 1, see->c, blurred << 16 | left_over << 8 | local);
        const int32_t inverse = part->inverses[k];
        const int32_t of_top = (int32_t)((int64_t)top[u] * (inverse & has_above) >> 16);
        const int32_t of_side = (int32_t)((int64_t)side[v] * (inverse & has_left) >> 16);
        const nlc_vector terms = terms_of(see, k, of_top, of_side);
        nlc_mix_regression *regression = &part->regressions[see->c][k];
        const int32_t mean = nlc_mix_regress(regression, terms);
        nlc_mix_spread *const spreads[NLC_MIX_EXPECTATIONS] = {
            spread_at(part->spreads[see->c][k][0], at_most(local, 7) * 8 + (left_over + 1) / 2),
            spread_at(part->spreads[see->c][k][1], blurred * 4 + at_most(colours, 3))};
        const nlc_mix_expectation expected = nlc_mix_expect((*spreads[0] >> 1) + (*spreads[1] >> 1), mean);
        const int32_t value = nlc_kept(
            part->code->value(mix, NLC_JPEG_INNER_1 + (see->coloured * 17 + (uint32_t)z / 3) * 16,
                              NLC_JPEG_INNER_2 + (left_over + see->coloured * 12) * 16, &expected, see->known[k]),
            INT16_MIN, INT16_MAX);
        see->block[k] = (int16_t)value;
        found[k] = (int16_t)magnitude(value);
        count -= value != 0;
        const int32_t scaled = nlc_kept(value * part->steps[k], INT16_MIN, INT16_MAX);
        top[u] -= scaled;
        side[v] -= scaled;
        const int32_t error = nlc_kept(value * 16 - mean, -32767, 32767);
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
static int code_edge(nlc_jpeg_part *part, nlc_jpeg_surroundings *see, const nlc_vector own[8], int count,
                     int is_column) {
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
        guesses[j] = nlc_kept((int32_t)((int64_t)guesses[j] * inverse >> 16), -32767, 32767);
        border_guesses[j] = nlc_kept((int32_t)((int64_t)border_guesses[j] * inverse >> 16), -32767, 32767);
        likely += nlc_magnitude(guesses[j]) >= 8;
    }
    const uint32_t side = see->c << 1 | (uint32_t)is_column, inside = small_class(part, count);
    nlc_mix_context(mix, 0, OF_EDGE_COUNT, side, of_same << 8 | inside);
    nlc_mix_context(mix, 1, OF_EDGE_COUNT + 1, side, likely << 8 | inside);
    nlc_mix_context(mix, 2, OF_EDGE_COUNT + 2, side, of_row << 3 | of_from);
    nlc_mix_context(mix, 3, OF_EDGE_COUNT + 3, side, of_beside << 3 | likely);
    edge = part->code->number(mix, NLC_JPEG_COUNTS_1 + 128 + (see->coloured * 2 + (uint32_t)is_column) * 8,
                       NLC_JPEG_COUNTS_2 + 6, edge);
    const int total = edge;
    for (int j = 1; j < 8 && edge; j++) {
        const int k = along * j;
        const int16_t *after = see->block + k;
        const int next_to = magnitude(after[across]) + magnitude(after[2 * across]) + magnitude(after[3 * across]);
        const nlc_vector terms = terms_of(see, k, guesses[j], border_guesses[j]);
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
            nlc_kept(part->code->value_of_two(mix, NLC_JPEG_EDGE_1 + (see->coloured * 8 + (uint32_t)j) * 16,
                                               NLC_JPEG_EDGE_2 + size * 16, expected, see->known[k]),
                      INT16_MIN, INT16_MAX);
        see->block[k] = (int16_t)value;
        edge -= value != 0;
        nlc_mix_regress_learn(regression, terms, nlc_kept(value * 16 - mean, -32767, 32767));
        for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++)
            nlc_mix_spread_learn(mix, spreads[e], nlc_kept(value * 16 - means[e], -32767, 32767));
    }
    return total;
}

void nlc_jpeg_code_block(nlc_jpeg_part *part, int32_t row, int32_t column) {
    nlc_jpeg_surroundings see;
    nlc_vector rows[8];
    look_around(part, row, column, &see);
    int count = 0;
    for (uint64_t left = nlc_vector_others(see.known) & INNER_ONES; left; left &= left - 1)
        count++;
    count = code_count(part, &see, count);
    see.note->inner = (uint8_t)count;
    if (count)
        code_inner(part, &see, count);
    times_steps(see.block, part->steps, rows);
    see.note->row = (uint8_t)code_edge(part, &see, rows, count, 0);
    nlc_vector_transpose(rows);
    see.note->column = (uint8_t)code_edge(part, &see, rows, count, 1);
    nlc_jpeg_code_dc(part, &see, count, column);
    if (!part->mix.coder.out)
        memcpy(see.known, see.block, sizeof see.block);
}
