/* Pixels: their inputs, and the mixture of a block; rows of check_kernels.c. */
#ifndef KERNEL_PIXELS_H
#define KERNEL_PIXELS_H

#include "samples.h"

#include <stddef.h>

static void prepare_normalise(sample *s) {
    const nlc_model *model = s->model;
    const size_t count = (size_t)(model->window * model->channels);
    const int32_t last = (1 << model->bits) - 1, least = extreme(s->from, 0, last),
                  most = extreme(s->from, least, last);
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
    const int32_t reach =
        1 << draw(s->from, 4, 23); /* of the outputs: logits that are far apart leave few components */
    for (size_t output = 0; output < outputs; output++)
        for (size_t l = 0; l < NLC_LANES; l++)
            s->block.outputs[output][l] = extreme(s->from, -reach, reach);
    nlc_lanes *rows = new_output(s, 17 * each * sizeof(nlc_lanes));
    nlc_lanes **parts[17] = {&s->block.weight, &s->block.prior, &s->block.mean, &s->block.slope_high,
                             &s->block.slope_low};
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

#endif
