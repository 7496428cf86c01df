/* Records of the adaptive coder: a head of one or two bytes, then the digits' stack. */
#include "adaptive.h"

#include <stdlib.h>

#define FORM_BITS 3
#define FORMS 6
#define STATE_BITS 64
/* A reader refuses data of fewer bits, 64 of the state included, than one for so many pixels. */
#define PIXELS_PER_BIT 50000

/* What a record's head says, with its shape. */
typedef struct {
    int form, order;
    int32_t colours; /* of its palette, or 0 */
} head;

int nlc_adaptive_fits(const nlc_adaptive_shape *shape) {
    return 1 <= shape->planes && shape->planes <= NLC_ADAPTIVE_MAX_PLANES && 1 <= shape->bits && shape->bits <= 16 &&
           shape->planes * shape->bits <= NLC_ADAPTIVE_MAX_BITS && 1 <= shape->height &&
           shape->height <= NLC_ADAPTIVE_MAX_SIDE && 1 <= shape->width && shape->width <= NLC_ADAPTIVE_MAX_SIDE;
}

static size_t area_of(const nlc_adaptive_shape *shape) { return (size_t)shape->height * (size_t)shape->width; }

/* The planes of the order of this number: those that begin with the middle plane come first, then by their numbers.
 *
 * Returns 0 if there is none.
 */
static int find_order(int planes, int number, int order[NLC_ADAPTIVE_MAX_PLANES]) {
    int left[NLC_ADAPTIVE_MAX_PLANES] = {planes / 2}, orders = 1;
    for (int p = 0, k = 1; p < planes; p++)
        if (p != planes / 2)
            left[k++] = p;
    for (int p = 2; p < planes; p++)
        orders *= p; /* those with a given plane first */
    if (number >= orders * planes)
        return 0;
    for (int k = 0; k < planes; k++) {
        const int chosen = number / orders;
        order[k] = left[chosen];
        for (int p = chosen; p < planes - k - 1; p++)
            left[p] = left[p + 1];
        if (k == 0) /* Only the first is out of turn. */
            for (int p = 1; p < planes - 1; p++)
                for (int q = p; q > 0 && left[q] < left[q - 1]; q--) {
                    const int other = left[q];
                    left[q] = left[q - 1];
                    left[q - 1] = other;
                }
        number %= orders;
        if (planes - k - 1 > 1)
            orders /= planes - k - 1;
    }
    return 1;
}

static int is_known(const head *found) {
    const int unordered = found->form == NLC_ADAPTIVE_PALETTE || found->form == NLC_ADAPTIVE_STEADY;
    return 1 <= found->form && found->form <= FORMS && !(unordered && found->order);
}

static uint32_t checksum(const nlc_adaptive_tables *tables, const nlc_adaptive_shape *shape, const void *samples) {
    const size_t count = area_of(shape) * (size_t)shape->planes;
    if (shape->bits > 8)
        return nlc_crc32_of_wide(&tables->crc32, 0, samples, count);
    return nlc_crc32(&tables->crc32, 0, samples, count);
}

/* The walk over a tile, of samples or of places in a palette; returns 0 if there is no such order. */
static int plan_walk(const nlc_adaptive_shape *shape, const head *found, void *samples, uint8_t *places,
                     nlc_adaptive_tile *walk) {
    const nlc_adaptive_shape table = {1, shape->height, shape->width, 8};
    const int palette = found->form == NLC_ADAPTIVE_PALETTE;
    walk->shape = palette ? table : *shape;
    walk->form = found->form;
    walk->colours = found->colours;
    walk->samples = palette ? places : samples;
    return find_order(walk->shape.planes, found->order, walk->order);
}

/* The size of what is needed beside a walk's memory: with a palette, places and the memory for coding it. */
static size_t places_size(const nlc_adaptive_shape *shape, const head *found) {
    return found->form == NLC_ADAPTIVE_PALETTE ? nlc_whole_lines(area_of(shape)) : 0;
}

