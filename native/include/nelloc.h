/* libnelloc: the images of .nlc files, as samples in memory.
 *
 * A decoder is made once and opens any number of files, one at a time. It does not print, exit or start threads, reads
 * no environment and keeps nothing outside of itself, so that threads may each use their own. docs/EMBEDDING.md is the
 * guide; docs/FORMAT.md is the format.
 *
 * Functions return NELLOC_OK or one of the other statuses, and nelloc_error then gives a sentence to show, unless a
 * comment says otherwise. Functions that options name may ask for what is known of the file, but neither open, decode
 * nor free.
 */
#ifndef NELLOC_H
#define NELLOC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(NELLOC_STATIC)
#define NELLOC_API
#elif defined(_WIN32) && defined(NELLOC_BUILD)
#define NELLOC_API __declspec(dllexport)
#elif defined(_WIN32)
#define NELLOC_API __declspec(dllimport)
#elif defined(__GNUC__)
#define NELLOC_API __attribute__((visibility("default")))
#else
#define NELLOC_API
#endif

#define NELLOC_VERSION "1.0.0"

enum nelloc_status {
    NELLOC_OK = 0,
    NELLOC_NO_MEMORY = -1,    /* an allocation failed, or options.memory_limit does not allow it */
    NELLOC_BAD_ARGUMENT = -2, /* an argument is outside of its documented range */
    NELLOC_DAMAGED = -3,      /* the file is not as it was written, or no .nlc file */
    NELLOC_UNSUPPORTED = -4,  /* the file needs a newer nelloc, or has more pixels than options.max_pixels */
    NELLOC_NO_MODEL = -5,     /* the model that the file names was not found */
    NELLOC_STOPPED = -6       /* options.watch said so */
};

/* What a decoder may do. Zero everywhere but in `struct_size` is a good choice. */
typedef struct {
    size_t struct_size;  /* sizeof(nelloc_options), so that later versions know which fields there are */
    uint64_t max_pixels; /* files of more are refused; 0: 2^28 */
    size_t memory_limit; /* bytes that the decoder may have allocated at any time; 0: no limit */
    const char *cpu;     /* the CPU level: "plain", "avx2", ...; NULL or "": the fastest; all give the same samples */
    void *context;       /* handed to the two functions below */
    /* Give the bytes of a model file whose id is `id`: 1 and set `data` and `size`, or 0 if there is none. NULL if
     * there is nowhere to look. Models inside files and those built into the library are found without it.
     *
     * It is asked with `attempt` 0, 1, ... 4095 until it gives the right one, or 0: the library knows models by their
     * content, so that any candidates may be given. The bytes must stay until it is asked again or until the function
     * of the library that asks returns.
     */
    int (*find_model)(void *context, const uint8_t id[4], unsigned attempt, const uint8_t **data, size_t *size);
    /* Follow nelloc_decode and nelloc_jpeg: `done` pixels of `total` are decoded, where those of colour, of alpha and
     * of the JPEG that an image was count apart if they are coded apart; `tile` was just finished and is in the
     * caller's memory, or is -1. Other than 0 stops the work. May be NULL. Where memory is short the work may begin
     * anew, once.
     */
    int (*watch)(void *context, uint64_t done, uint64_t total, int64_t tile);
} nelloc_options;

/* What the pixels are. */
enum nelloc_kind {
    NELLOC_GRAY = 0,
    NELLOC_RGB = 1,
    NELLOC_GRAY_ALPHA = 2,
    NELLOC_RGBA = 3,
    NELLOC_GRAY16 = 4,
    NELLOC_RGB16 = 5,
    NELLOC_GRAY_ALPHA16 = 6,
    NELLOC_RGBA16 = 7,
    NELLOC_PALETTE = 8, /* indices of a palette */
    NELLOC_BILEVEL = 9  /* 0 black, 1 white */
};

/* Damage that nelloc_open found beside that of tiles; bits of nelloc_image.damage. */
enum nelloc_damage {
    NELLOC_DAMAGED_METADATA = 1, /* or another part that no pixel needs */
    NELLOC_EXCESS_BYTES = 2      /* bytes follow the end of the file */
};

/* An open file. Pointers are valid until the next nelloc_open, or nelloc_free. */
typedef struct {
    uint32_t width, height;
    int kind;         /* of enum nelloc_kind */
    int channels;     /* samples of a pixel: 1 to 4 */
    int sample_bytes; /* 1, or 2 of kinds with 16 */
    int white_bits;   /* white is 2^white_bits - 1: 1, 8 or 16, or 9 to 15 of files of such cameras and scanners */
    uint32_t tile_size, tile_count;
    int needs_model;
    uint8_t model_id[4]; /* zero if no model is needed */
    size_t model_bytes;  /* of the model, or its differences, inside the file; 0 if there is none */
    uint32_t item_count; /* of metadata */
    /* Of NELLOC_PALETTE: `palette_size` colours of 3 bytes, or 4 with alpha; and the alpha of the first `alpha_size`
     * indices. Other indices are opaque, and those beyond the palette mean nothing. */
    const uint8_t *palette, *palette_alpha;
    int palette_size, palette_channels, palette_alpha_size;
    int transparent_index;   /* or -1 */
    int has_transparent;     /* 1: pixels of the colour `transparent` count as transparent */
    uint16_t transparent[3]; /* one for each colour channel */
    uint32_t damaged_tiles;  /* known so far: by checksums when the file was opened, by pixels once they are decoded */
    int damage;              /* bits of enum nelloc_damage */
    size_t jpeg_bytes; /* of the JPEG file that is kept byte for byte, which nelloc_jpeg gives; 0 if there is none */
} nelloc_image;

