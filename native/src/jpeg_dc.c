/* The model of DC: lines of samples go on across the borders of blocks. */
#include "jpeg_around.h"

/* Divide and round to the nearest, halves away from 0. */
static int32_t divided(int32_t a, int32_t b) { return a < 0 ? -((-a + b / 2) / b) : (a + b / 2) / b; }

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

/* Samples of a block but for DC, in quarters: lines along a border, the first two and the last two. */
typedef struct {
    int16_t first[8], second[8], last_but_one[8], last[8];
} border_samples;

/* From coefficients times steps, of which each vector has one frequency along the border. */
static void transform_borders(const nlc_vector rows[8], border_samples *samples) {
    nlc_vector_store(samples->first, nlc_sums_vector(nlc_sums_product(transform(rows, 0), cosines), 12));
    nlc_vector_store(samples->second, nlc_sums_vector(nlc_sums_product(transform(rows, 1), cosines), 12));
    nlc_vector_store(samples->last_but_one, nlc_sums_vector(nlc_sums_product(transform(rows, 6), cosines), 12));
    nlc_vector_store(samples->last, nlc_sums_vector(nlc_sums_product(transform(rows, 7), cosines), 12));
}

/* Keep the last samples at a border, and with them DC. */
static void keep_border(nlc_jpeg_border *border, const border_samples *samples, int32_t dc) {
    for (int j = 0; j < 8; j++) {
        border->inner[j] = (int16_t)nlc_clamp(samples->last_but_one[j] + dc, -32767, 32767);
        border->outer[j] = (int16_t)nlc_clamp(samples->last[j] + dc, -32767, 32767);
    }
}

void nlc_jpeg_code_dc(nlc_jpeg_part *part, nlc_jpeg_surroundings *see, int count, int32_t column) {
    nlc_mix *mix = &part->mix;
    const int32_t step = part->steps[0];
    nlc_jpeg_border *borders[2] = {&part->bottoms[column], &part->right};
    border_samples samples[2]; /* of columns, of rows */
    int32_t sums[2] = {0, 0}, least = INT32_MAX, most = INT32_MIN;
    nlc_vector rows[8];
    times_steps(see->block, part->steps, rows);
    transform_borders(rows, &samples[0]);
    nlc_vector_transpose(rows);
    transform_borders(rows, &samples[1]);
    for (int from = 0; from < 2; from++) { /* above, left: lines go on with the slope that they have on both sides */
        const nlc_jpeg_border *border = borders[from];
        if (!(from ? see->has_left : see->has_above))
            continue;
        for (int j = 0; j < 8; j++) {
            const int32_t here = samples[from].first[j], next = samples[from].second[j];
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
        part->code->value(mix, NLC_JPEG_DC_1 + see->coloured * 16, NLC_JPEG_DC_2 + at_most(range, 15) * 16, &expected,
                          see->known[0] - whole);
    see->block[0] = (int16_t)nlc_clamp(whole + value, INT16_MIN, INT16_MAX);
    const int32_t error = within(value * 16 - rest, 32767);
    see->note->residual = (int16_t)error;
    nlc_mix_regress_learn(regression, terms, error);
    for (int e = 0; e < NLC_MIX_EXPECTATIONS; e++)
        nlc_mix_spread_learn(mix, spreads[e], error);
    const int32_t dc = see->block[0] * step / 2;
    for (int from = 0; from < 2; from++)
        keep_border(borders[from], &samples[from], dc);
}
