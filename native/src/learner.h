/* Learning while coding: the last layer follows the pixels of a tile (docs/methods/learning.md, section 13). */
#ifndef NLC_LEARNER_H
#define NLC_LEARNER_H

#include "outer.h"

/* Working storage that the tiles of a walk share. */
typedef struct {
    nlc_outer outer;
    uint8_t *units;     /* activations, unit by unit: NLC_UNITS_STRIDE bytes each */
    int32_t *reduction; /* of each unit */
    size_t *active;     /* the units that are not 0 in all pixels */
    int16_t *wide;      /* activations of NLC_CHUNK pixels, widened */
    int32_t *shifts;    /* of the correction, for each output */
} nlc_learner_space;

int nlc_learner_space_new(const nlc_model *model, nlc_learner_space *space);
void nlc_learner_space_free(nlc_learner_space *space);

int nlc_learner_new(const nlc_model *model, nlc_learner *learner);
void nlc_learner_free(nlc_learner *learner);
/* Bytes of what one tile learns. */
size_t nlc_learner_size(const nlc_model *model);

/* Correct the outputs (pixels x output_stride) of a tile, given what the last layer saw (pixels x narrow_stride). */
void nlc_learner_correct(const nlc_model *model, nlc_learner_space *space, const nlc_learner *learner,
                         const uint8_t *seen, size_t pixels, int32_t *outputs);

/* Learn from the pixels of a step: those of `blocks` of gradients (outputs x lanes each) from the lane `first` on. */
void nlc_learner_learn(const nlc_model *model, nlc_learner_space *space, nlc_learner *learner, const uint8_t *seen,
                       size_t pixels, nlc_lanes *gradients, size_t first);

#endif
