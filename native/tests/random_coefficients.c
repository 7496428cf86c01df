/* Code images of random coefficients, decode them again, and print a hash of each image's streams.
 *
 * Two builds that print the same make the same bytes.
 */
#include "../src/jpeg.h"
#include "../src/jpeg_vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;

static uint32_t drawn(uint32_t below) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

static void fill(nlc_jpeg_component *own, uint32_t largest, uint32_t dense) {
    const size_t count = (size_t)own->rows * (size_t)own->columns * 64;
    for (size_t k = 0; k < count; k++) {
        const int32_t value = (int32_t)drawn(2 * largest + 1) - (int32_t)largest;
        own->coefficients[k] = (int16_t)(drawn(100) < dense ? value : 0);
    }
}

static uint64_t hash_of(uint64_t hash, const uint8_t *data, size_t size) {
    for (size_t k = 0; k < size; k++)
        hash = (hash ^ data[k]) * UINT64_C(1099511628211);
    return hash;
}

/* Whether it is told rightly which coefficients of a block are not 0, and which have higher bits. */
static int is_told(const int16_t *block) {
    uint64_t others = nlc_vector_others(block);
    for (int k = 0; k < 64; k++, others >>= 1)
        if ((others & 1) != (block[k] != 0))
            return 0;
    for (int low = 0; low <= 14; low++) {
        uint64_t found = nlc_vector_at_least(block, 1 << low);
        for (int k = 0; k < 64; k++, found >>= 1)
            if ((found & 1) != (abs(block[k]) >> low != 0))
                return 0;
    }
    return 1;
}

static int check(int number) {
    static const uint32_t largest[] = {1, 3, 40, 1000, 32767}, dense[] = {2, 30, 100}, steps[] = {2, 40, 256, 65536};
    nlc_jpeg_image image = {0};
    image.width = 1 + (int32_t)drawn(150);
    image.height = 1 + (int32_t)drawn(100);
    image.components = drawn(3) ? 3 : 1;
    for (int c = 0; c < image.components; c++) {
        image.component[c].h = image.component[c].v = 1 + (c == 0 && drawn(2));
        for (int k = 0; k < 64; k++)
            image.component[c].quantisation[k] = (uint16_t)(1 + drawn(steps[number % 4] - 1));
    }
    if (nlc_jpeg_make(&image) != NLC_JPEG_OK)
        return 1;
    nlc_jpeg_image found = image;
    if (nlc_jpeg_make(&found) != NLC_JPEG_OK)
        return 1;
    for (int c = 0; c < image.components; c++)
        fill(&image.component[c], largest[number % 5], dense[number / 5 % 3]);
    uint64_t hash = UINT64_C(14695981039346656037);
    int wrong = 0;
    for (int32_t part = 0; part < nlc_jpeg_parts(&image); part++) {
        uint8_t *stream;
        size_t size;
        wrong |= nlc_jpeg_encode_part(&image, part, NULL, &stream, &size) != NLC_JPEG_OK;
        wrong |= nlc_jpeg_decode_part(&found, part, stream, size, NULL) != NLC_JPEG_OK;
        hash = hash_of(hash, stream, size);
        nlc_jpeg_release(stream);
    }
    for (int c = 0; c < image.components; c++) {
        const nlc_jpeg_component *own = &image.component[c];
        for (size_t block = 0; block < (size_t)own->rows * (size_t)own->columns; block++)
            wrong |= !is_told(own->coefficients + 64 * block);
        wrong |= memcmp(own->coefficients, found.component[c].coefficients,
                        (size_t)own->rows * (size_t)own->columns * 64 * sizeof *own->coefficients) != 0;
    }
    printf("%d %08lx%08lx\n", number, (unsigned long)(hash >> 32), (unsigned long)(hash & 0xFFFFFFFF));
    nlc_jpeg_image_free(&image);
    nlc_jpeg_image_free(&found);
    return wrong;
}

int main(int count, char **arguments) {
    const int images = count > 1 ? atoi(arguments[1]) : 30;
    int wrong = 0;
    for (int number = 0; number < images; number++)
        wrong |= check(number);
    return wrong;
}
