/* The reader: a JPEG file to coefficients, and all that its writer needs beside them. It takes only what is exact. */
#include "jpeg_symbols.h"

#include <stdlib.h>

/* What goes into the corrections. */
typedef struct {
    nlc_jpeg_bytes padding; /* a byte for each bit */
    nlc_jpeg_bytes breaks;  /* varints */
    size_t ones;
    uint64_t blocks, last_break; /* blocks that were looked at in scans with runs */
} remarks;

typedef struct {
    nlc_jpeg_walk walk;
    nlc_jpeg_image *image;
    bit_reader bits;
    decoder dc[NLC_JPEG_TABLES], ac[NLC_JPEG_TABLES];
    remarks found;
    int32_t last_dc[NLC_JPEG_MAX_COMPONENTS];
    uint32_t run, open; /* blocks that a run still covers; blocks that a writer's run has */
} reader;

/* End an interval of coded data: note the padding and go to the byte after it; 0 if data was missing. */
static int end_interval(reader *read) {
    bit_reader *bits = &read->bits;
    if (is_past_end(bits))
        return 0;
    const int padding = bits->count & 7;
    for (int k = 0; k < padding; k++) {
        const uint8_t bit = (uint8_t)take(bits, 1);
        nlc_jpeg_bytes_append(&read->found.padding, &bit, 1);
        read->found.ones += bit;
    }
    for (int whole = (bits->count - bits->missing) / 8; whole > 0; whole--) {
        bits->at--;
        if (bits->data[bits->at] == 0 && bits->at && bits->data[bits->at - 1] == 0xFF)
            bits->at--;
    }
    bits->waiting = 0;
    bits->count = bits->missing = 0;
    return 1;
}

/* A marker that lets coding begin anew, the one of this number. */
static int take_restart(reader *read, uint32_t number) {
    bit_reader *bits = &read->bits;
    if (bits->size - bits->at < 2 || bits->data[bits->at] != 0xFF || bits->data[bits->at + 1] != (0xD0 | (number & 7)))
        return 0;
    bits->at += 2;
    memset(read->last_dc, 0, sizeof read->last_dc);
    read->open = 0;
    return 1;
}

static int fits(int64_t value) { return value >= INT16_MIN && value <= INT16_MAX; }

static int read_dc(reader *read, int k, int16_t *block) {
    const nlc_jpeg_walk *walk = &read->walk;
    if (walk->high) {
        block[0] = (int16_t)(block[0] | (int)take(&read->bits, 1) << walk->low);
        return 1;
    }
    const int size = take_symbol(&read->bits, &read->dc[walk->scan[k].dc]);
    if (size < 0 || size > 15)
        return 0;
    const int32_t value = read->last_dc[k] + take_signed(&read->bits, size);
    if (!fits(value) || !fits((int64_t)value * (1 << walk->low)))
        return 0;
    read->last_dc[k] = value;
    block[0] = (int16_t)(value * (1 << walk->low));
    return 1;
}

/* The coefficients after DC; 0 if they are no good. */
static int read_ac(bit_reader *bits, const decoder *table, int16_t *block) {
    for (int k = 1; k < 64; k++) {
        const int symbol = take_symbol(bits, table), size = symbol & 15;
        if (symbol < 0)
            return 0;
        if (!size) {
            if (symbol == 0)
                return 1;
            if (symbol != 0xF0)
                return 0;
            k += 15;
            continue;
        }
        k += symbol >> 4;
        if (k > 63)
            return 0;
        block[nlc_jpeg_zigzag[k]] = (int16_t)take_signed(bits, size);
    }
    return 1;
}

static int read_sequential(reader *read, int component, int16_t *block) {
    if (!read_dc(read, component, block))
        return 0;
    bit_reader bits = read->bits; /* in registers */
    const int good = read_ac(&bits, &read->ac[read->walk.scan[component].ac], block);
    read->bits = bits;
    return good;
}

/* Begin a run of blocks without more coefficients, at a block that has none of its own if `bare`. */
static void begin_run(reader *read, int symbol, int bare) {
    const int size = symbol >> 4;
    read->run = (1u << size) + (size ? take(&read->bits, size) : 0);
    if (bare && read->open) { /* a plain encoder would have gone on with the one before */
        nlc_jpeg_bytes_varint(&read->found.breaks, read->found.blocks - read->found.last_break);
        read->found.last_break = read->found.blocks;
        read->open = 0;
    }
}

/* A block has ended in a run. */
static void extend_run(reader *read) {
    read->run--;
    if (++read->open == NLC_JPEG_LONGEST_RUN)
        read->open = 0;
}

