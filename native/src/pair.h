/* Learning while coding in the last two layers: the last one, and the hidden one before it
 * (docs/methods/learning.md, section 14). */
#ifndef NLC_PAIR_H
#define NLC_PAIR_H

#include "outer.h"

/* What a tile has learned of one layer: rows of its outputs, one for each unit that it is given. */
typedef struct {
    int32_t *learned, *average;
    void *used,
        *used_average; /* packed as a layer of the same shape; with the layer's own weights if they are joined */
    double *squares;           /* sums of squares of what each unit is, integers below 2^53 */
} nlc_learned_layer;

typedef struct {
    nlc_learned_layer hidden, last;
    int16_t *back; /* weights of the last layer as errors go back through them: rows of outputs, for each unit */
    double *errors; /* sums of squares of the errors of each unit of the hidden layer */
    int64_t pixels, steps;
} nlc_pair;

/* Working storage that the tiles of a walk share. */
typedef struct {
    nlc_outer outer;
    nlc_layer
        joined; /* the hidden layer with room for the constant unit, in 1/2^NLC_PAIR_BITS, if the model is `joined` */
    nlc_network_space network;
    uint8_t *given, *raw;  /* what units are, unit by unit */
    uint8_t *averaged;     /* activations of NLC_CHUNK pixels */
    int32_t *base, *corrections; /* sums of NLC_CHUNK pixels */
    int16_t *wide;
    int32_t *shifts, *reduction, *reduction_last, *nothing;
    int16_t *back;       /* what `back` is at first, of the model alone */
    int16_t *gradients;  /* of all blocks, packed */
    nlc_lanes *errors;   /* of a block's units that can move */
    nlc_lanes *moves;    /* by how much units should move, in a tile's blocks */
    uint16_t *moving;    /* the units of a block that can, and their rows of `back` */
    int16_t *some_back;
    nlc_block block;     /* one that is coded again, to learn from it */
    nlc_lanes *block_storage;
} nlc_pair_space;

/* Whether both layers of a model may learn: no sum can leave its range, whatever is learned. */
int nlc_pair_is_bounded(const nlc_model_source *source);
/* Whether what the hidden layer learns fits 16 bits together with its weights, in 1/2^NLC_PAIR_BITS, and its sums
 * 2^29. */
int nlc_pair_is_joined(const nlc_model_source *source);

int nlc_pair_space_new(const nlc_model *model, size_t lanes, nlc_pair_space *space);
void nlc_pair_space_free(nlc_pair_space *space);

int nlc_pair_new(const nlc_model *model, const nlc_pair_space *space, nlc_pair *pair);
void nlc_pair_free(nlc_pair *pair);
/* Bytes of what one tile learns. */
size_t nlc_pair_size(const nlc_model *model);

/* Outputs of a tile's pixels by averaged weights, to code them with, and by those that learn; what the hidden layer was
 * given, and what it made of it by the latter. */
void nlc_pair_evaluate(const nlc_model *model, nlc_pair_space *space, const nlc_pair *pair, const int16_t *inputs,
                       size_t pixels, int32_t *outputs, uint8_t *given, int32_t *raw_outputs, uint8_t *raw);

/* Take the gradients of a block (outputs x lanes), whose outputs are those of `space->block`. */
void nlc_pair_take(const nlc_model *model, nlc_pair_space *space, size_t block, nlc_lanes *gradients);

/* Learn from the pixels of a step: `gradients` of blocks (outputs x lanes each), the tile's from the lane `first`
 * on. */
void nlc_pair_learn(const nlc_model *model, nlc_pair_space *space, nlc_pair *pair, const uint8_t *given,
                    const uint8_t *raw, size_t pixels, nlc_lanes *gradients, size_t first);

#endif
