/* Pixels of a JPEG: its coefficients in a section, and records with what they get wrong
 * (docs/methods/jpeg.md, section 17). */
#include "decoder.h"

#include <string.h>

#define SIDE 8
#define MOST_MARGIN 63
#define TABLE_BYTES 128

static int fail(nelloc_decoder *d) {
    return nlc_fail_damaged(d, "its coefficients are damaged");
}

/* Whether a side of the JPEG goes with that of the image. */
static int fits(uint64_t whole, uint64_t before, uint64_t side) {
    return before <= MOST_MARGIN && whole <= NLC_JPEG_MAX_SIDE && whole >= before + side &&
           whole - before - side <= MOST_MARGIN;
}

static int is_factor(int factor) { return factor == 1 || factor == 2 || factor == 4; }

/* Read what stands before the parts; the image gets no coefficients yet. */
static int read_head(nelloc_decoder *d, nlc_cursor *reader, nlc_past *past, nlc_jpeg_image *image) {
    const int planes = d->file.groups[0].planes;
    const uint64_t top = nlc_take_varint(reader), left = nlc_take_varint(reader);
    const uint8_t *start = reader->data + reader->at;
    const size_t size = nlc_left(reader);
    const uint64_t width = nlc_take_varint(reader), height = nlc_take_varint(reader);
    image->components = nlc_take_byte(reader);
    if (!nlc_good(reader) || !fits(width, left, d->file.width) || !fits(height, top, d->file.height) || size < 4 ||
        (image->components != 1 && (image->components != 3 || planes != 3)) || d->file.kind > NELLOC_RGBA)
        return fail(d);
    if (nlc_crc32(&d->checksums, 0, start, size - 4) != nlc_number32(start + size - 4))
        return fail(d);
    image->width = (int32_t)width;
    image->height = (int32_t)height;
    for (int c = 0; c < image->components; c++) {
        const int factors = nlc_take_byte(reader);
        image->component[c].h = factors >> 4;
        image->component[c].v = factors & 15;
        if (!is_factor(image->component[c].h) || !is_factor(image->component[c].v))
            return fail(d);
    }
    const uint64_t length = nlc_take_varint(reader);
    const uint8_t *stream = nlc_take(reader, length);
    uint8_t tables[NLC_JPEG_MAX_COMPONENTS * TABLE_BYTES];
    if (!nlc_good(reader) || nlc_left(reader) < 4)
        return fail(d);
    const int status = nlc_jpeg_unpack_bytes(stream, (size_t)length, tables, (size_t)image->components * TABLE_BYTES);
    if (status != NLC_JPEG_OK)
        return status == NLC_JPEG_NO_MEMORY ? nlc_fail_for_memory(d) : fail(d);
    for (int c = 0; c < image->components; c++)
        for (int k = 0; k < 64; k++)
            image->component[c].quantisation[k] = (uint16_t)nlc_number16(tables + c * TABLE_BYTES + 2 * k);
    reader->size -= 4; /* of the checksum */
    past->width = (uint32_t)width;
    past->height = (uint32_t)height;
    past->left = (uint32_t)left;
    past->top = (uint32_t)top;
    return NELLOC_OK;
}

/* Whether the parts are all there, and long enough for their blocks: a few bytes must not cost memory. */
static int has_parts(nlc_cursor reader, const nlc_jpeg_image *image) {
    const uint64_t parts = (uint64_t)nlc_jpeg_parts(image);
    for (uint64_t k = 0; k < parts && nlc_good(&reader); k++)
        nlc_take(&reader, nlc_take_varint(&reader));
    const uint64_t pixels = (uint64_t)image->width * (uint64_t)image->height;
    return nlc_good(&reader) && !nlc_left(&reader) &&
           pixels / (SIDE * SIDE) <=
               NLC_JPEG_BLOCKS_OF_A_BYTE * ((uint64_t)reader.size + NLC_JPEG_CODER_BYTES * parts);
}

int nlc_past_new(nelloc_decoder *d, nlc_past *past) {
    nlc_jpeg_image image;
    memset(&image, 0, sizeof image);
    memset(past, 0, sizeof *past);
    nlc_cursor reader = nlc_cursor_of(d->file.sections[NLC_PAST].data, d->file.sections[NLC_PAST].size);
    int status = read_head(d, &reader, past, &image);
    if (status != NELLOC_OK)
        return status;
    if (!has_parts(reader, &image))
        return fail(d);
    const int made = nlc_jpeg_make(&image);
    if (made != NLC_JPEG_OK)
        return made == NLC_JPEG_NO_MEMORY ? nlc_fail_for_memory(d) : fail(d);
    const size_t parts = (size_t)nlc_jpeg_parts(&image);
    d->total += (uint64_t)image.width * (uint64_t)image.height;
    for (size_t k = 0; status == NELLOC_OK && k < parts; k++) {
        const uint64_t size = nlc_take_varint(&reader);
        status = nlc_decode_part(d, &image, k, nlc_take(&reader, size), (size_t)size);
    }
    past->planes = image.components;
    if (status == NELLOC_OK)
        status = nlc_jpeg_pixels(d, &image, 0, &past->pixels);
    nlc_jpeg_image_free(&image);
    return status == NELLOC_DAMAGED || status == NELLOC_UNSUPPORTED ? fail(d) : status;
}

