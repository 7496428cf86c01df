/* The walk over the markers of a JPEG file: frame, tables and scans, with everything checked. */
#include "jpeg.h"

#include <stdlib.h>
#include <string.h>

enum {
    SOF0 = 0xC0,
    SOF1 = 0xC1,
    SOF2 = 0xC2,
    DHT = 0xC4,
    DAC = 0xCC,
    RST0 = 0xD0,
    RST7 = 0xD7,
    SOI = 0xD8,
    EOI = 0xD9,
    SOS = 0xDA,
    DQT = 0xDB,
    DNL = 0xDC,
    DRI = 0xDD,
    DHP = 0xDE,
    EXP = 0xDF,
    TEM = 0x01
};

const uint8_t nlc_jpeg_zigzag[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                     12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                     35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                     58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

static int32_t parts(int32_t whole, int32_t part) { return (whole + part - 1) / part; }

static void largest_factors(const nlc_jpeg_image *image, int32_t *h, int32_t *v) {
    *h = *v = 1;
    for (int c = 0; c < image->components; c++) {
        *h = image->component[c].h > *h ? image->component[c].h : *h;
        *v = image->component[c].v > *v ? image->component[c].v : *v;
    }
}

void nlc_jpeg_mcus(const nlc_jpeg_image *image, int32_t *rows, int32_t *columns) {
    int32_t h, v;
    largest_factors(image, &h, &v);
    *rows = parts(image->height, 8 * v);
    *columns = parts(image->width, 8 * h);
}

void nlc_jpeg_image_free(nlc_jpeg_image *image) {
    for (int c = 0; c < NLC_JPEG_MAX_COMPONENTS; c++) {
        free(image->component[c].coefficients);
        image->component[c].coefficients = NULL;
    }
}

void nlc_jpeg_rest_free(nlc_jpeg_rest *rest) {
    free(rest->skeleton);
    free(rest->corrections);
    memset(rest, 0, sizeof *rest);
}

void nlc_jpeg_release(uint8_t *data) { free(data); }

int nlc_jpeg_allocate(nlc_jpeg_image *image) {
    for (int c = 0; c < image->components; c++) {
        nlc_jpeg_component *own = &image->component[c];
        const size_t blocks = (size_t)own->rows * (size_t)own->columns;
        own->coefficients = blocks > SIZE_MAX / 128 ? NULL : calloc(blocks, 64 * sizeof *own->coefficients);
        if (!own->coefficients) {
            nlc_jpeg_image_free(image);
            return NLC_JPEG_NO_MEMORY;
        }
    }
    return NLC_JPEG_OK;
}

/* The blocks of each component. */
static void set_sizes(nlc_jpeg_image *image) {
    int32_t rows, columns;
    nlc_jpeg_mcus(image, &rows, &columns);
    for (int c = 0; c < image->components; c++) {
        image->component[c].rows = rows * image->component[c].v;
        image->component[c].columns = columns * image->component[c].h;
    }
}

int nlc_jpeg_make(nlc_jpeg_image *image) {
    if (image->width < 1 || image->width > NLC_JPEG_MAX_SIDE || image->height < 1 ||
        image->height > NLC_JPEG_MAX_SIDE || (image->components != 1 && image->components != 3))
        return NLC_JPEG_BAD_ARGUMENT;
    for (int c = 0; c < image->components; c++) {
        const nlc_jpeg_component *own = &image->component[c];
        if (own->h < 1 || own->h > 4 || own->v < 1 || own->v > 4)
            return NLC_JPEG_BAD_ARGUMENT;
        for (int k = 0; k < 64; k++)
            if (!own->quantisation[k])
                return NLC_JPEG_BAD_ARGUMENT;
    }
    set_sizes(image);
    return nlc_jpeg_allocate(image);
}

void nlc_jpeg_walk_begin(nlc_jpeg_walk *walk, const uint8_t *data, size_t size) {
    memset(walk, 0, sizeof *walk);
    walk->data = data;
    walk->size = size;
}

static unsigned word(const uint8_t *at) { return (unsigned)at[0] << 8 | at[1]; }

static int read_quantisation(nlc_jpeg_walk *walk, const uint8_t *body, size_t size) {
    while (size) {
        const int wide = body[0] >> 4, number = body[0] & 15;
        const size_t length = wide ? 129 : 65;
        if (wide > 1 || number >= NLC_JPEG_TABLES || size < length)
            return NLC_JPEG_UNSUPPORTED;
        for (int k = 0; k < 64; k++) {
            const unsigned step = wide ? word(body + 1 + 2 * k) : body[1 + k];
            if (!step)
                return NLC_JPEG_UNSUPPORTED;
            walk->quantisation[number][nlc_jpeg_zigzag[k]] = (uint16_t)step;
        }
        walk->has_quantisation[number] = 1;
        body += length;
        size -= length;
    }
    return NLC_JPEG_OK;
}

static int read_huffman(nlc_jpeg_walk *walk, const uint8_t *body, size_t size) {
    while (size) {
        if (size < 17 || body[0] >> 4 > 1 || (body[0] & 15) >= NLC_JPEG_TABLES)
            return NLC_JPEG_UNSUPPORTED;
        nlc_jpeg_huffman *table = &(body[0] >> 4 ? walk->ac : walk->dc)[body[0] & 15];
        uint32_t total = 0, used = 0; /* of 2^16 */
        memset(table, 0, sizeof *table);
        for (int length = 1; length <= 16; length++) {
            table->counts[length] = body[length];
            total += body[length];
            used += (uint32_t)body[length] << (16 - length);
        }
        if (total > 256 || used > 1u << 16 || size < 17 + total)
            return NLC_JPEG_UNSUPPORTED;
        memcpy(table->symbols, body + 17, total);
        table->defined = 1;
        body += 17 + total;
        size -= 17 + total;
    }
    return NLC_JPEG_OK;
}

static int read_frame(nlc_jpeg_walk *walk, const uint8_t *body, size_t size) {
    nlc_jpeg_image *image = &walk->image;
    if (walk->has_frame || size < 6 || body[0] != 8)
        return NLC_JPEG_UNSUPPORTED;
    image->height = (int32_t)word(body + 1);
    image->width = (int32_t)word(body + 3);
    image->components = body[5];
    if (!image->height || !image->width || (image->components != 1 && image->components != 3) ||
        size != 6 + 3 * (size_t)image->components)
        return NLC_JPEG_UNSUPPORTED;
    for (int c = 0; c < image->components; c++) {
        const uint8_t *own = body + 6 + 3 * c;
        walk->identifiers[c] = own[0];
        image->component[c].h = own[1] >> 4;
        image->component[c].v = own[1] & 15;
        walk->quantisers[c] = own[2];
        if (image->component[c].h < 1 || image->component[c].h > 4 || image->component[c].v < 1 ||
            image->component[c].v > 4 || own[2] >= NLC_JPEG_TABLES)
            return NLC_JPEG_UNSUPPORTED;
        for (int other = 0; other < c; other++)
            if (walk->identifiers[other] == own[0])
                return NLC_JPEG_UNSUPPORTED;
    }
    set_sizes(image);
    walk->has_frame = 1;
    return NLC_JPEG_OK;
}

/* Whether the range of coefficients and bits of the scan is one of its coding. */
static int is_legal_scan(const nlc_jpeg_walk *walk) {
    if (!walk->progressive)
        return walk->first == 0 && walk->last == 63 && walk->high == 0 && walk->low == 0;
    if (walk->first > walk->last || walk->last > 63 || walk->low > 13 || (walk->high && walk->high != walk->low + 1))
        return 0;
    return walk->first ? walk->scan_components == 1 : walk->last == 0;
}

static int read_scan(nlc_jpeg_walk *walk, const uint8_t *body, size_t size) {
    if (!walk->has_frame || size < 1 || walk->scans >= NLC_JPEG_MOST_SCANS)
        return NLC_JPEG_UNSUPPORTED;
    const int count = body[0];
    if (count < 1 || count > walk->image.components || size != 4 + 2 * (size_t)count)
        return NLC_JPEG_UNSUPPORTED;
    walk->scan_components = count;
    walk->first = body[1 + 2 * count];
    walk->last = body[2 + 2 * count];
    walk->high = body[3 + 2 * count] >> 4;
    walk->low = body[3 + 2 * count] & 15;
    if (!is_legal_scan(walk))
        return NLC_JPEG_UNSUPPORTED;
    int before = -1;
    for (int k = 0; k < count; k++) {
        nlc_jpeg_scan_component *own = &walk->scan[k];
        own->component = -1;
        for (int c = before + 1; c < walk->image.components; c++)
            if (walk->identifiers[c] == body[1 + 2 * k])
                own->component = c;
        own->dc = body[2 + 2 * k] >> 4;
        own->ac = body[2 + 2 * k] & 15;
        if (own->component < 0 || own->dc >= NLC_JPEG_TABLES || own->ac >= NLC_JPEG_TABLES)
            return NLC_JPEG_UNSUPPORTED;
        before = own->component;
        const int needs_dc = walk->first == 0 && walk->high == 0, needs_ac = walk->last > 0;
        if ((needs_dc && !walk->dc[own->dc].defined) || (needs_ac && !walk->ac[own->ac].defined))
            return NLC_JPEG_UNSUPPORTED;
        const int quantiser = walk->quantisers[own->component];
        if (!walk->has_quantisation[quantiser])
            return NLC_JPEG_UNSUPPORTED;
        if (!(walk->seen >> own->component & 1))
            memcpy(walk->image.component[own->component].quantisation, walk->quantisation[quantiser],
                   sizeof walk->quantisation[quantiser]);
        walk->seen |= 1u << own->component;
    }
    walk->scans++;
    return NLC_JPEG_OK;
}

/* The end of the file: whether there was a scan of every component. */
static int finish(nlc_jpeg_walk *walk) {
    walk->at = walk->size;
    return walk->has_frame && walk->seen == (1u << walk->image.components) - 1 ? 0 : NLC_JPEG_UNSUPPORTED;
}

static int read_segment(nlc_jpeg_walk *walk, int marker, const uint8_t *body, size_t size) {
    switch (marker) {
    case SOF0:
    case SOF1:
    case SOF2:
        walk->progressive = marker == SOF2;
        return read_frame(walk, body, size);
    case DHT:
        return read_huffman(walk, body, size);
    case DQT:
        return read_quantisation(walk, body, size);
    case DRI:
        if (size != 2)
            return NLC_JPEG_UNSUPPORTED;
        walk->restart_interval = word(body);
        return NLC_JPEG_OK;
    case SOS:
        return read_scan(walk, body, size);
    case DAC:
    case DNL:
    case DHP:
    case EXP:
        return NLC_JPEG_UNSUPPORTED;
    default: /* SOF3 and up: lossless, hierarchical and arithmetic ones */
        return marker > SOF2 && marker <= 0xCF ? NLC_JPEG_UNSUPPORTED : NLC_JPEG_OK;
    }
}

int nlc_jpeg_walk_next(nlc_jpeg_walk *walk) {
    if (walk->at == 0) {
        if (walk->size < 2 || walk->data[0] != 0xFF || walk->data[1] != SOI)
            return NLC_JPEG_UNSUPPORTED;
        walk->at = 2;
    }
    for (;;) {
        size_t at = walk->at;
        if (at >= walk->size || walk->data[at] != 0xFF)
            return finish(walk); /* what follows is no segment */
        while (at < walk->size && walk->data[at] == 0xFF)
            at++;
        if (at == walk->size || walk->data[at] == 0 || walk->data[at] == EOI)
            return finish(walk);
        const int marker = walk->data[at++];
        if ((marker >= RST0 && marker <= RST7) || marker == TEM) {
            walk->at = at;
            continue;
        }
        if (marker == SOI || walk->size - at < 2)
            return walk->scans ? finish(walk) : NLC_JPEG_UNSUPPORTED;
        const size_t length = word(walk->data + at);
        if (length < 2 || length > walk->size - at)
            return marker == SOS || !walk->scans ? NLC_JPEG_UNSUPPORTED : finish(walk);
        const int status = read_segment(walk, marker, walk->data + at + 2, length - 2);
        if (status != NLC_JPEG_OK)
            return status;
        walk->at = at + length;
        if (marker == SOS)
            return 1;
    }
}

nlc_jpeg_order nlc_jpeg_scan_order(const nlc_jpeg_walk *walk) {
    const nlc_jpeg_image *image = &walk->image;
    nlc_jpeg_order order = {walk->scan_components > 1, 0, 0};
    int32_t rows, columns;
    if (order.interleaved) {
        nlc_jpeg_mcus(image, &rows, &columns);
    } else {
        int32_t h, v;
        const nlc_jpeg_component *own = &image->component[walk->scan[0].component];
        largest_factors(image, &h, &v);
        rows = parts(parts(image->height * own->v, v), 8);
        columns = parts(parts(image->width * own->h, h), 8);
    }
    order.columns = (uint32_t)columns;
    order.units = (uint32_t)rows * (uint32_t)columns;
    return order;
}

int nlc_jpeg_unit(const nlc_jpeg_walk *walk, const nlc_jpeg_order *order, uint32_t unit,
                  nlc_jpeg_place places[NLC_JPEG_UNIT_BLOCKS]) {
    const size_t row = unit / order->columns, column = unit % order->columns;
    if (!order->interleaved) {
        const nlc_jpeg_component *own = &walk->image.component[walk->scan[0].component];
        places[0].component = 0;
        places[0].at = 64 * (row * (size_t)own->columns + column);
        return 1;
    }
    int count = 0;
    for (int k = 0; k < walk->scan_components; k++) {
        const nlc_jpeg_component *own = &walk->image.component[walk->scan[k].component];
        for (size_t y = 0; y < (size_t)own->v; y++)
            for (size_t x = 0; x < (size_t)own->h; x++) {
                places[count].component = k;
                places[count++].at =
                    64 * ((row * (size_t)own->v + y) * (size_t)own->columns + column * (size_t)own->h + x);
            }
    }
    return count;
}

int nlc_jpeg_bytes_room(nlc_jpeg_bytes *bytes, size_t more) {
    if (bytes->failed)
        return 0;
    if (bytes->room - bytes->size >= more)
        return 1;
    const size_t room = bytes->room + bytes->room / 2 + more + 256;
    uint8_t *data = room < bytes->room ? NULL : malloc(room);
    if (!data) {
        bytes->failed = 1;
        return 0;
    }
    if (bytes->size)
        memcpy(data, bytes->data, bytes->size);
    free(bytes->data);
    bytes->data = data;
    bytes->room = room;
    return 1;
}

void nlc_jpeg_bytes_append(nlc_jpeg_bytes *bytes, const uint8_t *data, size_t size) {
    if (!size || !nlc_jpeg_bytes_room(bytes, size))
        return;
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void nlc_jpeg_bytes_varint(nlc_jpeg_bytes *bytes, uint64_t value) {
    uint8_t packed[10];
    size_t size = 0;
    for (; value > 127; value >>= 7)
        packed[size++] = (uint8_t)(value | 128);
    packed[size++] = (uint8_t)value;
    nlc_jpeg_bytes_append(bytes, packed, size);
}

int nlc_jpeg_take_varint(const uint8_t **data, size_t *size, uint64_t *value) {
    *value = 0;
    for (unsigned k = 0; k < 5 && *size; k++) {
        const uint8_t byte = **data;
        ++*data;
        --*size;
        *value |= (uint64_t)(byte & 127) << 7 * k;
        if (byte < 128)
            return byte || !k;
    }
    return 0;
}
