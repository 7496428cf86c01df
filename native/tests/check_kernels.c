/* Compare the kernels of every level with their plain twins, in the style of checkasm.
 *
 *   check_kernels [--time] [ROUNDS [SEED]]
 *
 * Each kernel gets random and extreme inputs of every odd size. What it writes must be the same, byte by byte, and so
 * must what surrounds it. With --time both are timed. Where this is compiled with CHECK_OTHER_FORMS, the levels of
 * AVX-VNNI and AMX are compared even where the machine lacks them: their files were then compiled to run without.
 */
#include "../src/core.h"
#include "../src/cpu.h"
#include "../src/level/target.h"
#include "random_model.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

#define GUARD 64
#define MOST_BUFFERS 8

/* A buffer between guards, which nothing may change. */
typedef struct {
    uint8_t *memory;
    size_t size;
    int compared; /* whether the twin must leave the same in it */
} buffer;

/* Inputs, outputs and arguments of one call. */
typedef struct {
    const nlc_kernels *kernels;
    nlc_model *model;
    random_model *source;
    choices *from;
    size_t size[6];
    int32_t number[2];
    buffer buffers[MOST_BUFFERS];
    void *at[MOST_BUFFERS]; /* their contents */
    size_t count;
    nlc_layer layer;
    nlc_block block;
    int32_t result;
} sample;

typedef struct {
    const char *name;
    void (*prepare)(sample *s);
    void (*run)(sample *s);
    int narrow; /* 1 if only levels with narrow products have it */
} kernel_test;

static uint8_t guard_byte(size_t k) { return (uint8_t)(0xa5 ^ (k * 37)); }

static void *new_buffer(sample *s, size_t size, int compared) {
    buffer *made = &s->buffers[s->count];
    made->memory = malloc(size + 2 * GUARD);
    if (!made->memory)
        abort();
    made->size = size;
    made->compared = compared;
    for (size_t k = 0; k < GUARD; k++)
        made->memory[k] = made->memory[GUARD + size + k] = guard_byte(k);
    memset(made->memory + GUARD, 0, size);
    return s->at[s->count++] = made->memory + GUARD;
}

/* The contents of a buffer that a kernel writes: what was there before is known, so that leaving it is compared too. */
static void *new_output(sample *s, size_t size) {
    uint8_t *made = new_buffer(s, size, 1);
    for (size_t k = 0; k < size; k++)
        made[k] = (uint8_t)draw(s->from, 0, 255);
    return made;
}

/* A buffer that kernels read. It ends where the memory does, so that a sanitizer sees what reads further. */
static void *new_input(sample *s, size_t size) {
    buffer *made = &s->buffers[s->count];
    made->memory = malloc(size ? size : 1);
    if (!made->memory)
        abort();
    made->size = 0;
    made->compared = -1;
    return s->at[s->count++] = made->memory;
}

static int guards_hold(const sample *s) {
    for (size_t k = 0; k < s->count; k++)
        for (size_t byte = 0; s->buffers[k].compared >= 0 && byte < GUARD; byte++)
            if (s->buffers[k].memory[byte] != guard_byte(byte) ||
                s->buffers[k].memory[GUARD + s->buffers[k].size + byte] != guard_byte(byte))
                return 0;
    return 1;
}

static void free_sample(sample *s) {
    for (size_t k = 0; k < s->count; k++)
        free(s->buffers[k].memory);
}

static size_t pick(sample *s, int32_t least, int32_t most) { return (size_t)draw(s->from, least, most); }

/* --- products ---------------------------------------------------------------------------------------------------- */

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
static void prepare_sparse8(sample *s) {
    const size_t shape[3] = {pick(s, 1, 5), pick(s, 1, 300), pick(s, 1, 18)};
    prepare_product(s, 1, shape);
}
static void run_sparse8(sample *s) {
    s->kernels->sparse8(s->at[1], s->size[0], s->size[1], s->at[3], s->size[2], s->size[3], s->at[4], s->size[4]);
}
static void run_product16(sample *s) {
    s->kernels->product16(s->at[0], s->size[0], s->size[1], s->at[2], s->size[2], s->size[3], s->at[4], s->size[4]);
}

