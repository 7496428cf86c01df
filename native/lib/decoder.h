/* What the files of libnelloc share: a decoder and the file that it has open. */
#ifndef NLC_DECODER_H
#define NLC_DECODER_H

#include "../include/nelloc.h"
#include "../include/nelloc_adaptive.h"
#include "../include/nelloc_core.h"
#include "../include/nelloc_jpeg.h"
#include "../src/crc32.h"
#include "cursor.h"
#include "memory.h"
#include "sha256.h"

#define NLC_MOST_GROUPS 2
#define NLC_MOST_PLANES 4
#define NLC_MOST_UNPACKED ((size_t)1 << 26)
#define NLC_MIN_SIDE_OF_TILE 16
#define NLC_MAX_SIDE_OF_TILE 4096

#if defined(__GNUC__)
#define NLC_LIKE_PRINTF(text, arguments) __attribute__((__format__(__printf__, text, arguments)))
#else
#define NLC_LIKE_PRINTF(text, arguments)
#endif

/* --- the parsed file: file.c */

enum nlc_role { NLC_COLOUR, NLC_ALPHA, NLC_INDEX, NLC_BIT, NLC_COLOUR_AND_ALPHA };

/* Planes that are coded together, of samples of at most `bits` bits. */
typedef struct {
    enum nlc_role role;
    int planes, bits;
} nlc_group;

/* The coded bytes of one group of one tile. */
typedef struct {
    size_t at, size; /* in the file */
    uint8_t method, damaged;
} nlc_record;

/* The sections that this version knows. What a new one means is in description.c, or models.c. */
enum nlc_section {
    NLC_METADATA,
    NLC_WHOLE_MODEL,
    NLC_DIFFERENCES,
    NLC_SAMPLES,
    NLC_COLOURS,
    NLC_TRANSPARENT,
    NLC_JPEG,
    NLC_PAST,
    NLC_LEVEL_LISTS,
    NLC_SECTIONS
};

typedef struct {
    const uint8_t *data;
    size_t size;
    int kind; /* of enum nelloc_kind */
    uint32_t width, height, tile, rows, columns; /* rows and columns of tiles */
    uint8_t model_id[NLC_ID_BYTES];
    int group_count;
    nlc_group groups[NLC_MOST_GROUPS];
    nlc_record *records; /* tile by tile, in each group by group; or the parts of a JPEG file */
    size_t record_count;
    struct {
        const uint8_t *data; /* NULL if the file has none */
        size_t size;
    } sections[NLC_SECTIONS];
    int damage;
} nlc_file;

/* How samples of a group are coded: with `bits` bits, in a place of 16 that `form` names (section 11 of FORMAT.md). */
typedef struct {
    int bits, form;
} nlc_depth;

/* The samples of a plane by the numbers that they are coded as, `first` to `end` - 1; NULL if it has no list of
 * levels. */
typedef struct {
    uint16_t *samples;
    uint32_t first, end;
} nlc_levels;

/* --- the decoder */

typedef struct nlc_prepared nlc_prepared;

/* A JPEG file that is kept byte for byte. */
typedef struct {
    int form; /* of section 16 */
    size_t size;
    uint32_t checksum;
    uint8_t *unpacked;       /* what the section has packed, or NULL */
    const uint8_t *segments; /* the skeleton, or with another form than of coefficients the whole file */
    size_t segments_size;
    const uint8_t *corrections;
    size_t corrections_size;
    nlc_jpeg_image frame; /* without coefficients; of no components where only the file itself can be had */
    uint8_t *file;        /* as nelloc_jpeg has restored it, or NULL */
    size_t file_size;
} nlc_kept;

/* The pixels of the JPEG that an image was, of one plane or as many as its colours have, from that pixel on that is its
 * first. */
typedef struct {
    uint8_t *pixels;
    uint32_t width, height, left, top;
    int planes;
} nlc_past;

