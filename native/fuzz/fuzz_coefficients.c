/* libFuzzer's entry to the coder of JPEG coefficients:
 *
 *   clang -O2 -g -std=c11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
 *       -fno-sanitize-coverage=trace-cmp \
 *       native/fuzz/fuzz_coefficients.c native/src/jpeg*.c native/src/adaptive_tables.c native/src/crc32.c -o
 * fuzz_coefficients
 *   ./fuzz_coefficients -runs=1000000 native/fuzz/corpus/coefficients
 *
 * The first byte of an input says what the others are: a JPEG file, whose coefficients are coded and must come back; a
 * skeleton and a stream of its coefficients, which are decoded and written; a stream of bytes; or bytes that are packed
 * and must come back.
 */
#include "../include/nelloc_jpeg.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PIXELS 4096
#define MOST_BYTES 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds)
        abort();
}

/* Code the image and decode it in place of one of the same skeleton. */
static void code_and_compare(const nlc_jpeg_image *image, const nlc_jpeg_rest *rest) {
    nlc_jpeg_image back;
    require(nlc_jpeg_prepare(rest->skeleton, rest->skeleton_size, MOST_PIXELS, &back) == NLC_JPEG_OK);
    require(nlc_jpeg_parts(image) == nlc_jpeg_parts(&back));
    for (int32_t part = 0; part < nlc_jpeg_parts(image); part++) {
        uint8_t *stream;
        size_t size;
        require(nlc_jpeg_encode_part(image, part, NULL, &stream, &size) == NLC_JPEG_OK);
        require(!size || stream[size - 1]);
        require(nlc_jpeg_decode_part(&back, part, stream, size, NULL) == NLC_JPEG_OK);
        nlc_jpeg_release(stream);
    }
    for (int c = 0; c < image->components; c++) {
        const nlc_jpeg_component *one = &image->component[c], *other = &back.component[c];
        require(memcmp(one->quantisation, other->quantisation, sizeof one->quantisation) == 0);
        require(memcmp(one->coefficients, other->coefficients, (size_t)one->rows * (size_t)one->columns * 128) == 0);
    }
    nlc_jpeg_image_free(&back);
}

static void take_file(const uint8_t *data, size_t size) {
    nlc_jpeg_image image;
    nlc_jpeg_rest rest;
    if (nlc_jpeg_read(data, size, MOST_PIXELS, &image, &rest) != NLC_JPEG_OK)
        return;
    code_and_compare(&image, &rest);
    nlc_jpeg_image_free(&image);
    nlc_jpeg_rest_free(&rest);
}

/* A skeleton of so many bytes, one byte of corrections, and what is left as the stream of each part. */
static void take_skeleton(uint8_t *data, size_t size) {
    if (size < 3)
        return;
    size_t length = (size_t)data[0] << 8 | data[1];
    length = length < size - 3 ? length : size - 3;
    const nlc_jpeg_rest rest = {data + 3, data + 2, length, 1};
    nlc_jpeg_image image;
    if (nlc_jpeg_prepare(rest.skeleton, rest.skeleton_size, MOST_PIXELS, &image) != NLC_JPEG_OK)
        return;
    for (int32_t part = 0; part < nlc_jpeg_parts(&image); part++) {
        const int status = nlc_jpeg_decode_part(&image, part, data + 3 + length, size - 3 - length, NULL);
        require(status == NLC_JPEG_OK || status == NLC_JPEG_DAMAGED);
    }
    uint8_t *back;
    size_t back_size;
    const int status = nlc_jpeg_write(&image, &rest, &back, &back_size);
    require(status == NLC_JPEG_OK || status == NLC_JPEG_DAMAGED);
    nlc_jpeg_release(back);
    nlc_jpeg_image_free(&image);
}

/* The first byte is half of how many come out. */
static void unpack_bytes(const uint8_t *data, size_t size) {
    const size_t count = size ? 2 * (size_t)data[0] : 0;
    uint8_t *out = malloc(count + 1);
    require(out != NULL);
    const int status = nlc_jpeg_unpack_bytes(data + (size > 0), size - (size > 0), out, count);
    require(status == NLC_JPEG_OK || status == NLC_JPEG_DAMAGED);
    free(out);
}

static void pack_bytes(const uint8_t *data, size_t size) {
    uint8_t back[MOST_BYTES], *stream;
    size_t stream_size;
    size = size < MOST_BYTES ? size : MOST_BYTES;
    require(nlc_jpeg_pack_bytes(data, size, &stream, &stream_size) == NLC_JPEG_OK);
    require(nlc_jpeg_unpack_bytes(stream, stream_size, back, size) == NLC_JPEG_OK);
    require(memcmp(data, back, size) == 0);
    nlc_jpeg_release(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size)
        return 0;
    uint8_t *copy = malloc(size); /* of just its size, so that a byte too far is seen */
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    if (data[0] < 0xF0)
        take_file(copy, size - 1);
    else if (data[0] < 0xFE)
        take_skeleton(copy, size - 1);
    else if (data[0] < 0xFF)
        unpack_bytes(copy, size - 1);
    else
        pack_bytes(copy, size - 1);
    free(copy);
    return 0;
}
