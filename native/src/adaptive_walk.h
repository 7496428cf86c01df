/* A tile on its way along the wavefront: what the files that code its pixels share. */
#ifndef NLC_ADAPTIVE_WALK_H
#define NLC_ADAPTIVE_WALK_H

#include "adaptive.h"

#define NLC_MEMORIES 3
#define NLC_NEIGHBOURS 11
#define NLC_NONE_OF_THEM 3 /* the choice that is no candidate */

/* What followed a neighbourhood: two colours, the first with 56 bits and above them how often it was right in a row. */
typedef struct {
    uint64_t first, second;
} nlc_memory_slot;

/* What a memory knows of a pixel's neighbourhood. */
typedef struct {
    uint32_t at;
    int confidence;
    int64_t first, second;
} nlc_recalled;

/* A pixel of the step. */
typedef struct {
    int32_t row, column;
    int32_t straight[NLC_ADAPTIVE_MAX_PLANES]; /* the plain prediction of each plane's sample */
    int64_t candidates[NLC_NONE_OF_THEM];      /* -1 where there are fewer */
    nlc_recalled recalled[NLC_MEMORIES];
    /* Of a pixel that is none of its candidates: binary digits of its activities, of each plane and of all. */
    int level[NLC_ADAPTIVE_MAX_PLANES], total;
    int32_t shift;            /* the residual of the first plane in the order */
    int32_t previous, before; /* what the last two planes in the order differ from what was expected by */
    int32_t expected;         /* of the present plane */
    int32_t known[NLC_ADAPTIVE_MAX_PLANES]; /* samples, in the order of planes */
} nlc_pixel;

/* Steps whose pixels are kept, with 0 outside of the tile; each has rows -2 to H - 1. */
#define NLC_RING 8

/* The steps of a tile, and its fields: arrays of NLC_RING x (H + 2), those of samples and residuals for each plane. */
typedef struct {
    const nlc_adaptive_tables *tables;
    const nlc_adaptive_tile *tile;
    nlc_digits *coder;
    size_t rows;
    int32_t step, top, bottom; /* pixels of the present step: (row, step - 3 * row) for rows from top to bottom - 1 */
    int32_t *samples, *residuals;
    int64_t *colours;
    uint8_t *choices, *left, *above; /* `left` and `above` are the lengths of runs of equal pixels */
    int memory_bits;
    nlc_memory_slot *memories[NLC_MEMORIES];
    nlc_digit_model choice_model;
    nlc_tree tree;
    nlc_pixel *pixels;
    nlc_plan *plans;
    nlc_number *numbers;
    nlc_pixel **others; /* pixels that are none of their candidates */
} nlc_adaptive_state;

/* Of the pixel at `row` of the present step: where a field has the number of its neighbour, down and right of it. */
static inline size_t nlc_place(const nlc_adaptive_state *walk, int32_t row, int down, int right) {
    const uint32_t slot = (uint32_t)(walk->step + right + 3 * down) % NLC_RING;
    return slot * walk->rows + (size_t)(row + 2 + down);
}

static inline int32_t *nlc_samples_of(const nlc_adaptive_state *walk, int plane) {
    return walk->samples + (size_t)plane * NLC_RING * walk->rows;
}

static inline int32_t *nlc_residuals_of(const nlc_adaptive_state *walk, int plane) {
    return walk->residuals + (size_t)plane * NLC_RING * walk->rows;
}

static inline size_t nlc_tile_place(const nlc_adaptive_shape *shape, int plane, int32_t row, int32_t column) {
    return ((size_t)plane * (size_t)shape->height + (size_t)row) * (size_t)shape->width + (size_t)column;
}

/* A sample of the tile, which is known when writing; and a sample that was found. */
static inline int32_t nlc_tile_sample(const nlc_adaptive_tile *tile, int plane, int32_t row, int32_t column) {
    const size_t at = nlc_tile_place(&tile->shape, plane, row, column);
    return tile->shape.bits > 8 ? ((const uint16_t *)tile->samples)[at] : ((const uint8_t *)tile->samples)[at];
}

static inline void nlc_found_sample(const nlc_adaptive_state *walk, int plane, const nlc_pixel *pixel, int32_t sample) {
    const nlc_adaptive_tile *tile = walk->tile;
    nlc_samples_of(walk, plane)[nlc_place(walk, pixel->row, 0, 0)] = sample;
    if (walk->coder->pairs)
        return;
    const size_t at = nlc_tile_place(&tile->shape, plane, pixel->row, pixel->column);
    if (tile->shape.bits > 8)
        ((uint16_t *)tile->samples)[at] = (uint16_t)sample;
    else
        ((uint8_t *)tile->samples)[at] = (uint8_t)sample;
}

static inline int nlc_has_candidates(int form) { return form <= NLC_ADAPTIVE_CANDIDATES_PLAIN; }

static inline int nlc_predicts(int form) {
    return form == NLC_ADAPTIVE_CANDIDATES_PREDICTED || form == NLC_ADAPTIVE_PREDICTED;
}

/* The plain prediction of a sample: the median of W, N and W + N - NW. */
static inline int32_t nlc_median(int32_t west, int32_t north, int32_t northwest) {
    const int32_t low = west < north ? west : north, high = west < north ? north : west;
    const int32_t plane = west + north - northwest;
    return plane < low ? low : plane > high ? high : plane;
}

/* Find the candidates of the step's pixels and code which one each is; returns 0 if one is not there. */
int nlc_code_choices(nlc_adaptive_state *walk);
/* Learn from the step, all of whose samples are known. */
void nlc_settle(nlc_adaptive_state *walk);
/* Code the places in the palette, or the samples, of the first `count` of the others; 0 if one is out of range. */
int nlc_code_places(nlc_adaptive_state *walk, size_t count);
int nlc_code_samples(nlc_adaptive_state *walk, size_t count);

#endif
