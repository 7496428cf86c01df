/* libFuzzer's entry to pictures that were JPEGs:
 *
 *   clang -O2 -g -std=c11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
 *       -fno-sanitize-coverage=trace-cmp native/fuzz/fuzz_past.c native/src/past_*.c -o fuzz_past
 *   ./fuzz_past -runs=1000000
 *
 * The first bytes of an input are the size, the sampling and what the others are: coefficients to decode, or pixels whose
 * coefficients are looked for. What is found to be right must decode to what was given.
 */
#include "../include/nelloc_past.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 6
#define SIDE 24
#define BLOCKS ((SIDE / 8) * (SIDE / 8))
#define PIXELS (SIDE * SIDE)

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

static void find_anything(const uint8_t *data, size_t size, int32_t height, int32_t width, int across, int down) {
    uint8_t pixels[3 * PIXELS], low[3 * PIXELS], high[3 * PIXELS], solved[BLOCKS] = {0}, samples[PIXELS];
    uint16_t table[NLC_PAST_BLOCK];
    int16_t coefficients[BLOCKS * NLC_PAST_BLOCK];
    float guess[PIXELS], reduced[PIXELS];
    const size_t count = (size_t)height * (size_t)width;
    size_t without, tried, found;
    take(data, size, pixels, 3 * count);
    for (size_t k = 0; k < NLC_PAST_BLOCK; k++)
        table[k] = (uint16_t)(1 + (size ? data[(7 * k) % size] : 0));
    require(nlc_past_detect(pixels, count, 1 + size, &tried, &found) == NLC_PAST_OK && found <= tried);
    require(nlc_past_separate(pixels, count, low, high, &without) == NLC_PAST_OK && without <= count);
    require(nlc_past_narrow(pixels, count, low + count, high + 2 * count, low, high) == NLC_PAST_OK);
    for (size_t k = 0; k < count; k++)
        guess[k] = (float)pixels[k];
    require(nlc_past_reduce(guess, across, down, height, width, reduced) == NLC_PAST_OK);

    /* Whole blocks between bounds. */
    int64_t budget = 200;
    uint8_t least[PIXELS], most[PIXELS];
    for (size_t k = 0; k < PIXELS; k++) {
        const uint8_t one = pixels[k % (3 * count)], other = pixels[(k + 1) % (3 * count)];
        least[k] = one < other ? one : other;
        most[k] = one < other ? other : one;
        guess[k] = (float)one;
    }
    require(nlc_past_solve(guess, least, most, SIDE / 8, SIDE / 8, table, 40, &budget, coefficients, solved) == NLC_PAST_OK);
    const nlc_past_component component = {1, 1, SIDE / 8, SIDE / 8, table, coefficients};
    if (nlc_past_samples(&component, samples) == NLC_PAST_OK)
        for (size_t n = 0; n < BLOCKS; n++)
            for (size_t k = 0; solved[n] == NLC_PAST_SOLVED && k < NLC_PAST_BLOCK; k++) {
                const size_t place = (n / 3 * 8 + k / 8) * SIDE + n % 3 * 8 + k % 8;
                require(samples[place] >= least[place] && samples[place] <= most[place]);
            }

    /* Blocks that the edge cuts: whatever is found can be decoded. */
    memset(solved, 0, sizeof solved);
    memset(coefficients, 0, sizeof coefficients);
    const float noise = size % 2 ? 0.29f : 0.41f;
    require(nlc_past_solve_cut(guess, height % 8, width % 8, (int32_t)(size % 8), (int32_t)(size / 8 % 8), SIDE / 8, SIDE / 8,
                               table, noise, coefficients, solved) == NLC_PAST_OK);
    require(nlc_past_samples(&component, samples) == NLC_PAST_OK);

    /* An enlarged component. */
    const int32_t columns = (width + across - 1) / across;
    if (across == 2 && columns <= 2)
        return;
    budget = 60;
    require(nlc_past_samples(&component, samples) == NLC_PAST_OK ||
            (memset(coefficients, 0, sizeof coefficients), nlc_past_samples(&component, samples)) == NLC_PAST_OK);
    require(nlc_past_repair(low, high, height, width, across, down, SIDE / 8, SIDE / 8, table, 10, &budget, coefficients,
                            samples, solved) == NLC_PAST_OK);
    uint8_t whole[PIXELS];
    require(nlc_past_enlarge(samples, SIDE, across, down, height, width, whole) == NLC_PAST_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD)
        return 0;
    const int32_t height = 1 + data[0] % SIDE, width = 1 + data[1] % SIDE;
    const int h = 1 << data[2] % 3, v = 1 << data[3] % 3;
    if (data[4] & 1)
        decode_anything(data + HEAD, size - HEAD, height, width, h, v);
    else
        find_anything(data + HEAD, size - HEAD, height, width, 1 + data[2] % 2, 1 + data[3] % 2);
    return 0;
}
