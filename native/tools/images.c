/* Samples as image files: PNG, the netpbm formats, and raw. */
#include "tools.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FILTERS 5
#define MOST_AT_ONCE ((size_t)1 << 30) /* bytes for zlib, or of a chunk */

enum nlcd_format nlcd_format_of(const char *name) {
    static const struct {
        const char *name;
        enum nlcd_format format;
    } known[] = {{"png", NLCD_PNG}, {"ppm", NLCD_PPM}, {"pgm", NLCD_PGM}, {"pbm", NLCD_PBM},
                 {"pnm", NLCD_PNM}, {"pam", NLCD_PAM}, {"raw", NLCD_RAW},
                 {"jpg", NLCD_JPEG}, {"jpeg", NLCD_JPEG}, {"jpe", NLCD_JPEG}, {"jfif", NLCD_JPEG}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (!strcmp(name, known[k].name))
            return known[k].format;
    return NLCD_NO_FORMAT;
}

enum nlcd_format nlcd_format_of_file(const char *name) {
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    char ending[8] = "";
    if (!dot || (slash && slash > dot) || strlen(dot) >= sizeof ending)
        return NLCD_NO_FORMAT;
    for (size_t k = 0; dot[k + 1]; k++)
        ending[k] = dot[k + 1] >= 'A' && dot[k + 1] <= 'Z' ? (char)(dot[k + 1] + 32) : dot[k + 1];
    return nlcd_format_of(ending);
}

/* What is written of an image: its rows in the bytes of a format. */
typedef struct {
    const nelloc_image *image;
    uint32_t width, height;
    const uint8_t *samples;
    int bits; /* of a sample in the file: 1, 2, 4, 8 or 16 */
} picture;

/* Bytes of a row, of which there are no more than of its samples; its bits can be too many for a size. */
static size_t row_bytes(const picture *p) {
    const size_t count = (size_t)p->width * (size_t)p->image->channels, bits = (size_t)p->bits;
    return bits < 8 ? count / (8 / bits) + (count % (8 / bits) != 0) : count * (bits / 8);
}

/* A row as PNG and netpbm have it: the first sample in the highest bits, and the high byte of two first. */
static void pack_row(const picture *p, uint32_t y, int inverted, uint8_t *to) {
    const size_t count = (size_t)p->width * (size_t)p->image->channels;
    const uint8_t *from = p->samples + (size_t)y * count * (size_t)p->image->sample_bytes;
    if (p->bits == 16) {
        for (size_t k = 0; k < count; k++) {
            uint16_t sample;
            memcpy(&sample, from + 2 * k, 2);
            to[2 * k] = (uint8_t)(sample >> 8);
            to[2 * k + 1] = (uint8_t)sample;
        }
    } else if (p->bits == 8) {
        memcpy(to, from, count);
    } else {
        const size_t bits = (size_t)p->bits, together = 8 / bits;
        memset(to, 0, row_bytes(p));
        for (size_t k = 0; k < count; k++) {
            const unsigned sample = inverted ? !from[k] : from[k];
            uint8_t *byte = &to[k / together];
            *byte = (uint8_t)(*byte | sample << (8 - bits - k % together * bits));
        }
    }
}

/* --- PNG */

/* A row filtered in one of PNG's ways; `before` is the row above, zeros for the first. */
static void filter_row(int filter, const uint8_t *row, const uint8_t *before, size_t size, size_t pixel, uint8_t *to) {
    to[0] = (uint8_t)filter;
    for (size_t k = 0; k < size; k++) {
        const int a = k >= pixel ? row[k - pixel] : 0, b = before[k], c = k >= pixel ? before[k - pixel] : 0;
        int predicted = 0;
        if (filter == 1)
            predicted = a;
        else if (filter == 2)
            predicted = b;
        else if (filter == 3)
            predicted = (a + b) / 2;
        else if (filter == 4) {
            const int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
            predicted = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
        }
        to[k + 1] = (uint8_t)(row[k] - predicted);
    }
}

/* How large a filtered row may be once it is deflated: the sum of its bytes' distances from 0. */
static uint64_t cost_of(const uint8_t *row, size_t size) {
    uint64_t sum = 0;
    for (size_t k = 1; k <= size; k++)
        sum += row[k] < 128 ? row[k] : 256u - row[k];
    return sum;
}

/* Give the deflater bytes, of which its counts may not hold all at once, and add what comes out. */
static int deflate_into(z_stream *z, const uint8_t *data, size_t size, int flush, nlcd_bytes *to) {
    uint8_t out[1 << 15];
    int status = Z_OK;
    for (size_t now; size; data += now, size -= now) {
        now = size < MOST_AT_ONCE ? size : MOST_AT_ONCE;
        z->next_in = (z_const Bytef *)(uintptr_t)data;
        z->avail_in = (uInt)now;
        do {
            z->next_out = out;
            z->avail_out = sizeof out;
            status = deflate(z, now < size ? Z_NO_FLUSH : flush);
            nlcd_add(to, out, sizeof out - z->avail_out);
        } while (status == Z_OK && z->avail_out == 0);
    }
    return status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR;
}

static int add_samples(const picture *p, int level, int is_indexed, nlcd_bytes *to) {
    const size_t size = row_bytes(p), bits = (size_t)p->image->channels * (size_t)p->bits,
                 pixel = bits < 8 ? 1 : bits / 8;
    /* Filters serve neither indices nor single bits. */
    const int filters = is_indexed || p->bits < 8 || level == 0 ? 1 : FILTERS;
    nlcd_bytes packed = {NULL, 0, 0, 0};
    z_stream z;
    memset(&z, 0, sizeof z);
    uint8_t *rows = calloc(2 + (size_t)filters, size + 1);
    if (!rows || deflateInit2(&z, level, Z_DEFLATED, 15, 9, filters > 1 ? Z_FILTERED : Z_DEFAULT_STRATEGY) != Z_OK) {
        free(rows);
        return 0;
    }
    int good = 1;
    uint8_t *row = rows, *before = rows + size + 1, *tried = rows + 2 * (size + 1);
    for (uint32_t y = 0; good && y < p->height; y++) {
        uint8_t *best = tried;
        uint64_t least = UINT64_MAX;
        pack_row(p, y, 0, row);
        for (int filter = 0; filter < filters; filter++) {
            uint8_t *made = tried + (size_t)filter * (size + 1);
            filter_row(filter, row, before, size, pixel, made);
            const uint64_t cost = filters > 1 ? cost_of(made, size) : 0;
            if (cost < least) {
                least = cost;
                best = made;
            }
        }
        good = deflate_into(&z, best, size + 1, y + 1 == p->height ? Z_FINISH : Z_NO_FLUSH, &packed);
        uint8_t *other = before;
        before = row;
        row = other;
    }
    deflateEnd(&z);
    free(rows);
    good = good && !packed.failed;
    for (size_t at = 0, now; good && at < packed.size; at += now) {
        now = packed.size - at < MOST_AT_ONCE ? packed.size - at : MOST_AT_ONCE;
        nlcd_add_chunk(to, "IDAT", packed.data + at, now);
    }
    nlcd_free(&packed);
    return good;
}

/* The palette, with black for each index beyond it, and its alpha. */
static void add_palette(const nelloc_image *image, int colours, nlcd_bytes *to) {
    uint8_t palette[3 * 256] = {0}, alpha[256];
    int alphas = 0;
    for (int k = 0; k < colours && k < 256; k++) {
        const uint8_t *colour = image->palette + (size_t)k * (size_t)image->palette_channels;
        const int there = k < image->palette_size;
        if (there)
            memcpy(palette + 3 * k, colour, 3);
        alpha[k] = there && image->palette_channels == 4 ? colour[3] : 255;
        if (k < image->palette_alpha_size)
            alpha[k] = image->palette_alpha[k];
        if (k == image->transparent_index)
            alpha[k] = 0;
        if (alpha[k] != 255)
            alphas = k + 1;
    }
    nlcd_add_chunk(to, "PLTE", palette, 3 * (size_t)colours);
    if (alphas)
        nlcd_add_chunk(to, "tRNS", alpha, (size_t)alphas);
}

/* Colours that a PNG file has to have, and the bits of its indices. */
static int palette_colours(picture *p) {
    int colours = p->image->palette_size > 1 ? p->image->palette_size : 1;
    for (size_t k = 0; k < (size_t)p->width * p->height; k++)
        if (p->samples[k] >= colours)
            colours = p->samples[k] + 1;
    p->bits = colours <= 2 ? 1 : colours <= 4 ? 2 : colours <= 16 ? 4 : 8;
    return colours;
}

static const char *make_png(picture *p, const nlcd_chunks *chunks, int level, nlcd_bytes *to) {
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t colour_types[5] = {0, 0, 4, 2, 6};
    const nelloc_image *image = p->image;
    const int indexed = image->kind == NELLOC_PALETTE, colours = indexed ? palette_colours(p) : 0;
    nlcd_bytes head = {NULL, 0, 0, 0};
    const uint8_t rest[5] = {(uint8_t)p->bits, indexed ? 3 : colour_types[image->channels], 0, 0, 0};
    nlcd_add(to, signature, sizeof signature);
    nlcd_add_big32(&head, p->width);
    nlcd_add_big32(&head, p->height);
    nlcd_add(&head, rest, sizeof rest);
    nlcd_add_chunk(to, "IHDR", head.data, head.size);
    to->failed |= head.failed;
    nlcd_free(&head);
    nlcd_add(to, chunks->early.data, chunks->early.size);
    if (indexed)
        add_palette(image, colours, to);
    if (image->has_transparent) {
        uint8_t colour[6];
        for (int c = 0; c < image->channels; c++) {
            colour[2 * c] = (uint8_t)(image->transparent[c] >> 8);
            colour[2 * c + 1] = (uint8_t)image->transparent[c];
        }
        nlcd_add_chunk(to, "tRNS", colour, 2 * (size_t)image->channels);
    }
    nlcd_add(to, chunks->late.data, chunks->late.size);
    if (chunks->early.failed || chunks->late.failed || !add_samples(p, level, indexed, to))
        return "cannot be written as PNG (there is not enough memory)";
    nlcd_add_chunk(to, "IEND", NULL, 0);
    return NULL;
}

/* --- others */

static const char *make_netpbm(picture *p, enum nlcd_format format, nlcd_bytes *to) {
    static const char *const types[5] = {"", "GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
    const nelloc_image *image = p->image;
    const int channels = image->channels, bit = image->kind == NELLOC_BILEVEL, arbitrary = format == NLCD_PAM;
    const unsigned white = bit ? 1 : (1u << image->white_bits) - 1;
    char head[160];
    if (image->kind == NELLOC_PALETTE)
        return "is an image with a palette, which netpbm formats cannot hold; use png";
    if (image->has_transparent)
        return "has a transparent colour, which netpbm formats cannot hold; use png";
    if (!arbitrary && (channels == 2 || channels == 4))
        return "is an image with alpha, which ppm, pgm and pbm cannot hold; use pam or png";
    if (channels > 1 && (format == NLCD_PGM || format == NLCD_PBM))
        return "is an image of colours, which pgm and pbm cannot hold; use ppm or png";
    if (!bit && format == NLCD_PBM)
        return "is an image of grays, which pbm cannot hold; use pgm or png";
    if (arbitrary)
        snprintf(head, sizeof head, "P7\nWIDTH %u\nHEIGHT %u\nDEPTH %d\nMAXVAL %u\nTUPLTYPE %s\nENDHDR\n",
                 (unsigned)p->width, (unsigned)p->height, channels, white, bit ? "BLACKANDWHITE" : types[channels]);
    else if (bit)
        snprintf(head, sizeof head, "P4\n%u %u\n", (unsigned)p->width, (unsigned)p->height);
    else
        snprintf(head, sizeof head, "P%d\n%u %u\n%u\n", channels == 3 ? 6 : 5, (unsigned)p->width, (unsigned)p->height,
                 white);
    nlcd_add(to, head, strlen(head));
    p->bits = bit && arbitrary ? 8 : p->bits;
    uint8_t *row = malloc(row_bytes(p));
    if (!row)
        return "cannot be written (there is not enough memory)";
    for (uint32_t y = 0; y < p->height; y++) {
        pack_row(p, y, bit, row); /* in a PBM file 1 is black */
        nlcd_add(to, row, row_bytes(p));
    }
    free(row);
    return NULL;
}

/* All samples, pixel by pixel; of two bytes the low one first. */
static const char *make_raw(const picture *p, nlcd_bytes *to) {
    const size_t count = (size_t)p->width * p->height * (size_t)p->image->channels;
    if (p->image->sample_bytes == 1) {
        nlcd_add(to, p->samples, count);
        return NULL;
    }
    for (size_t k = 0; k < count && !to->failed; k++) {
        uint16_t sample;
        memcpy(&sample, p->samples + 2 * k, 2);
        const uint8_t bytes[2] = {(uint8_t)sample, (uint8_t)(sample >> 8)};
        nlcd_add(to, bytes, 2);
    }
    return NULL;
}

const char *nlcd_make_image(enum nlcd_format format, const nelloc_image *image, uint32_t width, uint32_t height,
                            const uint8_t *samples, const nlcd_chunks *chunks, int level, nlcd_bytes *to) {
    picture p = {image, width, height, samples, image->kind == NELLOC_BILEVEL ? 1 : 8 * image->sample_bytes};
    const char *problem = NULL;
    if (format == NLCD_PNG)
        problem = make_png(&p, chunks, level, to);
    else if (format == NLCD_RAW)
        problem = make_raw(&p, to);
    else
        problem = make_netpbm(&p, format, to);
    return problem ? problem : to->failed ? "cannot be written (there is not enough memory)" : NULL;
}
