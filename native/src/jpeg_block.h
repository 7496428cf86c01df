/* The model of one block: what its coefficients are expected to be from those around it. */
#ifndef NLC_JPEG_BLOCK_H
#define NLC_JPEG_BLOCK_H

#include "jpeg_values.h"

/* Where sets of weights begin: those of values, then those of counts. */
enum { NLC_JPEG_INNER_1 = 0, NLC_JPEG_EDGE_1 = 544, NLC_JPEG_DC_1 = 800, NLC_JPEG_COUNTS_1 = 832 };
enum { NLC_JPEG_INNER_2 = 0, NLC_JPEG_EDGE_2 = 384, NLC_JPEG_DC_2 = 544, NLC_JPEG_COUNTS_2 = 800 };

#define NLC_JPEG_FIRST_SETS 992
#define NLC_JPEG_SECOND_SETS 816
#define NLC_JPEG_SPREADS 64
#define NLC_JPEG_COUNT_CLASSES 12

/* What is kept of a block that was coded: how many of its coefficients are not 0, the inner ones, those of the first
 * row and those of the first column, and how its DC was off.
 */
typedef struct {
    uint8_t inner, row, column;
    int16_t residual;
} nlc_jpeg_note;

/* The rows or columns of samples at a border of a block, in quarters: the last but one, then the last. */
typedef struct {
    int16_t inner[8], outer[8];
} nlc_jpeg_border;

/* A part that is coded. */
typedef struct {
    nlc_mix mix;
    const nlc_value_functions *code; /* how values are coded: written, or read */
    const nlc_jpeg_image *image;
    int component;
    int32_t first_row[NLC_JPEG_MAX_COMPONENTS], end_row[NLC_JPEG_MAX_COMPONENTS]; /* of blocks */
    nlc_jpeg_note *notes[NLC_JPEG_MAX_COMPONENTS];
    nlc_jpeg_border *bottoms, right; /* of the blocks above, by column, and of the one to the left */
    int16_t steps[64];    /* of the component */
    int32_t inverses[64]; /* 2^20 divided by steps */
    uint8_t classes[256]; /* of magnitudes; those of larger ones are that of the last */
    uint16_t inner_lines[64][NLC_JPEG_COUNT_CLASSES]; /* of contexts of inner coefficients by how many are left */
    nlc_mix_regression regressions[NLC_JPEG_MAX_COMPONENTS][64];
    nlc_mix_spread spreads[NLC_JPEG_MAX_COMPONENTS][64][NLC_MIX_EXPECTATIONS][NLC_JPEG_SPREADS];
} nlc_jpeg_part;

/* A class of a magnitude: itself up to 3, then two for each power of 2. */
uint32_t nlc_jpeg_class(int32_t x);

/* Fill `inner_lines` in for the current component. */
void nlc_jpeg_list_lines(nlc_jpeg_part *part);

/* Code a block of the current component. */
void nlc_jpeg_code_block(nlc_jpeg_part *part, int32_t row, int32_t column);

#endif
