/* The model of one block: what its coefficients are expected to be from those around it. */
#ifndef NLC_JPEG_BLOCK_H
#define NLC_JPEG_BLOCK_H

#include "jpeg_mix.h"

#define NLC_JPEG_FIRST_SETS 992
#define NLC_JPEG_SECOND_SETS 816
#define NLC_JPEG_SPREADS 64

/* What is kept of a block that was coded: how many of its inner coefficients are not 0, and how its DC was off. */
typedef struct {
    uint8_t nonzero;
    int16_t residual;
} nlc_jpeg_note;

/* The rows or columns of samples at a border of a block, in quarters: the last but one, then the last. */
typedef struct {
    int16_t inner[8], outer[8];
} nlc_jpeg_border;

/* A part that is coded. */
typedef struct {
    nlc_mix mix;
    const nlc_jpeg_image *image;
    int component;
    int32_t first_row[NLC_JPEG_MAX_COMPONENTS], end_row[NLC_JPEG_MAX_COMPONENTS]; /* of blocks */
    nlc_jpeg_note *notes[NLC_JPEG_MAX_COMPONENTS];
    nlc_jpeg_border *bottoms, right; /* of the blocks above, by column, and of the one to the left */
    int32_t regressions[NLC_JPEG_MAX_COMPONENTS][64][NLC_MIX_TERMS];
    nlc_mix_spread spreads[NLC_JPEG_MAX_COMPONENTS][64][NLC_MIX_EXPECTATIONS][NLC_JPEG_SPREADS];
} nlc_jpeg_part;

/* Code the block of the current component. */
void nlc_jpeg_code_block(nlc_jpeg_part *part, int32_t row, int32_t column);

#endif