struct nelloc_decoder {
    nlc_budget budget;
    nelloc_options options;
    int level; /* of the CPU */
    int open;
    char error[320];
    nlc_adaptive_tables *tables;
    nlc_crc32_tables checksums;
    nlc_file file;
    nlc_depth depths[NLC_MOST_GROUPS];
    nlc_levels levels[NLC_MOST_PLANES];
    nelloc_image image;
    uint8_t *palette, *metadata; /* unpacked */
    nelloc_item *items;
    nlc_kept kept;
    nlc_prepared *models;
    nlc_lattice *lattice; /* that of `lattice_rule`, or NULL */
    int lattice_rule;
    uint64_t done, total; /* as options.watch is told */
};

/* Keep a sentence, and return `status`. */
int nlc_fail(nelloc_decoder *decoder, int status, const char *format, ...) NLC_LIKE_PRINTF(3, 4);

/* The same for NELLOC_DAMAGED, after a sentence that says what is wrong: what to do is added. */
int nlc_fail_damaged(nelloc_decoder *decoder, const char *format, ...) NLC_LIKE_PRINTF(2, 3);

/* The same for memory that is short, or that the caller does not allow. */
int nlc_fail_for_memory(nelloc_decoder *decoder);

/* Tell the caller how far decoding is; 1 if it is to stop. */
int nlc_is_stopped(nelloc_decoder *decoder, int64_t tile);

/* A part of the library's work that allocates in the decoder's memory. */
typedef int nlc_task(nelloc_decoder *decoder, void *context);

/* Do a task: nelloc.c. If memory is short, models and tables that are kept for further files are let go of, and it is
 * done again from the beginning. */
int nlc_do(nelloc_decoder *decoder, nlc_task *task, void *context);

/* Parse a file; what it allocates is freed by nlc_file_close, also after a failure. */
int nlc_file_open(nelloc_decoder *decoder, const uint8_t *data, size_t size);
void nlc_file_close(nelloc_decoder *decoder);

/* Planes of the groups before one. */
static inline int nlc_first_channel(const nlc_file *file, int group) { return group ? file->groups[0].planes : 0; }

/* Where a tile lies in the image. */
nelloc_region nlc_tile_region(const nlc_file *file, size_t tile);

/* --- what the sections say: description.c */

int nlc_describe(nelloc_decoder *decoder);
void nlc_forget_description(nelloc_decoder *decoder);

/* --- methods: methods.c */

/* A tile of planar samples: uint8_t, or uint16_t if there are more than 8 bits. */
typedef nlc_adaptive_shape nlc_shape;

static inline size_t nlc_area(const nlc_shape *shape) { return (size_t)shape->height * (size_t)shape->width; }
static inline size_t nlc_sample_bytes(const nlc_shape *shape) { return shape->bits > 8 ? 2 : 1; }
static inline size_t nlc_shape_bytes(const nlc_shape *shape) {
    return nlc_area(shape) * (size_t)shape->planes * nlc_sample_bytes(shape);
}

/* How the planes of one group of a tile are coded. */
typedef struct {
    const char *name;
    int drops_zeros;    /* 1: zero bytes at the end of the data are not written */
    int checks_samples; /* 1: the data ends with a checksum of the samples */
    /* Of a method with a model: what the core's walk is told of learning. */
    int needs_model, learns; /* layers that learn */
    int on_lattice; /* 1: the data begins with a byte for a colour lattice, which also says whether the model learns */
    int of_jpeg_file; /* 1: records are parts of a JPEG file that is kept */
    int of_past;      /* 1: records say what a JPEG gets wrong */
    int corrects;     /* 1: it may code what such records have */
    /* Of one without: decode a record; NELLOC_DAMAGED, without a sentence, if it is. */
    int (*decode)(nelloc_decoder *decoder, const nlc_shape *shape, const uint8_t *data, size_t size, void *samples);
} nlc_method;

