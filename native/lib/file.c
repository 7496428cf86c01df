/* The container: bytes to header, sections and records, with their checksums (docs/FORMAT.md, section 1). */
#include "decoder.h"

#include <string.h>

#define VERSION 1
#define SMALL 0
#define TILED 1
/* A kind, and in the small layout the method of the first record above it. */
#define KIND_BITS 4
/* The number of a model that has none: its id follows. */
#define OTHER_MODEL 255
#define DEFAULT_TILE 256
#define DEFAULT_MOST_PIXELS (UINT64_C(1) << 28)

static const uint8_t signature[4] = {0x8e, 'N', 'L', '\n'};

/* The models that the small layout names by a number: the table of docs/FORMAT.md, which only grows. */
static const uint8_t numbered_models[][NLC_ID_BYTES] = {
    {0, 0, 0, 0},
    {0x5b, 0x94, 0xbb, 0x3d}, /* fast */
    {0xd9, 0x46, 0xb7, 0x57}, /* default */
    {0x32, 0x19, 0x0c, 0xa6}, /* high */
    {0x43, 0x0d, 0xd0, 0x5d}, /* fast-gray */
    {0xe7, 0xa6, 0xf6, 0x8c}, /* default-gray */
    {0xce, 0x8a, 0xdd, 0x88}, /* high-gray */
};

/* The type of each section that is known. */
static const uint8_t section_types[NLC_SECTIONS] = {
    [NLC_METADATA] = 1,      [NLC_WHOLE_MODEL] = 0x81, [NLC_DIFFERENCES] = 0x82,
    [NLC_SAMPLES] = 0x83,    [NLC_COLOURS] = 0x84,     [NLC_TRANSPARENT] = 0x85,
    [NLC_JPEG] = 0x86,       [NLC_PAST] = 0x87,        [NLC_LEVEL_LISTS] = 0x89,
};

/* The kinds of files by their numbers: kinds of images, and those whose colour and alpha are one group. */
static const struct {
    int kind, group_count;
    nlc_group groups[NLC_MOST_GROUPS];
} kinds[] = {
    {NELLOC_GRAY, 1, {{NLC_COLOUR, 1, 8}}},
    {NELLOC_RGB, 1, {{NLC_COLOUR, 3, 8}}},
    {NELLOC_GRAY_ALPHA, 2, {{NLC_COLOUR, 1, 8}, {NLC_ALPHA, 1, 8}}},
    {NELLOC_RGBA, 2, {{NLC_COLOUR, 3, 8}, {NLC_ALPHA, 1, 8}}},
    {NELLOC_GRAY16, 1, {{NLC_COLOUR, 1, 16}}},
    {NELLOC_RGB16, 1, {{NLC_COLOUR, 3, 16}}},
    {NELLOC_GRAY_ALPHA16, 2, {{NLC_COLOUR, 1, 16}, {NLC_ALPHA, 1, 16}}},
    {NELLOC_RGBA16, 2, {{NLC_COLOUR, 3, 16}, {NLC_ALPHA, 1, 16}}},
    {NELLOC_PALETTE, 1, {{NLC_INDEX, 1, 8}}},
    {NELLOC_BILEVEL, 1, {{NLC_BIT, 1, 1}}},
    {NELLOC_GRAY_ALPHA, 1, {{NLC_COLOUR_AND_ALPHA, 2, 8}}},
    {NELLOC_RGBA, 1, {{NLC_COLOUR_AND_ALPHA, 4, 8}}},
};

