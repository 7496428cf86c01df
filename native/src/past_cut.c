/* Coefficients of blocks that the edge of a picture cuts: some of their columns, or rows, are not known.
 *
 * Along the cut the transform can be undone, which leaves eight lines of eight whole numbers each, of which a few sums
 * are known. Encoders repeat the last column to fill a block, so that the rest is about that. The likeliest numbers of
 * a line are found by going from frequency to frequency with the best so far (a beam); then the lines' choices are
 * changed one at a time until the whole block is within its bounds.
 */
#include "past.h"

#include <string.h>

#define SIDE NLC_PAST_SIDE
#define BEAM 48
#define FIRST_BEAM 16
#define KEPT 32
#define BRANCHES 4
#define ROUNDS 6
#define MIDDLE 128.0f
/* No coefficient that makes sense is larger. */
#define LARGEST 2040.0f
/* The cost of a number that is not 0, and how well samples are known. */
#define COST_OF_ONE 0.3f
#define NOISE 0.29f
/* The block aims at this much less than half a step around its samples. */
#define HALF 0.45f
/* How far the rest of a line may be from its last known sample, in parts of the noise of quantisation. */
static const float looseness[] = {1.5f, 0.5f, 4.0f};
#define PASSES 3

typedef struct {
    float upper[SIDE][SIDE], turned[SIDE][SIDE]; /* of the weighted waves: turned * upper */
    float weights[SIDE];                         /* of the line's samples */
    float largest[SIDE];                         /* what numbers may be, by frequency */
    int place[SIDE];
} line_system;

typedef struct {
    int count;
    float cost[BEAM];
    int16_t values[BEAM][SIDE];
} beam;

static float root(float x) {
    float r = x > 1 ? x : 1;
    for (int n = 0; n < 20; n++)
        r = 0.5f * (r + x / r);
    return r;
}

/* The system of a line with `known` first samples: columns of the largest weight are the first to be decided. */
static void prepare(const nlc_past_waves *waves, const uint16_t *table, int known, float noise, float loose,
                    line_system *own) {
    float squares = 0;
    for (int k = 0; k < SIDE; k++) {
        squares += (float)table[k] * (float)table[k] / 96;
        own->largest[k] = LARGEST / (float)table[k];
        own->place[k] = k;
    }
    const float rest = 1 / (loose * root(squares) + 0.3f);
    float columns[SIDE][SIDE]; /* by frequency */
    for (int n = 0; n < SIDE; n++) {
        own->weights[n] = n < known ? 1 / noise : rest;
        for (int k = 0; k < SIDE; k++)
            columns[k][n] = own->weights[n] * waves->cosines[k][n] * (float)table[k];
    }
    memset(own->upper, 0, sizeof own->upper);
    for (int i = 0; i < SIDE; i++) {
        float least = 0;
        int chosen = i;
        for (int j = i; j < SIDE; j++) {
            float sum = 0;
            for (int n = 0; n < SIDE; n++)
                sum += columns[j][n] * columns[j][n];
            if (j == i || sum < least) {
                least = sum;
                chosen = j;
            }
        }
        for (int n = 0; n < SIDE; n++) {
            const float swapped = columns[i][n], above = own->upper[n][i];
            columns[i][n] = columns[chosen][n];
            columns[chosen][n] = swapped;
            own->upper[n][i] = own->upper[n][chosen];
            own->upper[n][chosen] = above;
        }
        const int place = own->place[i];
        own->place[i] = own->place[chosen];
        own->place[chosen] = place;
        const float length = root(least);
        own->upper[i][i] = length;
        for (int n = 0; n < SIDE; n++)
            own->turned[i][n] = columns[i][n] /= length;
        for (int j = i + 1; j < SIDE; j++) {
            float sum = 0;
            for (int n = 0; n < SIDE; n++)
                sum += columns[i][n] * columns[j][n];
            own->upper[i][j] = sum;
            for (int n = 0; n < SIDE; n++)
                columns[j][n] -= sum * columns[i][n];
        }
    }
}

