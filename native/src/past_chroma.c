/* Coefficients of a component that was enlarged: from the enlarged samples back to it.
 *
 * Each sample of a row, or of a column, was mixed 3 to 1 with its neighbours. The least squares that undo this are a
 * system of three diagonals for each direction. What the rounding of both leaves wrong is searched for, block by block,
 * with the enlargement in integers as the judge; blocks share a rim of one sample, so several rounds help.
 */
#include "past.h"

#include <stdlib.h>
#include <string.h>

/* --- least squares ------------------------------------------------------------------------------------------- */

/* The factors of the system of `count` unknowns of which `whole` mixtures are known: pivot, and what goes up. */
static void prepare(size_t count, size_t whole, float *inverse, float *carried) {
    for (size_t i = 0; i < count; i++) {
        float diagonal = i ? 0.5625f : 1.0f;         /* its left half: 3/4, or all of the first */
        if (2 * i + 1 < whole)
            diagonal += i + 1 < count ? 0.5625f : 1.0f; /* its right half */
        if (i)
            diagonal += 0.0625f; /* in the right half of the one before */
        if (i + 1 < count)
            diagonal += 0.0625f; /* in the left half of the next */
        const float before = i ? carried[i - 1] : 0; /* 0.375 / pivot of the one before */
        const float pivot = diagonal - (i ? 0.375f * before : 0);
        inverse[i] = 1.0f / pivot;
        carried[i] = 0.375f / pivot;
    }
}

/* What the mixtures say of unknown `i`: `left` and `right` are those of i - 1, i and i + 1, where they are. */
static float right_side(size_t i, size_t count, size_t whole, float left, float right, float before, float after) {
    float sum = left * (i ? 0.75f : 1.0f);
    if (2 * i + 1 < whole)
        sum += right * (i + 1 < count ? 0.75f : 1.0f);
    if (i)
        sum += 0.25f * before;
    if (i + 1 < count)
        sum += 0.25f * after;
    return sum;
}

static void reduce_row(const float *in, size_t whole, size_t count, const float *inverse, const float *carried,
                       float *out) {
    float last = 0;
    for (size_t i = 0; i < count; i++) {
        const float right = 2 * i + 1 < whole ? in[2 * i + 1] : 0, after = 2 * i + 2 < whole ? in[2 * i + 2] : 0;
        const float sum = right_side(i, count, whole, in[2 * i], right, i ? in[2 * i - 1] : 0, after);
        last = out[i] = (sum - 0.375f * last) * inverse[i];
    }
    for (size_t i = count - 1; i-- > 0;)
        out[i] -= carried[i] * out[i + 1];
}

int nlc_past_reduce(const float *enlarged, int32_t across, int32_t down, int32_t height, int32_t width,
                    float *samples) {
    const size_t rows = ((size_t)height + (size_t)down - 1) / (size_t)down, whole = (size_t)width;
    const size_t columns = (whole + (size_t)across - 1) / (size_t)across;
    const size_t longest = rows > columns ? rows : columns;
    /* Where sizes have 32 bits, their products may not. */
    if (columns > SIZE_MAX / sizeof(float) / (size_t)height || longest > SIZE_MAX / sizeof(float) / 2)
        return NLC_PAST_NO_MEMORY;
    float *inverse = malloc(2 * longest * sizeof *inverse), *work = malloc((size_t)height * columns * sizeof *work);
    if (!inverse || !work) {
        free(inverse);
        free(work);
        return NLC_PAST_NO_MEMORY;
    }
    float *carried = inverse + longest;
    if (across == 2)
        prepare(columns, whole, inverse, carried);
    for (size_t y = 0; y < (size_t)height; y++) {
        if (across == 2)
            reduce_row(enlarged + y * whole, whole, columns, inverse, carried, work + y * columns);
        else
            memcpy(work + y * columns, enlarged + y * whole, columns * sizeof *work);
    }
    if (down == 2) {
        prepare(rows, (size_t)height, inverse, carried);
        for (size_t i = 0; i < rows; i++) {
            const float *own = work + 2 * i * columns;
            const int has_right = 2 * i + 1 < (size_t)height, has_after = 2 * i + 2 < (size_t)height;
            for (size_t x = 0; x < columns; x++) {
                const float before = i ? (own - columns)[x] : 0, right = has_right ? (own + columns)[x] : 0;
                const float after = has_after ? (own + 2 * columns)[x] : 0;
                const float sum = right_side(i, rows, (size_t)height, own[x], right, before, after);
                const float last = i ? samples[(i - 1) * columns + x] : 0;
                samples[i * columns + x] = (sum - 0.375f * last) * inverse[i];
            }
        }
        for (size_t i = rows - 1; i-- > 0;)
            for (size_t x = 0; x < columns; x++)
                samples[i * columns + x] -= carried[i] * samples[(i + 1) * columns + x];
    } else
        memcpy(samples, work, rows * columns * sizeof *samples);
    free(inverse);
    free(work);
    return NLC_PAST_OK;
}

