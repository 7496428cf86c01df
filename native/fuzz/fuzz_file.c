/* libFuzzer: the whole decoder, from the bytes of a file to pixels, with models and without.
 *
 * The first byte chooses: the CPU level, whether a part is decoded, what is shown of damage, and whether checksums are
 * made right before, so that what lies behind them is reached. Everything must end in pixels or in an error with a
 * sentence, within the memory that is allowed.
 */
#include "../include/nelloc.h"
#include "../src/crc32.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PIXELS 2048
#define MOST_MEMORY ((size_t)64 << 20)
#define MOST_SECTIONS 16
/* Types of sections: a JPEG file, and coefficients. */
#define KEPT 0x86
#define PAST 0x87
/* Methods whose data checks its samples, so that small files have no checksum of their bytes: a bit for each. */
#define CHECKED (1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *given;
static size_t given_size;

/* The file itself is offered as a model too: none of its bytes may be trusted. */
static int give_model(void *context, const uint8_t id[4], unsigned attempt, const uint8_t **data, size_t *size) {
    (void)context;
    (void)id;
    if (attempt > 1)
        return 0;
    *data = given + (attempt && given_size > 32 ? 32 : 0);
    *size = given_size - (attempt && given_size > 32 ? 32 : 0);
    return 1;
}

static int stop_never(void *context, uint64_t done, uint64_t total, int64_t tile) {
    (void)context;
    if (done > total || tile < -1)
        abort();
    return 0;
}

static uint32_t varint(const uint8_t *data, size_t size, size_t *at) {
    uint32_t value = 0;
    for (int shift = 0; *at < size && shift < 28; shift += 7) {
        const uint8_t byte = data[(*at)++];
        value |= (uint32_t)(byte & 127) << shift;
        if (byte < 128)
            break;
    }
    return value;
}

