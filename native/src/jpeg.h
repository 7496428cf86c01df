/* What the files of the JPEG reader and writer share: the walk over a file's markers. */
#ifndef NLC_JPEG_INTERNAL_H
#define NLC_JPEG_INTERNAL_H

#include "../include/nelloc_jpeg.h"
#include "bits.h"

#define NLC_JPEG_TABLES 4
#define NLC_JPEG_MOST_SCANS 200
#define NLC_JPEG_LONGEST_RUN 32767 /* of blocks without more coefficients in a progressive scan */

/* A Huffman table as a file says it: the number of codes of each length, and symbols in the order of their codes. */
typedef struct {
    uint8_t counts[17], symbols[256];
    int defined;
} nlc_jpeg_huffman;

/* A component of a scan: which one of the frame, and its tables. */
typedef struct {
    int component, dc, ac;
} nlc_jpeg_scan_component;

/* Where a walk over the markers of a file, or of a skeleton, is. */
typedef struct {
    const uint8_t *data;
    size_t size, at;
    nlc_jpeg_image image; /* without coefficients */
    int identifiers[NLC_JPEG_MAX_COMPONENTS], quantisers[NLC_JPEG_MAX_COMPONENTS];
    int has_frame, progressive, scans;
    uint32_t seen; /* components of which there was a scan, a bit each */
    uint16_t quantisation[NLC_JPEG_TABLES][64];
    int has_quantisation[NLC_JPEG_TABLES];
    nlc_jpeg_huffman dc[NLC_JPEG_TABLES], ac[NLC_JPEG_TABLES];
    uint32_t restart_interval; /* in MCUs; 0 for none */
    /* the scan that was found */
    int scan_components, first, last, high, low;
    nlc_jpeg_scan_component scan[NLC_JPEG_MAX_COMPONENTS];
} nlc_jpeg_walk;

void nlc_jpeg_walk_begin(nlc_jpeg_walk *walk, const uint8_t *data, size_t size);

/* Go on to just after the header of the next scan: 1. After the last one: 0, with `at` the end. Else a status. */
int nlc_jpeg_walk_next(nlc_jpeg_walk *walk);

/* The blocks of a scan. If it has one component these are the ones that hold pixels, in raster order, else MCUs. */
typedef struct {
    int interleaved;
    uint32_t units, columns; /* MCUs, or blocks: how many, and in a row */
} nlc_jpeg_order;

nlc_jpeg_order nlc_jpeg_scan_order(const nlc_jpeg_walk *walk);

/* The blocks of one unit of a scan, at most 48: component of the scan, and where its coefficients begin. */
typedef struct {
    int component;
    size_t at;
} nlc_jpeg_place;

#define NLC_JPEG_UNIT_BLOCKS (NLC_JPEG_MAX_COMPONENTS * 16)

int nlc_jpeg_unit(const nlc_jpeg_walk *walk, const nlc_jpeg_order *order, uint32_t unit,
                  nlc_jpeg_place places[NLC_JPEG_UNIT_BLOCKS]);

/* Allocate zeroed coefficients for an image whose sizes are known. */
int nlc_jpeg_allocate(nlc_jpeg_image *image);

/* The place in raster order of the coefficient k of the zigzag. */
extern const uint8_t nlc_jpeg_zigzag[64];

/* Bytes that grow. With `failed` there was no memory once, and nothing was appended since. */
typedef struct {
    uint8_t *data;
    size_t size, room;
    int failed;
} nlc_jpeg_bytes;

/* Make room for `more` bytes after the end; 0 if there is no memory. */
int nlc_jpeg_bytes_room(nlc_jpeg_bytes *bytes, size_t more);
void nlc_jpeg_bytes_append(nlc_jpeg_bytes *bytes, const uint8_t *data, size_t size);
void nlc_jpeg_bytes_varint(nlc_jpeg_bytes *bytes, uint64_t value);
/* Read a varint of at most five bytes; 0 if there is none. */
int nlc_jpeg_take_varint(const uint8_t **data, size_t *size, uint64_t *value);

#endif
