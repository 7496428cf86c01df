/* Learning of the last layer: rows of check_kernels.c. */
#ifndef KERNEL_LEARNING_H
#define KERNEL_LEARNING_H

#include "samples.h"

static void prepare_reduce(sample *s) {
    const size_t count = pick(s, 1, 40), pixels = pick(s, 1, pick(s, 0, 3) ? 60 : NLC_TEACHERS),
                 stride = count + pick(s, 0, 9);
    uint8_t *units = new_input(s, pixels * stride);
    for (size_t unit = 0; unit < stride; unit++) {
        const int32_t most = extreme(s->from, 0, 255);
        for (size_t pixel = 0; pixel < pixels; pixel++)
            units[pixel * stride + unit] = (uint8_t)extreme(s->from, 0, most);
    }
    double *squares = new_output(s, count * sizeof(double));
    for (size_t unit = 0; unit < count; unit++)
        squares[unit] = (double)draw(s->from, 0, INT32_MAX) * draw(s->from, 1, 1 << 20);
    new_output(s, count * sizeof(int32_t));
    const size_t sizes[6] = {stride, count, pixels, pick(s, 1, 1 << 28)};
    memcpy(s->size, sizes, sizeof sizes);
}
static void run_reduce(sample *s) {
    s->kernels->reduce(s->at[0], s->size[0], s->size[1], s->size[2], s->at[1], (double)s->size[3], s->at[2]);
}

/* Gradients of a block, -255 to 255; lanes `first` to `last` - 1 are packed. */
static nlc_lanes *prepare_pack(sample *s, size_t last_step) {
    const size_t outputs = pick(s, 1, NLC_LANES), first = 4 * pick(s, 0, 3);
    const size_t last = first + last_step * pick(s, 1, (int32_t)((NLC_LANES - first) / last_step));
    nlc_lanes *gradients = new_input(s, outputs * sizeof *gradients);
    for (size_t output = 0; output < outputs; output++)
        for (size_t l = 0; l < NLC_LANES; l++)
            gradients[output][l] = extreme(s->from, -128, 192);
    s->size[0] = outputs;
    s->size[1] = first;
    s->size[2] = last;
    s->number[0] = draw(s->from, 0, 1) ? INT8_MAX : 0;
    return gradients;
}
static void prepare_pack_gradients(sample *s) {
    prepare_pack(s, 1);
    new_buffer(s, NLC_LANES * 4 * ((s->size[2] - s->size[1] + 3) / 4), 1);
}
static void run_pack_gradients(sample *s) {
    s->result = s->kernels->pack_gradients(s->at[0], s->size[0], s->size[1], s->size[2], s->number[0], s->at[1]);
}
static int32_t twin_pack_gradients(nlc_lanes *gradients, size_t outputs, size_t first, size_t last, int32_t above,
                                   int8_t *packed) {
    const size_t groups = (last - first + 3) / 4;
    int32_t largest = 0;
    for (size_t output = 0; output < outputs; output++)
        for (size_t l = 0; l < last; l++) {
            const int32_t gradient = gradients[output][l],
                          reduced = gradient > INT8_MAX + above ? INT8_MAX : gradient - above;
            largest = gradient > largest ? gradient : largest;
            if (l >= first)
                packed[nlc_place(4, groups, output, l - first)] = (int8_t)(above && reduced < 0 ? 0 : reduced);
        }
    return largest;
}

