/* Learning of two layers: rows of check_kernels.c. */
#ifndef KERNEL_TWO_LAYERS_H
#define KERNEL_TWO_LAYERS_H

#include "layers.h"

static void prepare_activate_learned(sample *s) {
    prepare_layer(s, 0);
    const size_t width = (size_t)s->layer.vectors * NLC_LANES, count = s->size[0] * width;
    int32_t *sums = s->at[0], *bias = s->at[1], *shift = s->at[2], *learned = new_input(s, count * sizeof *learned);
    for (size_t k = 0; k < count; k++) {
        sums[k] >>= 4; /* a model's sums stay in their range */
        learned[k] = extreme(s->from, -(1 << 24) + 1, (1 << 24) - 1);
    }
    for (size_t k = 0; k < width; k++) {
        bias[k] >>= 4;
        shift[k] = draw(s->from, 0, NLC_PAIR_BITS);
    }
}
static void run_activate_learned(sample *s) {
    s->kernels->activate_learned(&s->layer, s->at[0], s->at[5], s->size[0], s->at[4], s->size[1]);
}

/* Activations of units in 16 lanes, and which lanes count. */
static void prepare_moving(sample *s) {
    const size_t units = pick(s, 1, 40), stride = NLC_LANES + pick(s, 0, 5);
    uint8_t *activations = new_input(s, units * stride), *mask = new_input(s, NLC_LANES);
    for (size_t k = 0; k < units * stride; k++)
        activations[k] = (uint8_t)(draw(s->from, 0, 9) ? 255 * draw(s->from, 0, 1) : draw(s->from, 0, 255));
    for (size_t l = 0; l < NLC_LANES; l++)
        mask[l] = (uint8_t)(255 * draw(s->from, 0, 1));
    new_output(s, (units + 1) * sizeof(uint16_t));
    new_output(s, sizeof(size_t));
    s->size[0] = units;
    s->size[1] = stride;
}
static void run_find_moving(sample *s) {
    uint16_t *moving = s->at[2];
    const size_t count = s->kernels->find_moving(s->at[0], s->size[1], s->size[0], s->at[1], moving);
    memset(moving + count, 0, (s->size[0] + 1 - count) * sizeof *moving); /* what stands there then is anything */
    memcpy(s->at[3], &count, sizeof count);
}

static void prepare_settle(sample *s) {
    int32_t *errors = new_input(s, sizeof(nlc_lanes)), *mask = new_input(s, sizeof(nlc_lanes));
    uint8_t *activations = new_input(s, NLC_LANES);
    for (size_t l = 0; l < NLC_LANES; l++) {
        errors[l] = extreme(s->from, -(1 << 30), 1 << 30) >> draw(s->from, 0, 25);
        mask[l] = -draw(s->from, 0, 1);
        activations[l] = (uint8_t)extreme(s->from, 0, 255);
    }
    new_output(s, sizeof(nlc_lanes));
    new_output(s, sizeof(int32_t));
    s->number[0] = draw(s->from, 0, 12);
}
static void run_settle(sample *s) {
    const int32_t squares = s->kernels->settle(s->at[0], s->at[2], s->at[1], s->number[0], s->at[3]);
    memcpy(s->at[4], &squares, sizeof squares);
}

static void prepare_reduce_errors(sample *s) {
    const size_t count = pick(s, 1, 70);
    double *squares = new_input(s, count * sizeof *squares);
    for (size_t k = 0; k < count; k++)
        squares[k] = (double)(((int64_t)draw(s->from, 0, INT32_MAX) << 21) >> draw(s->from, 0, 52));
    new_output(s, count * sizeof(int32_t));
    s->size[0] = count;
    s->number[0] = draw(s->from, 64, 1 << 28);
}
static void run_reduce_errors(sample *s) {
    s->kernels->reduce_errors(s->at[0], s->size[0], s->number[0], s->at[1]);
}

static void prepare_lead_back(sample *s) {
    const size_t count = pick(s, 1, 100);
    int32_t *learned = new_input(s, count * sizeof *learned);
    int16_t *own = new_input(s, count * sizeof *own);
    for (size_t k = 0; k < count; k++) {
        learned[k] = extreme(s->from, -NLC_PAIR_LARGEST, NLC_PAIR_LARGEST);
        own[k] = (int16_t)extreme(s->from, INT16_MIN, INT16_MAX);
    }
    new_output(s, count * sizeof *own);
    s->size[0] = count;
}
static void run_lead_back(sample *s) { s->kernels->lead_back(s->at[0], s->at[1], s->size[0], s->at[2]); }

#endif
