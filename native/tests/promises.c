/* What nelloc.h promises beside pixels: rows at any distance, a sentence for each failure, memory that does not depend
 * on the files before, and results that a failure leaves alone.
 *
 *     promises [-m MODEL.nlm]... FILE.nlc...
 */
#include "decoder_files.h"

#define MOST_FILES 128

static int stops;

static int watch(void *context, uint64_t done, uint64_t total, int64_t tile) {
    (void)context;
    (void)tile;
    require(done <= total, "watch", "more is done than there is");
    return stops;
}

static nelloc_decoder *decoder_of(size_t memory_limit) {
    nelloc_options options = options_of(NULL, memory_limit);
    nelloc_decoder *decoder = NULL;
    options.watch = watch;
    require(nelloc_new(&options, &decoder) == NELLOC_OK, "nelloc_new", "failed");
    return decoder;
}

/* Require a failure with a sentence of its own. */
static void require_failure(const nelloc_decoder *decoder, int status, int expected, const char *part) {
    require(status == expected, part, "another status is due");
    require(strstr(nelloc_error(decoder), part) != NULL, part, nelloc_error(decoder));
}

static void fail_without_a_file(void) {
    nelloc_decoder *decoder = decoder_of(0);
    const uint8_t *data = NULL;
    size_t size = 1;
    uint8_t pixel[8];
    nelloc_tile tile;
    nelloc_item item;
    require(nelloc_image_of(decoder) == NULL, "nelloc_image_of", "there is an image of no file");
    require_failure(decoder, nelloc_decode(decoder, NULL, NELLOC_RGBA8, 0, pixel, 4), NELLOC_BAD_ARGUMENT, "no file");
    require_failure(decoder, nelloc_open(decoder, "no image", 8), NELLOC_DAMAGED, "not an nlc file");
    require_failure(decoder, nelloc_jpeg(decoder, 0, &data, &size), NELLOC_BAD_ARGUMENT, "no file");
    require(data == NULL && size == 1, "nelloc_jpeg", "a failure has a result");
    require(nelloc_tile_at(decoder, 0, &tile) == NELLOC_BAD_ARGUMENT, "nelloc_tile_at", "a tile of no file");
    require(nelloc_item_at(decoder, 0, &item) == NELLOC_BAD_ARGUMENT, "nelloc_item_at", "an item of no file");
    require_failure(decoder, nelloc_open(decoder, NULL, 0), NELLOC_DAMAGED, "ends too early");
    nelloc_free(decoder);
    nelloc_free(NULL);
}

/* Decode the open file to rows that are an odd number of bytes apart, from an odd address on. */
static uint32_t hash_of_odd_rows(nelloc_decoder *decoder, const char *name) {
    const nelloc_image *image = nelloc_image_of(decoder);
    const size_t row = stride_of(image), stride = row + 1 + row % 2;
    uint8_t *memory = malloc(stride * image->height + 1), *pixels = malloc(row * image->height);
    require(memory && pixels, name, "no memory");
    require(nelloc_decode(decoder, NULL, NELLOC_AS_STORED, 0, memory + 1, stride) == NELLOC_OK, name,
            nelloc_error(decoder));
    for (size_t y = 0; y < image->height; y++)
        memcpy(pixels + y * row, memory + 1 + y * stride, row);
    const uint32_t hash = hash_of(image, pixels);
    free(memory);
    free(pixels);
    return hash;
}

static uint32_t hash_of_rows(nelloc_decoder *decoder, const char *name) {
    const nelloc_image *image = nelloc_image_of(decoder);
    uint8_t *pixels = malloc(stride_of(image) * image->height);
    require(pixels != NULL, name, "no memory");
    require(nelloc_decode(decoder, NULL, NELLOC_AS_STORED, 0, pixels, stride_of(image)) == NELLOC_OK, name,
            nelloc_error(decoder));
    const uint32_t hash = hash_of(image, pixels);
    free(pixels);
    return hash;
}