/* A part of an image. */
typedef struct {
    uint32_t left, top, width, height;
} nelloc_region;

/* A tile, or a part of a JPEG file that is kept. Colour and alpha may be coded apart: there are then two methods. */
typedef struct {
    nelloc_region region;
    int parts;         /* 1 or 2 */
    int methods[2];    /* numbers of docs/FORMAT.md */
    size_t bytes[2];   /* in the file */
    int damaged;       /* 1 if known to be */
} nelloc_tile;

/* Types of metadata; docs/FORMAT.md, section 11, says what each one's bytes are. Others may occur. */
enum nelloc_item_type {
    NELLOC_ICC = 1,
    NELLOC_EXIF = 2,
    NELLOC_XMP = 3,
    NELLOC_TEXT = 4,
    NELLOC_RESOLUTION = 5,
    NELLOC_GAMMA = 6,
    NELLOC_CHROMATICITIES = 7,
    NELLOC_SRGB = 8,
    NELLOC_COMMENT = 9,
    NELLOC_PHOTOSHOP = 10,
    NELLOC_PNG_CHUNK = 11,
    NELLOC_SAMPLE_DEPTH = 12
};

typedef struct {
    int type;
    const uint8_t *data;
    size_t size;
} nelloc_item;

/* What samples nelloc_decode gives, pixel by pixel. */
enum nelloc_format {
    /* All channels; uint8_t, or uint16_t in the machine's byte order; indices, 0 and 1 of bilevel. */
    NELLOC_AS_STORED = 0,
    /* What is to be seen: red, green, blue and alpha, a byte each, whatever the kind. */
    NELLOC_RGBA8 = 1
};

enum nelloc_decode_flags {
    NELLOC_ALLOW_DAMAGED = 1, /* damaged tiles are filled with magenta, or gray, and nelloc_tile_at names them */
    NELLOC_PREVIEW = 2        /* what is known of tiles that are not finished is in `pixels` too, now and then, when
                               * options.watch is called: not yet verified, and for showing only */
};

/* What nelloc_name names. */
enum nelloc_names {
    NELLOC_NAME_OF_KIND,
    NELLOC_NAME_OF_METHOD,
    NELLOC_NAME_OF_ITEM,
    NELLOC_NAME_OF_CPU
};

typedef struct nelloc_decoder nelloc_decoder;

/* The version of the library that runs. */
NELLOC_API const char *nelloc_version(void);

/* Make a decoder; `options` may be NULL. NELLOC_BAD_ARGUMENT if this machine does not have options.cpu, or if
 * options.struct_size is not that of this header. Only the status tells: there is no decoder yet to keep a sentence. */
NELLOC_API int nelloc_new(const nelloc_options *options, nelloc_decoder **made);

/* NULL is no error. */
NELLOC_API void nelloc_free(nelloc_decoder *decoder);

/* Open a file that is in memory, and close the one before. `data` must stay until then, or until nelloc_free.
 *
 * All checksums are verified but those of pixels. Damage of what the rest can be read without is no error here:
 * nelloc_image tells it.
 */
NELLOC_API int nelloc_open(nelloc_decoder *decoder, const void *data, size_t size);

/* What the open file holds; NULL if there is none. */
NELLOC_API const nelloc_image *nelloc_image_of(const nelloc_decoder *decoder);

/* A tile, by its number in raster order, and an item of metadata. NELLOC_BAD_ARGUMENT, without a sentence, if there is
 * none of this number. */
NELLOC_API int nelloc_tile_at(const nelloc_decoder *decoder, uint32_t number, nelloc_tile *tile);
NELLOC_API int nelloc_item_at(const nelloc_decoder *decoder, uint32_t number, nelloc_item *item);

/* Decode `region`, or with NULL the image, to rows that are `stride` bytes apart from `pixels` on.
 *
 * Only tiles that the region meets are decoded, and every checksum of their pixels is verified. Unless NELLOC_OK is
 * returned, what `pixels` holds means nothing. Neither `pixels` nor `stride` need be even, also of samples of two
 * bytes.
 */
NELLOC_API int nelloc_decode(nelloc_decoder *decoder, const nelloc_region *region, int format, unsigned flags,
                             void *pixels, size_t stride);

/* Restore the JPEG file that the open file keeps byte for byte: nelloc_image.jpeg_bytes tells whether there is one.
 *
 * The bytes are the decoder's, and stay until the next nelloc_jpeg, nelloc_open or nelloc_free. `data` and `size` are
 * set only if NELLOC_OK is returned. With NELLOC_ALLOW_DAMAGED in `flags`, parts that are damaged are left empty, and
 * nelloc_tile_at names them.
 */
NELLOC_API int nelloc_jpeg(nelloc_decoder *decoder, unsigned flags, const uint8_t **data, size_t *size);

/* The reason of the last failure, a sentence without the file's name; "" if there was none. */
NELLOC_API const char *nelloc_error(const nelloc_decoder *decoder);

/* A kind, method or type of item in words, or a CPU level's name; NULL if there is no such number. */
NELLOC_API const char *nelloc_name(int what, int number);

#ifdef __cplusplus
}
#endif

#endif
