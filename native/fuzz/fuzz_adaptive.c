/* libFuzzer's entry to the adaptive coder:
 *
 *   clang -O2 -g -std=c11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
 *       -fno-sanitize-coverage=trace-cmp \
 *       native/fuzz/fuzz_adaptive.c native/src/adaptive*.c native/src/crc32.c -o fuzz_adaptive
 *   ./fuzz_adaptive -runs=1000000 native/fuzz/corpus/adaptive
 *
 * (No comparison leads to a branch that random bytes do not find, and tracing them takes most of the time.)
 *
 * The first five bytes of an input are the tile's planes, height, width and bits, and what the others are: a record, or
 * samples. What is decoded is encoded and decoded again; what is encoded must come back.
 */
#include "../include/nelloc_adaptive.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 5
#define SIDE 12
#define MOST_BYTES (NLC_ADAPTIVE_MAX_PLANES * SIDE * SIDE * 2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds)
        abort();
}

/* Encode samples, and decode them from a record of just its own size. */
static void code_and_compare(const nlc_adaptive_tables *tables, const nlc_adaptive_shape *shape, int form, int order,
                             const void *samples, size_t bytes) {
    uint8_t *record = NULL;
    size_t size = 0;
    uint16_t back[MOST_BYTES / 2];
    const int status = nlc_adaptive_encode(tables, shape, form, order, samples, NULL, &record, &size);
    if (status == NLC_ADAPTIVE_BAD_ARGUMENT)
        return;
    require(status == NLC_ADAPTIVE_OK && (!size || record[size - 1]));
    require(nlc_adaptive_decode(tables, shape, record, size, back, NULL) == NLC_ADAPTIVE_OK);
    require(memcmp(samples, back, bytes) == 0);
    nlc_adaptive_release(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static nlc_adaptive_tables *tables;
    uint16_t samples[MOST_BYTES / 2] = {0};
    if (!tables)
        tables = nlc_adaptive_tables_new();
    if (!tables || size < HEAD)
        return 0;
    const nlc_adaptive_shape shape = {data[0] % 6, data[1] % (SIDE + 1), data[2] % (SIDE + 1), data[3] % 18};
    const size_t count = (size_t)(shape.planes * shape.height * shape.width);
    const int kind = data[4];
    data += HEAD;
    size -= HEAD;
    if (!nlc_adaptive_fits(&shape))
        return 0;
    const size_t bytes = count * (shape.bits > 8 ? 2 : 1);
    if (kind & 1) {
        memcpy(samples, data, size < bytes ? size : bytes);
        if (shape.bits > 8)
            for (size_t k = 0; k < count; k++)
                samples[k] &= (uint16_t)((1u << shape.bits) - 1);
        code_and_compare(tables, &shape, kind >> 1 & 7, kind >> 4, samples, bytes);
        return 0;
    }
    uint8_t *record = malloc(size ? size : 1); /* so that a byte too far is seen */
    if (!record)
        return 0;
    memcpy(record, data, size);
    const int status = nlc_adaptive_decode(tables, &shape, record, size, samples, NULL);
    require(status == NLC_ADAPTIVE_OK || status == NLC_ADAPTIVE_DAMAGED);
    if (status == NLC_ADAPTIVE_OK)
        code_and_compare(tables, &shape, size ? record[0] & 7 : 0, size ? record[0] >> 3 : 0, samples, bytes);
    free(record);
    return 0;
}
