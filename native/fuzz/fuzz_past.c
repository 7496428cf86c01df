/* libFuzzer's entry to pictures that were JPEGs:
 *
 *   clang -O2 -g -std=c11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
 *       -fno-sanitize-coverage=trace-cmp native/fuzz/fuzz_past.c native/src/past_*.c -o fuzz_past
 *   ./fuzz_past -runs=1000000
 *
 * The first bytes of an input are the size, the sampling, what the others are (coefficients to decode, or pixels whose
 * coefficients are looked for) and which steps of the search are left out. What is found to be right must decode to
 * what was given.
 */
#include "../include/nelloc_past.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 6
#define SIDE 24
#define BLOCKS ((SIDE / 8) * (SIDE / 8))
#define PIXELS (SIDE * SIDE)
#define COEFFICIENT_BYTES (BLOCKS * NLC_PAST_BLOCK * sizeof(int16_t))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds)
        abort();
}

/* Bytes of an input, again and again; 0 if there are none. */
static void take(const uint8_t *data, size_t size, void *into, size_t bytes) {
    for (size_t k = 0; k < bytes; k++)
        ((uint8_t *)into)[k] = size ? data[k % size] : 0;
}

static void decode_anything(const uint8_t *data, size_t size, int32_t height, int32_t width, int h, int v) {
    int16_t coefficients[4 * BLOCKS * NLC_PAST_BLOCK];
    uint16_t table[NLC_PAST_BLOCK];
    uint8_t pixels[NLC_PAST_MAX_COMPONENTS * PIXELS];
    take(data, size, coefficients, sizeof coefficients);
    take(data + size / 2, size - size / 2, table, sizeof table);
    const int32_t rows = (height + 8 * v - 1) / (8 * v), columns = (width + 8 * h - 1) / (8 * h);
    if (rows * v * columns * h > 4 * BLOCKS)
        return;
    const nlc_past_component components[] = {{h, v, rows * v, columns * h, table, coefficients},
                                             {1, 1, rows, columns, table, coefficients},
                                             {1, 1, rows, columns, table, coefficients}};
    for (int32_t count = 0; count <= NLC_PAST_MAX_COMPONENTS; count++)
        (void)nlc_past_decode(height, width, count, components, pixels);
}

typedef struct {
    int32_t height, width;
    int across, down;
    size_t count, size; /* of pixels, and of bytes of the input */
    uint8_t *pixels, *low, *high; /* of just their sizes, so that what is read too far is seen */
    uint16_t *table;
    int16_t *coefficients;
} picture;

static void *allocated(size_t size) {
    void *made = calloc(size, 1);
    require(made != NULL);
    return made;
}

static void find_colours(picture *own) {
    size_t without, tried, found;
    require(nlc_past_detect(own->pixels, own->count, 1 + own->size, &tried, &found) == NLC_PAST_OK && found <= tried);
    require(nlc_past_separate(own->pixels, own->count, own->low, own->high, &without) == NLC_PAST_OK);
    require(without <= own->count);
    require(nlc_past_narrow(own->pixels, own->count, own->low + own->count, own->high + 2 * own->count, own->low,
                            own->high) == NLC_PAST_OK);
}

static void reduce(const picture *own) {
    float guess[PIXELS], reduced[PIXELS];
    for (size_t k = 0; k < own->count; k++)
        guess[k] = (float)own->pixels[k];
    require(nlc_past_reduce(guess, own->across, own->down, own->height, own->width, reduced) == NLC_PAST_OK);
}

/* Whole blocks between bounds. */
static void solve(picture *own) {
    int64_t budget = 200;
    uint8_t least[PIXELS], most[PIXELS], solved[BLOCKS] = {0}, samples[PIXELS];
    float guess[PIXELS];
    for (size_t k = 0; k < PIXELS; k++) {
        const uint8_t one = own->pixels[k % (3 * own->count)], other = own->pixels[(k + 1) % (3 * own->count)];
        least[k] = one < other ? one : other;
        most[k] = one < other ? other : one;
        guess[k] = (float)one;
    }
    require(nlc_past_solve(guess, least, most, SIDE / 8, SIDE / 8, own->table, 40, &budget, own->coefficients,
                           solved) == NLC_PAST_OK);
    const nlc_past_component component = {1, 1, SIDE / 8, SIDE / 8, own->table, own->coefficients};
    if (nlc_past_samples(&component, samples) != NLC_PAST_OK)
        return;
    for (size_t n = 0; n < BLOCKS; n++)
        for (size_t k = 0; solved[n] == NLC_PAST_SOLVED && k < NLC_PAST_BLOCK; k++) {
            const size_t place = (n / 3 * 8 + k / 8) * SIDE + n % 3 * 8 + k % 8;
            require(samples[place] >= least[place] && samples[place] <= most[place]);
        }
}

