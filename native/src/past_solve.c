/* Coefficients of blocks of which each sample is known, or between two bounds.
 *
 * A transformed and rounded block nearly always has the coefficients that it came from. Where a table's entry is 1 or
 * 2, the rounding of samples may move a coefficient too far: then steps of +-1 are searched that lead into all bounds,
 * where the step that helps most is taken, also if it does not help at all, and not taken back for a while (tabu
 * search).
 */
#include "past.h"

#include <string.h>

#define MIDDLE 128.0f
#define FILLS 12
#define PART 6
#define TURNS 4
/* What a search aims at lies this much within the bounds, so that there is a slope where a block is nearly right. */
#define MARGIN 0.08f
/* Samples this much beyond their bounds may still round into them: the integers of a decoder differ as much. */
#define SLACK 0.06f

typedef struct {
    float low[NLC_PAST_BLOCK], high[NLC_PAST_BLOCK]; /* of the transform's values, less the middle */
    int32_t values[NLC_PAST_BLOCK];
    const uint16_t *table;
} task;

static void read_bounds(task *own, const uint8_t *low, const uint8_t *high, size_t stride) {
    for (size_t n = 0; n < NLC_PAST_BLOCK; n++) {
        const uint8_t least = low[n / 8 * stride + n % 8], most = high[n / 8 * stride + n % 8];
        own->low[n] = least == 0 ? -4096.0f : (float)least - 0.5f + MARGIN - MIDDLE;
        own->high[n] = most == 255 ? 4096.0f : (float)most + 0.5f - MARGIN - MIDDLE;
    }
}

static float excess(const task *own, const float *samples, float *beyond, float *worst) {
    float sums[NLC_PAST_SIDE] = {0}, most[NLC_PAST_SIDE] = {0}, total = 0;
    for (size_t y = 0; y < NLC_PAST_SIDE; y++)
        for (size_t x = 0; x < NLC_PAST_SIDE; x++) {
            const size_t n = 8 * y + x;
            const float above = samples[n] - own->high[n], below = samples[n] - own->low[n];
            const float over = (above > 0 ? above : 0) + (below < 0 ? below : 0);
            const float square = over * over;
            beyond[n] = over;
            sums[x] += square;
            most[x] = square > most[x] ? square : most[x];
        }
    *worst = 0;
    for (size_t x = 0; x < NLC_PAST_SIDE; x++) {
        total += sums[x];
        *worst = most[x] > *worst ? most[x] : *worst;
    }
    return total;
}

/* What excess() returns of samples moved by `size` times a wave. */
static float moved_excess(const task *own, const float *samples, const float *wave, float size) {
    float sums[NLC_PAST_SIDE] = {0}, total = 0;
    for (size_t y = 0; y < NLC_PAST_SIDE; y++)
        for (size_t x = 0; x < NLC_PAST_SIDE; x++) {
            const size_t n = 8 * y + x;
            const float value = samples[n] + size * wave[n];
            const float above = value - own->high[n], below = value - own->low[n];
            const float over = (above > 0 ? above : 0) + (below < 0 ? below : 0);
            sums[x] += over * over;
        }
    for (size_t x = 0; x < NLC_PAST_SIDE; x++)
        total += sums[x];
    return total;
}

static void rounded(const nlc_past_waves *waves, task *own, const float *samples) {
    float found[NLC_PAST_BLOCK];
    nlc_past_forward(waves, samples, found);
    for (int k = 0; k < NLC_PAST_BLOCK; k++)
        own->values[k] = nlc_past_round(found[k] / (float)own->table[k]);
}

static void samples_of(const nlc_past_waves *waves, const task *own, float *samples) {
    float found[NLC_PAST_BLOCK];
    for (int k = 0; k < NLC_PAST_BLOCK; k++)
        found[k] = (float)(own->values[k] * (int32_t)own->table[k]);
    nlc_past_backward(waves, found, samples);
}

static int is_right(const task *own, const uint8_t *low, const uint8_t *high, size_t stride, int16_t *coefficients) {
    uint8_t decoded[NLC_PAST_BLOCK];
    for (int k = 0; k < NLC_PAST_BLOCK; k++) {
        if (own->values[k] < -2047 || own->values[k] > 2047)
            return 0;
        coefficients[k] = (int16_t)own->values[k];
    }
    if (!nlc_past_block(coefficients, own->table, decoded, NLC_PAST_SIDE))
        return 0;
    for (size_t n = 0; n < NLC_PAST_BLOCK; n++)
        if (decoded[n] < low[n / 8 * stride + n % 8] || decoded[n] > high[n / 8 * stride + n % 8])
            return 0;
    return 1;
}

