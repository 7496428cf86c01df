/* Random legal models, for tests and fuzzing: their choices are read from bytes, and go on at random after these. */
#ifndef RANDOM_MODEL_H
#define RANDOM_MODEL_H

#include "../include/nelloc_core.h"

#include <stdlib.h>
#include <string.h>

/* Where choices come from. */
typedef struct {
    const uint8_t *bytes;
    size_t left;
    uint64_t state; /* of the generator, xorshift64*; not 0 */
} choices;

static inline uint64_t any_number(choices *from) {
    from->state ^= from->state >> 12;
    from->state ^= from->state << 25;
    from->state ^= from->state >> 27;
    return from->state * 0x2545f4914f6cdd1du;
}

/* least to most. */
static inline int32_t choose(choices *from, int32_t least, int32_t most) {
    const uint64_t range = (uint64_t)((int64_t)most - least) + 1;
    uint64_t number;
    if (from->left) {
        number = 0;
        for (uint64_t covered = 1; covered < range && from->left; covered <<= 8, from->left--)
            number = number << 8 | *from->bytes++;
    } else {
        number = any_number(from) >> 20;
    }
    return (int32_t)((int64_t)(number % range) + least);
}

/* The same at random, without spending bytes. */
static inline int32_t draw(choices *from, int32_t least, int32_t most) {
    const uint64_t range = (uint64_t)((int64_t)most - least) + 1;
    return (int32_t)((int64_t)((any_number(from) >> 20) % range) + least);
}

/* `number` or an end of its range, now and then. */
static inline int32_t extreme(choices *from, int32_t least, int32_t most) {
    const int32_t kind = draw(from, 0, 5);
    return kind == 0 ? least : kind == 1 ? most : draw(from, least, most);
}

typedef struct {
    nlc_model_source source;
    nlc_layer_source layers[8];
    void *owned[64];
    size_t count;
    int bits;
} random_model;

static inline int32_t *new_table(random_model *model, int32_t count) {
    int32_t *made = calloc((size_t)count, sizeof *made);
    if (!made)
        abort();
    return model->owned[model->count++] = made;
}

static inline void free_random_model(random_model *model) {
    for (size_t k = 0; k < model->count; k++)
        free(model->owned[k]);
}

static inline void random_layer(random_model *model, choices *from, int index, int32_t columns, int32_t rows,
                                int skip) {
    static const int32_t largest_weights[] = {127, 30, 511, 32767, 1 << 23, 0};
    const int32_t largest = largest_weights[choose(from, 0, 5)], input = index ? 255 : 384;
    int32_t *weight = new_table(model, rows * columns), *bias = new_table(model, rows), *shift = new_table(model, rows);
    const int32_t usual = choose(from, 0, 16), all_extreme = choose(from, 0, 3) == 0;
    for (int32_t row = 0; row < rows; row++) {
        /* Sums and the bias together stay below 2^24. */
        int64_t room = (1 << 24) - 1;
        for (int32_t column = 0; column < columns; column++) {
            const int32_t most = room / input < largest ? (int32_t)(room / input) : largest;
            const int32_t number = all_extreme ? (draw(from, 0, 1) ? most : -most) : extreme(from, -most, most);
            weight[row * columns + column] = number;
            room -= (int64_t)input * abs(number);
        }
        bias[row] = extreme(from, (int32_t)-room, (int32_t)room);
        shift[row] = draw(from, 0, 7) ? usual : draw(from, 0, 23);
    }
    model->layers[index] = (nlc_layer_source){rows, columns, skip, weight, bias, shift};
}

/* Ordered numbers: first, and then steps of `direction` that keep within 0 to `last`. */
static inline const int32_t *ordered_table(random_model *model, choices *from, int32_t count, int32_t first,
                                           int32_t last) {
    int32_t *table = new_table(model, count);
    table[0] = first;
    for (int32_t k = 1; k < count; k++) {
        const int32_t left = last - table[k - 1], step = left / (count - k);
        table[k] = table[k - 1] + (draw(from, 0, 3) ? step : left < 0 ? draw(from, left, 0) : draw(from, 0, left));
    }
    return table;
}

