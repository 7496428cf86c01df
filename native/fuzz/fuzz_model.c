/* libFuzzer: prepare models from any bytes, on any level; run the network of what is accepted, and decode a tile.
 *
 * The numbers of a model are read from the bytes, with 0 where they end. Arrays are as long as their counts say, which
 * is the caller's promise to the core; everything else is the core's to check.
 */
#include "../include/nelloc_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The arrays of a model that is read hold no more than this. */
#define MOST_NUMBERS 100000

typedef struct {
    const uint8_t *bytes;
    size_t left;
    size_t numbers;
    int32_t *owned[256];
    size_t count;
} reader;

/* A number of 1 to 4 bytes, little-endian, with its sign. */
static int32_t number(reader *from, int bytes) {
    uint32_t found = 0;
    for (int k = 0; k < bytes; k++)
        if (from->left) {
            found |= (uint32_t)*from->bytes++ << 8 * k;
            from->left--;
        }
    const uint32_t sign = (uint32_t)1 << (8 * bytes - 1);
    return (int32_t)((int64_t)(found ^ sign) - (int64_t)sign);
}

/* As many numbers as count says. Each array tells how many bytes its numbers have, and by how much they are shifted. */
static const int32_t *numbers(reader *from, int64_t count) {
    if (count < 0 || (from->numbers += (size_t)count) > MOST_NUMBERS || from->count == 256)
        return NULL;
    int32_t *made = calloc((size_t)count + 1, sizeof *made);
    if (!made)
        abort();
    from->owned[from->count++] = made;
    const int form = number(from, 1), bytes = (form & 3) + 1, shift = form >> 2 & 15;
    for (int64_t k = 0; k < count; k++)
        made[k] = (int32_t)((uint32_t)number(from, bytes) << shift);
    return made;
}

static int read_model(reader *from, nlc_model_source *s, nlc_layer_source *layers) {
    int32_t *about[] = {&s->horizon, &s->components, &s->channels, &s->joint, &s->raw, &s->borders};
    for (size_t k = 0; k < sizeof about / sizeof *about; k++)
        *about[k] = number(from, 1);
    s->layer_count = number(from, 1) & 7;
    s->layers = layers;
    for (int32_t k = 0; k < s->layer_count; k++) {
        layers[k].rows = number(from, 2);
        layers[k].columns = number(from, 2);
        layers[k].skip = number(from, 1);
        if (layers[k].rows < 0 || layers[k].columns < 0)
            return 0; /* arrays cannot have this shape */
        layers[k].weight = numbers(from, (int64_t)layers[k].rows * layers[k].columns);
        layers[k].bias = numbers(from, layers[k].rows);
        layers[k].shift = numbers(from, layers[k].rows);
        if (!layers[k].weight || !layers[k].bias || !layers[k].shift)
            return 0;
    }
    int32_t *counts[] = {&s->activity_levels, &s->logistic_count, &s->exponential_count, &s->inverse_scale_count};
    for (size_t k = 0; k < 4; k++)
        *counts[k] = number(from, 2);
    const int32_t **activity[] = {&s->thresholds, &s->input_scale, &s->activity_input, &s->mean_scale,
                                  &s->scale_offset};
    int good = 1;
    for (size_t k = 0; k < 5; k++)
        good = good && (*activity[k] = numbers(from, s->activity_levels)) != NULL;
    return good && (s->logistic = numbers(from, s->logistic_count)) &&
           (s->exponential = numbers(from, s->exponential_count)) &&
           (s->inverse_scale = numbers(from, s->inverse_scale_count));
}

/* Evaluate the largest inputs, and decode a tile from what is left of the bytes. */
static void use_model(const nlc_model *model, int channels, const uint8_t *data, size_t size) {
    int inputs, outputs, hidden;
    nlc_model_shape(model, &inputs, &outputs, &hidden);
    int16_t *seen = calloc(3 * (size_t)inputs, sizeof *seen);
    int32_t *found = calloc(3 * (size_t)outputs, sizeof *found);
    uint8_t *last = calloc(3 * (size_t)hidden, 1);
    uint16_t samples[3 * 5 * 7];
    if (!seen || !found || !last)
        abort();
    for (int k = 0; k < 3 * inputs; k++)
        seen[k] = k < inputs ? 384 : k < 2 * inputs ? -384 : (int16_t)(size ? data[(size_t)k % size] : 0);
    if (nlc_model_evaluate(model, seen, 3, found, last) != NLC_OK)
        abort();
    for (int learns = 0; learns <= nlc_model_can_learn(model); learns++) {
        nlc_tile tile = {5, 7, samples, data, size, NULL, 0};
        nlc_walk *walk;
        size_t done;
        if (nlc_walk_new(model, NLC_DECODE, channels, learns, 0, NULL, &tile, 1, &walk) != NLC_OK)
            abort();
        do {
            if (nlc_walk_run(walk, 100, &done) != NLC_OK)
                abort();
        } while (done);
        nlc_walk_free(walk);
    }
    free(seen);
    free(found);
    free(last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    reader from;
    memset(&from, 0, sizeof from);
    from.bytes = data;
    from.left = size;
    const int level = number(&from, 1), bits = number(&from, 1);
    nlc_model_source source;
    nlc_layer_source layers[8];
    memset(&source, 0, sizeof source);
    if (read_model(&from, &source, layers)) {
        nlc_model *model = NULL;
        if (nlc_model_new(&source, bits, level, &model) == NLC_OK)
            use_model(model, source.channels, from.bytes, from.left);
        nlc_model_free(model);
    }
    for (size_t k = 0; k < from.count; k++)
        free(from.owned[k]);
    return 0;
}
