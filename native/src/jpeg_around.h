/* A block and those around it: what the model of its coefficients sees. */
#ifndef NLC_JPEG_AROUND_H
#define NLC_JPEG_AROUND_H

#include "jpeg_block.h"

/* What contexts are of: the first number of each. */
enum { OF_COUNT = 0, OF_EDGE_COUNT = 4, OF_INNER = 8, OF_EDGE = 10, OF_DC = 12 };

/* The neighbours of a block, `nothing` where there is none, and its coefficients as far as they are known. */
typedef struct {
    int has_above, has_left, has_other;
    const int16_t *above, *left, *above_left, *above_right;
    const int16_t *luma, *other; /* blocks of the first component, and of the second for the third */
    const nlc_jpeg_note *of_above, *of_left, *of_above_left, *of_above_right, *of_luma, *of_other;
    nlc_vector rows_above[8], columns_left[8]; /* coefficients times their steps */
    int16_t *known;                            /* to be written, or filled in */
    int16_t block[64];
    nlc_jpeg_note *note;
    uint32_t c, coloured; /* the component, and whether it is not the first */
} nlc_jpeg_surroundings;

static inline int min(int a, int b) { return a < b ? a : b; }

/* The class of a magnitude, but at most 15. */
static inline uint32_t small_class(const nlc_jpeg_part *part, int32_t x) { return part->classes[x < 255 ? x : 255]; }

static inline uint32_t at_most(uint32_t x, uint32_t most) { return x < most ? x : most; }

/* As far as magnitudes count. */
static inline int32_t magnitude(int32_t x) { return min(nlc_magnitude(x), 2047); }

/* Two numbers of 16 bits. */
static inline uint32_t pair(int32_t a, int32_t b) { return (uint32_t)(uint16_t)a | (uint32_t)b << 16; }

static inline int32_t within(int64_t x, int32_t limit) {
    return (int32_t)(x < -limit ? -limit : x > limit ? limit : x);
}

/* Coefficients times their steps. */
static inline void times_steps(const int16_t *block, const int16_t *steps, nlc_vector rows[8]) {
    for (int v = 0; v < 8; v++)
        rows[v] = nlc_vector_times(nlc_vector_load(block + 8 * v), nlc_vector_load(steps + 8 * v));
}

/* What the regression of a coefficient is from: the same one of six blocks around, in sixteenths, and two guesses. */
static inline nlc_vector terms_of(const nlc_jpeg_surroundings *see, int k, int32_t guess, int32_t other_guess) {
    const int16_t *const from[6] = {see->above + k, see->left + k,       see->luma + k,
                                    see->other + k, see->above_left + k, see->above_right + k};
    return nlc_vector_add(nlc_vector_sixteenths(nlc_vector_gather(from)), nlc_vector_of_middle(guess, other_guess));
}

/* The spread of a place; one that is new begins as that before it, or after it, if one of them is not. */
static inline nlc_mix_spread *spread_at(nlc_mix_spread *spreads, uint32_t place) {
    place = place < NLC_JPEG_SPREADS ? place : NLC_JPEG_SPREADS - 1;
    nlc_mix_spread *spread = &spreads[place];
    if (!(*spread & NLC_MIX_SPREAD_COUNTS)) {
        if (place && spread[-1] & NLC_MIX_SPREAD_COUNTS)
            *spread = spread[-1] & ~(nlc_mix_spread)NLC_MIX_SPREAD_COUNTS;
        else if (place + 1 < NLC_JPEG_SPREADS && spread[1] & NLC_MIX_SPREAD_COUNTS)
            *spread = spread[1] & ~(nlc_mix_spread)NLC_MIX_SPREAD_COUNTS;
    }
    return spread;
}

/* Code DC, by the samples at the borders of blocks. */
void nlc_jpeg_code_dc(nlc_jpeg_part *part, nlc_jpeg_surroundings *see, int count, int32_t column);

#endif