/* The method of this number, or NULL. */
const nlc_method *nlc_method_of(int number);

/* --- levels: levels.c */

/* What the open file says of them; NELLOC_DAMAGED has no sentence. */
int nlc_read_levels(nelloc_decoder *decoder);
void nlc_forget_levels(nelloc_decoder *decoder);

/* Whether all samples of a tile are numbers of its planes' levels. */
int nlc_are_numbers(const nlc_levels *levels, const nlc_shape *shape, const void *samples);

/* --- unpacking: unpack.c; each returns NELLOC_DAMAGED, without a sentence, for data that is malformed or too long */

/* Exactly `size` bytes from a raw deflate stream. */
int nlc_inflate(nelloc_decoder *decoder, const uint8_t *data, size_t data_size, uint8_t *out, size_t size);

/* Exactly `size` bytes from a raw LZMA2 stream without its last byte; `out` has room for one more. */
int nlc_unpack_lzma(nelloc_decoder *decoder, const uint8_t *data, size_t data_size, uint8_t *out, size_t size);

/* Exactly `size` bytes from a whole raw LZMA2 stream with the dictionary of JPEG files, which nlc_put gives back. */
int nlc_unpack_file(nelloc_decoder *decoder, const uint8_t *data, size_t data_size, size_t size, uint8_t **out);

/* What a section is stored as: at most NLC_MOST_UNPACKED bytes, which nlc_put gives back. */
int nlc_unpack_section(nelloc_decoder *decoder, const uint8_t *data, size_t data_size, uint8_t **out, size_t *size);

/* --- JPEGs */

/* Decode a part of an image, and tell the caller how far that is: jpeg_pixels.c. NELLOC_DAMAGED has no sentence. */
int nlc_decode_part(nelloc_decoder *decoder, nlc_jpeg_image *image, size_t part, const uint8_t *data, size_t size);

/* The first line of pixels of a part; of the one after the last, where the image ends. */
uint32_t nlc_part_top(const nlc_jpeg_image *image, size_t part);

/* The planes of a JPEG image, colours unless it `is_plain`: NELLOC_UNSUPPORTED, without a sentence, of one that the
 * format gives no pixels. nlc_put gives them back. */
int nlc_jpeg_pixels(nelloc_decoder *decoder, const nlc_jpeg_image *image, int is_plain, uint8_t **pixels);

/* What the open file has of the JPEG that its image was, decoded: past.c. */
int nlc_past_new(nelloc_decoder *decoder, nlc_past *past);

/* A record of such a file, of a tile whose place in the image is `left` and `top`: NELLOC_DAMAGED has no sentence. */
int nlc_past_tile(nelloc_decoder *decoder, const nlc_past *past, uint32_t left, uint32_t top, const nlc_shape *shape,
                  const uint8_t *data, size_t size, uint8_t *samples);

/* What the open file says of the JPEG file that it keeps: kept.c. */
int nlc_kept_open(nelloc_decoder *decoder);
void nlc_kept_close(nelloc_decoder *decoder);
nelloc_region nlc_kept_region(const nelloc_decoder *decoder, size_t part);

/* Refuse a file that is damaged elsewhere than in its tiles: decode.c. */
int nlc_check_damage(nelloc_decoder *decoder);

/* The metadata of a JPEG file, as items of the decoder: jpeg_segments.c. */
int nlc_read_segments(nelloc_decoder *decoder, const uint8_t *data, size_t size);

/* Whether a JPEG file of three components, of these identifiers, holds red, green and blue themselves. */
int nlc_is_plain_rgb(const uint8_t *data, size_t size, const int identifiers[3]);

/* --- models: models.c */

/* The model of the open file for samples of `bits` bits; it belongs to the decoder. */
int nlc_find_model(nelloc_decoder *decoder, int bits, const nlc_model **model, int *channels);
void nlc_forget_models(nelloc_decoder *decoder, int of_file_only);

#endif
