/* Movements of numbers, and from the sums of layers to activations and outputs: rows of check_kernels.c. */
#ifndef KERNEL_LAYERS_H
#define KERNEL_LAYERS_H

#include "samples.h"

static void prepare_transpose8(sample *s) {
    const size_t rows = pick(s, 1, 70), columns = pick(s, 1, 70);
    const size_t in_stride = nlc_round_up(columns, 16) + 16 * pick(s, 0, 2), all_rows = nlc_round_up(rows, 16);
    const size_t out_stride = all_rows + 16 * pick(s, 0, 2);
    uint8_t *in = new_input(s, all_rows * in_stride);
    for (size_t k = 0; k < all_rows * in_stride; k++)
        in[k] = (uint8_t)draw(s->from, 0, 255);
    new_output(s, nlc_round_up(columns, 16) * out_stride);
    const size_t sizes[6] = {in_stride, rows, columns, out_stride};
    memcpy(s->size, sizes, sizeof sizes);
}
static void run_transpose8(sample *s) {
    s->kernels->transpose8(s->at[0], s->size[0], s->size[1], s->size[2], s->at[1], s->size[3]);
}

static void prepare_turn(sample *s) {
    const size_t count = pick(s, 1, 40), stride = nlc_round_up(count, NLC_LANES);
    fill_integers(s, new_input(s, NLC_LANES * stride * sizeof(int32_t)), NLC_LANES * stride);
    new_output(s, count * sizeof(nlc_lanes));
    s->size[0] = stride;
    s->size[1] = count;
}
static void run_turn(sample *s) { s->kernels->turn(s->at[0], s->size[0], s->size[1], s->at[1]); }

static void prepare_widen(sample *s) {
    const size_t count = pick(s, 0, 300);
    uint8_t *in = new_input(s, count);
    for (size_t k = 0; k < count; k++)
        in[k] = (uint8_t)draw(s->from, 0, 255);
    new_output(s, count * sizeof(int16_t));
    s->size[0] = count;
}
static void run_widen(sample *s) { s->kernels->widen(s->at[0], s->size[0], s->at[1]); }

static void prepare_layer(sample *s, int final) {
    const size_t rows = pick(s, 1, 9), vectors = pick(s, 1, 5), width = vectors * NLC_LANES;
    const size_t stride = width + 16 * pick(s, 0, 2);
    fill_integers(s, new_input(s, rows * width * sizeof(int32_t)), rows * width);
    int32_t *bias = new_input(s, width * sizeof(int32_t)), *shift = new_input(s, width * sizeof(int32_t));
    uint8_t *skip = new_input(s, rows * stride);
    fill_integers(s, bias, width);
    for (size_t k = 0; k < width; k++)
        shift[k] = draw(s->from, 0, 23);
    for (size_t k = 0; k < rows * stride; k++)
        skip[k] = (uint8_t)extreme(s->from, 0, 255);
    new_output(s, final ? rows * width * sizeof(int32_t) : rows * stride);
    s->layer.vectors = (int)vectors;
    s->layer.bias = bias;
    s->layer.shift = shift;
    s->size[0] = rows;
    s->size[1] = stride;
    s->size[2] = pick(s, 0, 1);
}
static void prepare_activate(sample *s) { prepare_layer(s, 0); }
static void prepare_finish(sample *s) { prepare_layer(s, 1); }
static void run_activate(sample *s) {
    s->kernels->activate(&s->layer, s->at[0], s->size[0], s->size[2] ? s->at[3] : NULL, s->at[4], s->size[1]);
}
static void run_finish(sample *s) { s->kernels->finish(&s->layer, s->at[0], s->size[0], s->at[4]); }

#endif