/* --- search -------------------------------------------------------------------------------------------------- */

#define EDGE 10                  /* a block's side with a rim of one sample */
#define HALVES 9                 /* left, or right, halves that depend on a block */
#define MIXED (2 * HALVES)
#define MIXTURES (MIXED * MIXED)
#define FAR 8192
#define PART 6
#define TURNS 4
/* A cost of a mixture, in its steps, that the integers of a decoder may do away with. */
#define NEARLY 40

typedef struct {
    const uint16_t *table;
    int32_t values[NLC_PAST_BLOCK];
    int across, down;      /* 1 or 2 */
    size_t rows, columns;  /* of mixtures: 18 or 8 rows, 18 or 8 columns */
    int16_t fixed[EDGE * EDGE];
    int8_t own[EDGE * EDGE]; /* the block's sample at a place, or -1 where it is fixed */
    int16_t low[MIXTURES], high[MIXTURES];
} window;

/* Sums of a direction: right halves and then left halves of `lines` lines, or the lines as they are. */
static void mix_rows(const int16_t *in, int16_t *out) {
    for (int y = 0; y < HALVES; y++)
        for (int x = 0; x < EDGE; x++) {
            const int16_t upper = in[y * EDGE + x], lower = in[(y + 1) * EDGE + x];
            out[y * EDGE + x] = (int16_t)(3 * upper + lower);
            out[(HALVES + y) * EDGE + x] = (int16_t)(3 * lower + upper);
        }
}

static void mix(const window *own, const int16_t *samples, int16_t *mixtures) {
    int16_t work[MIXED * EDGE];
    const int16_t *rows = work;
    if (own->down == 2)
        mix_rows(samples, work);
    else
        rows = samples + EDGE;
    for (size_t y = 0; y < own->rows; y++) {
        const int16_t *row = rows + y * EDGE;
        int16_t *out = mixtures + y * own->columns;
        if (own->across == 1) {
            for (int x = 0; x < NLC_PAST_SIDE; x++)
                out[x] = row[x + 1];
            continue;
        }
        for (int x = 0; x < HALVES; x++) {
            out[x] = (int16_t)(3 * row[x] + row[x + 1]);
            out[HALVES + x] = (int16_t)(3 * row[x + 1] + row[x]);
        }
    }
}

static int32_t cost_of(const window *own, const int16_t *mixtures) {
    int64_t sum = 0;
    const size_t count = own->rows * own->columns, half = count / 2;
    for (size_t part = 0; part < 2; part++) { /* 162 squares of 4,088 at most, which 32 bits without a sign hold */
        uint32_t squares = 0;
        for (size_t n = part * half; n < (part + 1) * half; n++) {
            const int16_t above = (int16_t)(mixtures[n] - own->high[n]), below = (int16_t)(own->low[n] - mixtures[n]);
            const int16_t over = above > below ? above : below, some = over > 0 ? over : 0;
            squares += (uint32_t)((int32_t)some * some);
        }
        sum += squares;
    }
    return sum < INT32_MAX ? (int32_t)sum : INT32_MAX;
}

