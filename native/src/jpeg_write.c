/* The writer: coefficients, a skeleton and corrections to the JPEG file that they were read from. */
#include "jpeg.h"

#include <stdlib.h>
#include <string.h>

/* The code and its length of each symbol; 0 for a symbol that has none. */
typedef struct {
    uint16_t codes[256];
    uint8_t lengths[256];
} encoder;

typedef struct {
    nlc_jpeg_bytes *out;
    uint64_t waiting; /* the last bit is the lowest */
    int count;
    int missing; /* a symbol that was needed has no code */
} bit_writer;

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
    bit_writer bits;
    encoder dc[NLC_JPEG_TABLES], ac[NLC_JPEG_TABLES];
    correction_reader corrections;
    nlc_jpeg_order order;
    int32_t last_dc[NLC_JPEG_MAX_COMPONENTS];
    uint32_t run, run_start, run_first; /* blocks in a run, the first one, and where in its zigzag the run begins */
} writer;

static void make_encoder(encoder *made, const nlc_jpeg_huffman *table) {
    memset(made, 0, sizeof *made);
    uint32_t code = 0;
    int number = 0;
    for (int length = 1; length <= 16; length++, code <<= 1)
        for (int k = 0; k < table->counts[length]; k++, code++, number++) {
            made->codes[table->symbols[number]] = (uint16_t)code;
            made->lengths[table->symbols[number]] = (uint8_t)length;
        }
}

/* Put 0 to 32 bits. */
static void put(bit_writer *bits, uint32_t value, int count) {
    bits->waiting = bits->waiting << count | value;
    bits->count += count;
    if (bits->count < 32 || !nlc_jpeg_bytes_room(bits->out, 16))
        return;
    uint8_t *to = bits->out->data + bits->out->size;
    while (bits->count >= 8) {
        bits->count -= 8;
        *to++ = (uint8_t)(bits->waiting >> bits->count);
        if (to[-1] == 0xFF)
            *to++ = 0;
    }
    bits->out->size = (size_t)(to - bits->out->data);
}

static void put_symbol(bit_writer *bits, const encoder *table, int symbol) {
    bits->missing |= !table->lengths[symbol];
    put(bits, table->codes[symbol], table->lengths[symbol]);
}

static int size_of(int32_t value) { return nlc_jpeg_bits((uint32_t)(value < 0 ? -value : value)); }

/* The bits of a number whose size is told. */
static void put_signed(bit_writer *bits, int32_t value, int size) {
    put(bits, (uint32_t)(value < 0 ? value - 1 : value) & ((1u << size) - 1), size);
}

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
    bit_writer *bits = &write->bits;
    while (bits->count % 8)
        put(bits, padding_bit(&write->corrections), 1);
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
        put(&write->bits, (uint32_t)value & 1, 1);
        return;
    }
    const int32_t difference = value - write->last_dc[k];
    const int size = size_of(difference);
    put_symbol(&write->bits, &write->dc[walk->scan[k].dc], size);
    put_signed(&write->bits, difference, size);
    write->last_dc[k] = value;
}

static void write_sequential(writer *write, int component, const int16_t *block) {
    bit_writer *bits = &write->bits;
    const encoder *table = &write->ac[write->walk.scan[component].ac];
    int zeros = 0;
    write_dc(write, component, block);
    for (int k = 1; k < 64; k++) {
        const int32_t value = block[nlc_jpeg_zigzag[k]];
        if (!value) {
            zeros++;
            continue;
        }
        for (; zeros > 15; zeros -= 16)
            put_symbol(bits, table, 0xF0);
        const int size = size_of(value);
        put_symbol(bits, table, (zeros << 4 | size) & 255);
        bits->missing |= size > 15;
        put_signed(bits, value, size);
        zeros = 0;
    }
    if (zeros)
        put_symbol(bits, table, 0);
}

static const int16_t *block_of(const writer *write, uint32_t unit, size_t at) {
    const nlc_jpeg_component *own = &write->image->component[write->walk.scan[0].component];
    (void)unit;
    return own->coefficients + at;
}

