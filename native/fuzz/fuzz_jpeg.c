/* libFuzzer's entry to the reader and the writer of JPEG files:
 *
 *   clang -O2 -g -std=c11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
 *       -fno-sanitize-coverage=trace-cmp \
 *       native/fuzz/fuzz_jpeg.c native/src/jpeg*.c native/src/adaptive_tables.c native/src/crc32.c -o fuzz_jpeg
 *   ./fuzz_jpeg -runs=1000000 native/fuzz/corpus/jpeg
 *
 * An input is a JPEG file. One that is read must be written again, byte for byte.
 */
#include "../include/nelloc_jpeg.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PIXELS 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds)
        abort();
}

static void take_file(const uint8_t *data, size_t size) {
    nlc_jpeg_image image;
    nlc_jpeg_rest rest;
    if (nlc_jpeg_read(data, size, MOST_PIXELS, &image, &rest) != NLC_JPEG_OK)
        return;
    uint8_t *back;
    size_t back_size;
    require(nlc_jpeg_write(&image, &rest, &back, &back_size) == NLC_JPEG_OK);
    require(back_size == size && memcmp(back, data, size) == 0);
    nlc_jpeg_release(back);
    nlc_jpeg_image_free(&image);
    nlc_jpeg_rest_free(&rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1); /* of hardly more than its size, so that what is read too far is seen */
    if (!copy)
        return 0;
    memcpy(copy + 1, data, size);
    take_file(copy + 1, size);
    free(copy);
    return 0;
}
