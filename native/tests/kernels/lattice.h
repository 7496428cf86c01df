/* Colour lattices: rows of check_kernels.c, and twins in plain C. */
#ifndef KERNEL_LATTICE_H
#define KERNEL_LATTICE_H

#include "pixels.h"

/* Of one lane: the share; masses and what is expected of green; masses and sums once it is chosen; masses, sums and
 * what is kept of blue. */
#define LATTICE_NUMBERS (1 + 2 * 256 + 256 + 16 + 256 + 16 + 2 * NLC_LATTICE_ROW)

/* A block of which red is to come, and a row of the lattice for each green, of all densities; a word follows them. */
static void prepare_lattice(sample *s) {
    const size_t words = 256 * NLC_LATTICE_ROW + 1;
    prepare_block(s);
    uint64_t *rows = new_input(s, words * sizeof *rows);
    for (size_t word = 0; word < words; word++) {
        rows[word] = draw(s->from, 0, 1) ? any_number(s->from) : ~(uint64_t)0;
        for (int32_t times = draw(s->from, 0, 3); times > 0; times--)
            rows[word] &= any_number(s->from);
    }
    new_output(s, NLC_LANES * LATTICE_NUMBERS * sizeof(int32_t));
    s->number[1] = draw(s->from, 0, 3); /* how likely colours are on the lattice */
}

/* What a spread stands for: values that no component reaches included. */
static int32_t *masses_of(const nlc_spread *spread, int with_held, int32_t *to) {
    for (int32_t x = 0; x < 256; x++) {
        const int inside = x / NLC_LANES >= spread->first && x / NLC_LANES <= spread->last;
        const int kept = (int)(spread->kept[x / 64] >> (x % 64) & 1);
        to[x] = inside ? spread->mass[x] : kept * spread->uniform;
        if (with_held)
            to[256 + x] = inside ? spread->held[x] : spread->uniform >> 2;
    }
    return to + (with_held ? 512 : 256);
}
static int32_t *sums_of(const nlc_spread *spread, int32_t *to) {
    memcpy(to, spread->sums, sizeof spread->sums);
    return to + 16;
}

/* The planes of a pixel on a lattice, as a walk takes them. */
static void run_lattice(sample *s) {
    const nlc_kernels *kernels = s->kernels;
    const nlc_model *model = s->model;
    nlc_block *block = &s->block;
    const uint64_t *rows = s->at[4];
    choices from = {NULL, 0, (uint64_t)s->number[0] + 7};
    nlc_spread *spread = calloc(NLC_LANES, sizeof *spread);
    int on[NLC_LANES];
    if (!spread)
        abort();
    kernels->start_block(model, block);
    for (int plane = 0; plane < 3; plane++) {
        kernels->start_plane(model, block, plane);
        for (int lane = 0; lane < NLC_LANES; lane++) {
            int32_t *to = (int32_t *)s->at[5] + lane * LATTICE_NUMBERS;
            if (plane == 1) {
                *to = kernels->weigh_green(model, block, lane, rows, &spread[lane]);
                to = masses_of(&spread[lane], 1, to + 1);
                on[lane] = draw(&from, 0, 3) >= s->number[1];
                kernels->choose_green(&spread[lane], on[lane]);
                sums_of(&spread[lane], masses_of(&spread[lane], 0, to));
            } else if (plane == 2) {
                const uint64_t *row = rows + (size_t)draw(&from, 0, 255) * NLC_LATTICE_ROW;
                kernels->weigh_blue(model, block, lane, row, on[lane], &spread[lane]);
                to = sums_of(&spread[lane], masses_of(&spread[lane], 0, to + 1 + 512 + 256 + 16));
                memcpy(to, spread[lane].kept, sizeof spread[lane].kept);
            }
            block->value[lane] = extreme(&from, 0, 255);
        }
        kernels->end_plane(model, block, plane, 0);
    }
    free(spread);
}

/* c_i(x) of section 6, in 1/2^15. */
static int32_t cdf_twin(const nlc_model *model, const nlc_block *block, int i, int lane, int x) {
    const int32_t half = 1 << 14, distance = 64 * x - 32 - block->mean[i][lane];
    const int64_t slope = (int64_t)block->slope_high[i][lane] * (1 << 14) + block->slope_low[i][lane];
    const int64_t product = distance * slope, whole = 1 << 14;
    const int64_t steps = (product - ((product % whole + whole) % whole)) / whole;
    const int64_t upper = steps < 0 ? -1 - steps : steps;
    const int32_t found = model->logistic[upper < model->logistic_last ? upper : model->logistic_last];
    return x == 0 ? 0 : x == 256 ? 2 * half : steps < 0 ? half - found : half + found;
}

