/* libnelloc for JavaScript: one decoder, functions of numbers and places in memory (web/nelloc-worker.js). */
#include "../native/tools/tools.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define MOST_MODELS 64

/* Given by JavaScript: how far decoding is. Other than 0 stops it. */
__attribute__((import_module("nelloc"), import_name("watch"))) int watch_from_outside(double done, double total,
                                                                                      double tile);

static nelloc_decoder *decoder;
static struct {
    uint8_t *data;
    size_t size;
} models[MOST_MODELS];
static unsigned model_count;
static nlcd_bytes png;
static const uint8_t *jpeg;
static size_t jpeg_length;

static int watch(void *context, uint64_t done, uint64_t total, int64_t tile) {
    (void)context;
    return watch_from_outside((double)done, (double)total, (double)tile);
}

static int give_model(void *context, const uint8_t id[4], unsigned attempt, const uint8_t **data, size_t *size) {
    (void)context;
    (void)id;
    if (attempt >= model_count)
        return 0;
    *data = models[attempt].data;
    *size = models[attempt].size;
    return 1;
}

EXPORT(take) void *take(size_t size) { return malloc(size ? size : 1); }
EXPORT(give) void give(void *memory) { free(memory); }

/* Add a model file, whose memory is then kept here; 0 if there are too many. */
EXPORT(add_model) int add_model(uint8_t *data, size_t size) {
    if (model_count == MOST_MODELS)
        return 0;
    models[model_count].data = data;
    models[model_count++].size = size;
    return 1;
}

EXPORT(open) int open_file(const uint8_t *data, size_t size, double max_pixels, double memory, int plain) {
    if (!decoder) {
        nelloc_options options;
        memset(&options, 0, sizeof options);
        options.struct_size = sizeof options;
        options.max_pixels = (uint64_t)max_pixels;
        options.memory_limit = (size_t)memory;
        options.cpu = plain ? "plain" : NULL;
        options.find_model = give_model;
        options.watch = watch;
        if (nelloc_new(&options, &decoder) != NELLOC_OK)
            return NELLOC_NO_MEMORY;
    }
    return nelloc_open(decoder, data, size);
}

EXPORT(error) const char *error(void) { return nelloc_error(decoder); }
EXPORT(name_of) const char *name_of(int what, int number) { return nelloc_name(what, number); }

/* Numbers of the image, into `to`. */
EXPORT(image) int image(double *to) {
    const nelloc_image *found = nelloc_image_of(decoder);
    if (!found)
        return 0;
    const double numbers[] = {found->width,       found->height,       found->kind,
                              found->channels,    found->sample_bytes, found->white_bits,
                              found->tile_size,   found->tile_count,   found->needs_model,
                              (double)found->model_bytes,  found->item_count,   found->damaged_tiles,
                              found->damage,      found->model_id[0],  found->model_id[1],
                              found->model_id[2], found->model_id[3],      (double)found->jpeg_bytes};
    memcpy(to, numbers, sizeof numbers);
    return (int)(sizeof numbers / sizeof *numbers);
}

/* A tile: left, top, width, height, damaged, parts, then method and bytes of each part. */
EXPORT(tile) int tile(uint32_t number, double *to) {
    nelloc_tile found;
    if (nelloc_tile_at(decoder, number, &found) != NELLOC_OK)
        return 0;
    const double numbers[] = {found.region.left, found.region.top,      found.region.width, found.region.height,
                              found.damaged,     found.parts,           found.methods[0],   (double)found.bytes[0],
                              found.methods[1],  (double)found.bytes[1]};
    memcpy(to, numbers, sizeof numbers);
    return (int)(sizeof numbers / sizeof *numbers);
}

/* An item of metadata: its type, place and size. */
EXPORT(item) int item(uint32_t number, double *to) {
    nelloc_item found;
    if (nelloc_item_at(decoder, number, &found) != NELLOC_OK)
        return 0;
    to[0] = found.type;
    to[1] = (double)(uintptr_t)found.data;
    to[2] = (double)found.size;
    return 1;
}

/* Decode a region, or, if its width is 0, the image. */
EXPORT(decode) int decode(int format, unsigned flags, uint8_t *pixels, size_t stride, uint32_t left, uint32_t top,
                          uint32_t width, uint32_t height) {
    const nelloc_region region = {left, top, width, height};
    return nelloc_decode(decoder, width ? &region : NULL, format, flags, pixels, stride);
}

/* Restore the JPEG file that is kept: its place and size are then known, until another is restored or opened. */
EXPORT(restore) int restore(unsigned flags) { return nelloc_jpeg(decoder, flags, &jpeg, &jpeg_length); }
EXPORT(jpeg_data) const uint8_t *jpeg_data(void) { return jpeg; }
EXPORT(jpeg_size) size_t jpeg_size(void) { return jpeg_length; }

/* The PNG file of samples as they are stored, or 0; its size is png_size. */
EXPORT(make_png) const uint8_t *make_png(const uint8_t *samples) {
    const nelloc_image *found = nelloc_image_of(decoder);
    nlcd_chunks chunks;
    nlcd_free(&png);
    nlcd_make_chunks(decoder, &chunks);
    const char *problem = nlcd_make_image(NLCD_PNG, found, found->width, found->height, samples, &chunks, 6, &png);
    nlcd_free_chunks(&chunks);
    return problem ? NULL : png.data;
}

/* The same of pixels as they are shown, if those hold all that is stored, or 0: nothing need be decoded again. */
EXPORT(make_png_of_shown) const uint8_t *make_png_of_shown(const uint8_t *shown) {
    const nelloc_image *found = nelloc_image_of(decoder);
    const size_t pixels = (size_t)found->width * found->height, channels = (size_t)found->channels;
    const int bits = found->kind == NELLOC_BILEVEL;
    if (found->sample_bytes > 1 || found->kind == NELLOC_PALETTE)
        return NULL;
    uint8_t *samples = malloc(pixels * channels);
    if (!samples)
        return NULL;
    for (size_t k = 0; k < pixels; k++)
        for (size_t c = 0; c < channels; c++) {
            const int is_alpha = channels % 2 == 0 && c + 1 == channels;
            const uint8_t sample = shown[4 * k + (is_alpha ? 3 : c)];
            samples[k * channels + c] = bits ? sample > 0 : sample;
        }
    const uint8_t *made = make_png(samples);
    free(samples);
    return made;
}

EXPORT(png_size) size_t png_size(void) { return png.size; }
EXPORT(free_png) void free_png(void) { nlcd_free(&png); }
EXPORT(version) const char *version(void) { return nelloc_version(); }
EXPORT(has_simd) int has_simd(void) {
#if defined(__wasm_simd128__)
    return 1;
#else
    return 0;
#endif
}
