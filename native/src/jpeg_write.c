/* The writer: coefficients, a skeleton and corrections to the JPEG file that they were read from. */
#include "jpeg_bits.h"
#include "jpeg_vectors.h"

#include <stdlib.h>
#include <string.h>

/* Corrections as they are read. */
typedef struct {
    int form;
    const uint8_t *padding;
    uint64_t padding_left, padding_at;
    const uint8_t *breaks;
    size_t breaks_size;
    uint64_t blocks, next_break; /* the block at which a run ends early, UINT64_MAX for none */
    int bad;
} correction_reader;

typedef struct {
    nlc_jpeg_walk walk;
    const nlc_jpeg_image *image;
    nlc_jpeg_bit_writer bits;
    nlc_jpeg_encoder dc[NLC_JPEG_TABLES], ac[NLC_JPEG_TABLES];
    correction_reader corrections;
    nlc_jpeg_order order;
    uint64_t order_of_rows[8][256];
    int32_t last_dc[NLC_JPEG_MAX_COMPONENTS];
    uint32_t run, run_start, run_first; /* blocks in a run, the first one, and where in its zigzag the run begins */
} writer;

/* The next break, from where the last one was. */
static void next_break(correction_reader *corrections) {
    uint64_t further;
    corrections->next_break = UINT64_MAX;
    if (!corrections->breaks_size)
        return;
    if (!nlc_jpeg_take_varint(&corrections->breaks, &corrections->breaks_size, &further))
        corrections->bad = 1;
    else
        corrections->next_break = corrections->blocks + further;
}

static void open_corrections(correction_reader *corrections, const uint8_t *data, size_t size) {
    memset(corrections, 0, sizeof *corrections);
    corrections->bad = !size || data[0] > 2;
    if (corrections->bad)
        return;
    corrections->form = data[0];
    data++;
    size--;
    if (corrections->form == 2) {
        uint64_t count = 0;
        if (!nlc_jpeg_take_varint(&data, &size, &count) || (count + 7) / 8 > size) {
            corrections->bad = 1;
            return;
        }
        corrections->padding = data;
        corrections->padding_left = count;
        data += (count + 7) / 8;
        size -= (size_t)((count + 7) / 8);
    }
    corrections->breaks = data;
    corrections->breaks_size = size;
    next_break(corrections);
}

static uint32_t padding_bit(correction_reader *corrections) {
    if (corrections->form < 2)
        return (uint32_t)corrections->form;
    if (!corrections->padding_left) {
        corrections->bad = 1;
        return 0;
    }
    corrections->padding_left--;
    const uint64_t at = corrections->padding_at++;
    return corrections->padding[at / 8] >> at % 8 & 1;
}

/* Fill the last byte, and write all that waits. */
static void end_interval(writer *write) {
    nlc_jpeg_bit_writer *bits = &write->bits;
    while (bits->count % 8)
        nlc_jpeg_put(bits, padding_bit(&write->corrections), 1);
    if (!nlc_jpeg_bytes_room(bits->out, 16))
        return;
    while (bits->count) {
        bits->count -= 8;
        const uint8_t byte = (uint8_t)(bits->waiting >> bits->count), zero = 0;
        nlc_jpeg_bytes_append(bits->out, &byte, 1);
        if (byte == 0xFF)
            nlc_jpeg_bytes_append(bits->out, &zero, 1);
    }
}

static void write_dc(writer *write, int k, const int16_t *block) {
    const nlc_jpeg_walk *walk = &write->walk;
    const int32_t value = block[0] >> walk->low;
    if (walk->high) {
        nlc_jpeg_put(&write->bits, (uint32_t)value & 1, 1);
        return;
    }
    const int32_t difference = value - write->last_dc[k];
    const int size = nlc_jpeg_size(difference);
    nlc_jpeg_put_symbol(&write->bits, &write->dc[walk->scan[k].dc], size);
    nlc_jpeg_put(&write->bits, nlc_jpeg_signed(difference, size), size);
    write->last_dc[k] = value;
}

