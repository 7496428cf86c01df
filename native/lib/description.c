/* What a file says of its image beside the records: palette, transparency, depth of samples, metadata (section 11). */
#include "decoder.h"

#include <string.h>

#define MOST_COLOURS 256
#define MOST_ITEMS ((uint32_t)1 << 16)
#define MOST_NUMBER UINT32_MAX
#define UNITS 4

static int fail(nelloc_decoder *d) {
    return nlc_fail_damaged(d, "its description of the image makes no sense");
}

static int read_depths(nelloc_decoder *d) {
    const nlc_file *file = &d->file;
    const uint8_t *data = file->sections[NLC_SAMPLES].data;
    if (data && (file->groups[0].bits <= 8 || file->sections[NLC_SAMPLES].size != 2 * (size_t)file->group_count))
        return fail(d);
    for (int k = 0; k < file->group_count; k++) {
        nlc_depth *depth = &d->depths[k];
        depth->bits = data ? data[2 * k] : file->groups[k].bits == 16 ? 16 : 8;
        depth->form = data ? data[2 * k + 1] : 0;
        if (depth->bits < 8 || depth->bits > 16 || depth->bits % 2 || depth->form > 3 ||
            (depth->bits == 16 && depth->form))
            return fail(d);
    }
    return NELLOC_OK;
}

static int read_levels(nelloc_decoder *d) {
    const int status = nlc_read_levels(d);
    return status == NELLOC_DAMAGED ? fail(d) : status;
}

static int read_palette(nelloc_decoder *d) {
    const nlc_file *file = &d->file;
    nelloc_image *image = &d->image;
    size_t size;
    image->transparent_index = -1;
    if ((file->kind == NELLOC_PALETTE) != (file->sections[NLC_COLOURS].data != NULL))
        return fail(d);
    if (file->kind != NELLOC_PALETTE)
        return NELLOC_OK;
    const int status = nlc_unpack_section(d, file->sections[NLC_COLOURS].data, file->sections[NLC_COLOURS].size,
                                          &d->palette, &size);
    if (status != NELLOC_OK)
        return status == NELLOC_DAMAGED ? fail(d) : status;
    nlc_cursor reader = nlc_cursor_of(d->palette, size);
    const int first = nlc_take_byte(&reader), transparency = first >> 1;
    image->palette_channels = first & 1 ? 4 : 3;
    if (transparency == 1) {
        image->transparent_index = nlc_take_byte(&reader);
    } else if (transparency == 2) {
        const uint64_t count = nlc_take_varint(&reader);
        image->palette_alpha = nlc_take(&reader, count);
        image->palette_alpha_size = count < MOST_COLOURS ? (int)count : MOST_COLOURS;
    }
    const size_t channels = (size_t)image->palette_channels, colours = nlc_left(&reader) / channels;
    if (!nlc_good(&reader) || transparency > 2 || nlc_left(&reader) % channels || colours > MOST_COLOURS)
        return fail(d);
    image->palette = d->palette + reader.at;
    image->palette_size = (int)colours;
    return NELLOC_OK;
}

static int read_transparent(nelloc_decoder *d) {
    const nlc_file *file = &d->file;
    const uint8_t *data = file->sections[NLC_TRANSPARENT].data;
    const int planes = file->groups[0].planes;
    if (!data)
        return NELLOC_OK;
    if (file->group_count > 1 || file->groups[0].role == NLC_COLOUR_AND_ALPHA || file->kind == NELLOC_PALETTE ||
        file->sections[NLC_TRANSPARENT].size != 2 * (size_t)planes)
        return fail(d);
    d->image.has_transparent = 1;
    for (int p = 0; p < planes; p++)
        d->image.transparent[p] = (uint16_t)nlc_number16(data + 2 * p);
    return NELLOC_OK;
}

/* Whether bytes are UTF-8, in which single surrogates may stand. */
static int is_text(const uint8_t *data, size_t size) {
    for (size_t k = 0; k < size;) {
        const uint8_t first = data[k++];
        if (first < 0x80)
            continue;
        const size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || more > size - k)
            return 0;
        /* The second byte rules out what could be shorter, and what is above 0x10ffff. */
        const uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80, most = first == 0xf4 ? 0x8f : 0xbf;
        if (data[k] < least || data[k] > most)
            return 0;
        for (size_t n = 1; n < more; n++)
            if (data[k + n] >> 6 != 2)
                return 0;
        k += more;
    }
    return 1;
}