static size_t palette_size(const nlc_adaptive_shape *shape, const head *found) {
    return found->form == NLC_ADAPTIVE_PALETTE ? nlc_palette_size(shape) : 0;
}

int32_t nlc_adaptive_colours(const nlc_adaptive_shape *shape, const void *samples) {
    return nlc_adaptive_fits(shape) ? nlc_palette_find(shape, samples, NULL, NULL) : NLC_ADAPTIVE_BAD_ARGUMENT;
}

/* 1 if all samples have at most the shape's number of bits. */
static int in_range(const nlc_adaptive_shape *shape, const void *samples) {
    const size_t count = area_of(shape) * (size_t)shape->planes;
    unsigned all = 0;
    for (size_t k = 0; k < count; k++)
        all |= shape->bits > 8 ? ((const uint16_t *)samples)[k] : ((const uint8_t *)samples)[k];
    return all >> shape->bits == 0;
}

/* Digits that are coded at most. */
static size_t most_digits(const nlc_adaptive_shape *shape, const nlc_adaptive_tile *walk) {
    const size_t of_sample = (size_t)(shape->bits + 1) / 2;
    const size_t planes = (size_t)walk->shape.planes, of_number = (size_t)(walk->shape.bits + 1) / 2;
    return area_of(shape) * (1 + planes * of_number) + (size_t)walk->colours * (size_t)shape->planes * of_sample;
}

/* Push the collected digits, last to first, and return the record. */
static uint8_t *finish(const head *found, const nlc_digits *coder, uint32_t seed, size_t *size) {
    uint32_t *words = malloc((coder->count + 1) * sizeof *words);
    if (!words)
        return NULL;
    rans_writer writer;
    rans_begin(&writer, words, seed);
    for (size_t k = coder->count; k-- > 0;)
        rans_push(&writer, coder->pairs[2 * k], coder->pairs[2 * k + 1]);
    const size_t before = found->colours ? 2 : 1;
    uint8_t *record = malloc(before + 4 * writer.count + RANS_STATE_BYTES);
    if (record) {
        record[0] = (uint8_t)(found->form | found->order << FORM_BITS);
        if (found->colours)
            record[1] = (uint8_t)(found->colours - 1);
        *size = before + rans_store(&writer, record + before);
        while (*size && !record[*size - 1])
            --*size;
    }
    free(words);
    return record;
}

int nlc_adaptive_encode(const nlc_adaptive_tables *tables, const nlc_adaptive_shape *shape, int form, int order,
                        const void *samples, const nlc_adaptive_watch *watch, uint8_t **record, size_t *size) {
    head found = {form, order, 0};
    nlc_adaptive_tile walk;
    uint64_t palette[NLC_ADAPTIVE_MAX_COLOURS];
    if (!nlc_adaptive_fits(shape) || order < 0 || !is_known(&found) || !in_range(shape, samples))
        return NLC_ADAPTIVE_BAD_ARGUMENT;
    if (form == NLC_ADAPTIVE_PALETTE) {
        found.colours = nlc_palette_find(shape, samples, NULL, NULL);
        if (found.colours > NLC_ADAPTIVE_MAX_COLOURS)
            return NLC_ADAPTIVE_BAD_ARGUMENT;
    }
    /* Samples that are known are only read. */
    if (!plan_walk(shape, &found, (void *)(uintptr_t)samples, NULL, &walk))
        return NLC_ADAPTIVE_BAD_ARGUMENT;
    const size_t places = places_size(shape, &found), colours = palette_size(shape, &found);
    const size_t walked = nlc_adaptive_walk_size(&walk);
    uint8_t *memory = calloc(places + colours + walked, 1);
    nlc_digits coder = {.pairs = malloc(2 * sizeof(uint32_t) * most_digits(shape, &walk)), .count = 0};
    int status = memory && coder.pairs ? NLC_ADAPTIVE_OK : NLC_ADAPTIVE_NO_MEMORY;
    if (status == NLC_ADAPTIVE_OK) {
        if (form == NLC_ADAPTIVE_PALETTE) {
            nlc_palette_find(shape, samples, palette, memory);
            nlc_palette_code(tables, shape, &coder, palette, found.colours, memory + places);
            walk.samples = memory;
        }
        status = nlc_adaptive_walk(tables, &walk, &coder, memory + places + colours, watch);
    }
    if (status == NLC_ADAPTIVE_OK) {
        *record = finish(&found, &coder, checksum(tables, shape, samples), size);
        if (!*record)
            status = NLC_ADAPTIVE_NO_MEMORY;
    }
    free(coder.pairs);
    free(memory);
    return status;
}