static void place(const window *own, const int16_t *block, int16_t *samples) {
    for (int n = 0; n < EDGE * EDGE; n++)
        samples[n] = own->own[n] < 0 ? own->fixed[n] : block[own->own[n]];
}

static int32_t cost_of_block(const window *own, const int16_t *block) {
    int16_t samples[EDGE * EDGE], mixtures[MIXTURES];
    place(own, block, samples);
    mix(own, samples, mixtures);
    return cost_of(own, mixtures);
}

static void to_samples(const float *values, int16_t *block) {
    for (int n = 0; n < NLC_PAST_BLOCK; n++) {
        float value = values[n] + 128.5f;
        value = value < 0 ? 0 : value > 255 ? 255 : value;
        block[n] = (int16_t)value;
    }
}

/* The slope of the cost by the block's coefficients. */
static void slope_of(const nlc_past_waves *waves, const window *own, const float *values, float *slope) {
    int16_t block[NLC_PAST_BLOCK], samples[EDGE * EDGE], mixtures[MIXTURES];
    int32_t work[MIXED * EDGE] = {0}, sums[EDGE * EDGE] = {0};
    float by_sample[NLC_PAST_BLOCK] = {0};
    to_samples(values, block);
    place(own, block, samples);
    mix(own, samples, mixtures);
    for (size_t y = 0; y < own->rows; y++)
        for (size_t x = 0; x < own->columns; x++) {
            const size_t n = y * own->columns + x;
            const int32_t above = mixtures[n] - own->high[n], below = mixtures[n] - own->low[n];
            const int32_t over = above > 0 ? above : below < 0 ? below : 0;
            int32_t *row = work + y * EDGE;
            if (own->across == 1)
                row[x + 1] += over;
            else if (x < HALVES) {
                row[x] += 3 * over;
                row[x + 1] += over;
            } else {
                row[x - HALVES] += over;
                row[x - HALVES + 1] += 3 * over;
            }
        }
    for (int y = 0; y < (own->down == 2 ? HALVES : NLC_PAST_SIDE); y++)
        for (int x = 0; x < EDGE; x++) {
            if (own->down == 1) {
                sums[(y + 1) * EDGE + x] += work[y * EDGE + x];
                continue;
            }
            sums[y * EDGE + x] += 3 * work[y * EDGE + x] + work[(HALVES + y) * EDGE + x];
            sums[(y + 1) * EDGE + x] += work[y * EDGE + x] + 3 * work[(HALVES + y) * EDGE + x];
        }
    for (int n = 0; n < EDGE * EDGE; n++)
        if (own->own[n] >= 0)
            by_sample[own->own[n]] += (float)sums[n];
    nlc_past_forward(waves, by_sample, slope);
}

static void values_of(const nlc_past_waves *waves, const window *own, float *values) {
    float found[NLC_PAST_BLOCK];
    for (int k = 0; k < NLC_PAST_BLOCK; k++)
        found[k] = (float)(own->values[k] * (int32_t)own->table[k]);
    nlc_past_backward(waves, found, values);
}

/* The cost by the integers of a decoder, whose samples and coefficients are given too; -1 if there are none. */
static int32_t exact_cost(const window *own, int16_t *coefficients, uint8_t *decoded) {
    int16_t block[NLC_PAST_BLOCK];
    for (int k = 0; k < NLC_PAST_BLOCK; k++) {
        if (own->values[k] < -2047 || own->values[k] > 2047)
            return -1;
        coefficients[k] = (int16_t)own->values[k];
    }
    if (!nlc_past_block(coefficients, own->table, decoded, NLC_PAST_SIDE))
        return -1;
    for (int n = 0; n < NLC_PAST_BLOCK; n++)
        block[n] = decoded[n];
    return cost_of_block(own, block);
}