static int is_good_text(const nelloc_item *item) {
    nlc_cursor reader = nlc_cursor_of(item->data, item->size);
    for (int k = 0; k < 3; k++) {
        const uint64_t length = nlc_take_varint(&reader);
        const uint8_t *part = nlc_take(&reader, length);
        if (!nlc_good(&reader) || !is_text(part, (size_t)length))
            return 0;
    }
    return is_text(reader.data + reader.at, nlc_left(&reader));
}

static int is_good_resolution(const nelloc_item *item) {
    nlc_cursor reader = nlc_cursor_of(item->data, item->size);
    int good = nlc_take_byte(&reader) < UNITS;
    for (int k = 0; k < 4; k++) {
        const uint64_t number = nlc_take_varint(&reader);
        good = good && number <= MOST_NUMBER && (k % 2 == 0 || number);
    }
    return good && nlc_good(&reader) && !nlc_left(&reader);
}

static int is_letter(uint8_t byte) { return (byte | 32) >= 'a' && (byte | 32) <= 'z'; }

/* Whether an item's bytes are what its type says. */
static int is_good_item(const nelloc_item *item) {
    switch (item->type) {
    case NELLOC_TEXT: return is_good_text(item);
    case NELLOC_RESOLUTION: return is_good_resolution(item);
    case NELLOC_GAMMA: return item->size == 4;
    case NELLOC_CHROMATICITIES: return item->size == 32;
    case NELLOC_SRGB: return item->size == 1;
    case NELLOC_PNG_CHUNK:
        return item->size >= 4 && item->data[0] >= 'a' && is_letter(item->data[0]) && is_letter(item->data[1]) &&
               is_letter(item->data[2]) && is_letter(item->data[3]);
    case NELLOC_SAMPLE_DEPTH: return item->size == 1 && item->data[0] >= 9 && item->data[0] <= 15;
    default: return 1;
    }
}

/* The next item, whose data is in place; malformed numbers and a missing end are the reader's to tell. */
static nelloc_item next_item(nlc_cursor *reader) {
    nelloc_item item;
    item.type = nlc_take_byte(reader);
    const uint64_t size = nlc_take_varint(reader);
    item.data = nlc_take(reader, size);
    item.size = item.data ? (size_t)size : 0;
    return item;
}

static int read_items(nelloc_decoder *d) {
    const nlc_file *file = &d->file;
    size_t size;
    if (file->sections[NLC_JPEG].data)
        return nlc_kept_open(d);
    if (!file->sections[NLC_METADATA].data)
        return NELLOC_OK;
    const int status = nlc_unpack_section(d, file->sections[NLC_METADATA].data, file->sections[NLC_METADATA].size,
                                          &d->metadata, &size);
    if (status != NELLOC_OK)
        return status == NELLOC_DAMAGED ? fail(d) : status;
    const nlc_cursor start = nlc_cursor_of(d->metadata, size);
    nlc_cursor reader = start;
    uint32_t count = 0;
    while (nlc_left(&reader)) {
        next_item(&reader);
        if (!nlc_good(&reader) || ++count > MOST_ITEMS)
            return fail(d);
    }
    d->items = nlc_get(&d->budget, count ? count : 1, sizeof *d->items);
    if (!d->items)
        return nlc_fail_for_memory(d);
    reader = start;
    for (uint32_t k = 0; k < count; k++) {
        d->items[k] = next_item(&reader);
        if (!is_good_item(&d->items[k]))
            return fail(d);
    }
    d->image.item_count = count;
    return NELLOC_OK;
}

int nlc_describe(nelloc_decoder *d) {
    int status = read_depths(d);
    if (status == NELLOC_OK)
        status = read_levels(d);
    if (status == NELLOC_OK)
        status = read_palette(d);
    if (status == NELLOC_OK)
        status = read_transparent(d);
    return status == NELLOC_OK ? read_items(d) : status;
}

void nlc_forget_description(nelloc_decoder *d) {
    nlc_forget_levels(d);
    nlc_put(d->palette);
    nlc_put(d->metadata);
    nlc_put(d->items);
    d->palette = d->metadata = NULL;
    d->items = NULL;
}