/* Where in the order of the zigzag the numbers of each row are, by which of them there are. */
static void make_order(uint64_t order[8][256]) {
    for (int k = 0; k < 64; k++) {
        const int row = nlc_jpeg_zigzag[k] >> 3, bit = 1 << (nlc_jpeg_zigzag[k] & 7);
        for (int set = 0; set < 256; set++)
            order[row][set] |= (uint64_t)((set & bit) != 0) << k;
    }
}

/* Bits for coefficients of a block in the order of the zigzag, the first in the lowest bit, from those in raster order.
 */
static inline uint64_t in_order(const writer *write, uint64_t raster) {
    uint64_t ordered = 0;
    for (int row = 0; row < 8; row++)
        ordered |= write->order_of_rows[row][raster >> 8 * row & 255];
    return ordered;
}

/* Those of the scan, from `first` on, that have a bit at `low` or above. */
static inline uint64_t with_bits(const writer *write, const int16_t *block, int first, int low) {
    const int last = write->walk.last;
    return first > last ? 0 : in_order(write, nlc_vector_at_least(block, 1 << low)) & nlc_span(first, last);
}

static void write_sequential(writer *write, int component, const int16_t *block) {
    nlc_jpeg_bit_writer *bits = &write->bits;
    const nlc_jpeg_encoder *table = &write->ac[write->walk.scan[component].ac];
    int before = 0;
    write_dc(write, component, block);
    for (uint64_t left = in_order(write, nlc_vector_others(block)) & ~UINT64_C(1); left; left &= left - 1) {
        const int k = nlc_lowest(left);
        int zeros = k - before - 1;
        for (; zeros > 15; zeros -= 16)
            nlc_jpeg_put_symbol(bits, table, 0xF0);
        nlc_jpeg_put_number(bits, table, zeros, block[nlc_jpeg_zigzag[k]]);
        before = k;
    }
    if (before < 63)
        nlc_jpeg_put_symbol(bits, table, 0);
}

static const int16_t *block_of(const writer *write, size_t at) {
    return write->image->component[write->walk.scan[0].component].coefficients + at;
}

/* The bit of a coefficient that a refinement brings. */
static inline uint32_t further_bit(const nlc_jpeg_walk *walk, int32_t value) {
    return (uint32_t)(value < 0 ? -value : value) >> walk->low & 1;
}

/* Write the run that waits; in a refinement also the further bits of its blocks. */
static void end_run(writer *write) {
    const nlc_jpeg_walk *walk = &write->walk;
    if (!write->run)
        return;
    const int size = nlc_bit_length(write->run) - 1;
    nlc_jpeg_put_symbol(&write->bits, &write->ac[walk->scan[0].ac], size << 4);
    nlc_jpeg_put(&write->bits, write->run & ((1u << size) - 1), size);
    for (uint32_t b = 0; walk->high && b < write->run; b++) {
        nlc_jpeg_place place[NLC_JPEG_UNIT_BLOCKS];
        nlc_jpeg_unit(walk, &write->order, write->run_start + b, place);
        const int16_t *block = block_of(write, place[0].at);
        const int first = b ? walk->first : (int)write->run_first;
        for (uint64_t left = with_bits(write, block, first, walk->low + 1); left; left &= left - 1)
            nlc_jpeg_put(&write->bits, further_bit(walk, block[nlc_jpeg_zigzag[nlc_lowest(left)]]), 1);
    }
    write->run = 0;
}

/* Let a block end in a run, from `first` on. */
static void extend_run(writer *write, uint32_t unit, int first) {
    if (!write->run) {
        write->run_start = unit;
        write->run_first = (uint32_t)first;
    }
    if (++write->run == NLC_JPEG_LONGEST_RUN)
        end_run(write);
}