/* About the sum of the squares of what a sample adds to those of the picture. */
static float squares_of_weights(const window *own) { return own->across + own->down == 4 ? 100.0f : 10.0f; }

static void moved(const float *values, const float *wave, float size, float *out) {
    for (int n = 0; n < NLC_PAST_BLOCK; n++)
        out[n] = values[n] + size * wave[n];
}

/* Search for coefficients that cost nothing; returns the least cost found, whose coefficients and samples are kept. */
static int32_t search(const nlc_past_waves *waves, window *own, int32_t limit, int64_t *budget, int16_t *coefficients,
                      uint8_t *decoded) {
    float values[NLC_PAST_BLOCK], there[NLC_PAST_BLOCK], slope[NLC_PAST_BLOCK];
    int32_t free_at[NLC_PAST_BLOCK] = {0};
    int16_t block[NLC_PAST_BLOCK], tried[NLC_PAST_BLOCK];
    uint8_t made[NLC_PAST_BLOCK];
    int32_t least = exact_cost(own, coefficients, decoded);
    const int32_t forbidden = nlc_past_forbidden(own->table, PART);
    values_of(waves, own, values);
    for (int32_t now = 1; now <= limit && least && *budget > 0; now++, --*budget) {
        int steps[NLC_PAST_LOOKED_AT], chosen = -1;
        int32_t next = 0;
        slope_of(waves, own, values, slope);
        const int count = nlc_past_promising(own->table, squares_of_weights(own), slope, free_at, now, steps);
        for (int n = 0; n < count; n++) {
            const int k = steps[n] / 2;
            moved(values, waves->block[k], (float)(steps[n] % 2 ? -own->table[k] : own->table[k]), there);
            to_samples(there, block);
            const int32_t cost = cost_of_block(own, block);
            if (chosen < 0 || cost < next) {
                chosen = steps[n];
                next = cost;
            }
        }
        if (chosen < 0)
            continue;
        const int k = chosen / 2;
        own->values[k] += chosen % 2 ? -1 : 1;
        free_at[k] = now + forbidden + (int32_t)((uint32_t)now * 2654435761u >> 16) % TURNS;
        values_of(waves, own, values);
        if (next - NEARLY < least) {
            const int32_t cost = exact_cost(own, tried, made);
            if (cost >= 0 && (cost < least || least < 0)) {
                least = cost;
                memcpy(coefficients, tried, sizeof tried);
                memcpy(decoded, made, sizeof made);
            }
        }
    }
    return least;
}

typedef struct {
    const uint8_t *low, *high; /* of the enlarged component */
    size_t height, width, rows, columns, stride;
    int across, down;
} canvas;

/* The ranges of `count` mixtures of a line that round into bounds, from place `n` of the window and column `x` of the
 * picture on, whose columns are `step` apart. They are `right` or left, or lower or upper, halves. */
static void limit_mixtures(const canvas *all, window *own, size_t n, int count, int64_t y, int64_t x, int step,
                           int right) {
    const int both = all->across == 2 && all->down == 2, none = all->across == 1 && all->down == 1;
    const int shift = both ? 4 : none ? 0 : 2, half = both ? 8 - right : none ? 0 : 1 + right;
    const size_t line = y < 0 || y >= (int64_t)all->height ? 0 : (size_t)y * all->width;
    for (int k = 0; k < count; k++, n++, x += step) {
        const int is_known = y >= 0 && y < (int64_t)all->height && x >= 0 && x < (int64_t)all->width;
        const int least = is_known ? all->low[line + (size_t)x] : 0,
                  most = is_known ? all->high[line + (size_t)x] : 255;
        own->low[n] = (int16_t)(least > 0 ? (least << shift) - half : -FAR);
        own->high[n] = (int16_t)(most < 255 ? ((most + 1) << shift) - 1 - half : FAR);
    }
}