/* The twins of products: they go by where weights stand, and so serve as the plain level's twins too. */
static void twin_product8(const uint8_t *a, size_t a_stride, size_t rows, const int8_t *b, size_t groups, size_t vectors,
                          int32_t *c, size_t c_stride) {
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

/* --- movements --------------------------------------------------------------------------------------------------- */

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

static int32_t any_integer(sample *s) {
    return extreme(s->from, -(1 << 24) + 1, (1 << 24) - 1) >> draw(s->from, 0, 20);
}

static void fill_integers(sample *s, int32_t *to, size_t count) {
    for (size_t k = 0; k < count; k++)
        to[k] = any_integer(s);
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

/* --- layers ------------------------------------------------------------------------------------------------------ */

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

/* --- learning ---------------------------------------------------------------------------------------------------- */

static void prepare_reduce(sample *s) {
    const size_t count = pick(s, 1, 40), pixels = pick(s, 1, pick(s, 0, 3) ? 60 : NLC_TEACHERS), stride = pixels + pick(s, 0, 9);
    uint8_t *units = new_input(s, count * stride);
    for (size_t unit = 0; unit < count; unit++) {
        const int32_t most = extreme(s->from, 0, 255);
        for (size_t k = 0; k < stride; k++)
            units[unit * stride + k] = (uint8_t)extreme(s->from, 0, most);
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
            const int32_t gradient = gradients[output][l], reduced = gradient > INT8_MAX + above ? INT8_MAX : gradient - above;
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
            const int found = s->kernels->narrow ? ((const int8_t *)s->at[1])[place] : ((const int16_t *)s->at[1])[place];
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

/* --- learning of two layers --------------------------------------------------------------------------------------- */

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

/* --- pixels ------------------------------------------------------------------------------------------------------ */

static void prepare_normalise(sample *s) {
    const nlc_model *model = s->model;
    const size_t count = (size_t)(model->window * model->channels);
    const int32_t last = (1 << model->bits) - 1, least = extreme(s->from, 0, last), most = extreme(s->from, least, last);
    uint16_t *seen = new_input(s, count * sizeof *seen);
    for (size_t k = 0; k < count; k++)
        seen[k] = (uint16_t)extreme(s->from, least, most);
    new_output(s, (size_t)model->inputs * sizeof(int16_t));
    new_output(s, (size_t)model->channels * sizeof(int32_t));
    new_output(s, sizeof(int32_t));
}
static void run_normalise(sample *s) { s->kernels->normalise(s->model, s->at[0], s->at[1], s->at[2], s->at[3]); }

/* A block with all its rows. */
static void prepare_block(sample *s) {
    const nlc_model *model = s->model;
    const size_t outputs = (size_t)model->outputs, each = (size_t)model->components;
    memset(&s->block, 0, sizeof s->block);
    s->block.outputs = new_output(s, outputs * sizeof(nlc_lanes));
    const int32_t reach = 1 << draw(s->from, 4, 23); /* of the outputs: logits that are far apart leave few components */
    for (size_t output = 0; output < outputs; output++)
        for (size_t l = 0; l < NLC_LANES; l++)
            s->block.outputs[output][l] = extreme(s->from, -reach, reach);
    nlc_lanes *rows = new_output(s, 17 * each * sizeof(nlc_lanes));
    nlc_lanes **parts[17] = {&s->block.weight, &s->block.prior, &s->block.mean, &s->block.slope_high, &s->block.slope_low};
    for (size_t plane = 0; plane < 3; plane++) {
        nlc_trace *trace = &s->block.trace[plane];
        nlc_lanes **of_trace[] = {&trace->below, &trace->above, &trace->step_below, &trace->step_above};
        memcpy(parts + 5 + 4 * plane, of_trace, sizeof of_trace);
    }
    for (size_t k = 0; k < 17; k++, rows += each)
        *parts[k] = rows;
    for (int l = 0; l < NLC_LANES; l++) {
        s->block.cumulative[NLC_RADIX][l] = NLC_FREE_FREQUENCY;
        s->block.level[l] = draw(s->from, 0, model->activity_levels - 1);
        for (int c = 0; c < model->channels; c++)
            s->block.base[c][l] = model->raw ? NLC_RAW_BASE : extreme(s->from, 0, 4 * 255);
    }
    new_output(s, outputs * sizeof(nlc_lanes)); /* gradients */
    new_output(s, sizeof s->block);
    /* Digits. */
    s->number[0] = draw(s->from, 0, 3) ? draw(s->from, 0, INT32_MAX) : draw(s->from, 0, 1) ? -1 : 0;
    s->number[1] = model->channels == 1 || draw(s->from, 0, 3) == 0 ? 1 : 3;
}

/* Code a block as a walk does. The prior and the traces of planes are part of what is compared. */
static void run_block(sample *s) {
    const nlc_kernels *kernels = s->kernels;
    const nlc_model *model = s->model;
    nlc_block *block = &s->block;
    choices digits = {NULL, 0, (uint64_t)s->number[0] + 1};
    const int planes = s->number[1], traced = model->can_learn;
    kernels->start_block(model, block);
    for (int plane = 0; plane < planes; plane++) {
        kernels->start_plane(model, block, plane);
        for (int32_t stride = 64; stride; stride /= NLC_RADIX) {
            kernels->digit(model, block, stride);
            for (size_t l = 0; l < NLC_LANES; l++) {
                const int32_t digit = s->number[0] < 1 ? (s->number[0] < 0) * 3 : draw(&digits, 0, 3);
                block->value[l] += digit * stride;
                block->lowest[l] += block->cdf[digit][l];
                block->whole[l] = block->cdf[digit + 1][l] - block->cdf[digit][l];
            }
        }
        kernels->end_plane(model, block, plane, traced);
    }
    if (traced)
        kernels->gradients(model, block, planes, s->at[2]);
}
/* The block itself, less its pointers. */
static void after_block(sample *s) {
    memset(s->at[3], 0, sizeof s->block);
    memcpy(s->at[3], (const char *)&s->block + offsetof(nlc_block, base), sizeof s->block - offsetof(nlc_block, base));
}

static const kernel_test tests[] = {
    {"product8", prepare_product8, run_product8, 1},
    {"sparse8", prepare_sparse8, run_sparse8, 1},
    {"product16", prepare_product16, run_product16, 0},
    {"transpose8", prepare_transpose8, run_transpose8, 0},
    {"turn", prepare_turn, run_turn, 0},
    {"widen", prepare_widen, run_widen, 0},
    {"activate", prepare_activate, run_activate, 0},
    {"finish", prepare_finish, run_finish, 0},
    {"reduce", prepare_reduce, run_reduce, 0},
    {"pack_gradients", prepare_pack_gradients, run_pack_gradients, 1},
    {"pack_wide", prepare_pack_wide, run_pack_wide, 0},
    {"use", prepare_use, run_use, 0},
    {"correct", prepare_correct, run_correct, 0},
    {"follow", prepare_follow, run_follow, 0},
    {"activate_learned", prepare_activate_learned, run_activate_learned, 0},
    {"settle", prepare_settle, run_settle, 0},
    {"find_moving", prepare_moving, run_find_moving, 0},
    {"reduce_errors", prepare_reduce_errors, run_reduce_errors, 0},
    {"lead_back", prepare_lead_back, run_lead_back, 0},
    {"normalise", prepare_normalise, run_normalise, 0},
    /* start_block, start_plane, digit, end_plane and gradients: each works on what the ones before it left. */
    {"block", prepare_block, run_block, 0},
};
#define TESTS (sizeof tests / sizeof *tests)

/* What makes outputs of different layouts comparable. */
static void finish_sample(const kernel_test *test, sample *s) {
    if (test->run == run_pack_wide)
        after_pack_wide(s);
    if (test->run == run_use)
        after_use(s);
    if (test->run == run_block)
        after_block(s);
}

static void make_sample(const kernel_test *test, const nlc_kernels *kernels, nlc_model *model, uint64_t seed, sample *s,
                        choices *from) {
    memset(s, 0, sizeof *s);
    *from = (choices){NULL, 0, seed};
    s->kernels = kernels;
    s->model = model;
    s->from = from;
    test->prepare(s);
}

/* 1 if a level's kernel does what its twin does. */
static int same(const kernel_test *test, const nlc_kernels *level, const nlc_kernels *twin, nlc_model *model,
                uint64_t seed) {
    sample one, other;
    choices from, from_other;
    make_sample(test, twin, model, seed, &one, &from);
    make_sample(test, level, model, seed, &other, &from_other);
    test->run(&one);
    test->run(&other);
    finish_sample(test, &one);
    finish_sample(test, &other);
    int good = one.result == other.result && guards_hold(&one) && guards_hold(&other);
    for (size_t k = 0; k < one.count; k++)
        if (one.buffers[k].compared > 0)
            good = good && one.buffers[k].size == other.buffers[k].size &&
                   memcmp(one.at[k], other.at[k], one.buffers[k].size) == 0;
    free_sample(&one);
    free_sample(&other);
    return good;
}

static nlc_model *new_model(random_model *made, choices *from, int for_blocks) {
    nlc_model *model = NULL;
    for (;;) {
        make_random_model(made, from, 40);
        if (!for_blocks || made->bits == 8)
            break;
        free_random_model(made);
    }
    if (nlc_model_new(&made->source, made->bits, NLC_PLAIN, &model) != NLC_OK) {
        fprintf(stderr, "a random model was refused\n");
        exit(2);
    }
    return model;
}

/* Nanoseconds of a call. */
static double time_of(const kernel_test *test, const nlc_kernels *kernels, nlc_model *model, uint64_t seed) {
    sample s;
    choices from;
    memset(&s, 0, sizeof s);
    from = (choices){NULL, 0, seed};
    s.kernels = kernels;
    s.model = model;
    s.from = &from;
    const size_t shape[3] = {48, 256, 7};
    if (test->run == run_product8 || test->run == run_product16)
        prepare_product(&s, test->run == run_product8, shape);
    else
        test->prepare(&s);
    const nlc_block block = s.block;
    double best = 1e30;
    for (int round = 0; round < 5; round++) {
        long calls = 0;
        const clock_t start = clock();
        clock_t passed;
        do {
            for (int call = 0; call < 64; call++, calls++) {
                s.block = block;
                test->run(&s);
            }
            passed = clock() - start;
        } while (passed < CLOCKS_PER_SEC / 200);
        const double each = (double)passed / CLOCKS_PER_SEC / (double)calls * 1e9;
        best = each < best ? each : best;
    }
    free_sample(&s);
    return best;
}

static int check_level(const nlc_kernels *level, const nlc_kernels *twin, long rounds, uint64_t seed, int timed) {
    int failures = 0;
    for (size_t t = 0; t < TESTS; t++) {
        const int twin_is_other = level != nlc_kernels_of(NLC_PLAIN) || tests[t].run == run_product16;
        if ((tests[t].narrow && !level->narrow) || !twin_is_other)
            continue;
        long failed = 0;
        uint64_t first_failed = 0;
        for (long round = 0; round < rounds; round++) {
            choices from = {NULL, 0, seed + (uint64_t)round * 7919 + t + 1};
            random_model made;
            nlc_model *model = new_model(&made, &from, tests[t].run == run_block);
            const uint64_t chosen = any_number(&from) | 1;
            if (!same(&tests[t], level, twin, model, chosen) && !failed++)
                first_failed = seed + (uint64_t)round;
            nlc_model_free(model);
            free_random_model(&made);
        }
        printf("%-8s %-15s %ld rounds, %ld differ", level->name, tests[t].name, rounds, failed);
        if (failed)
            printf(" (first with seed %llu)", (unsigned long long)first_failed);
        failures += failed != 0;
        if (timed) { /* with a mixture like that of the shipped models */
            choices from = {NULL, 0, 12345};
            random_model made;
            nlc_model *model = new_model(&made, &from, 1);
            while (model->components < 10 || model->channels < 3 || !model->can_learn) {
                nlc_model_free(model);
                free_random_model(&made);
                model = new_model(&made, &from, 1);
            }
            const nlc_kernels *plain = tests[t].narrow ? twin : nlc_kernels_of(NLC_PLAIN);
            const double plain_time = time_of(&tests[t], plain, model, 4321);
            const double own_time = time_of(&tests[t], level, model, 4321);
            printf("; %.0f ns, plain %.0f ns, %.1f times", own_time, plain_time, plain_time / own_time);
            nlc_model_free(model);
            free_random_model(&made);
        }
        printf("\n");
    }
    return failures;
}

#if defined(CHECK_OTHER_FORMS) && NLC_X86_64
extern const nlc_kernels nlc_avx_vnni_kernels, nlc_amx_kernels;
#endif

int main(int count, char **arguments) {
    int timed = 0, argument = 1;
    if (argument < count && strcmp(arguments[argument], "--time") == 0) {
        timed = 1;
        argument++;
    }
    const long rounds = argument < count ? strtol(arguments[argument++], NULL, 10) : 300;
    const uint64_t seed = argument < count ? strtoull(arguments[argument], NULL, 10) : 1;
    nlc_kernels twin = *nlc_kernels_of(NLC_PLAIN);
    twin.product8 = twin.sparse8 = twin_product8;
    twin.product16 = twin_product16;
    twin.pack_gradients = twin_pack_gradients;
    int failures = check_level(nlc_kernels_of(NLC_PLAIN), &twin, rounds, seed, 0);
    for (int level = NLC_PLAIN + 1; level < NLC_LEVELS; level++)
        if (nlc_kernels_of(level))
            failures += check_level(nlc_kernels_of(level), &twin, rounds, seed, timed);
#if defined(CHECK_OTHER_FORMS) && NLC_X86_64
    if (nlc_cpu_supports(NLC_VNNI) && !nlc_kernels_of(NLC_AVX_VNNI))
        failures += check_level(&nlc_avx_vnni_kernels, &twin, rounds, seed, 0);
    if (nlc_cpu_supports(NLC_VNNI) && !nlc_kernels_of(NLC_AMX))
        failures += check_level(&nlc_amx_kernels, &twin, rounds, seed, 0);
#endif
    return failures != 0;
}