void nlc_adaptive_release(uint8_t *record) { free(record); }

/* Read a head; returns the number of its bytes, or 0 if no encoder writes it. */
static size_t read_head(const nlc_adaptive_shape *shape, const uint8_t *record, size_t size, head *found) {
    if (PIXELS_PER_BIT * (8 * (uint64_t)size + STATE_BITS) < area_of(shape) || (size && !record[size - 1]))
        return 0;
    const int first = size > 0 ? record[0] : 0, second = size > 1 ? record[1] : 0;
    found->form = first & ((1 << FORM_BITS) - 1);
    found->order = first >> FORM_BITS;
    found->colours = found->form == NLC_ADAPTIVE_PALETTE ? second + 1 : 0;
    if (!is_known(found))
        return 0;
    return found->colours ? 2 : 1;
}

/* Samples of each pixel's colour. */
static void fill_in(const nlc_adaptive_shape *shape, const uint64_t *palette, const uint8_t *places, void *samples) {
    const size_t area = area_of(shape);
    const uint64_t mask = (UINT64_C(1) << shape->bits) - 1;
    for (int p = 0; p < shape->planes; p++)
        for (size_t at = 0; at < area; at++) {
            const uint64_t sample = palette[places[at]] >> shape->bits * p & mask;
            if (shape->bits > 8)
                ((uint16_t *)samples)[(size_t)p * area + at] = (uint16_t)sample;
            else
                ((uint8_t *)samples)[(size_t)p * area + at] = (uint8_t)sample;
        }
}

int nlc_adaptive_decode(const nlc_adaptive_tables *tables, const nlc_adaptive_shape *shape, const uint8_t *record,
                        size_t size, void *samples, const nlc_adaptive_watch *watch) {
    head found;
    nlc_adaptive_tile walk;
    uint64_t palette[NLC_ADAPTIVE_MAX_COLOURS];
    if (!nlc_adaptive_fits(shape))
        return NLC_ADAPTIVE_BAD_ARGUMENT;
    const size_t before = read_head(shape, record, size, &found);
    if (!before || !plan_walk(shape, &found, samples, NULL, &walk))
        return NLC_ADAPTIVE_DAMAGED;
    const size_t places = places_size(shape, &found), colours = palette_size(shape, &found);
    uint8_t *memory = calloc(places + colours + nlc_adaptive_walk_size(&walk), 1);
    if (!memory)
        return NLC_ADAPTIVE_NO_MEMORY;
    nlc_digits coder = {.pairs = NULL, .count = 0};
    rans_open(&coder.reader, record + (size < before ? size : before), size < before ? 0 : size - before);
    if (found.form == NLC_ADAPTIVE_PALETTE) {
        nlc_palette_code(tables, shape, &coder, palette, found.colours, memory + places);
        walk.samples = memory;
    }
    int status = nlc_adaptive_walk(tables, &walk, &coder, memory + places + colours, watch);
    if (status == NLC_ADAPTIVE_OK && found.form == NLC_ADAPTIVE_PALETTE)
        fill_in(shape, palette, memory, samples);
    free(memory);
    if (status == NLC_ADAPTIVE_OK && !rans_ends_with(&coder.reader, checksum(tables, shape, samples)))
        status = NLC_ADAPTIVE_DAMAGED;
    return status;
}