/* Keep what is among the best `most`. */
static void insert(beam *into, int most, float cost, const int16_t *values, int at, int16_t value) {
    if (into->count == most && cost >= into->cost[most - 1])
        return;
    int n = into->count < most ? into->count++ : most - 1;
    for (; n && into->cost[n - 1] > cost; n--) {
        into->cost[n] = into->cost[n - 1];
        memcpy(into->values[n], into->values[n - 1], sizeof into->values[n]);
    }
    into->cost[n] = cost;
    memcpy(into->values[n], values, sizeof into->values[n]);
    into->values[n][at] = value;
}

/* What a number costs: more the larger it is, up to a size. */
static float price(int32_t value) {
    const int32_t size = value < 0 ? -value : value;
    return size ? COST_OF_ONE * (0.7f + 0.3f * (float)(size < 8 ? size : 8)) : 0;
}

/* The numbers of a line, in the order of frequencies, the likeliest first. */
static void find(const line_system *own, const float *line, int known, int most, beam *found) {
    float aims[SIDE];
    for (int i = 0; i < SIDE; i++) {
        aims[i] = 0;
        for (int n = 0; n < SIDE; n++)
            aims[i] += own->turned[i][n] * own->weights[n] * line[n < known ? n : known - 1];
    }
    beam next;
    found->count = 1;
    found->cost[0] = 0;
    memset(found->values[0], 0, sizeof found->values[0]);
    for (int i = SIDE - 1; i >= 0; i--) {
        next.count = 0;
        for (int b = 0; b < found->count; b++) {
            float aim = aims[i];
            for (int j = i + 1; j < SIDE; j++)
                aim -= own->upper[i][j] * (float)found->values[b][j];
            const float exact = aim / own->upper[i][i];
            const float largest = own->largest[own->place[i]];
            if (!(exact >= -largest && exact <= largest))
                continue;
            const int32_t near = nlc_past_round(exact), other = exact >= (float)near ? 1 : -1;
            const int32_t tried[BRANCHES] = {near, near + other, near - other, 0};
            for (int n = 0; n < BRANCHES; n++) {
                if (n == BRANCHES - 1 && near >= -1 && near <= 1)
                    break;
                const float off = own->upper[i][i] * (exact - (float)tried[n]);
                insert(&next, most, found->cost[b] + off * off + price(tried[n]), found->values[b], i,
                       (int16_t)tried[n]);
            }
        }
        memcpy(found, &next, sizeof next);
    }
    for (int b = 0; b < found->count; b++) {
        int16_t sorted[SIDE];
        for (int i = 0; i < SIDE; i++)
            sorted[own->place[i]] = found->values[b][i];
        memcpy(found->values[b], sorted, sizeof sorted);
    }
}

/* A block turned so that its first `known` columns are known. */
typedef struct {
    uint16_t table[NLC_PAST_BLOCK];
    float samples[SIDE][SIDE], lines[SIDE][SIDE]; /* by column: rows, and frequencies */
    int known, turned, mirrored;
} block_task;

typedef struct {
    int count;
    int16_t values[KEPT][SIDE];
    float samples[KEPT][SIDE];
} choices;

static void samples_of(const nlc_past_waves *waves, const uint16_t *table, const int16_t *values, float *samples) {
    for (int n = 0; n < SIDE; n++) {
        samples[n] = 0;
        for (int k = 0; k < SIDE; k++)
            samples[n] += waves->cosines[k][n] * (float)(values[k] * (int32_t)table[k]);
    }
}

static void add_choices(const nlc_past_waves *waves, const uint16_t *table, const beam *found, int most,
                        choices *into) {
    for (int b = 0; b < found->count && b < most && into->count < KEPT; b++) {
        int old = 0;
        for (int n = 0; n < into->count; n++)
            old |= !memcmp(into->values[n], found->values[b], sizeof found->values[b]);
        if (old)
            continue;
        memcpy(into->values[into->count], found->values[b], sizeof found->values[b]);
        samples_of(waves, table, found->values[b], into->samples[into->count++]);
    }
}