/* P(x) of section 15, of all values. */
static void masses_twin(const nlc_model *model, const nlc_block *block, int lane, nlc_spread *spread) {
    spread->first = 0;
    spread->last = 15;
    spread->uniform = block->total[lane] >> 6;
    for (int x = 0; x < 256; x++) {
        spread->mass[x] = spread->uniform;
        for (int i = 0; i < model->components; i++)
            if (block->weight[i][lane] >= 16)
                spread->mass[x] += block->weight[i][lane] * (cdf_twin(model, block, i, lane, x + 1) -
                                                             cdf_twin(model, block, i, lane, x));
    }
}

static int64_t floored(int64_t number, int bits) {
    const int64_t whole = (int64_t)1 << bits;
    return (number - ((number % whole + whole) % whole)) / whole;
}

/* M(x) of section 15. */
static int64_t more_twin(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *rows, int x) {
    const int k = model->components;
    const nlc_lanes *outputs = (const nlc_lanes *)block->outputs;
    int64_t found = 0;
    for (int i = 0; i < k; i++) {
        const int64_t weight = block->weight[i][lane];
        if (weight < 16) /* components of weight 0 have no mean */
            continue;
        const int64_t part = cdf_twin(model, block, i, lane, x + 1) - cdf_twin(model, block, i, lane, x);
        if (weight * part < 1 << 19)
            continue;
        int64_t place = (int64_t)outputs[6 * k + i][lane] + model->scale_offset[block->level[lane]];
        place = place < 0 ? 0 : place >= model->scale_count ? model->scale_count - 1 : place;
        const int64_t reach = 32 + (5 << 23) / model->inverse_scale[place];
        const int64_t values = (reach >> 5) + 1 < 256 ? (reach >> 5) + 1 : 256, share = weight * (63488 / values) >> 6;
        const int64_t moved = (int64_t)outputs[8 * k + i][lane] * block->deviation[0][lane] +
                              (int64_t)outputs[9 * k + i][lane] * (4 * x - block->base[1][lane]);
        const int64_t mean = floored((int64_t)outputs[3 * k + i][lane] * model->mean_scale[block->level[lane]], 8) +
                             16 * (int64_t)block->base[2][lane] + floored(moved, 4);
        int64_t first = floored(mean + 63 - reach, 6), ones = 0;
        first = first < 0 ? 0 : first > 256 - values ? 256 - values : first;
        for (int64_t blue = first; blue < first + values; blue++)
            ones += (int64_t)(rows[x * NLC_LATTICE_ROW + blue / 64] >> (blue % 64) & 1);
        found += part * (((share * ones + 16 * weight) >> 8) - weight);
    }
    return found;
}

static int32_t twin_weigh_green(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *rows,
                                nlc_spread *spread) {
    int64_t all = 0, expected = 0;
    masses_twin(model, block, lane, spread);
    memset(spread->kept, 0xff, sizeof spread->kept);
    for (int x = 0; x < 256; x++) {
        spread->held[x] = (int32_t)floored(spread->mass[x] + more_twin(model, block, lane, rows, x), 2);
        all += spread->mass[x];
        expected += spread->held[x];
    }
    const int64_t share = 65536 * expected / all;
    return (int32_t)(share < 1 ? 1 : share > 65535 ? 65535 : share);
}

static void add_up_twin(nlc_spread *spread) {
    for (int x = 0; x < 256; x++)
        spread->sums[x / 16] = (x % 16 ? spread->sums[x / 16] : 0) + spread->mass[x];
}

static void twin_choose_green(nlc_spread *spread, int on) {
    for (int x = 0; x < 256; x++)
        spread->mass[x] = on ? spread->held[x] : spread->mass[x] - spread->held[x];
    add_up_twin(spread);
}

static void twin_weigh_blue(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *row, int on,
                            nlc_spread *spread) {
    masses_twin(model, block, lane, spread);
    for (int word = 0; word < NLC_LATTICE_ROW; word++)
        spread->kept[word] = on ? row[word] : ~row[word];
    for (int x = 0; x < 256; x++)
        spread->mass[x] = spread->kept[x / 64] >> (x % 64) & 1 ? spread->mass[x] : 0;
    add_up_twin(spread);
}

#endif