static void write_first(writer *write, uint32_t unit, const int16_t *block) {
    const nlc_jpeg_walk *walk = &write->walk;
    nlc_jpeg_bit_writer *bits = &write->bits;
    const nlc_jpeg_encoder *table = &write->ac[walk->scan[0].ac];
    int before = walk->first - 1;
    for (uint64_t left = with_bits(write, block, walk->first, walk->low); left; left &= left - 1) {
        const int k = nlc_lowest(left);
        const int32_t whole = block[nlc_jpeg_zigzag[k]], magnitude = (whole < 0 ? -whole : whole) >> walk->low;
        end_run(write);
        int zeros = k - before - 1;
        for (; zeros > 15; zeros -= 16)
            nlc_jpeg_put_symbol(bits, table, 0xF0);
        nlc_jpeg_put_number(bits, table, zeros, whole < 0 ? -magnitude : magnitude);
        before = k;
    }
    if (before < walk->last)
        extend_run(write, unit, walk->last + 1);
}

/* Further bits of coefficients, that wait. */
typedef struct {
    uint64_t bits;
    int count;
} further_bits;

static void put_further(nlc_jpeg_bit_writer *bits, further_bits *further) {
    if (further->count > 32)
        nlc_jpeg_put(bits, (uint32_t)(further->bits >> 32), further->count - 32);
    nlc_jpeg_put(bits, (uint32_t)further->bits, further->count > 32 ? 32 : further->count);
    *further = (further_bits){0};
}

static void write_refinement(writer *write, uint32_t unit, const int16_t *block) {
    const nlc_jpeg_walk *walk = &write->walk;
    nlc_jpeg_bit_writer *bits = &write->bits;
    const nlc_jpeg_encoder *table = &write->ac[walk->scan[0].ac];
    const uint64_t others = with_bits(write, block, walk->first, walk->low);
    const uint64_t known = with_bits(write, block, walk->first, walk->low + 1), new = others & ~known;
    /* The last coefficient that becomes other than 0 here. */
    const int end = new ? nlc_bit_length64(new) - 1 : walk->first - 1;
    further_bits further = {0};
    int zeros = 0, before = walk->first - 1;
    for (uint64_t left = others; left && nlc_lowest(left) <= end; left &= left - 1) {
        const int k = nlc_lowest(left);
        zeros += k - before - 1;
        before = k;
        for (; zeros > 15; zeros -= 16) {
            end_run(write);
            nlc_jpeg_put_symbol(bits, table, 0xF0);
            put_further(bits, &further);
        }
        if (known >> k & 1) {
            const uint32_t bit = further_bit(walk, block[nlc_jpeg_zigzag[k]]);
            further = (further_bits){further.bits << 1 | bit, further.count + 1};
            continue;
        }
        end_run(write);
        nlc_jpeg_put_symbol(bits, table, zeros << 4 | 1);
        nlc_jpeg_put(bits, block[nlc_jpeg_zigzag[k]] > 0, 1);
        put_further(bits, &further);
        zeros = 0;
    }
    if (end < walk->last)
        extend_run(write, unit, end + 1);
}

static void write_block(writer *write, uint32_t unit, int component, const int16_t *block) {
    correction_reader *corrections = &write->corrections;
    if (!write->walk.progressive) {
        write_sequential(write, component, block);
        return;
    }
    if (!write->walk.first) {
        write_dc(write, component, block);
        return;
    }
    if (corrections->blocks == corrections->next_break) {
        end_run(write);
        next_break(corrections);
    }
    if (write->walk.high)
        write_refinement(write, unit, block);
    else
        write_first(write, unit, block);
    corrections->blocks++;
}

