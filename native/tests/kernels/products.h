/* Products: rows of check_kernels.c, and twins in plain C. */
#ifndef KERNEL_PRODUCTS_H
#define KERNEL_PRODUCTS_H

#include "samples.h"

/* Inputs of the products: what is packed depends on the level, what it stands for does not. */
static void prepare_product(sample *s, int narrow, const size_t given[3]) {
    const size_t rows = given ? given[0] : pick(s, 0, 4) ? pick(s, 1, 20) : pick(s, 1, 48);
    const size_t columns = given ? given[1] : pick(s, 1, pick(s, 0, 3) ? 80 : 300);
    const size_t vectors = given ? given[2] : pick(s, 1, 7), outputs = vectors * NLC_LANES;
    const size_t group = nlc_group(s->kernels, narrow ? NLC_NARROW : NLC_WIDE), groups = (columns + group - 1) / group;
    const size_t stride = nlc_round_up(columns, NLC_ROW) + (given ? 0 : pick(s, 0, 17));
    const size_t out_stride = outputs + (given ? 0 : pick(s, 0, 3));
    const int extremes = draw(s->from, 0, 2) == 0, mostly_zero = draw(s->from, 0, 2) == 0;
    int16_t *a16 = new_input(s, narrow ? 0 : rows * stride * sizeof *a16);
    uint8_t *a8 = new_input(s, narrow ? rows * stride : 0);
    int16_t *b16 = new_input(s, narrow ? 0 : outputs * groups * group * sizeof *b16);
    int8_t *b8 = new_input(s, narrow ? outputs * groups * group : 0);
    /* What stands beyond the columns is anything, and its weights are 0. */
    for (size_t k = 0; k < rows * stride; k++) {
        const int is_zero = mostly_zero && draw(s->from, 0, 7);
        if (narrow)
            a8[k] = (uint8_t)(is_zero ? 0 : extremes ? 255 * draw(s->from, 0, 1) : draw(s->from, 0, 255));
        else
            a16[k] = (int16_t)(is_zero ? 0 : extremes ? draw(s->from, -1, 1) * 384 : draw(s->from, -384, 384));
    }
    memset(narrow ? (void *)b8 : (void *)b16, 0, outputs * groups * group * (narrow ? 1 : 2));
    for (size_t output = 0; output < outputs; output++) {
        int32_t room = ((1 << 24) - 1) / 384;
        for (size_t column = 0; column < columns; column++) {
            const size_t place = nlc_place(group, groups, output, column);
            const int32_t largest = narrow ? INT8_MAX : INT16_MAX, most = room < largest ? room : largest;
            const int32_t weight = extremes ? draw(s->from, -1, 1) * most : draw(s->from, -most, most);
            room -= narrow ? 0 : abs(weight);
            if (narrow)
                b8[place] = (int8_t)weight;
            else
                b16[place] = (int16_t)weight;
        }
    }
    new_output(s, rows * out_stride * sizeof(int32_t));
    const size_t sizes[6] = {stride, rows, groups, vectors, out_stride, group};
    memcpy(s->size, sizes, sizeof sizes);
}

static void prepare_product8(sample *s) { prepare_product(s, 1, NULL); }
static void prepare_product16(sample *s) { prepare_product(s, 0, NULL); }

static void run_product8(sample *s) {
    s->kernels->product8(s->at[1], s->size[0], s->size[1], s->at[3], s->size[2], s->size[3], s->at[4], s->size[4]);
}
static void prepare_sparse(sample *s, int narrow) {
    const size_t shape[3] = {pick(s, 1, 40), pick(s, 0, 3) ? pick(s, 1, 300) : pick(s, 1, 1200), pick(s, 1, 18)};
    prepare_product(s, narrow, shape);
}
static void prepare_sparse8(sample *s) { prepare_sparse(s, 1); }
static void prepare_sparse16(sample *s) { prepare_sparse(s, 0); }
static void run_sparse8(sample *s) {
    s->kernels->sparse8(s->at[1], s->size[0], s->size[1], s->at[3], s->size[2], s->size[3], s->at[4], s->size[4]);
}
static void run_product16(sample *s) {
    s->kernels->product16(s->at[0], s->size[0], s->size[1], s->at[2], s->size[2], s->size[3], s->at[4], s->size[4]);
}

static void run_sparse16(sample *s) {
    s->kernels->sparse16(s->at[0], s->size[0], s->size[1], s->at[2], s->size[2], s->size[3], s->at[4], s->size[4]);
}

/* The twins of products: they go by where weights stand, and so serve as the plain level's twins too. */
static void twin_product8(const uint8_t *a, size_t a_stride, size_t rows, const int8_t *b, size_t groups,
                          size_t vectors, int32_t *c, size_t c_stride) {
    for (size_t row = 0; row < rows; row++)
        for (size_t output = 0; output < vectors * NLC_LANES; output++) {
            int32_t sum = 0;
            for (size_t k = 0; k < 4 * groups; k++)
                sum += a[row * a_stride + k] * b[nlc_place(4, groups, output, k)];
            c[row * c_stride + output] = sum;
        }
}

static void twin_product16(const int16_t *a, size_t a_stride, size_t rows, const int16_t *b, size_t groups,
                           size_t vectors, int32_t *c, size_t c_stride) {
    for (size_t row = 0; row < rows; row++)
        for (size_t output = 0; output < vectors * NLC_LANES; output++) {
            int32_t sum = 0;
            for (size_t k = 0; k < NLC_ROW * groups; k++)
                sum += a[row * a_stride + k] * b[nlc_place(NLC_ROW, groups, output, k)];
            c[row * c_stride + output] = sum;
        }
}

#endif
