/* What the tests of the decoder share: files, models that they may need, and what they decode to. */
#ifndef NLC_DECODER_FILES_H
#define NLC_DECODER_FILES_H

#include "../include/nelloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MODELS 32

typedef struct {
    uint8_t *data;
    size_t size;
} file_bytes;

static file_bytes models[MOST_MODELS];
static unsigned model_count;

static void require(int holds, const char *name, const char *what) {
    if (!holds) {
        fprintf(stderr, "%s: %s\n", name, what);
        exit(1);
    }
}

static file_bytes read_all(const char *name) {
    FILE *file = fopen(name, "rb");
    require(file && !fseek(file, 0, SEEK_END), name, "cannot be read");
    const size_t size = (size_t)ftell(file);
    file_bytes found = {malloc(size ? size : 1), size};
    rewind(file);
    require(found.data && fread(found.data, 1, size, file) == size, name, "cannot be read");
    fclose(file);
    return found;
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

static void free_models(void) {
    for (unsigned k = 0; k < model_count; k++)
        free(models[k].data);
}

static uint32_t crc32_of(uint32_t crc, const uint8_t *data, size_t size) {
    crc = ~crc;
    for (size_t k = 0; k < size; k++) {
        crc ^= data[k];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static nelloc_options options_of(const char *cpu, size_t memory_limit) {
    nelloc_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.cpu = cpu;
    options.memory_limit = memory_limit;
    options.find_model = give_model;
    return options;
}

static size_t stride_of(const nelloc_image *image) {
    return (size_t)image->width * (size_t)image->channels * (size_t)image->sample_bytes;
}

/* The CRC-32 of all samples as they are stored, those of two bytes with the low one first. */
static uint32_t hash_of(const nelloc_image *image, uint8_t *pixels) {
    const size_t size = stride_of(image) * image->height;
    for (size_t k = 0; image->sample_bytes == 2 && k < size; k += 2) {
        uint16_t sample;
        memcpy(&sample, pixels + k, 2);
        pixels[k] = (uint8_t)sample;
        pixels[k + 1] = (uint8_t)(sample >> 8);
    }
    return crc32_of(0, pixels, size);
}

/* Change a hash by the JPEG file that is kept. */
static inline int hash_jpeg(nelloc_decoder *decoder, unsigned flags, uint32_t *hash) {
    const uint8_t *data;
    size_t size;
    const int status = nelloc_jpeg(decoder, flags, &data, &size);
    if (status == NELLOC_OK)
        *hash = crc32_of(*hash, data, size);
    return status;
}

#endif
