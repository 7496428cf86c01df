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

#endif