/* Those of a beam that come nearest to the known samples. */
static void nearest_first(const nlc_past_waves *waves, const uint16_t *table, const float *line, int known,
                          beam *found) {
    beam sorted;
    sorted.count = 0;
    for (int b = 0; b < found->count; b++) {
        float samples[SIDE], sum = 0;
        samples_of(waves, table, found->values[b], samples);
        for (int n = 0; n < known; n++)
            sum += (samples[n] - line[n]) * (samples[n] - line[n]);
        insert(&sorted, BEAM, sum, found->values[b], 0, found->values[b][0]);
    }
    *found = sorted;
}

static float excess(const block_task *own, float block[SIDE][SIDE]) {
    float sum = 0;
    for (int x = 0; x < own->known; x++)
        for (int y = 0; y < SIDE; y++) {
            float off = block[x][y] - own->samples[x][y];
            off = (off < 0 ? -off : off) - HALF;
            sum += off > 0 ? off * off : 0;
        }
    return sum;
}

/* The block with line v exchanged. */
static void exchange(const nlc_past_waves *waves, const block_task *own, int v, const float *out, const float *in,
                     float from[SIDE][SIDE], float to[SIDE][SIDE]) {
    for (int x = 0; x < own->known; x++)
        for (int y = 0; y < SIDE; y++)
            to[x][y] = from[x][y] + waves->cosines[v][y] * (in[x] - out[x]);
}

/* Change the lines' choices one at a time while that helps; the excess that is left. */
static float combine(const nlc_past_waves *waves, const block_task *own, const choices *lines, int *chosen) {
    float block[SIDE][SIDE] = {{0}}, tried[SIDE][SIDE], best[SIDE][SIDE];
    const float nothing[SIDE] = {0};
    for (int v = 0; v < SIDE; v++)
        exchange(waves, own, v, nothing, lines[v].samples[chosen[v]], block, block);
    float least = excess(own, block);
    for (int round = 0, changed = 1; round < ROUNDS && changed && least > 0; round++) {
        changed = 0;
        for (int v = 0; v < SIDE && least > 0; v++) {
            const int before = chosen[v];
            for (int n = 0; n < lines[v].count; n++) {
                exchange(waves, own, v, lines[v].samples[before], lines[v].samples[n], block, tried);
                const float cost = excess(own, tried);
                if (cost < least) {
                    least = cost;
                    chosen[v] = n;
                    memcpy(best, tried, sizeof best);
                }
            }
            if (chosen[v] != before) {
                memcpy(block, best, sizeof block);
                changed = 1;
            }
        }
    }
    return least;
}

static void put(const block_task *own, const choices *lines, const int *chosen, int16_t *coefficients) {
    for (int v = 0; v < SIDE; v++)
        for (int u = 0; u < SIDE; u++) {
            const int16_t value = lines[v].values[chosen[v]][u];
            coefficients[own->turned ? 8 * u + v : 8 * v + u] = own->mirrored && u % 2 ? (int16_t)-value : value;
        }
}

/* The systems of the lines of blocks, which all blocks along an edge share. */
static void prepare_lines(const nlc_past_waves *waves, const block_task *own, float noise, line_system systems[SIDE]) {
    for (int v = 0; v < SIDE; v++)
        prepare(waves, own->table + SIDE * v, own->known, noise, looseness[0], &systems[v]);
}

