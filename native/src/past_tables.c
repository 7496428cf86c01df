/* Which table of quantisation explains a picture: for each frequency and entry, how near coefficients are to
 * multiples. */
#include "past.h"

#include <string.h>

#define WORST 8.0f /* blocks whose noise is not like others' are no proof */
#define ENTRIES 256

/* ln(n) for n = 1 to 255, from ln(n / (n - 1)) = 2 artanh(1 / (2n - 1)). */
static void logarithms(float *of) {
    double sum = 0;
    of[0] = of[1] = 0;
    for (int n = 2; n < ENTRIES; n++) {
        const double x = 1.0 / (2 * n - 1), square = x * x;
        double power = x, part = 0;
        for (int k = 1; k < 40; k += 2) {
            part += power / k;
            power *= square;
        }
        sum += 2 * part;
        of[n] = (float)sum;
    }
}

int nlc_past_scores(const float *samples, const uint8_t *chosen, int32_t block_rows, int32_t block_columns,
                    const float *spread, const float *least, float *scores, int32_t *counts) {
    nlc_past_waves waves;
    nlc_past_prepare_waves(&waves);
    float logarithm[ENTRIES];
    logarithms(logarithm);
    memset(scores, 0, sizeof *scores * NLC_PAST_BLOCK * ENTRIES);
    memset(counts, 0, sizeof *counts * NLC_PAST_BLOCK);
    const size_t columns = (size_t)block_columns, stride = columns * NLC_PAST_SIDE;
    for (size_t number = 0; number < (size_t)block_rows * columns; number++) {
        if (!chosen[number])
            continue;
        const size_t corner = (number / columns * stride + number % columns) * NLC_PAST_SIDE;
        float block[NLC_PAST_BLOCK], found[NLC_PAST_BLOCK];
        for (size_t n = 0; n < NLC_PAST_BLOCK; n++)
            block[n] = samples[corner + n / 8 * stride + n % 8] - 128.0f;
        nlc_past_forward(&waves, block, found);
        for (int k = 0; k < NLC_PAST_BLOCK; k++) {
            const float size = found[k] < 0 ? -found[k] : found[k], half = 0.5f / spread[k];
            if (size < least[k])
                continue;
            counts[k]++;
            /* Twice as large entries make it 0, and leave all of it, which is WORST. */
            const int doubted = size < (float)(ENTRIES / 2) ? 1 + (int)(2 * size) : ENTRIES;
            const int small = doubted < ENTRIES ? doubted : ENTRIES;
            for (int q = 1; q < small; q++) {
                const float entry = (float)q, off = size - entry * (float)(int32_t)(size / entry + 0.5f);
                const float doubt = off * off * half;
                scores[k * ENTRIES + q] += logarithm[q] - (doubt < WORST ? doubt : WORST);
            }
            for (int q = small; q < ENTRIES; q++)
                scores[k * ENTRIES + q] += logarithm[q] - WORST;
        }
    }
    return NLC_PAST_OK;
}