/* Blocks that the edge cuts: whatever is found can be decoded. */
static void solve_cut(picture *own) {
    uint8_t solved[BLOCKS] = {0}, samples[PIXELS];
    float guess[PIXELS];
    const size_t size = own->size;
    for (size_t k = 0; k < PIXELS; k++)
        guess[k] = (float)own->pixels[k % (3 * own->count)];
    memset(own->coefficients, 0, COEFFICIENT_BYTES);
    require(nlc_past_solve_cut(guess, own->height % 8, own->width % 8, (int32_t)(size % 8), (int32_t)(size / 8 % 8),
                               SIDE / 8, SIDE / 8, own->table, size % 2 ? 0.29f : 0.41f, own->coefficients,
                               solved) == NLC_PAST_OK);
    const nlc_past_component component = {1, 1, SIDE / 8, SIDE / 8, own->table, own->coefficients};
    require(nlc_past_samples(&component, samples) == NLC_PAST_OK);
}

/* An enlarged component. */
static void repair(picture *own) {
    const int32_t columns = (own->width + own->across - 1) / own->across;
    uint8_t solved[BLOCKS] = {0}, samples[PIXELS], whole[PIXELS];
    int64_t budget = 60;
    if (own->across == 2 && columns <= 2)
        return;
    const nlc_past_component component = {1, 1, SIDE / 8, SIDE / 8, own->table, own->coefficients};
    require(nlc_past_samples(&component, samples) == NLC_PAST_OK ||
            (memset(own->coefficients, 0, COEFFICIENT_BYTES),
             nlc_past_samples(&component, samples)) == NLC_PAST_OK);
    require(nlc_past_repair(own->low, own->high, own->height, own->width, own->across, own->down, SIDE / 8, SIDE / 8,
                            own->table, 10, &budget, own->coefficients, samples, solved) == NLC_PAST_OK);
    require(nlc_past_enlarge(samples, SIDE, own->across, own->down, own->height, own->width, whole) == NLC_PAST_OK);
}

/* Look for coefficients, in steps that take what those before found. Bits of `without` leave steps out: all of them
 * take many times as long as most of them.
 */
static void find_anything(const uint8_t *data, size_t size, int32_t height, int32_t width, int across, int down,
                          int without) {
    const size_t count = (size_t)height * (size_t)width;
    picture own = {height, width, across, down, count, size, NULL, NULL, NULL, NULL, NULL};
    own.pixels = allocated(3 * count);
    own.low = allocated(3 * count);
    own.high = allocated(3 * count);
    own.table = allocated(NLC_PAST_BLOCK * sizeof *own.table);
    own.coefficients = allocated(COEFFICIENT_BYTES);
    take(data, size, own.pixels, 3 * count);
    for (size_t k = 0; k < NLC_PAST_BLOCK; k++)
        own.table[k] = (uint16_t)(1 + (size ? data[(7 * k) % size] : 0));
    for (size_t k = 0; k < 3 * count; k++) {
        const uint8_t one = own.pixels[k], other = own.pixels[(k + 1) % (3 * count)];
        own.low[k] = one < other ? one : other;
        own.high[k] = one < other ? other : one;
    }
    if (!(without & 1))
        find_colours(&own);
    if (!(without & 2))
        reduce(&own);
    if (!(without & 4))
        solve(&own);
    if (!(without & 8))
        solve_cut(&own);
    if (!(without & 16))
        repair(&own);
    free(own.pixels);
    free(own.low);
    free(own.high);
    free(own.table);
    free(own.coefficients);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD)
        return 0;
    const int32_t height = 1 + data[0] % SIDE, width = 1 + data[1] % SIDE;
    const int h = 1 << data[2] % 3, v = 1 << data[3] % 3;
    if (data[4] & 1)
        decode_anything(data + HEAD, size - HEAD, height, width, h, v);
    else
        find_anything(data + HEAD, size - HEAD, height, width, 1 + data[2] % 2, 1 + data[3] % 2, data[5]);
    return 0;
}