/* 1 if the block's first choice will do: also if it is only to be the likeliest. */
static int solve_block(const nlc_past_waves *waves, const line_system systems[SIDE], block_task *own, float noise,
                       int only_likeliest, int16_t *coefficients) {
    choices lines[SIDE];
    beam found;
    int chosen[SIDE] = {0};
    for (int x = 0; x < own->known; x++)
        for (int v = 0; v < SIDE; v++) {
            own->lines[v][x] = 0;
            for (int y = 0; y < SIDE; y++)
                own->lines[v][x] += waves->cosines[v][y] * own->samples[x][y];
        }
    for (int v = 0; v < SIDE; v++) {
        find(&systems[v], own->lines[v], own->known, FIRST_BEAM, &found);
        lines[v].count = 0;
        add_choices(waves, own->table + SIDE * v, &found, KEPT / 2, &lines[v]);
        if (!lines[v].count)
            return 0;
    }
    if (only_likeliest || combine(waves, own, lines, chosen) == 0) {
        put(own, lines, chosen, coefficients);
        return 1;
    }
    for (int v = 0; v < SIDE; v++) {
        const uint16_t *table = own->table + SIDE * v;
        lines[v].count = lines[v].count < KEPT / 4 ? lines[v].count : KEPT / 4;
        for (int pass = 0; pass < PASSES; pass++) {
            line_system system;
            prepare(waves, table, own->known, noise, looseness[pass], &system);
            find(&system, own->lines[v], own->known, BEAM, &found);
            nearest_first(waves, table, own->lines[v], own->known, &found);
            add_choices(waves, table, &found, KEPT / 4, &lines[v]);
        }
        chosen[v] = 0;
    }
    float left = combine(waves, own, lines, chosen);
    if (left > 0) { /* once more from those that come nearest */
        int nearest[SIDE];
        for (int v = 0; v < SIDE; v++)
            nearest[v] = lines[v].count > KEPT / 4 ? KEPT / 4 : 0;
        const float other = combine(waves, own, lines, nearest);
        if (other < left) {
            left = other;
            memcpy(chosen, nearest, sizeof nearest);
        }
    }
    put(own, lines, chosen, coefficients);
    return left == 0;
}

int nlc_past_solve_cut(const float *samples, int32_t above, int32_t below, int32_t before, int32_t after,
                       int32_t block_rows, int32_t block_columns, const uint16_t *table, float noise,
                       int16_t *coefficients, const uint8_t *solved) {
    if (above < 0 || below < 0 || before < 0 || after < 0 || above >= SIDE || below >= SIDE || before >= SIDE ||
        after >= SIDE || !(noise > 0))
        return NLC_PAST_BAD_ARGUMENT;
    nlc_past_waves waves;
    nlc_past_prepare_waves(&waves);
    line_system systems[4][SIDE];
    int prepared[4] = {0};
    const int only_likeliest = noise > 1.1f * NOISE;
    const size_t stride = (size_t)block_columns * SIDE;
    for (int32_t row = 0; row < block_rows; row++)
        for (int32_t column = 0; column < block_columns; column++) {
            const size_t number = (size_t)row * (size_t)block_columns + (size_t)column;
            const int lost[4] = {column == 0 ? before : 0, column == block_columns - 1 ? after : 0,
                                 row == 0 ? above : 0, row == block_rows - 1 ? below : 0};
            int side = -1, sides = 0;
            for (int n = 0; n < 4; n++)
                if (lost[n]) {
                    side = n;
                    sides++;
                }
            if (sides != 1 || solved[number] == NLC_PAST_SOLVED)
                continue;
            block_task own = {.known = SIDE - lost[side], .turned = side > 1, .mirrored = side % 2 == 0};
            const float *corner = samples + (size_t)row * SIDE * stride + (size_t)column * SIDE;
            for (int a = 0; a < SIDE; a++)
                for (int b = 0; b < SIDE; b++) {
                    const int along = own.mirrored ? SIDE - 1 - a : a;
                    own.samples[a][b] = corner[own.turned ? (size_t)along * stride + (size_t)b
                                                          : (size_t)b * stride + (size_t)along] - MIDDLE;
                    own.table[SIDE * b + a] = table[own.turned ? SIDE * a + b : SIDE * b + a];
                }
            if (!prepared[side]) {
                prepare_lines(&waves, &own, noise, systems[side]);
                prepared[side] = 1;
            }
            solve_block(&waves, systems[side], &own, noise, only_likeliest, coefficients + number * NLC_PAST_BLOCK);
        }
    return NLC_PAST_OK;
}