static inline const int32_t *any_table(random_model *model, choices *from, int32_t count, int32_t least, int32_t most) {
    int32_t *table = new_table(model, count);
    for (int32_t k = 0; k < count; k++)
        table[k] = extreme(from, least, most);
    return table;
}

/* Make a model with hidden layers of at most `widest` units, and tables of 25 times as many entries. */
static inline void make_random_model(random_model *model, choices *from, int32_t widest) {
    static const int bits[] = {8, 8, 8, 10, 12, 14, 16};
    memset(model, 0, sizeof *model);
    nlc_model_source *s = &model->source;
    model->bits = bits[choose(from, 0, 6)];
    const int deep = model->bits > 8;
    s->channels = choose(from, 0, 2) ? 3 : 1;
    s->raw = !deep && choose(from, 0, 3) == 0;
    s->borders = choose(from, 0, 1);
    s->horizon = choose(from, s->raw ? 1 : 2, choose(from, 0, 3) ? 3 : s->borders ? 6 : 8);
    s->joint = choose(from, 0, 3) != 0;
    s->components = choose(from, 1, choose(from, 0, 7) ? 5 : widest < 32 ? widest : 32);
    s->layer_count = choose(from, 2, 5);
    s->layers = model->layers;
    int32_t columns = s->channels * 2 * s->horizon * (s->horizon + 1);
    columns += (s->raw ? 0 : s->channels + 1) + (s->borders ? 3 : 0);
    for (int index = 0; index < s->layer_count; index++) {
        const int final = index + 1 == s->layer_count;
        int32_t rows = s->components * (1 + 2 * s->channels + (s->channels == 3 ? 3 : 0));
        int skip = -1;
        if (!final) {
            rows = choose(from, 1, widest);
            if (index && choose(from, 0, 1)) {
                skip = choose(from, 0, index - 1);
                rows = model->layers[skip].rows;
            }
        }
        random_layer(model, from, index, columns, rows, skip);
        columns = rows;
    }
    const int32_t levels = s->raw ? 1 : choose(from, deep ? 8 : 1, 80);
    int32_t *thresholds = new_table(model, levels);
    const int32_t step = choose(from, 1, 400);
    for (int32_t k = 1; k < levels; k++) {
        int32_t most = step;
        if (deep && k > levels - 8) { /* the levels that follow the last, an octave further, go on in order */
            const int32_t room = 2 * thresholds[levels - 8] + 18 * s->channels - thresholds[k - 1] - (levels - k);
            most = room < most ? room : most;
        }
        thresholds[k] = thresholds[k - 1] + draw(from, 1, most);
    }
    s->activity_levels = levels;
    s->thresholds = thresholds;
    s->input_scale = any_table(model, from, levels, 1, 16000);
    s->activity_input = any_table(model, from, levels, -384, 384);
    s->mean_scale = any_table(model, from, levels, 1, 1 << 16);
    s->scale_offset = any_table(model, from, levels, -(1 << 12), 1 << 12);
    s->logistic_count = choose(from, 2, 25 * widest);
    s->logistic = ordered_table(model, from, s->logistic_count, 1 << 19, 1 << 20);
    s->exponential_count = choose(from, 1, 25 * widest);
    s->exponential = ordered_table(model, from, s->exponential_count, 1 << 16, 0);
    s->inverse_scale_count = choose(from, deep ? 32 : 1, 25 * widest);
    int32_t *scales = new_table(model, s->inverse_scale_count);
    for (int32_t k = 0; k < s->inverse_scale_count; k++) /* of every order of magnitude */
        scales[k] = draw(from, 0, 9) ? draw(from, 1, (1 << draw(from, 1, 24)) - 1) : (1 << 24) - 1;
    s->inverse_scale = scales;
}

#endif
