/* The colours of a tile that has few: finding them, and coding them. */
#include "adaptive.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_BITS 10
/* Places for colours that are looked for, a power of 2 above twice as many as there may be. */
#define PLACE_BITS 10
#define PLACES (1 << PLACE_BITS)

static uint64_t colour_at(const nlc_adaptive_shape *shape, const void *samples, size_t at) {
    const size_t area = (size_t)shape->height * (size_t)shape->width;
    uint64_t colour = 0;
    for (int p = 0; p < shape->planes; p++, at += area) {
        const uint64_t sample = shape->bits > 8 ? ((const uint16_t *)samples)[at] : ((const uint8_t *)samples)[at];
        colour |= sample << shape->bits * p;
    }
    return colour;
}

static int in_order(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

int32_t nlc_palette_find(const nlc_adaptive_shape *shape, const void *samples, uint64_t *palette, uint8_t *places) {
    const size_t area = (size_t)shape->height * (size_t)shape->width;
    uint64_t found[NLC_ADAPTIVE_MAX_COLOURS], sorted[NLC_ADAPTIVE_MAX_COLOURS], last = 0;
    uint16_t table[PLACES] = {0}; /* numbers of colours, from 1; 0 where there is none */
    uint8_t rank[NLC_ADAPTIVE_MAX_COLOURS];
    int32_t count = 0, number = 0;
    for (size_t at = 0; at < area; at++) {
        const uint64_t colour = colour_at(shape, samples, at);
        if (!number || colour != last) {
            uint32_t place = (uint32_t)(colour * UINT64_C(0x9E3779B97F4A7C15) >> (64 - PLACE_BITS));
            while (table[place] && found[table[place] - 1] != colour)
                place = (place + 1) % PLACES;
            if (!table[place]) {
                if (count == NLC_ADAPTIVE_MAX_COLOURS)
                    return NLC_ADAPTIVE_MAX_COLOURS + 1;
                found[count++] = colour;
                table[place] = (uint16_t)count;
            }
            number = table[place];
            last = colour;
        }
        if (places)
            places[at] = (uint8_t)(number - 1);
    }
    memcpy(sorted, found, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, in_order);
    for (int32_t k = 0; k < count; k++) {
        const uint64_t *own = bsearch(&found[k], sorted, (size_t)count, sizeof *sorted, in_order);
        rank[k] = (uint8_t)(own - sorted);
    }
    if (palette)
        memcpy(palette, sorted, (size_t)count * sizeof *sorted);
    for (size_t at = 0; places && at < area; at++)
        places[at] = rank[places[at]];
    return count;
}

static const nlc_digit_shape model_shape = {.tables = 3, .bits = TABLE_BITS, .sets = 1, .steady = 0, .most = 1};

size_t nlc_palette_size(const nlc_adaptive_shape *shape) { return nlc_tree_size(model_shape, shape->bits); }

void nlc_palette_code(const nlc_adaptive_tables *tables, const nlc_adaptive_shape *shape, nlc_digits *coder,
                      uint64_t *palette, int32_t count, void *memory) {
    const uint32_t mask = ((uint32_t)1 << shape->bits) - 1;
    uint32_t before[NLC_ADAPTIVE_MAX_PLANES] = {0}; /* what was coded last for each plane */
    nlc_tree tree;
    nlc_tree_make(&tree, model_shape, shape->bits, memory);
    for (int32_t k = 0; k < count; k++) {
        const uint64_t previous = k ? palette[k - 1] : 0;
        uint64_t colour = 0;
        uint32_t last = 0;
        for (int p = shape->planes - 1; p >= 0; p--) {
            const int shift = shape->bits * p;
            const uint64_t place = nlc_hash_part(tables, 0, p);
            nlc_number number = {.set = 0, .value = 0};
            nlc_plan plan;
            number.hashes[0] = nlc_hash_of_sum(tables, place, TABLE_BITS);
            number.hashes[1] = nlc_hash_of_sum(tables, place + nlc_hash_part(tables, 1, last), TABLE_BITS);
            number.hashes[2] = nlc_hash_of_sum(tables, place + nlc_hash_part(tables, 1, before[p]), TABLE_BITS);
            const uint32_t below = (uint32_t)(previous >> shift) & mask;
            if (coder->pairs)
                number.value = ((uint32_t)(palette[k] >> shift) - below) & mask;
            nlc_code_numbers(tables, &tree, coder, &number, &plan, 1);
            last = before[p] = number.value;
            colour |= (uint64_t)((last + below) & mask) << shift;
        }
        palette[k] = colour;
    }
}