static int read_first(reader *read, int16_t *block) {
    const nlc_jpeg_walk *walk = &read->walk;
    const decoder *table = &read->ac[walk->scan[0].ac];
    int k = walk->first;
    while (!read->run && k <= walk->last) {
        const int symbol = take_symbol(&read->bits, table), size = symbol & 15;
        if (symbol < 0)
            return 0;
        if (size) {
            k += symbol >> 4;
            if (k > walk->last)
                return 0;
            const int64_t value = (int64_t)take_signed(&read->bits, size) * (1 << walk->low);
            if (!fits(value))
                return 0;
            block[nlc_jpeg_zigzag[k++]] = (int16_t)value;
            read->open = 0;
        } else if (symbol == 0xF0) {
            k += 16;
            read->open = 0;
        } else {
            begin_run(read, symbol, k == walk->first);
        }
    }
    if (read->run)
        extend_run(read);
    return 1;
}

/* A further bit of a coefficient that is not 0. */
static void refine(reader *read, int16_t *coefficient) {
    if (take(&read->bits, 1))
        *coefficient = (int16_t)(*coefficient + (*coefficient > 0 ? 1 : -1) * (1 << read->walk.low));
}

static int read_refinement(reader *read, int16_t *block) {
    const nlc_jpeg_walk *walk = &read->walk;
    const decoder *table = &read->ac[walk->scan[0].ac];
    int k = walk->first, bare = 1;
    while (!read->run && k <= walk->last) {
        const int symbol = take_symbol(&read->bits, table), size = symbol & 15;
        if (symbol < 0 || size > 1)
            return 0;
        if (!size && symbol != 0xF0) {
            begin_run(read, symbol, bare);
            break;
        }
        const int value = size ? (take(&read->bits, 1) ? 1 : -1) * (1 << walk->low) : 0;
        int zeros = symbol >> 4;
        bare = 0;
        read->open = 0;
        for (; k <= walk->last; k++) {
            int16_t *own = &block[nlc_jpeg_zigzag[k]];
            if (*own)
                refine(read, own);
            else if (zeros-- == 0)
                break;
        }
        if (k > walk->last && (size || zeros > 0))
            return 0;
        if (size)
            block[nlc_jpeg_zigzag[k]] = (int16_t)value;
        k++;
    }
    if (read->run) {
        for (; k <= walk->last; k++)
            if (block[nlc_jpeg_zigzag[k]])
                refine(read, &block[nlc_jpeg_zigzag[k]]);
        extend_run(read);
    }
    return 1;
}

static int read_block(reader *read, int component, int16_t *block) {
    if (!read->walk.progressive)
        return read_sequential(read, component, block);
    if (!read->walk.first)
        return read_dc(read, component, block);
    const int good = read->walk.high ? read_refinement(read, block) : read_first(read, block);
    read->found.blocks++;
    return good;
}

static int read_scan(reader *read) {
    nlc_jpeg_walk *walk = &read->walk;
    const nlc_jpeg_order order = nlc_jpeg_scan_order(walk);
    for (int k = 0; k < walk->scan_components; k++) {
        make_decoder(&read->dc[walk->scan[k].dc], &walk->dc[walk->scan[k].dc]);
        make_decoder(&read->ac[walk->scan[k].ac], &walk->ac[walk->scan[k].ac]);
    }
    memset(read->last_dc, 0, sizeof read->last_dc);
    read->run = read->open = 0;
    read->bits = (bit_reader){walk->data, walk->size, walk->at, 0, 0, 0};
    for (uint32_t unit = 0; unit < order.units; unit++) {
        if (walk->restart_interval && unit && unit % walk->restart_interval == 0 &&
            (read->run || !end_interval(read) || !take_restart(read, unit / walk->restart_interval - 1)))
            return NLC_JPEG_UNSUPPORTED;
        nlc_jpeg_place places[NLC_JPEG_UNIT_BLOCKS];
        const int blocks = nlc_jpeg_unit(walk, &order, unit, places);
        for (int b = 0; b < blocks; b++) {
            const int component = places[b].component;
            int16_t *block = read->image->component[walk->scan[component].component].coefficients + places[b].at;
            if (!read_block(read, component, block) || is_past_end(&read->bits))
                return NLC_JPEG_UNSUPPORTED;
        }
    }
    if (read->run || !end_interval(read))
        return NLC_JPEG_UNSUPPORTED;
    walk->at = read->bits.at;
    return NLC_JPEG_OK;
}