/* --- corrections */

/* Read numbers of blocks, of which a tile has `most`, into memory that nlc_put gives back, also after a failure. */
static int read_numbers(nelloc_decoder *d, nlc_cursor *reader, uint64_t count, uint64_t most, uint32_t **numbers) {
    if (count > most || count > nlc_left(reader))
        return NELLOC_DAMAGED;
    *numbers = nlc_get(&d->budget, (size_t)count, sizeof **numbers);
    if (!*numbers)
        return nlc_fail_for_memory(d);
    uint64_t next = 0;
    for (size_t k = 0; k < count; k++) {
        next += nlc_take_varint(reader);
        if (!nlc_good(reader) || next >= most)
            return NELLOC_DAMAGED;
        (*numbers)[k] = (uint32_t)next++;
    }
    return NELLOC_OK;
}

/* The blocks of the sheet to their places: added to what is there, or instead of it. */
static void put_blocks(const nlc_shape *shape, const nlc_shape *sheet, const uint8_t *blocks, const uint32_t *numbers,
                       size_t count, int is_added, uint8_t *samples) {
    const size_t width = (size_t)shape->width, height = (size_t)shape->height, columns = (width + SIDE - 1) / SIDE;
    const size_t stride = (size_t)sheet->width, sheet_columns = stride / SIDE;
    for (size_t k = 0; k < count; k++) {
        const size_t top = numbers[k] / columns * SIDE, left = numbers[k] % columns * SIDE;
        const size_t rows = height - top < SIDE ? height - top : SIDE,
                     length = width - left < SIDE ? width - left : SIDE;
        for (size_t p = 0; p < (size_t)shape->planes; p++)
            for (size_t y = 0; y < rows; y++) {
                const uint8_t *from = blocks + p * nlc_area(sheet) + (k / sheet_columns * SIDE + y) * stride +
                                      k % sheet_columns * SIDE;
                uint8_t *to = samples + p * nlc_area(shape) + (top + y) * width + left;
                for (size_t x = 0; x < length; x++)
                    to[x] = (uint8_t)(is_added ? to[x] + from[x] : from[x]);
            }
    }
}

/* Read blocks, and put them where they belong. */
static int correct(nelloc_decoder *d, nlc_cursor *reader, const nlc_shape *shape, int is_added, uint8_t *samples) {
    const uint64_t count = nlc_take_varint(reader);
    const uint64_t most = (uint64_t)((shape->width + SIDE - 1) / SIDE) * (uint64_t)((shape->height + SIDE - 1) / SIDE);
    if (!count)
        return nlc_good(reader) ? NELLOC_OK : NELLOC_DAMAGED;
    uint32_t *numbers = NULL;
    uint8_t *blocks = NULL;
    int status = read_numbers(d, reader, count, most, &numbers);
    const nlc_method *method = nlc_method_of(nlc_take_byte(reader));
    const uint64_t size = nlc_take_varint(reader);
    const uint8_t *data = nlc_take(reader, size);
    if (status == NELLOC_OK && (!nlc_good(reader) || !method || !method->corrects))
        status = NELLOC_DAMAGED;
    uint64_t columns = 1;
    while (columns * columns < count)
        columns++;
    const nlc_shape sheet = {shape->planes, (int32_t)(SIDE * ((count + columns - 1) / columns)),
                             (int32_t)(SIDE * columns), 8};
    if (status == NELLOC_OK) {
        blocks = nlc_get(&d->budget, nlc_shape_bytes(&sheet), 1);
        status = blocks ? method->decode(d, &sheet, data, (size_t)size, blocks) : nlc_fail_for_memory(d);
    }
    if (status == NELLOC_OK)
        put_blocks(shape, &sheet, blocks, numbers, (size_t)count, is_added, samples);
    nlc_put(blocks);
    nlc_put(numbers);
    return status;
}

int nlc_past_tile(nelloc_decoder *d, const nlc_past *past, uint32_t left, uint32_t top, const nlc_shape *shape,
                  const uint8_t *data, size_t size, uint8_t *samples) {
    const size_t width = (size_t)shape->width, height = (size_t)shape->height, stride = past->width;
    for (size_t p = 0; p < (size_t)shape->planes; p++) {
        const uint8_t *plane = past->pixels + (past->planes > 1 ? p : 0) * stride * past->height;
        for (size_t y = 0; y < height; y++)
            memcpy(samples + p * nlc_area(shape) + y * width,
                   plane + (past->top + top + y) * stride + past->left + left, width);
    }
    if (!size)
        return NELLOC_OK;
    nlc_cursor reader = nlc_cursor_of(data, size);
    int status = correct(d, &reader, shape, 1, samples);
    if (status == NELLOC_OK)
        status = correct(d, &reader, shape, 0, samples);
    return status == NELLOC_OK && nlc_left(&reader) ? NELLOC_DAMAGED : status;
}