static void write_scan(writer *write) {
    nlc_jpeg_walk *walk = &write->walk;
    nlc_jpeg_bit_writer *bits = &write->bits;
    write->order = nlc_jpeg_scan_order(walk);
    for (int k = 0; k < walk->scan_components; k++) {
        nlc_jpeg_make_encoder(&write->dc[walk->scan[k].dc], &walk->dc[walk->scan[k].dc]);
        nlc_jpeg_make_encoder(&write->ac[walk->scan[k].ac], &walk->ac[walk->scan[k].ac]);
    }
    memset(write->last_dc, 0, sizeof write->last_dc);
    for (uint32_t unit = 0; unit < write->order.units && !bits->missing && !bits->out->failed; unit++) {
        if (walk->restart_interval && unit && unit % walk->restart_interval == 0) {
            const uint8_t marker[2] = {0xFF, (uint8_t)(0xD0 | ((unit / walk->restart_interval - 1) & 7))};
            end_run(write);
            end_interval(write);
            nlc_jpeg_bytes_append(bits->out, marker, 2);
            memset(write->last_dc, 0, sizeof write->last_dc);
        }
        nlc_jpeg_place places[NLC_JPEG_UNIT_BLOCKS];
        const int blocks = nlc_jpeg_unit(walk, &write->order, unit, places);
        for (int b = 0; b < blocks; b++) {
            const int component = walk->scan[places[b].component].component;
            write_block(write, unit, places[b].component,
                        write->image->component[component].coefficients + places[b].at);
        }
    }
    end_run(write);
    end_interval(write);
}

/* Whether coefficients were made for the frame of the skeleton. */
static int is_of_frame(const nlc_jpeg_image *image, const nlc_jpeg_image *frame) {
    int same = image->width == frame->width && image->height == frame->height && image->components == frame->components;
    for (int c = 0; same && c < frame->components; c++)
        same = image->component[c].h == frame->component[c].h && image->component[c].v == frame->component[c].v &&
               image->component[c].rows == frame->component[c].rows &&
               image->component[c].columns == frame->component[c].columns;
    return same;
}

static int write_file(writer *write, const nlc_jpeg_rest *rest, nlc_jpeg_bytes *out) {
    nlc_jpeg_walk *walk = &write->walk;
    size_t start = 0;
    for (;;) {
        const int found = nlc_jpeg_walk_next(walk);
        if (found < 0)
            return NLC_JPEG_DAMAGED; /* a skeleton is what the reader has taken */
        nlc_jpeg_bytes_append(out, rest->skeleton + start, walk->at - start);
        start = walk->at;
        if (!found)
            break;
        if (!is_of_frame(write->image, &walk->image))
            return NLC_JPEG_DAMAGED;
        write_scan(write);
        if (out->failed)
            return NLC_JPEG_NO_MEMORY;
        if (write->bits.missing || write->corrections.bad)
            return NLC_JPEG_DAMAGED;
    }
    if (out->failed)
        return NLC_JPEG_NO_MEMORY;
    const correction_reader *corrections = &write->corrections;
    return corrections->padding_left || corrections->next_break != UINT64_MAX ? NLC_JPEG_DAMAGED : NLC_JPEG_OK;
}

int nlc_jpeg_write(const nlc_jpeg_image *image, const nlc_jpeg_rest *rest, uint8_t **data, size_t *size) {
    nlc_jpeg_bytes out = {0};
    writer *write = calloc(1, sizeof *write);
    *data = NULL;
    *size = 0;
    if (!write)
        return NLC_JPEG_NO_MEMORY;
    write->image = image;
    write->bits.out = &out;
    make_order(write->order_of_rows);
    nlc_jpeg_walk_begin(&write->walk, rest->skeleton, rest->skeleton_size);
    open_corrections(&write->corrections, rest->corrections, rest->corrections_size);
    const int status = write->corrections.bad ? NLC_JPEG_DAMAGED : write_file(write, rest, &out);
    free(write);
    if (status != NLC_JPEG_OK) {
        free(out.data);
        return status;
    }
    *data = out.data;
    *size = out.size;
    return NLC_JPEG_OK;
}

int nlc_jpeg_prepare(const uint8_t *skeleton, size_t size, uint64_t max_pixels, nlc_jpeg_image *image) {
    nlc_jpeg_walk *walk = malloc(sizeof *walk);
    if (!walk)
        return NLC_JPEG_NO_MEMORY;
    nlc_jpeg_walk_begin(walk, skeleton, size);
    int found = 1;
    while (found == 1)
        found = nlc_jpeg_walk_next(walk);
    *image = walk->image;
    free(walk);
    if (found < 0 || (uint64_t)image->width * (uint64_t)image->height > max_pixels)
        return NLC_JPEG_DAMAGED;
    return nlc_jpeg_allocate(image);
}