static uint16_t crc16(uint16_t crc, const uint8_t *data, size_t size) {
    for (size_t k = 0; k < size; k++) {
        crc = (uint16_t)(crc ^ data[k] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
    }
    return crc;
}

static void put32(uint8_t *at, uint32_t number) {
    for (int k = 0; k < 4; k++)
        at[k] = (uint8_t)(number >> 8 * k);
}

/* Make the checksum of `length` bytes that ends there right, if there is room; returns where it ends, or 0. */
static size_t mend(const nlc_crc32_tables *tables, uint8_t *file, size_t size, size_t at, size_t length) {
    if (at > size || length > size - at || size - at - length < 4)
        return 0;
    put32(file + at + length, nlc_crc32(tables, 0, file + at, length));
    return at + length + 4;
}

/* Whether a kind has two groups: gray or RGB and alpha apart, of 8 or 16 bits. */
static int has_two_groups(int kind) { return kind < 8 && (kind & 2); }

/* Make the checksum of a small file right, if it has one. */
static void mend_small(uint8_t *file, size_t size) {
    size_t at = file[6] == 255 ? 13 : 9;
    unsigned methods = 1u << (file[5] >> 4);
    if (has_two_groups(file[5] & 15)) {
        methods |= at < size && file[at] < 32 ? 1u << file[at] : 0;
        at++;
        varint(file, size, &at);
    }
    if (!(methods & ~CHECKED) || size < 2 || at > size - 2)
        return;
    const uint16_t crc = crc16(crc16(0xffff, file, at), file + at + 2, size - at - 2);
    file[at] = (uint8_t)crc;
    file[at + 1] = (uint8_t)(crc >> 8);
}

/* Make the checksums of a file right, as far as its layout can be followed. */
static void mend_all(uint8_t *file, size_t size) {
    static nlc_crc32_tables tables;
    static int prepared;
    if (!prepared)
        nlc_crc32_prepare(&tables);
    prepared = 1;
    if (size < 11)
        return;
    file[0] = 0x8e, file[1] = 'N', file[2] = 'L', file[3] = '\n';
    if (file[4] == 0x10)
        mend_small(file, size);
    if (file[4] != 0x11)
        return;
    size_t at = 10, lengths[MOST_SECTIONS], sections = 0, records = 1;
    uint8_t types[MOST_SECTIONS];
    int is_kept = 0;
    const uint32_t width = varint(file, size, &at), height = varint(file, size, &at), tile = varint(file, size, &at);
    for (uint32_t count = varint(file, size, &at); sections < count && sections < MOST_SECTIONS; sections++) {
        types[sections] = at < size ? file[at] : 0;
        at++;
        lengths[sections] = varint(file, size, &at);
    }
    if (size - (at < size ? at : size) < 2 || !tile || width > MOST_PIXELS || height > MOST_PIXELS)
        return;
    const uint16_t crc = crc16(0xffff, file, at);
    file[at++] = (uint8_t)crc;
    file[at++] = (uint8_t)(crc >> 8);
    records = (size_t)((width + tile - 1) / tile) * ((height + tile - 1) / tile);
    for (size_t k = 0; k < sections && at; k++) {
        size_t inside = at;
        if (types[k] == KEPT) {
            is_kept = 1;
            records = varint(file, size, &inside) & 15;
        } else if (types[k] == PAST && at < size && lengths[k] >= 4 && lengths[k] <= size - at) {
            varint(file, size, &inside);
            varint(file, size, &inside);
            mend(&tables, file, at + lengths[k], inside, at + lengths[k] - 4 - inside);
        }
        at = mend(&tables, file, size, at, lengths[k]);
    }
    if (!at)
        return;
    if (!is_kept && has_two_groups(file[5]))
        records *= 2;
    const size_t index = at;
    for (size_t k = 0; k < records && at < size; k++) {
        at++;
        varint(file, size, &at);
    }
    size_t entry = index, end = at <= size ? mend(&tables, file, size, index, at - index) : 0;
    for (size_t k = 0; k < records && end; k++) {
        entry++;
        end = mend(&tables, file, size, end, varint(file, size, &entry));
    }
}

static void decode(nelloc_decoder *decoder, int chosen) {
    const nelloc_image *image = nelloc_image_of(decoder);
    if (!image || (uint64_t)image->width * image->height > MOST_PIXELS)
        abort();
    const int format = chosen & 4 ? NELLOC_RGBA8 : NELLOC_AS_STORED;
    const size_t pixel = format == NELLOC_RGBA8 ? 4 : (size_t)(image->channels * image->sample_bytes);
    nelloc_region part = {0, 0, image->width, image->height};
    if (chosen & 8) {
        part.left = image->width / 2;
        part.top = image->height / 3;
        part.width -= part.left;
        part.height -= part.top;
    }
    uint8_t *pixels = malloc(pixel * part.width * part.height);
    if (!pixels)
        abort();
    const unsigned flags = (chosen & 16 ? NELLOC_ALLOW_DAMAGED : 0) | (chosen & 128 ? NELLOC_PREVIEW : 0);
    const int status = nelloc_decode(decoder, &part, format, flags, pixels, pixel * part.width);
    if (status == NELLOC_BAD_ARGUMENT || (status != NELLOC_OK && !nelloc_error(decoder)[0]))
        abort();
    free(pixels);
    if (image->jpeg_bytes) {
        const uint8_t *data;
        size_t size;
        const int restored = nelloc_jpeg(decoder, flags & NELLOC_ALLOW_DAMAGED, &data, &size);
        if (restored == NELLOC_BAD_ARGUMENT || (restored != NELLOC_OK && !nelloc_error(decoder)[0]))
            abort();
        if (restored == NELLOC_OK)
            (void)crc16(0, data, size); /* all of it can be read */
    }
    nelloc_tile tile;
    nelloc_item item;
    for (uint32_t k = 0; nelloc_tile_at(decoder, k, &tile) == NELLOC_OK; k++)
        if (!tile.region.width || !tile.region.height)
            abort();
    for (uint32_t k = 0; nelloc_item_at(decoder, k, &item) == NELLOC_OK; k++)
        if (item.size && !item.data)
            abort();
}

/* A decoder of each level serves all inputs: making one takes longer than most of them, and it must not remember
 * them. */
static nelloc_decoder *decoder_of(int plain) {
    static nelloc_decoder *made[2];
    if (made[plain])
        return made[plain];
    nelloc_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.max_pixels = MOST_PIXELS;
    options.memory_limit = MOST_MEMORY;
    options.find_model = give_model;
    options.watch = stop_never;
    options.cpu = plain ? "plain" : NULL;
    if (nelloc_new(&options, &made[plain]) != NELLOC_OK)
        abort();
    return made[plain];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t nothing[1];
    const int chosen = size ? data[0] : 0;
    nelloc_decoder *decoder = decoder_of(chosen & 1);
    uint8_t *file = malloc(size ? size : 1);
    if (!file)
        abort();
    size -= size > 0;
    if (size)
        memcpy(file, data + 1, size);
    if (chosen & 32)
        mend_all(file, size);
    given = file;
    given_size = size;
    if (nelloc_open(decoder, file, size) == NELLOC_OK)
        decode(decoder, chosen);
    else if (!nelloc_error(decoder)[0])
        abort();
    nelloc_open(decoder, nothing, 0); /* lets go of the file */
    free(file);
    return 0;
}