/* Write the run that waits; in a refinement also the further bits of its blocks. */
static void end_run(writer *write) {
    const nlc_jpeg_walk *walk = &write->walk;
    if (!write->run)
        return;
    const int size = nlc_jpeg_bits(write->run) - 1;
    put_symbol(&write->bits, &write->ac[walk->scan[0].ac], size << 4);
    put(&write->bits, write->run & ((1u << size) - 1), size);
    for (uint32_t b = 0; walk->high && b < write->run; b++) {
        nlc_jpeg_place place[NLC_JPEG_UNIT_BLOCKS];
        nlc_jpeg_unit(walk, &write->order, write->run_start + b, place);
        const int16_t *block = block_of(write, write->run_start + b, place[0].at);
        for (int k = b ? walk->first : (int)write->run_first; k <= walk->last; k++) {
            const int32_t value = block[nlc_jpeg_zigzag[k]];
            const uint32_t magnitude = (uint32_t)(value < 0 ? -value : value) >> walk->low;
            if (magnitude > 1)
                put(&write->bits, magnitude & 1, 1);
        }
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
    bit_writer *bits = &write->bits;
    const encoder *table = &write->ac[walk->scan[0].ac];
    int zeros = 0;
    for (int k = walk->first; k <= walk->last; k++) {
        const int32_t whole = block[nlc_jpeg_zigzag[k]];
        const int32_t magnitude = (whole < 0 ? -whole : whole) >> walk->low;
        if (!magnitude) {
            zeros++;
            continue;
        }
        end_run(write);
        for (; zeros > 15; zeros -= 16)
            put_symbol(bits, table, 0xF0);
        const int size = size_of(magnitude);
        put_symbol(bits, table, (zeros << 4 | size) & 255);
        bits->missing |= size > 15;
        put_signed(bits, whole < 0 ? -magnitude : magnitude, size);
        zeros = 0;
    }
    if (zeros)
        extend_run(write, unit, walk->last + 1);
}

static void write_refinement(writer *write, uint32_t unit, const int16_t *block) {
    const nlc_jpeg_walk *walk = &write->walk;
    bit_writer *bits = &write->bits;
    const encoder *table = &write->ac[walk->scan[0].ac];
    uint32_t magnitudes[64];
    int end = walk->first - 1; /* the last coefficient that becomes other than 0 here */
    for (int k = walk->first; k <= walk->last; k++) {
        const int32_t value = block[nlc_jpeg_zigzag[k]];
        magnitudes[k] = (uint32_t)(value < 0 ? -value : value) >> walk->low;
        if (magnitudes[k] == 1)
            end = k;
    }
    int zeros = 0, waiting = walk->first; /* coefficients from `waiting` on have not had their further bits */
    for (int k = walk->first; k <= end; k++) {
        if (!magnitudes[k]) {
            zeros++;
            continue;
        }
        for (; zeros > 15; zeros -= 16) {
            end_run(write);
            put_symbol(bits, table, 0xF0);
            int passed = 0;
            for (; passed < 16; waiting++) {
                if (magnitudes[waiting] > 1)
                    put(bits, magnitudes[waiting] & 1, 1);
                passed += !magnitudes[waiting];
            }
        }
        if (magnitudes[k] > 1)
            continue;
        end_run(write);
        put_symbol(bits, table, zeros << 4 | 1);
        put(bits, block[nlc_jpeg_zigzag[k]] > 0, 1);
        for (; waiting < k; waiting++)
            if (magnitudes[waiting] > 1)
                put(bits, magnitudes[waiting] & 1, 1);
        waiting = k + 1;
        zeros = 0;
    }
    if (waiting <= walk->last)
        extend_run(write, unit, waiting);
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
    bit_writer *bits = &write->bits;
    write->order = nlc_jpeg_scan_order(walk);
    for (int k = 0; k < walk->scan_components; k++) {
        make_encoder(&write->dc[walk->scan[k].dc], &walk->dc[walk->scan[k].dc]);
        make_encoder(&write->ac[walk->scan[k].ac], &walk->ac[walk->scan[k].ac]);
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
            return found == NLC_JPEG_UNSUPPORTED ? NLC_JPEG_DAMAGED : found;
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
        return found == NLC_JPEG_NO_MEMORY ? found : NLC_JPEG_DAMAGED;
    return nlc_jpeg_allocate(image);
}