static void open_window(const canvas *all, window *own, const uint8_t *samples, size_t row, size_t column) {
    own->across = all->across;
    own->down = all->down;
    own->rows = all->down == 2 ? MIXED : NLC_PAST_SIDE;
    own->columns = all->across == 2 ? MIXED : NLC_PAST_SIDE;
    for (int64_t y = 0; y < EDGE; y++)
        for (int64_t x = 0; x < EDGE; x++) {
            int64_t v = (int64_t)row * 8 + y - 1, u = (int64_t)column * 8 + x - 1;
            v = v < 0 ? 0 : v >= (int64_t)all->rows ? (int64_t)all->rows - 1 : v;
            u = u < 0 ? 0 : u >= (int64_t)all->columns ? (int64_t)all->columns - 1 : u;
            own->fixed[y * EDGE + x] = samples[(size_t)v * all->stride + (size_t)u];
            v -= (int64_t)row * 8;
            u -= (int64_t)column * 8;
            own->own[y * EDGE + x] = v >= 0 && v < 8 && u >= 0 && u < 8 ? (int8_t)(8 * v + u) : -1;
        }
    /* Lower halves of the samples from -1 on, then upper halves of those from 0 on; of a line, right and left ones. */
    const int64_t left = (int64_t)(column * NLC_PAST_SIDE) * all->across;
    for (size_t y = 0; y < own->rows; y++) {
        const int lower = all->down == 2 && y < HALVES;
        const int64_t top = (int64_t)(row * NLC_PAST_SIDE) * all->down;
        const int64_t v = top + (all->down == 1 ? (int64_t)y : lower ? 2 * (int64_t)y - 1 : 2 * (int64_t)(y - HALVES));
        const size_t n = y * own->columns;
        if (all->across == 2) {
            limit_mixtures(all, own, n, HALVES, v, left - 1, 2, 1);
            limit_mixtures(all, own, n + HALVES, HALVES, v, left, 2, 0);
        } else {
            limit_mixtures(all, own, n, NLC_PAST_SIDE, v, left, 1, lower);
        }
    }
}

int nlc_past_repair(const uint8_t *low, const uint8_t *high, int32_t height, int32_t width, int32_t across,
                    int32_t down, int32_t block_rows, int32_t block_columns, const uint16_t *table, int32_t limit,
                    int64_t *budget, int16_t *coefficients, uint8_t *samples, uint8_t *solved) {
    nlc_past_waves waves;
    nlc_past_prepare_waves(&waves);
    const size_t columns = (size_t)block_columns;
    const canvas all = {low,
                        high,
                        (size_t)height,
                        (size_t)width,
                        ((size_t)height + (size_t)down - 1) / (size_t)down,
                        ((size_t)width + (size_t)across - 1) / (size_t)across,
                        columns * NLC_PAST_SIDE,
                        across,
                        down};
    if (across == 2 && all.columns <= 2)
        return NLC_PAST_BAD_ARGUMENT;
    for (size_t number = 0; number < (size_t)block_rows * columns; number++) {
        window own = {.table = table};
        uint8_t decoded[NLC_PAST_BLOCK];
        int16_t *own_coefficients = coefficients + number * NLC_PAST_BLOCK;
        open_window(&all, &own, samples, number / columns, number % columns);
        for (int k = 0; k < NLC_PAST_BLOCK; k++)
            own.values[k] = own_coefficients[k];
        const int32_t left = search(&waves, &own, limit, budget, own_coefficients, decoded);
        solved[number] = left == 0 ? NLC_PAST_SOLVED : NLC_PAST_UNSOLVED;
        if (left < 0)
            continue;
        uint8_t *corner = samples + (number / columns * all.stride + number % columns) * NLC_PAST_SIDE;
        for (size_t n = 0; n < NLC_PAST_BLOCK; n++)
            corner[n / 8 * all.stride + n % 8] = decoded[n];
    }
    return NLC_PAST_OK;
}
