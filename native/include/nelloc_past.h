/* Pictures that were JPEGs: from quantised coefficients to pixels, and back (docs/methods/jpeg.md, section 17).
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
int nlc_past_decode(int32_t height, int32_t width, int32_t count, const nlc_past_component *components,
                    uint8_t *pixels);

/* The same without colours: each component (height, width), as large as the picture. */
int nlc_past_planes(int32_t height, int32_t width, int32_t count, const nlc_past_component *components,
                    uint8_t *planes);

/* Y, Cb and Cr in three planes of `count` pixels to R, G and B in the same places. */
void nlc_past_colour(uint8_t *pixels, size_t count);

/* The samples (8 block_rows, 8 block_columns) of a component. */
int nlc_past_samples(const nlc_past_component *component, uint8_t *samples);

/* Samples (rows, columns), `stride` apart, of a component whose sides are `across` and `down` times as small as the
 * picture's, to (height, width): rows = ceil(height / down), columns = ceil(width / across). `across` and `down` are 1,
 * 2 or 4.
 */
int nlc_past_enlarge(const uint8_t *samples, size_t stride, int32_t across, int32_t down, int32_t height, int32_t width,
                     uint8_t *enlarged);

/* --- Of the encoder: from pixels to coefficients ------------------------------------------------------------- */

/* What is known of a block. */
enum nlc_past_block_state {
    NLC_PAST_UNSEEN = 0,
    NLC_PAST_SOLVED = 1,  /* its coefficients decode to what is known of its samples */
    NLC_PAST_UNSOLVED = 2 /* its coefficients are the best found */
};

/* Of about `looked_at` pixels, at least 1, of an RGB picture (3, count) that are coloured and not clipped, `tried`, the
 * number that some Y, Cb and Cr make, `found`. */
int nlc_past_detect(const uint8_t *pixels, size_t count, size_t looked_at, size_t *tried, size_t *found);

/* The bounds of Y, Cb and Cr (3, count) of the pixels of an RGB picture: 0 and 255 `without` any that make a pixel. */
int nlc_past_separate(const uint8_t *pixels, size_t count, uint8_t *low, uint8_t *high, size_t *without);

/* Narrow the bounds of Y, where it is not known, to what goes with Cb and Cr. */
int nlc_past_narrow(const uint8_t *pixels, size_t count, const uint8_t *cb, const uint8_t *cr, uint8_t *low,
                    uint8_t *high);

/* Coefficients of blocks whose samples are between bounds; all planes are (8 block_rows, 8 block_columns).
 *
 * `guess` has what a sample is likely to be. Blocks that are NLC_PAST_SOLVED are left alone, those that are
 * NLC_PAST_UNSOLVED go on from their coefficients. A block is searched for in `limit` steps, all in `budget`, which is
 * counted down.
 */
int nlc_past_solve(const float *guess, const uint8_t *low, const uint8_t *high, int32_t block_rows,
                   int32_t block_columns, const uint16_t *table, int32_t limit, int64_t *budget, int16_t *coefficients,
                   uint8_t *solved);

/* Coefficients of blocks at the border of which lines of samples (8 block_rows, 8 block_columns) are not known: so many
 * of 8 `above`, `below`, `before` and `after` them. Of blocks that only one side cuts and that are not NLC_PAST_SOLVED;
 * `solved` stays as it is. `noise` is the standard deviation of samples: if more than that of rounding, the likeliest
 * coefficients are taken, else such as are within half a step of all samples, if there are some.
 */
int nlc_past_solve_cut(const float *samples, int32_t above, int32_t below, int32_t before, int32_t after,
                       int32_t block_rows, int32_t block_columns, const uint16_t *table, float noise,
                       int16_t *coefficients, const uint8_t *solved);

/* How well each entry from 1 to 255 of a table explains the transformed blocks of a plane (8 block_rows, 8
 * block_columns).
 *
 * `chosen` has a byte for each block, other than 0 if it counts. `spread` is the variance of each frequency's noise,
 * and smaller coefficients than `least` do not count. `scores` (64, 256) gets logarithms of
 * likelihoods, and `counts` (64) on how many coefficients they rest.
 */
int nlc_past_scores(const float *samples, const uint8_t *chosen, int32_t block_rows, int32_t block_columns,
                    const float *spread, const float *least, float *scores, int32_t *counts);

/* Undo nlc_past_enlarge by least squares, for sides 1 or 2 times as small: (height, width) to (rows, columns). */
int nlc_past_reduce(const float *enlarged, int32_t across, int32_t down, int32_t height, int32_t width, float *samples);

/* Search for coefficients of a component, one time each block, so that enlarged it is between bounds (height, width).
 *
 * `samples` (8 block_rows, 8 block_columns) are those of the coefficients, and stay so. `solved` tells which blocks
 * leave nothing out of bounds. Of components that nlc_past_enlarge makes smooth, and of whole ones. Otherwise as
 * nlc_past_solve.
 */
int nlc_past_repair(const uint8_t *low, const uint8_t *high, int32_t height, int32_t width, int32_t across,
                    int32_t down, int32_t block_rows, int32_t block_columns, const uint16_t *table, int32_t limit,
                    int64_t *budget, int16_t *coefficients, uint8_t *samples, uint8_t *solved);

#ifdef __cplusplus
}
#endif
#endif