/* What a level packs is compared unpacked: outputs x groups * group. */
static void unpack_wide(sample *s, const int16_t *packed, size_t outputs, size_t columns, int16_t *out) {
    const size_t group = (size_t)s->kernels->wide_group, groups = (columns + group - 1) / group;
    for (size_t output = 0; output < outputs; output++)
        for (size_t column = 0; column < columns; column++)
            out[output * columns + column] = packed[nlc_place(group, groups, output, column)];
}
static void prepare_pack_wide(sample *s) {
    prepare_pack(s, 1);
    const size_t group = (size_t)s->kernels->wide_group, pixels = s->size[2] - s->size[1];
    s->size[3] = (pixels + group - 1) / group;
    s->size[4] = pixels + pixels % 2; /* a last pair is filled with 0 */
    new_buffer(s, NLC_LANES * s->size[3] * group * sizeof(int16_t), 0);
    new_buffer(s, NLC_LANES * s->size[4] * sizeof(int16_t), 1);
}
static void run_pack_wide(sample *s) {
    s->kernels->pack_wide(s->at[0], s->size[0], s->size[1], s->size[2], s->size[3], s->at[1]);
}
static void after_pack_wide(sample *s) {
    const size_t columns = s->size[2] - s->size[1];
    unpack_wide(s, s->at[1], NLC_LANES, columns, s->at[2]);
    /* What follows the last pixel in its group must be 0. */
    const size_t group = (size_t)s->kernels->wide_group;
    for (size_t output = 0; output < NLC_LANES; output++)
        for (size_t column = columns; column < s->size[3] * group; column++)
            if (((const int16_t *)s->at[1])[nlc_place(group, s->size[3], output, column)])
                s->result = 1;
}

static void prepare_use(sample *s) {
    const size_t vectors = pick(s, 1, 4), outputs = vectors * NLC_LANES, units = 4 * pick(s, 1, 12);
    int32_t *learned = new_input(s, 4 * outputs * sizeof *learned);
    for (size_t k = 0; k < 4 * outputs; k++)
        learned[k] = extreme(s->from, -NLC_LARGEST_LEARNED, NLC_LARGEST_LEARNED);
    const int narrow = s->kernels->narrow;
    const size_t group = nlc_group(s->kernels, narrow ? NLC_NARROW : NLC_WIDE), groups = (units + group - 1) / group;
    const size_t unit = 4 * pick(s, 0, (int32_t)units / 4 - 1);
    new_buffer(s, outputs * groups * group * (narrow ? 1 : 2), 0);
    new_buffer(s, outputs * units, 1);
    const size_t sizes[6] = {vectors, groups, units, unit, group};
    memcpy(s->size, sizes, sizeof sizes);
}
static void run_use(sample *s) {
    const size_t place = nlc_place(s->size[4], s->size[1], 0, s->size[3]) * (s->kernels->narrow ? 1 : 2);
    s->kernels->use(s->at[0], s->size[0], s->size[1], (char *)s->at[1] + place);
}
static void after_use(sample *s) {
    for (size_t output = 0; output < s->size[0] * NLC_LANES; output++)
        for (size_t unit = 0; unit < s->size[2]; unit++) {
            const size_t place = nlc_place(s->size[4], s->size[1], output, unit);
            const int found =
                s->kernels->narrow ? ((const int8_t *)s->at[1])[place] : ((const int16_t *)s->at[1])[place];
            ((int8_t *)s->at[2])[output * s->size[2] + unit] = (int8_t)found;
        }
}

static void prepare_correct(sample *s) {
    const size_t count = pick(s, 1, 100);
    int32_t *shifts = new_input(s, count * sizeof *shifts);
    fill_integers(s, new_input(s, count * sizeof(int32_t)), count);
    for (size_t k = 0; k < count; k++)
        shifts[k] = draw(s->from, 0, 10);
    fill_integers(s, new_output(s, count * sizeof(int32_t)), count);
    s->size[0] = count;
}
static void run_correct(sample *s) { s->kernels->correct(s->at[1], s->at[0], s->size[0], s->at[2]); }

static void prepare_follow(sample *s) {
    const size_t count = pick(s, 1, 100);
    fill_integers(s, new_input(s, count * sizeof(int32_t)), count);
    int32_t *learned = new_output(s, count * sizeof *learned);
    for (size_t k = 0; k < count; k++)
        learned[k] = extreme(s->from, -NLC_LARGEST_LEARNED, NLC_LARGEST_LEARNED);
    s->size[0] = count;
    s->number[0] = draw(s->from, 0, 10);
}
static void run_follow(sample *s) { s->kernels->follow(s->at[0], s->number[0], s->at[1], s->size[0]); }

#endif
