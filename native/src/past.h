/* What the files of pictures that were JPEGs share. */
#ifndef NLC_PAST_SHARED_H
#define NLC_PAST_SHARED_H

#include "../include/nelloc_past.h"

/* past_transform.c: the samples of a block, `stride` apart, from its coefficients. 0 if one is beyond 16 bits. */
int nlc_past_block(const int16_t *coefficients, const uint16_t *table, uint8_t *samples, size_t stride);

/* past_colour.c: what a picture's Y, Cb and Cr add up to. R = Y + red[Cr], B = Y + blue[Cb],
 * G = Y + ((green_cb[Cb] + green_cr[Cr]) >> 16), each clamped to 0..255. */
typedef struct {
    int32_t red[256], blue[256], green_cb[256], green_cr[256];
} nlc_past_colours;

void nlc_past_prepare_colours(nlc_past_colours *colours);

static inline int32_t nlc_past_green(const nlc_past_colours *colours, int cb, int cr) {
    return (colours->green_cb[cb] + colours->green_cr[cr]) >> 16;
}

static inline uint8_t nlc_past_clamp(int32_t value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

/* past_waves.c: the orthonormal cosine transform, which guides searches.
 *
 * Sums are added in one order, so that every machine finds the same. */
typedef struct {
    float cosines[NLC_PAST_SIDE][NLC_PAST_SIDE];    /* of a frequency, by sample */
    float transposed[NLC_PAST_SIDE][NLC_PAST_SIDE]; /* of a sample, by frequency */
    float block[NLC_PAST_BLOCK][NLC_PAST_BLOCK];    /* of a pair of frequencies, by sample of a block */
} nlc_past_waves;

void nlc_past_prepare_waves(nlc_past_waves *waves);
/* Samples to frequencies, and back. */
void nlc_past_forward(const nlc_past_waves *waves, const float *samples, float *frequencies);
void nlc_past_backward(const nlc_past_waves *waves, const float *frequencies, float *samples);

/* Steps of a search for which one is not taken back: one, and a part of the steps that are about as small as the
 * smallest. */
int32_t nlc_past_forbidden(const uint16_t *table, int32_t part);

/* Steps that are looked into, and how fast the cost of a step grows. */
#define NLC_PAST_LOOKED_AT 12
#define NLC_PAST_CURVATURE 0.3f

/* The steps that promise most, the best first, and their number: a step is 2 * k, or 2 * k + 1 for one down. `scale` is
 * what the square of a change of a sample counts. */
int nlc_past_promising(const uint16_t *table, float scale, const float *slope, const int32_t *free_at, int32_t now,
                       int *steps);

static inline int32_t nlc_past_round(float value) {
    return value < 0 ? -(int32_t)(0.5f - value) : (int32_t)(value + 0.5f);
}

/* Where a search must not round otherwise than C says, no product may be fused with a sum. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif

#endif