/* The corrections: 0 or 1 for padding bits that are all that, or 2, their number and the bits; then the breaks. */
static void write_corrections(remarks *found, nlc_jpeg_bytes *out) {
    const size_t count = found->padding.size;
    const uint8_t form = found->ones == count ? 1 : found->ones == 0 ? 0 : 2;
    nlc_jpeg_bytes_append(out, &form, 1);
    if (form == 2) {
        nlc_jpeg_bytes_varint(out, count);
        for (size_t k = 0; k < count; k += 8) {
            uint8_t packed = 0;
            for (size_t j = 0; j < 8 && k + j < count; j++)
                packed = (uint8_t)(packed | found->padding.data[k + j] << j);
            nlc_jpeg_bytes_append(out, &packed, 1);
        }
    }
    nlc_jpeg_bytes_append(out, found->breaks.data, found->breaks.size);
}

/* Whether the scans of a file of `size` bytes may be read: they cost time and memory that it must account for. */
static int is_affordable(const nlc_jpeg_walk *walk, size_t size, uint64_t max_pixels) {
    const nlc_jpeg_image *image = &walk->image;
    uint64_t blocks = 0;
    for (int c = 0; c < image->components; c++)
        blocks += (uint64_t)image->component[c].rows * (uint64_t)image->component[c].columns;
    return (uint64_t)image->width * (uint64_t)image->height <= max_pixels && blocks <= 8 * (uint64_t)size + 64 &&
           blocks * (uint64_t)walk->scans <= 1024 * (uint64_t)size + (1 << 20);
}

static int read_scans(reader *read, uint64_t max_pixels, nlc_jpeg_bytes *skeleton) {
    nlc_jpeg_walk *walk = &read->walk;
    size_t start = 0;
    for (;;) {
        const int found = nlc_jpeg_walk_next(walk);
        if (found < 0)
            return found;
        nlc_jpeg_bytes_append(skeleton, walk->data + start, walk->at - start);
        if (!found)
            return NLC_JPEG_OK;
        if (!is_affordable(walk, walk->size, max_pixels))
            return NLC_JPEG_UNSUPPORTED;
        if (!read->image->components) {
            *read->image = walk->image;
            const int status = nlc_jpeg_allocate(read->image);
            if (status != NLC_JPEG_OK)
                return status;
        }
        const int status = read_scan(read);
        if (status != NLC_JPEG_OK)
            return status;
        start = walk->at;
    }
}

/* Whether the writer makes exactly this file of what was read. */
static int check(const uint8_t *data, size_t size, const nlc_jpeg_image *image, const nlc_jpeg_rest *rest) {
    uint8_t *back = NULL;
    size_t back_size = 0;
    int status = nlc_jpeg_write(image, rest, &back, &back_size);
    if (status == NLC_JPEG_OK && (back_size != size || memcmp(back, data, size) != 0))
        status = NLC_JPEG_UNSUPPORTED;
    nlc_jpeg_release(back);
    return status == NLC_JPEG_DAMAGED ? NLC_JPEG_UNSUPPORTED : status;
}

int nlc_jpeg_read(const uint8_t *data, size_t size, uint64_t max_pixels, nlc_jpeg_image *image, nlc_jpeg_rest *rest) {
    reader *read = calloc(1, sizeof *read);
    nlc_jpeg_bytes skeleton = {0}, corrections = {0};
    memset(image, 0, sizeof *image);
    memset(rest, 0, sizeof *rest);
    if (!read)
        return NLC_JPEG_NO_MEMORY;
    read->image = image;
    nlc_jpeg_walk_begin(&read->walk, data, size);
    int status = read_scans(read, max_pixels, &skeleton);
    if (status == NLC_JPEG_OK) {
        for (int c = 0; c < image->components; c++) /* those of components that came later */
            memcpy(image->component[c].quantisation, read->walk.image.component[c].quantisation,
                   sizeof image->component[c].quantisation);
        write_corrections(&read->found, &corrections);
        if (skeleton.failed || corrections.failed || read->found.padding.failed || read->found.breaks.failed)
            status = NLC_JPEG_NO_MEMORY;
    }
    free(read->found.padding.data);
    free(read->found.breaks.data);
    free(read);
    *rest = (nlc_jpeg_rest){skeleton.data, corrections.data, skeleton.size, corrections.size};
    if (status == NLC_JPEG_OK)
        status = check(data, size, image, rest);
    if (status != NLC_JPEG_OK) {
        nlc_jpeg_image_free(image);
        nlc_jpeg_rest_free(rest);
    }
    return status;
}