/* CRC-16/CCITT-FALSE of what has the CRC-16 `crc`, 0xffff of nothing, followed by `size` bytes. */
static uint16_t crc16(uint16_t crc, const uint8_t *data, size_t size) {
    static const uint16_t nibbles[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                         0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    for (size_t k = 0; k < size; k++)
        for (int shift = 4; shift >= 0; shift -= 4)
            crc = (uint16_t)(crc << 4 ^ nibbles[(crc >> 12 ^ data[k] >> shift) & 15]);
    return crc;
}

static int fail_at_end(nelloc_decoder *d, const nlc_cursor *reader) {
    if (reader->malformed && !reader->ended)
        return nlc_fail_damaged(d, "its header has a malformed number");
    return nlc_fail_damaged(d, "it ends too early, at byte %zu", reader->size);
}

static int check_size(nelloc_decoder *d, uint64_t width, uint64_t height) {
    const uint64_t most = d->options.max_pixels ? d->options.max_pixels : DEFAULT_MOST_PIXELS;
    if (!width || !height)
        return nlc_fail_damaged(d, "its header announces an empty image");
    if (width > UINT32_MAX || height > UINT32_MAX || width > most / height)
        return nlc_fail(
            d, NELLOC_UNSUPPORTED,
            "its header announces %llu x %llu pixels, above the limit of %llu; raise the limit if the file is "
            "trusted",
            (unsigned long long)width, (unsigned long long)height, (unsigned long long)most);
    return NELLOC_OK;
}

static int set_kind(nelloc_decoder *d, int number) {
    nlc_file *file = &d->file;
    if (number < 0 || (size_t)number >= sizeof kinds / sizeof *kinds)
        return nlc_fail(d, NELLOC_UNSUPPORTED,
                        "it holds an image of kind %d that this nelloc does not know; use a newer nelloc", number);
    file->kind = kinds[number].kind;
    file->group_count = kinds[number].group_count;
    memcpy(file->groups, kinds[number].groups, sizeof file->groups);
    return NELLOC_OK;
}

static void set_size(nlc_file *file, uint64_t width, uint64_t height, uint64_t tile) {
    file->width = (uint32_t)width;
    file->height = (uint32_t)height;
    file->tile = (uint32_t)tile;
    file->rows = (uint32_t)((height + tile - 1) / tile);
    file->columns = (uint32_t)((width + tile - 1) / tile);
}

static int new_records(nelloc_decoder *d, size_t count) {
    d->file.records = nlc_get(&d->budget, count, sizeof *d->file.records);
    d->file.record_count = count;
    return d->file.records ? NELLOC_OK : nlc_fail_for_memory(d);
}

static int fail_for_both(nelloc_decoder *d) {
    return nlc_fail_damaged(d, "it has records or sections of a JPEG file and of pixels, which no encoder writes");
}

static int fail_for_method(nelloc_decoder *d, int method) {
    return nlc_fail(d, NELLOC_UNSUPPORTED, "a tile has method %d that this nelloc does not know; use a newer nelloc",
                    method);
}

/* Check a record's method and data. */
static int check_record(nelloc_decoder *d, const nlc_record *record) {
    const nlc_method *method = nlc_method_of(record->method);
    if (!method)
        return fail_for_method(d, record->method);
    if (method->of_jpeg_file != (d->file.sections[NLC_JPEG].data != NULL))
        return fail_for_both(d);
    if (!record->damaged && method->drops_zeros && record->size && !d->file.data[record->at + record->size - 1])
        return nlc_fail_damaged(d, "a tile's data ends in a zero byte, which no encoder writes");
    return NELLOC_OK;
}

static int check_records(nelloc_decoder *d) {
    for (size_t k = 0; k < d->file.record_count; k++) {
        const int status = check_record(d, &d->file.records[k]);
        if (status != NELLOC_OK)
            return status;
    }
    return NELLOC_OK;
}

static uint64_t take_size(nlc_cursor *reader) {
    const uint64_t size = nlc_take_varint(reader);
    return size > SIZE_MAX ? SIZE_MAX : size;
}

/* Check the methods of a small file, and its checksum unless all of its methods check the samples. */
static int check_small(nelloc_decoder *d, nlc_cursor *reader) {
    const nlc_file *file = &d->file;
    static const uint8_t none[NLC_ID_BYTES] = {0};
    int checks = 1, needs_model = 0;
    for (size_t k = 0; k < file->record_count; k++) {
        const nlc_method *method = nlc_method_of(file->records[k].method);
        if (!method)
            return fail_for_method(d, file->records[k].method);
        checks &= method->checks_samples;
        needs_model |= method->needs_model;
    }
    if (!checks) {
        const uint8_t *crc = nlc_take(reader, 2);
        if (!crc)
            return fail_at_end(d, reader);
        const uint16_t head = crc16(0xffff, file->data, reader->at - 2);
        if (crc16(head, file->data + reader->at, nlc_left(reader)) != nlc_number16(crc))
            return nlc_fail_damaged(d, "its checksum does not match, so it is damaged");
    }
    if (needs_model == !memcmp(file->model_id, none, sizeof none))
        return nlc_fail_damaged(d, "its header has what does not go together, so it is damaged");
    return NELLOC_OK;
}

static int read_small(nelloc_decoder *d, nlc_cursor *reader, int number) {
    nlc_file *file = &d->file;
    int status = set_kind(d, number & ((1 << KIND_BITS) - 1));
    if (status != NELLOC_OK)
        return status;
    const size_t model = nlc_take_byte(reader);
    const uint8_t *sides = nlc_take(reader, 2), *id = model == OTHER_MODEL ? nlc_take(reader, NLC_ID_BYTES) : NULL;
    if (!nlc_good(reader))
        return fail_at_end(d, reader);
    if (!id && model >= sizeof numbered_models / sizeof *numbered_models)
        return nlc_fail(d, NELLOC_UNSUPPORTED,
                        "it needs model number %zu, which this nelloc does not know; use a newer nelloc", model);
    memcpy(file->model_id, id ? id : numbered_models[model], NLC_ID_BYTES);
    set_size(file, sides[0] + 1u, sides[1] + 1u, DEFAULT_TILE);
    status = check_size(d, file->width, file->height);
    if (status == NELLOC_OK)
        status = new_records(d, (size_t)file->group_count);
    if (status != NELLOC_OK)
        return status;
    nlc_record *records = file->records, *last = &records[file->group_count - 1];
    records[0].method = (uint8_t)(number >> KIND_BITS);
    for (int k = 1; k < file->group_count; k++)
        records[k].method = nlc_take_byte(reader);
    for (nlc_record *record = records; record < last; record++)
        record->size = (size_t)take_size(reader);
    if (!nlc_good(reader))
        return fail_at_end(d, reader);
    status = check_small(d, reader);
    if (status != NELLOC_OK)
        return status;
    for (nlc_record *record = records; record < last; record++) {
        record->at = reader->at;
        nlc_take(reader, record->size);
    }
    if (!nlc_good(reader))
        return fail_at_end(d, reader);
    last->at = reader->at;
    last->size = nlc_left(reader);
    return check_records(d);
}

/* Which known section this is; NLC_SECTIONS if none. */
static int section_of(int type) {
    int section = 0;
    while (section < NLC_SECTIONS && section_types[section] != type)
        section++;
    return section;
}

/* A section, of which the reader is at the beginning. */
static int read_section(nelloc_decoder *d, nlc_cursor *reader, int type, uint64_t length) {
    nlc_file *file = &d->file;
    const uint8_t *data = nlc_take(reader, length), *crc = nlc_take(reader, 4);
    if (!data || !crc)
        return fail_at_end(d, reader);
    const int critical = type >> 7, section = section_of(type);
    if (nlc_crc32(&d->checksums, 0, data, (size_t)length) != nlc_number32(crc)) {
        if (critical)
            return nlc_fail_damaged(d, "the checksum of a section of type %d does not match, so it is damaged", type);
        file->damage |= NELLOC_DAMAGED_METADATA;
        return NELLOC_OK;
    }
    if (section == NLC_SECTIONS)
        return critical
                   ? nlc_fail(d, NELLOC_UNSUPPORTED,
                              "it has a section of type %d that this nelloc does not know; use a newer nelloc", type)
                   : NELLOC_OK;
    if (file->sections[section].data)
        return nlc_fail_damaged(d, "it has two sections of one type where only one is meant");
    file->sections[section].data = data;
    file->sections[section].size = (size_t)length;
    return NELLOC_OK;
}

static int read_index(nelloc_decoder *d, nlc_cursor *reader) {
    nlc_file *file = &d->file;
    uint64_t count = (uint64_t)file->rows * file->columns * (uint64_t)file->group_count;
    if (file->sections[NLC_JPEG].data) {
        nlc_cursor section = nlc_cursor_of(file->sections[NLC_JPEG].data, file->sections[NLC_JPEG].size);
        count = nlc_take_varint(&section);
        if (!nlc_good(&section))
            return fail_at_end(d, &section);
        file->rows = file->columns = 1; /* it has no tiles */
    }
    if (count > nlc_left(reader) / 2 || count > UINT32_MAX) {
        reader->ended = 1;
        return fail_at_end(d, reader);
    }
    const int status = new_records(d, (size_t)count);
    if (status != NELLOC_OK)
        return status;
    const size_t start = reader->at;
    for (size_t k = 0; k < count && nlc_good(reader); k++) {
        file->records[k].method = nlc_take_byte(reader);
        file->records[k].size = (size_t)take_size(reader);
    }
    const size_t end = reader->at;
    const uint8_t *crc = nlc_take(reader, 4);
    if (!nlc_good(reader))
        return fail_at_end(d, reader);
    if (nlc_crc32(&d->checksums, 0, file->data + start, end - start) != nlc_number32(crc))
        return nlc_fail_damaged(d, "the checksum of the tile index does not match, so it is damaged");
    return NELLOC_OK;
}

/* Where the data of each record is, and whether it is damaged or missing: that is told when it is to be decoded. */
static int find_records(nelloc_decoder *d, nlc_cursor *reader) {
    nlc_file *file = &d->file;
    int damaged = 0;
    for (size_t k = 0; k < file->record_count; k++) {
        nlc_record *record = &file->records[k];
        const uint8_t *data = nlc_take(reader, record->size), *crc = data ? nlc_take(reader, 4) : NULL;
        if (crc && nlc_crc32(&d->checksums, 0, data, record->size) == nlc_number32(crc)) {
            record->at = (size_t)(data - file->data);
            continue;
        }
        damaged = record->damaged = 1;
        record->at = record->size = 0;
    }
    /* With a record missing, what is left is no excess. */
    if (nlc_left(reader) && !damaged)
        file->damage |= NELLOC_EXCESS_BYTES;
    return check_records(d);
}

static int read_tiled(nelloc_decoder *d, nlc_cursor *reader, int number) {
    nlc_file *file = &d->file;
    const uint8_t *id = nlc_take(reader, NLC_ID_BYTES);
    if (!id)
        return fail_at_end(d, reader);
    memcpy(file->model_id, id, NLC_ID_BYTES);
    const uint64_t width = nlc_take_varint(reader), height = nlc_take_varint(reader), tile = nlc_take_varint(reader);
    const uint64_t sections = nlc_take_varint(reader);
    nlc_cursor announced = *reader; /* to be read again, with the sections that are announced */
    for (uint64_t k = 0; k < sections && nlc_good(reader); k++) {
        nlc_take_byte(reader);
        nlc_take_varint(reader);
    }
    const size_t head = reader->at;
    const uint8_t *crc = nlc_take(reader, 2);
    if (!nlc_good(reader))
        return fail_at_end(d, reader);
    if (crc16(0xffff, file->data, head) != nlc_number16(crc))
        return nlc_fail_damaged(d, "the checksum of its header does not match, so it is damaged");
    int status = set_kind(d, number);
    if (status == NELLOC_OK)
        status = check_size(d, width, height);
    if (status != NELLOC_OK)
        return status;
    if (tile < NLC_MIN_SIDE_OF_TILE || tile > NLC_MAX_SIDE_OF_TILE)
        return nlc_fail_damaged(d, "its tile size %llu is out of range", (unsigned long long)tile);
    set_size(file, width, height, tile);
    for (uint64_t k = 0; k < sections && status == NELLOC_OK; k++) {
        const int type = nlc_take_byte(&announced);
        status = read_section(d, reader, type, nlc_take_varint(&announced));
    }
    if (status != NELLOC_OK)
        return status;
    if (file->sections[NLC_WHOLE_MODEL].data && file->sections[NLC_DIFFERENCES].data)
        return nlc_fail_damaged(d, "it holds more than one model");
    for (int section = 0; file->sections[NLC_JPEG].data && section < NLC_SECTIONS; section++)
        if (section != NLC_JPEG && file->sections[section].data)
            return fail_for_both(d);
    status = read_index(d, reader);
    return status == NELLOC_OK ? find_records(d, reader) : status;
}

static int starts_with(const nlc_file *file, const char *bytes, size_t count) {
    return file->size >= count && memcmp(file->data, bytes, count) == 0;
}

int nlc_file_open(nelloc_decoder *d, const uint8_t *data, size_t size) {
    nlc_file *file = &d->file;
    memset(file, 0, sizeof *file);
    file->data = data;
    file->size = size;
    nlc_cursor reader = nlc_cursor_of(data, size);
    const size_t compared = size < sizeof signature ? size : sizeof signature;
    if (size && memcmp(data, signature, compared) != 0) {
        if (starts_with(file, "\x8eNL\r\n", 5) || starts_with(file, "\x0eNL\n", 4))
            return nlc_fail(d, NELLOC_DAMAGED,
                            "it was damaged by a text-mode transfer; copy it again in binary mode");
        return nlc_fail(d, NELLOC_DAMAGED, "it is not an nlc file; give a file made by nelloc compress");
    }
    nlc_take(&reader, sizeof signature);
    const int versions = nlc_take_byte(&reader), layout = versions & 15;
    if (reader.ended)
        return fail_at_end(d, &reader);
    if (versions >> 4 != VERSION)
        return nlc_fail(d, NELLOC_UNSUPPORTED,
                        "it has format version %d and this nelloc reads version %d; use a newer nelloc", versions >> 4,
                        VERSION);
    if (layout != SMALL && layout != TILED)
        return nlc_fail(d, NELLOC_UNSUPPORTED,
                        "it uses a feature that this nelloc does not know; use a newer nelloc");
    const int number = nlc_take_byte(&reader);
    if (reader.ended)
        return fail_at_end(d, &reader);
    return layout == TILED ? read_tiled(d, &reader, number) : read_small(d, &reader, number);
}

void nlc_file_close(nelloc_decoder *d) {
    nlc_put(d->file.records);
    memset(&d->file, 0, sizeof d->file);
}

/* Where part `k` of an axis begins. */
static uint32_t cut(uint32_t size, uint32_t parts, size_t k) { return (uint32_t)((uint64_t)k * size / parts); }

nelloc_region nlc_tile_region(const nlc_file *file, size_t tile) {
    const size_t row = tile / file->columns, column = tile % file->columns;
    nelloc_region found;
    found.left = cut(file->width, file->columns, column);
    found.top = cut(file->height, file->rows, row);
    found.width = cut(file->width, file->columns, column + 1) - found.left;
    found.height = cut(file->height, file->rows, row + 1) - found.top;
    return found;
}
