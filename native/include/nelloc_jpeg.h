/* JPEG files to coefficients and back, byte for byte, and coefficients to a stream of nelloc's own
 * (docs/methods/jpeg.md).
 *
 * It knows files as bytes in memory, nothing of Python, paths or policy. There is no global state: any number of
 * threads may work at once. Every function takes hostile bytes.
 */
#ifndef NELLOC_JPEG_H
#define NELLOC_JPEG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What functions return; those that nelloc_core.h has too are the same numbers. */
enum nlc_jpeg_status {
    NLC_JPEG_OK = 0,
    NLC_JPEG_NO_MEMORY = -1,    /* an allocation failed */
    NLC_JPEG_BAD_ARGUMENT = -2, /* an argument is outside of its documented range */
    NLC_JPEG_DAMAGED = -3,      /* no encoder writes this */
    NLC_JPEG_STOPPED = -4,      /* the caller's `stop` said so */
    NLC_JPEG_UNSUPPORTED = -5   /* a file of a kind that is not kept as coefficients, or one that is not whole */
};

#define NLC_JPEG_MAX_COMPONENTS 3
#define NLC_JPEG_MAX_SIDE 65535

/* A component: its sampling factors (1 to 4), its quantisation table in raster order, and its blocks.
 *
 * There are `rows` x `columns` of them, which fill whole MCUs: mcu_rows * v and mcu_columns * h. The 64 coefficients of
 * each are in raster order of frequencies, vertical first; blocks are in raster order.
 */
typedef struct {
    int32_t h, v, rows, columns;
    uint16_t quantisation[64];
    int16_t *coefficients;
} nlc_jpeg_component;

/* The image of a JPEG file: 1 or 3 components, in the order of its frame. */
typedef struct {
    int32_t width, height, components;
    nlc_jpeg_component component[NLC_JPEG_MAX_COMPONENTS];
} nlc_jpeg_image;

/* The number of rows and columns of MCUs of an image whose sizes and sampling factors are known. */
void nlc_jpeg_mcus(const nlc_jpeg_image *image, int32_t *rows, int32_t *columns);

/* Complete an image of which width, height, components, sampling factors and tables are set: sizes, and zeroed
 * coefficients.
 */
int nlc_jpeg_make(nlc_jpeg_image *image);

/* Free the coefficients; the image has none then. */
void nlc_jpeg_image_free(nlc_jpeg_image *image);

/* All of a file beside its coefficients.
 *
 * `skeleton` is the file without the coded data of its scans. `corrections` says what a plain encoder would do
 * otherwise: padding bits, and runs of blocks that end early.
 */
typedef struct {
    uint8_t *skeleton, *corrections;
    size_t skeleton_size, corrections_size;
} nlc_jpeg_rest;

void nlc_jpeg_rest_free(nlc_jpeg_rest *rest);

/* Read a file of at most `max_pixels` pixels. With any status but NLC_JPEG_OK there is nothing to free. */
int nlc_jpeg_read(const uint8_t *data, size_t size, uint64_t max_pixels, nlc_jpeg_image *image, nlc_jpeg_rest *rest);

/* Write the file of an image and the rest. `data` gets `size` bytes that nlc_jpeg_release frees. */
int nlc_jpeg_write(const nlc_jpeg_image *image, const nlc_jpeg_rest *rest, uint8_t **data, size_t *size);
void nlc_jpeg_release(uint8_t *data);

/* The image of a skeleton, all of whose coefficients are 0. */
int nlc_jpeg_prepare(const uint8_t *skeleton, size_t size, uint64_t max_pixels, nlc_jpeg_image *image);

/* Asked now and then with its `context`; other than 0 stops the work. May be NULL. */
typedef struct {
    int (*stop)(void *context);
    void *context;
} nlc_jpeg_watch;

/* Coefficients are coded in parts, each some rows of MCUs, which depend on nothing else: their number, and the rows of
 * each but the last.
 */
int32_t nlc_jpeg_parts(const nlc_jpeg_image *image);
int32_t nlc_jpeg_rows_of_part(const nlc_jpeg_image *image);

/* Blocks that a byte of a part's stream may stand for, at most, where each stream counts as having NLC_JPEG_CODER_BYTES
 * more: a block takes at least 12 decisions of 0.0007 bits.
 */
#define NLC_JPEG_BLOCKS_OF_A_BYTE 1024
#define NLC_JPEG_CODER_BYTES 16

/* The stream of a part, from 0. `stream` gets `size` bytes that nlc_jpeg_release frees. */
int nlc_jpeg_encode_part(const nlc_jpeg_image *image, int32_t part, const nlc_jpeg_watch *watch, uint8_t **stream,
                         size_t *size);

/* Fill in the coefficients of a part. */
int nlc_jpeg_decode_part(nlc_jpeg_image *image, int32_t part, const uint8_t *stream, size_t size,
                         const nlc_jpeg_watch *watch);

/* Any bytes to a stream, and back: what a file holds beside coefficients. `size` bytes come out of decoding. */
int nlc_jpeg_pack_bytes(const uint8_t *data, size_t size, uint8_t **stream, size_t *stream_size);
int nlc_jpeg_unpack_bytes(const uint8_t *stream, size_t stream_size, uint8_t *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
