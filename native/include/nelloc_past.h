/* Pictures that were JPEGs: from quantised coefficients to pixels, and back (docs/FORMAT.md, section 16).
 *
 * Decoding is part of the format, in integers. What finds coefficients guides itself by floating-point numbers, adds,
 * multiplies and compares them in one order, and believes nothing that decoding does not confirm. It knows planes and
 * blocks, nothing of files or Python; there is no global state.
 */
#ifndef NELLOC_PAST_H
#define NELLOC_PAST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What functions return; those that nelloc_core.h has too are the same numbers. */
enum nlc_past_status {
    NLC_PAST_OK = 0,
    NLC_PAST_NO_MEMORY = -1,    /* an allocation failed */
    NLC_PAST_BAD_ARGUMENT = -2, /* an argument is outside of its documented range */
    NLC_PAST_DAMAGED = -3       /* a coefficient times its table's entry is beyond 16 bits */
};

#define NLC_PAST_SIDE 8
#define NLC_PAST_BLOCK 64
#define NLC_PAST_MAX_COMPONENTS 3
#define NLC_PAST_MAX_SIDE 65535

/* A component: a table of 64 entries from 1 on, and the coefficients of its blocks, row by row; both in the order of
 * rows of frequencies. Sampling factors are 1, 2 or 4. There are at least as many blocks as its samples need.
 */
typedef struct {
    int32_t horizontal, vertical;
    int32_t block_rows, block_columns;
    const uint16_t *table;
    const int16_t *coefficients;
} nlc_past_component;

/* The pixels (components, height, width) of 1 component, which is gray, or 3: Y, Cb and Cr, which become R, G and B. */
int nlc_past_decode(int32_t height, int32_t width, int32_t count, const nlc_past_component *components, uint8_t *pixels);

/* The samples (8 block_rows, 8 block_columns) of a component. */
int nlc_past_samples(const nlc_past_component *component, uint8_t *samples);

/* Samples (rows, columns), `stride` apart, of a component whose sides are `across` and `down` times as small as the
 * picture's, to (height, width): rows = ceil(height / down), columns = ceil(width / across). `across` and `down` are 1, 2 or 4.
 */
int nlc_past_enlarge(const uint8_t *samples, size_t stride, int32_t across, int32_t down, int32_t height, int32_t width,
                     uint8_t *enlarged);

#ifdef __cplusplus
}
#endif
#endif