/* Fill what is unknown of the samples with what the rounded coefficients make of it, again and again. */
static void fill(const nlc_past_waves *waves, task *own, float *samples) {
    float made[NLC_PAST_BLOCK];
    int32_t before[NLC_PAST_BLOCK];
    for (int turn = 0; turn < FILLS; turn++) {
        memcpy(before, own->values, sizeof before);
        samples_of(waves, own, made);
        for (int n = 0; n < NLC_PAST_BLOCK; n++)
            if (own->high[n] - own->low[n] > 1.0f)
                samples[n] = made[n] < own->low[n] ? own->low[n] : made[n] > own->high[n] ? own->high[n] : made[n];
        rounded(waves, own, samples);
        if (!memcmp(before, own->values, sizeof before))
            return;
    }
}

/* Search until a block is right; returns 1 if it is. `steps` counts down. Values are the best found. */
static int search(const nlc_past_waves *waves, task *own, const uint8_t *low, const uint8_t *high, size_t stride,
                  int32_t limit, int64_t *budget, int16_t *coefficients) {
    float samples[NLC_PAST_BLOCK], beyond[NLC_PAST_BLOCK], slope[NLC_PAST_BLOCK];
    int32_t free_at[NLC_PAST_BLOCK] = {0}, best[NLC_PAST_BLOCK];
    samples_of(waves, own, samples);
    float worst, least = excess(own, samples, beyond, &worst);
    memcpy(best, own->values, sizeof best);
    const int32_t forbidden = nlc_past_forbidden(own->table, PART);
    for (int32_t now = 1; now <= limit && *budget > 0; now++, --*budget) {
        int steps[NLC_PAST_LOOKED_AT], chosen = -1;
        nlc_past_forward(waves, beyond, slope);
        const int count = nlc_past_promising(own->table, 1.0f, slope, free_at, now, steps);
        float next = 0;
        for (int n = 0; n < count; n++) {
            const int k = steps[n] / 2;
            const float size = steps[n] % 2 ? -(float)own->table[k] : (float)own->table[k];
            const float cost_there = moved_excess(own, samples, waves->block[k], size);
            if (chosen < 0 || cost_there < next) {
                chosen = steps[n];
                next = cost_there;
            }
        }
        if (chosen < 0)
            continue;
        const int k = chosen / 2, up = chosen % 2 ? -1 : 1;
        own->values[k] += up;
        free_at[k] = now + forbidden + (int32_t)((uint32_t)now * 2654435761u >> 16) % TURNS;
        if (now % 64 == 0) {
            samples_of(waves, own, samples);
        } else {
            const float size = (float)(up * (int32_t)own->table[k]);
            for (int n = 0; n < NLC_PAST_BLOCK; n++)
                samples[n] += size * waves->block[k][n];
        }
        const float cost = excess(own, samples, beyond, &worst);
        if (cost < least) {
            least = cost;
            memcpy(best, own->values, sizeof best);
        }
        if (worst < (MARGIN + SLACK) * (MARGIN + SLACK) && is_right(own, low, high, stride, coefficients))
            return 1;
    }
    memcpy(own->values, best, sizeof best);
    (void)is_right(own, low, high, stride, coefficients);
    return 0;
}

int nlc_past_solve(const float *guess, const uint8_t *low, const uint8_t *high, int32_t block_rows,
                   int32_t block_columns, const uint16_t *table, int32_t limit, int64_t *budget, int16_t *coefficients,
                   uint8_t *solved) {
    nlc_past_waves waves;
    nlc_past_prepare_waves(&waves);
    const size_t columns = (size_t)block_columns, stride = columns * NLC_PAST_SIDE;
    for (size_t number = 0; number < (size_t)block_rows * columns; number++) {
        if (solved[number] == NLC_PAST_SOLVED)
            continue;
        const size_t corner = (number / columns * stride + number % columns) * NLC_PAST_SIDE;
        int16_t *own_coefficients = coefficients + number * NLC_PAST_BLOCK;
        task own = {.table = table};
        read_bounds(&own, low + corner, high + corner, stride);
        if (solved[number] == NLC_PAST_UNSEEN) {
            float samples[NLC_PAST_BLOCK];
            int unknown = 0;
            for (size_t n = 0; n < NLC_PAST_BLOCK; n++) {
                samples[n] = guess[corner + n / 8 * stride + n % 8] - MIDDLE;
                unknown |= own.high[n] - own.low[n] > 1.0f;
            }
            rounded(&waves, &own, samples);
            solved[number] = NLC_PAST_UNSOLVED;
            if (is_right(&own, low + corner, high + corner, stride, own_coefficients))
                solved[number] = NLC_PAST_SOLVED;
            else if (unknown) {
                fill(&waves, &own, samples);
                if (is_right(&own, low + corner, high + corner, stride, own_coefficients))
                    solved[number] = NLC_PAST_SOLVED;
            }
        } else {
            for (int k = 0; k < NLC_PAST_BLOCK; k++)
                own.values[k] = own_coefficients[k];
            if (is_right(&own, low + corner, high + corner, stride, own_coefficients))
                solved[number] = NLC_PAST_SOLVED;
        }
        if (solved[number] == NLC_PAST_UNSOLVED && limit &&
            search(&waves, &own, low + corner, high + corner, stride, limit, budget, own_coefficients))
            solved[number] = NLC_PAST_SOLVED;
    }
    return NLC_PAST_OK;
}
