/* The memory of a block of pixels. */
#include "core.h"

size_t nlc_block_size(const nlc_model *model, int learns) {
    return (size_t)model->outputs + (size_t)model->components * (learns ? 5 + 4 * NLC_MAX_CHANNELS : 5);
}

void nlc_block_lay_out(const nlc_model *model, int learns, nlc_lanes *storage, nlc_block *block) {
    nlc_lanes **parts[] = {&block->weight, &block->prior, &block->mean, &block->slope_high, &block->slope_low};
    block->outputs = storage;
    storage += model->outputs;
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++, storage += model->components)
        *parts[k] = storage;
    for (int plane = 0; learns && plane < NLC_MAX_CHANNELS; plane++) {
        nlc_trace *trace = &block->trace[plane];
        nlc_lanes **of_trace[] = {&trace->below, &trace->above, &trace->step_below, &trace->step_above};
        for (size_t k = 0; k < sizeof of_trace / sizeof *of_trace; k++, storage += model->components)
            *of_trace[k] = storage;
    }
    for (int l = 0; l < NLC_LANES; l++)
        block->cumulative[NLC_RADIX][l] = NLC_FREE_FREQUENCY;
}
