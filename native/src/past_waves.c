/* The orthonormal cosine transform of blocks, in floating point. */
#include "past.h"

/* cos(k * pi / 16) / 2 for k = 1 to 7, and cos(pi / 4) / 2 for the constant frequency. */
static const float half_cosines[8] = {0.35355339f, 0.49039264f, 0.46193977f, 0.41573481f,
                                      0.35355339f, 0.27778512f, 0.19134172f, 0.09754516f};

/* cos(k * n * pi / 16) / 2 for any k * n = `angle`. */
static float half_cosine(int angle) {
    angle %= 32;
    if (angle > 16)
        angle = 32 - angle;
    if (angle == 8)
        return 0;
    if (angle == 0 || angle == 16)
        return angle ? -0.5f : 0.5f;
    return angle < 8 ? half_cosines[angle] : -half_cosines[16 - angle];
}

void nlc_past_prepare_waves(nlc_past_waves *waves) {
    for (int k = 0; k < NLC_PAST_SIDE; k++)
        for (int n = 0; n < NLC_PAST_SIDE; n++)
            waves->cosines[k][n] = waves->transposed[n][k] = k ? half_cosine(k * (2 * n + 1)) : half_cosines[0];
    for (int k = 0; k < NLC_PAST_BLOCK; k++)
        for (int n = 0; n < NLC_PAST_BLOCK; n++)
            waves->block[k][n] = waves->cosines[k / 8][n / 8] * waves->cosines[k % 8][n % 8];
}

/* out[x][k] = sum over n of matrix[n][k] * in[n][x]: one direction, and the block turned. */
static void one_way(const float matrix[8][8], const float *in, float *out) {
    for (int x = 0; x < NLC_PAST_SIDE; x++) {
        float sums[NLC_PAST_SIDE] = {0};
        for (int n = 0; n < NLC_PAST_SIDE; n++)
            for (int k = 0; k < NLC_PAST_SIDE; k++)
                sums[k] += matrix[n][k] * in[n * NLC_PAST_SIDE + x];
        for (int k = 0; k < NLC_PAST_SIDE; k++)
            out[x * NLC_PAST_SIDE + k] = sums[k];
    }
}

void nlc_past_forward(const nlc_past_waves *waves, const float *samples, float *frequencies) {
    float work[NLC_PAST_BLOCK];
    one_way(waves->transposed, samples, work);
    one_way(waves->transposed, work, frequencies);
}

void nlc_past_backward(const nlc_past_waves *waves, const float *frequencies, float *samples) {
    float work[NLC_PAST_BLOCK];
    one_way(waves->cosines, frequencies, work);
    one_way(waves->cosines, work, samples);
}

int32_t nlc_past_forbidden(const uint16_t *table, int32_t part) {
    int32_t smallest = table[0], count = 0;
    for (int k = 1; k < NLC_PAST_BLOCK; k++)
        smallest = table[k] < smallest ? table[k] : smallest;
    for (int k = 0; k < NLC_PAST_BLOCK; k++)
        count += table[k] <= smallest + smallest / 2;
    return 1 + count / part;
}

int nlc_past_promising(const uint16_t *table, float scale, const float *slope, const int32_t *free_at, int32_t now,
                       int *steps) {
    float promise[NLC_PAST_BLOCK], best[NLC_PAST_LOOKED_AT];
    for (int k = 0; k < NLC_PAST_BLOCK; k++) {
        const float q = (float)table[k];
        promise[k] = q * (2 * (slope[k] < 0 ? -slope[k] : slope[k]) - NLC_PAST_CURVATURE * scale * q);
    }
    int count = 0;
    for (int k = 0; k < NLC_PAST_BLOCK; k++) {
        if (free_at[k] > now || (count == NLC_PAST_LOOKED_AT && promise[k] <= best[NLC_PAST_LOOKED_AT - 1]))
            continue;
        int at = count < NLC_PAST_LOOKED_AT ? count++ : NLC_PAST_LOOKED_AT - 1;
        for (; at && best[at - 1] < promise[k]; at--) {
            best[at] = best[at - 1];
            steps[at] = steps[at - 1];
        }
        best[at] = promise[k];
        steps[at] = 2 * k + (slope[k] > 0);
    }
    return count;
}
