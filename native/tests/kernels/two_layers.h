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
    const size_t units = pick(s, 1, 40), stride = NLC_LANES + pick(s, 0, 5);
    nlc_lanes *errors = new_input(s, units * sizeof *errors);
    int32_t *mask = new_input(s, sizeof(nlc_lanes)), *shifts = new_input(s, units * sizeof *shifts);
    uint8_t *activations = new_input(s, units * stride);
    uint16_t *moving = new_input(s, units * sizeof *moving);
    size_t count = 0;
    for (size_t unit = 0; unit < units; unit++) {
        for (size_t l = 0; l < NLC_LANES; l++)
            errors[unit][l] = extreme(s->from, -(1 << 30), 1 << 30) >> draw(s->from, 0, 25);
        shifts[unit] = draw(s->from, 0, 12);
        moving[count] = (uint16_t)unit;
        count += (size_t)draw(s->from, 0, 1);
    }
    for (size_t l = 0; l < NLC_LANES; l++)
        mask[l] = -draw(s->from, 0, 1);
    for (size_t k = 0; k < units * stride; k++)
        activations[k] = (uint8_t)extreme(s->from, 0, 255);
    double *squares = new_output(s, units * sizeof *squares);
    for (size_t unit = 0; unit < units; unit++)
        squares[unit] = draw(s->from, 0, INT32_MAX);
    new_output(s, units * sizeof(nlc_lanes));
    s->size[0] = count;
    s->size[1] = stride;
}
static void run_settle(sample *s) {
    s->kernels->settle(s->at[0], s->at[4], s->size[0], s->at[3], s->size[1], s->at[1], s->at[2], s->at[5], s->at[6]);
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

/* Four units of a layer of some: sums, what was learned, averages, and a layer's own weights beside the changes. */
static void prepare_move_units(sample *s) {
    const size_t vectors = pick(s, 1, 4), outputs = vectors * NLC_LANES, units = 4 * pick(s, 1, 12);
    const int narrow = s->kernels->narrow, all_extreme = draw(s->from, 0, 3) == 0;
    const size_t group = nlc_group(s->kernels, narrow ? NLC_NARROW : NLC_WIDE), groups = (units + group - 1) / group;
    const size_t unit = 4 * pick(s, 0, (int32_t)units / 4 - 1), packed = outputs * groups * group;
    int32_t *sums = new_input(s, 4 * outputs * sizeof *sums), *reduction = new_input(s, 4 * sizeof *reduction);
    int32_t *learned = new_output(s, 4 * outputs * sizeof *learned),
            *average = new_output(s, 4 * outputs * sizeof *average);
    for (size_t k = 0; k < 4; k++)
        reduction[k] = draw(s->from, 0, 10);
    for (size_t k = 0; k < 4 * outputs; k++) {
        sums[k] = extreme(s->from, -(1 << 24) + 1, (1 << 24) - 1) >> (all_extreme ? 0 : draw(s->from, 0, 24));
        learned[k] = extreme(s->from, -NLC_PAIR_LARGEST, NLC_PAIR_LARGEST);
        average[k] = extreme(s->from, -16 * NLC_PAIR_LARGEST, 16 * NLC_PAIR_LARGEST);
    }
    new_buffer(s, packed * (narrow ? 1 : 2), 0);
    new_buffer(s, packed * (narrow ? 1 : 2), 0);
    int16_t *own = new_input(s, packed * sizeof *own);
    memset(own, 0, packed * sizeof *own);
    for (size_t output = 0; output < outputs; output++)
        for (size_t k = 0; k < units; k++)
            own[nlc_place(group, groups, output, k)] =
                (int16_t)extreme(s->from, INT16_MIN + NLC_LARGEST_USED, INT16_MAX - NLC_LARGEST_USED);
    new_buffer(s, 2 * outputs * units * sizeof(int16_t), 1);
    s->number[0] = draw(s->from, 0, 1) ? 2 : 4;
    s->number[1] = draw(s->from, 0, 4);
    const size_t sizes[6] = {vectors, groups, units, unit, group, pick(s, 0, 1) && !narrow};
    memcpy(s->size, sizes, sizeof sizes);
}
static void run_move_units(sample *s) {
    const size_t outputs = s->size[0] * NLC_LANES, at = nlc_place(s->size[4], s->size[1], 0, s->size[3]);
    const size_t place = at * (s->kernels->narrow ? 1 : 2);
    const int32_t *given = s->at[0];
    const int32_t *const sums[4] = {given, given + outputs, given + 2 * outputs, given + 3 * outputs};
    s->kernels->move_units(sums, s->at[1], s->number[0], s->number[1], s->size[0], s->size[1], s->at[2], s->at[3],
                           s->size[5] ? (int16_t *)s->at[6] + at : NULL, (char *)s->at[4] + place,
                           (char *)s->at[5] + place);
}
/* What levels pack is compared unpacked, less the layer's own weights. */
static void after_move_units(sample *s) {
    const size_t outputs = s->size[0] * NLC_LANES, units = s->size[2];
    int16_t *found = s->at[7];
    for (size_t which = 0; which < 2; which++)
        for (size_t output = 0; output < outputs; output++)
            for (size_t unit = 0; unit < units; unit++) {
                const size_t place = nlc_place(s->size[4], s->size[1], output, unit);
                const int moved = unit / 4 == s->size[3] / 4;
                const int own = s->size[5] && moved ? ((const int16_t *)s->at[6])[place] : 0;
                const int number = s->kernels->narrow ? ((const int8_t *)s->at[4 + which])[place]
                                                      : ((const int16_t *)s->at[4 + which])[place];
                found[(which * outputs + output) * units + unit] = (int16_t)(number - own);
            }
}
/* round(number, bits) of section 14. */
static int64_t rounded_twin(int64_t number, int32_t bits) {
    const int64_t whole = (int64_t)1 << bits, sum = number + whole / 2;
    return (sum - ((sum % whole + whole) % whole)) / whole;
}
static int32_t within(int64_t number, int32_t most) {
    return (int32_t)(number < -most ? -most : number > most ? most : number);
}
/* The twin packs as the plain level does. */
static void twin_move_units(const int32_t *const *sums, const int32_t *reduction, int32_t gain, int32_t pace,
                            size_t vectors, size_t groups, int32_t *learned, int32_t *average, const int16_t *own,
                            void *used, void *used_average) {
    for (size_t unit = 0; unit < 4; unit++)
        for (size_t output = 0; output < vectors * NLC_LANES; output++) {
            const size_t at = unit * vectors * NLC_LANES + output, place = nlc_place(NLC_ROW, groups, output, unit);
            const int64_t step = rounded_twin((int64_t)sums[unit][output] * (1 << gain), reduction[unit]);
            learned[at] = within(learned[at] + step, 127 * 8192);
            average[at] += (int32_t)rounded_twin(16 * (int64_t)learned[at] - average[at], pace);
            ((int16_t *)used)[place] = (int16_t)(rounded_twin(learned[at], 13) + (own ? own[place] : 0));
            ((int16_t *)used_average)[place] = (int16_t)(rounded_twin(average[at], 17) + (own ? own[place] : 0));
        }
}

/* Gradients that go back, of any model. */
static void prepare_true_gradients(sample *s) {
    const size_t outputs = (size_t)s->model->outputs, group = (size_t)s->kernels->wide_group;
    const size_t groups = (outputs + group - 1) / group;
    nlc_lanes *given = new_input(s, outputs * sizeof *given), *gradients = new_input(s, outputs * sizeof *gradients);
    for (size_t output = 0; output < outputs; output++)
        for (size_t l = 0; l < NLC_LANES; l++) {
            given[output][l] = any_integer(s);
            gradients[output][l] = extreme(s->from, -255, 255);
        }
    new_buffer(s, groups * group * NLC_LANES * sizeof(int16_t), 0);
    new_buffer(s, outputs * NLC_LANES * sizeof(int16_t), 1);
    s->size[0] = groups;
    s->size[1] = group;
}
static void run_true_gradients(sample *s) {
    s->kernels->true_gradients(s->model, s->at[0], s->at[1], s->size[0], s->at[2]);
}
static void after_true_gradients(sample *s) {
    const size_t outputs = (size_t)s->model->outputs;
    const int16_t *packed = s->at[2];
    for (size_t l = 0; l < NLC_LANES; l++)
        for (size_t column = 0; column < s->size[0] * s->size[1]; column++) {
            const int16_t number = packed[nlc_place(s->size[1], s->size[0], l, column)];
            if (column < outputs)
                ((int16_t *)s->at[3])[l * outputs + column] = number;
            else if (number) /* what fills the last group must be 0 */
                s->result = 1;
        }
}
/* The outputs of a component as section 14 has them: logit, means, log-scales, a0, a1, a2. */
static void twin_true_gradients(const nlc_model *model, nlc_lanes *outputs, nlc_lanes *gradient, size_t groups,
                                int16_t *packed) {
    const int k = model->components, c = model->channels;
    for (int output = 0; output < model->outputs; output++)
        for (size_t l = 0; l < NLC_LANES; l++) {
            const int kind = output / k, i = output % k, is_mean = kind >= 1 && kind <= c,
                      is_scale = kind > c && kind <= 2 * c;
            int64_t found = gradient[output][l];
            if (is_scale) {
                found = rounded_twin(355 * found, 8);
            } else if (kind) {
                const int plane = is_mean ? kind - 1 : kind == 2 * c + 1 ? 1 : 2;
                const int32_t q = outputs[k * (1 + c + plane) + i][l];
                const int32_t octave = (int32_t)rounded_twin((int64_t)q - 16, 5); /* floor(q / 32) */
                const int32_t held = octave < -6 ? -6 : octave > 6 ? 6 : octave;
                found = rounded_twin((is_mean ? 2 : 4) * found * ((int64_t)(64 - (q - 32 * octave)) << (6 - held)), 12);
            }
            packed[nlc_place(NLC_ROW, groups, l, (size_t)output)] = (int16_t)within(found, NLC_LARGEST_GRADIENT);
        }
}

#endif
