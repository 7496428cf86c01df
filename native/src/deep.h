/* The mixture for samples of more than 8 bits (docs/FORMAT.md, section 9). */
#ifndef NLC_DEEP_H
#define NLC_DEEP_H

#include "core.h"

void nlc_deep_start_plane(const nlc_model *model, nlc_block *block, int plane);
void nlc_deep_digit(const nlc_model *model, nlc_block *block, int32_t stride);
void nlc_deep_end_plane(const nlc_model *model, nlc_block *block, int plane);

#endif