static void fail_with_a_file(nelloc_decoder *decoder) {
    const nelloc_image *image = nelloc_image_of(decoder);
    const nelloc_region beyond = {image->width - 1, 0, 2, 1}, none = {0, 0, 0, 1};
    const uint8_t *data = NULL;
    size_t size = 1;
    uint8_t row[16];
    nelloc_tile tile;
    require_failure(decoder, nelloc_decode(decoder, &beyond, NELLOC_RGBA8, 0, row, 8), NELLOC_BAD_ARGUMENT,
                    "not inside");
    require_failure(decoder, nelloc_decode(decoder, &none, NELLOC_RGBA8, 0, row, 8), NELLOC_BAD_ARGUMENT, "not inside");
    require_failure(decoder, nelloc_decode(decoder, NULL, 2, 0, row, SIZE_MAX), NELLOC_BAD_ARGUMENT, "nelloc_decode");
    require_failure(decoder, nelloc_decode(decoder, NULL, NELLOC_RGBA8, 0, row, 3), NELLOC_BAD_ARGUMENT, "stride");
    require(nelloc_tile_at(decoder, image->tile_count, &tile) == NELLOC_BAD_ARGUMENT, "nelloc_tile_at", "one too many");
    require_failure(decoder, nelloc_jpeg(decoder, 4, &data, &size), NELLOC_BAD_ARGUMENT, "nelloc_jpeg");
    if (!image->jpeg_bytes)
        require_failure(decoder, nelloc_jpeg(decoder, 0, &data, &size), NELLOC_BAD_ARGUMENT, "no JPEG file");
    stops = 1;
    uint8_t *pixels = malloc((size_t)image->width * image->height * 4);
    require(pixels != NULL, "malloc", "no memory");
    require_failure(decoder, nelloc_decode(decoder, NULL, NELLOC_RGBA8, 0, pixels, (size_t)image->width * 4),
                    NELLOC_STOPPED, "stopped");
    free(pixels);
    if (image->tile_count && image->jpeg_bytes)
        require_failure(decoder, nelloc_jpeg(decoder, 0, &data, &size), NELLOC_STOPPED, "stopped");
    stops = 0;
    require(data == NULL && size == 1, "nelloc_jpeg", "a failure has a result");
}

/* Whether a file can be decoded in this memory by a decoder of its own. */
static int fits(const file_bytes *file, size_t limit) {
    const nelloc_options options = options_of(NULL, limit);
    nelloc_decoder *decoder;
    if (nelloc_new(&options, &decoder) != NELLOC_OK)
        return 0;
    int status = nelloc_open(decoder, file->data, file->size);
    if (status == NELLOC_OK) {
        const nelloc_image *image = nelloc_image_of(decoder);
        uint8_t *pixels = malloc(stride_of(image) * image->height);
        require(pixels != NULL, "malloc", "no memory");
        status = nelloc_decode(decoder, NULL, NELLOC_AS_STORED, 0, pixels, stride_of(image));
        free(pixels);
    }
    nelloc_free(decoder);
    return status == NELLOC_OK;
}

/* The least memory that a file can be decoded in, nearly. */
static size_t memory_of(const file_bytes *file) {
    size_t low = 0, high = (size_t)1 << 28;
    while (high - low > 4096) {
        const size_t middle = low + (high - low) / 2;
        if (fits(file, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

int main(int count, char **arguments) {
    static file_bytes files[MOST_FILES];
    static uint32_t hashes[MOST_FILES];
    const char *names[MOST_FILES];
    int file_count = 0;
    size_t limit = 0;
    fail_without_a_file();
    nelloc_decoder *decoder = decoder_of(0);
    for (int k = 1; k < count; k++) {
        if (!strcmp(arguments[k], "-m") && k + 1 < count && model_count < MOST_MODELS) {
            models[model_count++] = read_all(arguments[++k]);
            continue;
        }
        require(file_count < MOST_FILES, arguments[k], "there are too many files");
        file_bytes *file = &files[file_count];
        names[file_count] = arguments[k];
        *file = read_all(arguments[k]);
        require(nelloc_open(decoder, file->data, file->size) == NELLOC_OK, arguments[k], nelloc_error(decoder));
        hashes[file_count] = hash_of_rows(decoder, arguments[k]);
        require(hash_of_odd_rows(decoder, arguments[k]) == hashes[file_count], arguments[k],
                "other pixels in odd rows");
        fail_with_a_file(decoder);
        require(hash_of_rows(decoder, arguments[k]) == hashes[file_count], arguments[k], "other pixels after failures");
        const size_t needed = memory_of(file);
        limit = needed > limit ? needed : limit;
        file_count++;
    }
    nelloc_free(decoder);
    /* What each file can be decoded in alone is enough for one decoder of all. */
    decoder = decoder_of(limit);
    for (int k = 0; k < file_count; k++) {
        require(nelloc_open(decoder, files[k].data, files[k].size) == NELLOC_OK, names[k], nelloc_error(decoder));
        require(hash_of_rows(decoder, names[k]) == hashes[k], names[k], "other pixels in little memory");
    }
    nelloc_free(decoder);
    for (int k = 0; k < file_count; k++)
        free(files[k].data);
    free_models();
    printf("%d files\n", file_count);
    return 0;
}
