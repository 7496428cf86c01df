/* The adaptive coder of nelloc: tiles that a network is bad at, to records and back
 * (docs/methods/adaptive.md, section 12).
 *
 * It knows tiles and records, nothing of files, images or Python. There is no global state: any number of threads may
 * code at once, and share the tables.
 */
#ifndef NELLOC_ADAPTIVE_H
#define NELLOC_ADAPTIVE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What functions return; those that nelloc_core.h has too are the same numbers. */
enum nlc_adaptive_status {
    NLC_ADAPTIVE_OK = 0,
    NLC_ADAPTIVE_NO_MEMORY = -1,    /* an allocation failed */
    NLC_ADAPTIVE_BAD_ARGUMENT = -2, /* an argument is outside of its documented range */
    NLC_ADAPTIVE_DAMAGED = -3,      /* no encoder writes this record */
    NLC_ADAPTIVE_STOPPED = -4       /* the caller's `stop` said so */
};

#define NLC_ADAPTIVE_MAX_SIDE 4096
#define NLC_ADAPTIVE_MAX_PLANES 4
/* Of a pixel: of all its planes. */
#define NLC_ADAPTIVE_MAX_BITS 56
#define NLC_ADAPTIVE_MAX_COLOURS 256

/* A tile: 1 to NLC_ADAPTIVE_MAX_PLANES planes of samples of 1 to 16 bits, sides of 1 to NLC_ADAPTIVE_MAX_SIDE.
 *
 * Its samples are an array (planes, height, width) of uint8_t, or uint16_t if there are more than 8 bits.
 */
typedef struct {
    int32_t planes, height, width, bits;
} nlc_adaptive_shape;

/* How a tile's pixels are coded. */
enum nlc_adaptive_form {
    NLC_ADAPTIVE_PALETTE = 1,              /* candidates, or the place in the palette */
    NLC_ADAPTIVE_CANDIDATES_PREDICTED = 2, /* candidates, or samples less their prediction */
    NLC_ADAPTIVE_CANDIDATES_PLAIN = 3,     /* candidates, or samples */
    NLC_ADAPTIVE_PREDICTED = 4,            /* samples less their prediction */
    NLC_ADAPTIVE_PLAIN = 5,                /* samples */
    NLC_ADAPTIVE_STEADY = 6                /* samples, which depend on nothing */
};

/* Asked now and then with its `context`; other than 0 stops the work. May be NULL. */
typedef struct {
    int (*stop)(void *context);
    void *context;
} nlc_adaptive_watch;

/* Tables of constants, which all tiles share. */
typedef struct nlc_adaptive_tables nlc_adaptive_tables;

/* NULL if there is no memory. */
nlc_adaptive_tables *nlc_adaptive_tables_new(void);
void nlc_adaptive_tables_free(nlc_adaptive_tables *tables);

/* 1 if tiles of this shape can be coded here, else 0. */
int nlc_adaptive_fits(const nlc_adaptive_shape *shape);

/* The number of colours of a tile, or NLC_ADAPTIVE_MAX_COLOURS + 1 if there are more than NLC_ADAPTIVE_MAX_COLOURS;
 * NLC_ADAPTIVE_BAD_ARGUMENT if tiles of this shape cannot be coded. */
int32_t nlc_adaptive_colours(const nlc_adaptive_shape *shape, const void *samples);

/* The record of a tile, coded in a form and an order of planes, by its number.
 *
 * `record` gets `size` bytes that nlc_adaptive_release frees. NLC_ADAPTIVE_BAD_ARGUMENT also for samples of more than
 * `bits` bits, and for more than NLC_ADAPTIVE_MAX_COLOURS colours with NLC_ADAPTIVE_PALETTE.
 */
int nlc_adaptive_encode(const nlc_adaptive_tables *tables, const nlc_adaptive_shape *shape, int form, int order,
                        const void *samples, const nlc_adaptive_watch *watch, uint8_t **record, size_t *size);
void nlc_adaptive_release(uint8_t *record);

/* The samples of a record of `size` bytes. They are all of the tile's only if NLC_ADAPTIVE_OK is returned. */
int nlc_adaptive_decode(const nlc_adaptive_tables *tables, const nlc_adaptive_shape *shape, const uint8_t *record,
                        size_t size, void *samples, const nlc_adaptive_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
