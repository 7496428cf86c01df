/* Metadata as PNG chunks, as nelloc decompress writes them. */
#include "tools.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LONG_TEXT 1024
#define MOST_PHYSICAL ((uint64_t)1 << 31)

/* Chunks that must stand before the palette. */
static const char before_palette[][5] = {"cHRM", "gAMA", "iCCP", "sBIT", "sRGB",
                                         "cICP", "mDCV", "cLLI", "mDCv", "cLLi"};

typedef struct {
    const uint8_t *at;
    size_t size;
} part;

void nlcd_add_chunk(nlcd_bytes *to, const char name[4], const void *data, size_t size) {
    uLong crc = crc32(0, (const Bytef *)name, 4);
    nlcd_add_big32(to, (uint32_t)size);
    nlcd_add(to, name, 4);
    nlcd_add(to, data, size);
    for (const uint8_t *at = data; size;) { /* counts of zlib may be narrower than sizes */
        const uInt now = size > (1u << 30) ? 1u << 30 : (uInt)size;
        crc = crc32(crc, at, now);
        at += now;
        size -= now;
    }
    nlcd_add_big32(to, (uint32_t)crc);
}

static void put_chunk(nlcd_chunks *chunks, const char name[4], const nlcd_bytes *body) {
    int early = 0;
    for (size_t k = 0; k < sizeof before_palette / sizeof *before_palette; k++)
        early |= !memcmp(name, before_palette[k], 4);
    nlcd_bytes *to = early ? &chunks->early : &chunks->late;
    if (body->failed)
        to->failed = 1;
    else
        nlcd_add_chunk(to, name, body->data, body->size);
}

static void leave_out(nlcd_chunks *chunks, const char *name) {
    for (size_t k = 0; k < chunks->left_out_count; k++)
        if (!strcmp(chunks->left_out[k], name))
            return;
    if (chunks->left_out_count < sizeof chunks->left_out / sizeof *chunks->left_out)
        chunks->left_out[chunks->left_out_count++] = name;
}

static void add_deflated(nlcd_bytes *to, const void *data, size_t size) {
    uLongf room = compressBound((uLong)size);
    uint8_t *packed = malloc(room);
    if (!packed || compress2(packed, &room, data, (uLong)size, 9) != Z_OK)
        to->failed = 1;
    else
        nlcd_add(to, packed, room);
    free(packed);
}

/* The next number of variable length; the library has checked the item. */
static uint64_t take_number(part *from) {
    uint64_t number = 0;
    for (int shift = 0; from->size && shift < 63; shift += 7) {
        const uint8_t byte = *from->at++;
        from->size--;
        number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            break;
    }
    return number;
}

static part take_text(part *from) {
    part taken = {NULL, (size_t)take_number(from)};
    taken.at = from->at;
    if (taken.size > from->size)
        taken.size = from->size;
    from->at += taken.size;
    from->size -= taken.size;
    return taken;
}

/* The text in Latin-1, with `instead` for what that has not, or, if that is 0, returns 0 there. */
static int to_latin(part text, char instead, nlcd_bytes *to) {
    while (text.size) {
        uint32_t code = *text.at++;
        text.size--;
        if (code >= 0x80) {
            const size_t more = code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : 1;
            code &= 0x3fu >> more;
            for (size_t k = 0; k < more && text.size; k++, text.size--)
                code = code << 6 | (*text.at++ & 63);
        }
        if (code > 255 && !instead)
            return 0;
        const uint8_t byte = code > 255 ? (uint8_t)instead : (uint8_t)code;
        nlcd_add(to, &byte, 1);
    }
    return 1;
}

static void add_zeros(nlcd_bytes *to, size_t count) {
    static const uint8_t zeros[8];
    nlcd_add(to, zeros, count);
}

/* Whether a text has single surrogates, which are no UTF-8 of a PNG file. */
static int has_surrogates(part text) {
    for (size_t k = 0; k + 1 < text.size; k++)
        if (text.at[k] == 0xed && text.at[k + 1] >= 0xa0)
            return 1;
    return 0;
}

static void put_text(nlcd_chunks *chunks, part keyword, part language, part translated, part text) {
    nlcd_bytes body = {NULL, 0, 0, 0}, plain = {NULL, 0, 0, 0};
    if (!keyword.size || keyword.size > 79 || memchr(keyword.at, 0, keyword.size) || has_surrogates(text) ||
        has_surrogates(translated)) {
        leave_out(chunks, "text");
        return;
    }
    to_latin(keyword, '?', &body);
    add_zeros(&body, 1);
    if (!language.size && !translated.size && to_latin(text, 0, &plain) &&
        (!plain.size || !memchr(plain.data, 0, plain.size))) {
        if (plain.failed)
            body.failed = 1;
        if (plain.size > LONG_TEXT) {
            add_zeros(&body, 1);
            add_deflated(&body, plain.data, plain.size);
            put_chunk(chunks, "zTXt", &body);
        } else {
            nlcd_add(&body, plain.data, plain.size);
            put_chunk(chunks, "tEXt", &body);
        }
    } else {
        add_zeros(&body, 2);
        to_latin(language, '?', &body);
        add_zeros(&body, 1);
        nlcd_add(&body, translated.at, translated.size);
        add_zeros(&body, 1);
        nlcd_add(&body, text.at, text.size);
        put_chunk(chunks, "iTXt", &body);
    }
    nlcd_free(&plain);
    nlcd_free(&body);
}

static int is_utf8(part text) {
    for (size_t k = 0; k < text.size;) {
        const uint8_t first = text.at[k++];
        if (first < 0x80)
            continue;
        const size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || more > text.size - k)
            return 0;
        const uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        const uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (text.at[k] < least || text.at[k] > most)
            return 0;
        for (size_t n = 1; n < more; n++)
            if (text.at[k + n] >> 6 != 2)
                return 0;
        k += more;
    }
    return 1;
}

/* Comments of other formats do not say how they are to be read: they are UTF-8 if they can be, else Latin-1. */
static void put_comment(nlcd_chunks *chunks, part comment) {
    static const char name[] = "Comment";
    const part keyword = {(const uint8_t *)name, sizeof name - 1}, none = {NULL, 0};
    nlcd_bytes wide = {NULL, 0, 0, 0};
    if (is_utf8(comment)) {
        put_text(chunks, keyword, none, none, comment);
        return;
    }
    for (size_t k = 0; k < comment.size; k++) {
        const uint8_t byte = comment.at[k], pair[2] = {(uint8_t)(0xc0 | byte >> 6), (uint8_t)(0x80 | (byte & 63))};
        nlcd_add(&wide, byte < 0x80 ? &byte : pair, byte < 0x80 ? 1 : 2);
    }
    const part text = {wide.data, wide.size};
    put_text(chunks, keyword, none, none, text);
    chunks->late.failed |= wide.failed;
    nlcd_free(&wide);
}

/* Pixels per unit, numerator / denominator, as a whole number per metre; a half is rounded to even. */
static uint64_t per_metre(uint64_t numerator, uint64_t denominator, int unit) {
    const uint64_t times = unit == 1 ? 5000 : unit == 2 ? 100 : 1, over = unit == 1 ? 127 : 1;
    /* Numbers are below 2^32, so that products are below 2^45. */
    const uint64_t top = numerator * times, bottom = denominator * over, whole = top / bottom, rest = top % bottom;
    return whole + (2 * rest > bottom || (2 * rest == bottom && whole % 2));
}

static void put_resolution(nlcd_chunks *chunks, part from) {
    const int unit = *from.at++;
    uint64_t numbers[4], found[2];
    from.size--;
    for (int k = 0; k < 4; k++)
        numbers[k] = take_number(&from);
    found[0] = per_metre(numbers[0], numbers[1], unit);
    found[1] = per_metre(numbers[2], numbers[3], unit);
    if (unit == 0 && (numbers[1] != 1 || numbers[3] != 1)) { /* a ratio of fractions */
        const int fits = (numbers[0] >> 31 == 0 || numbers[3] == 1) && (numbers[2] >> 31 == 0 || numbers[1] == 1);
        found[0] = fits ? numbers[0] * numbers[3] : MOST_PHYSICAL;
        found[1] = fits ? numbers[2] * numbers[1] : MOST_PHYSICAL;
    }
    if (found[0] >= MOST_PHYSICAL || found[1] >= MOST_PHYSICAL) {
        leave_out(chunks, "resolution");
        return;
    }
    nlcd_bytes body = {NULL, 0, 0, 0};
    const uint8_t metre = unit != 0;
    nlcd_add_big32(&body, (uint32_t)found[0]);
    nlcd_add_big32(&body, (uint32_t)found[1]);
    nlcd_add(&body, &metre, 1);
    put_chunk(chunks, "pHYs", &body);
    nlcd_free(&body);
}

/* Numbers of four bytes, little-endian in an item and big-endian in a chunk. */
static void put_turned(nlcd_chunks *chunks, const char name[4], part from) {
    nlcd_bytes body = {NULL, 0, 0, 0};
    for (size_t k = 0; k + 4 <= from.size; k += 4)
        nlcd_add_big32(&body, from.at[k] | (uint32_t)from.at[k + 1] << 8 | (uint32_t)from.at[k + 2] << 16 |
                                  (uint32_t)from.at[k + 3] << 24);
    put_chunk(chunks, name, &body);
    nlcd_free(&body);
}

static void put_item(nlcd_chunks *chunks, const nelloc_item *item) {
    nlcd_bytes body = {NULL, 0, 0, 0};
    part from = {item->data, item->size};
    switch (item->type) {
    case NELLOC_ICC:
        nlcd_add(&body, "ICC Profile\0", 13);
        add_deflated(&body, from.at, from.size);
        put_chunk(chunks, "iCCP", &body);
        break;
    case NELLOC_EXIF:
        nlcd_add(&body, from.at, from.size);
        put_chunk(chunks, "eXIf", &body);
        break;
    case NELLOC_XMP:
        nlcd_add(&body, "XML:com.adobe.xmp\0\0\0\0", 22);
        nlcd_add(&body, from.at, from.size);
        put_chunk(chunks, "iTXt", &body);
        break;
    case NELLOC_SRGB:
        nlcd_add(&body, from.at, from.size);
        put_chunk(chunks, "sRGB", &body);
        break;
    case NELLOC_GAMMA: put_turned(chunks, "gAMA", from); break;
    case NELLOC_CHROMATICITIES: put_turned(chunks, "cHRM", from); break;
    case NELLOC_COMMENT: put_comment(chunks, from); break;
    case NELLOC_PNG_CHUNK:
        nlcd_add(&body, from.at + 4, from.size - 4);
        put_chunk(chunks, (const char *)from.at, &body);
        break;
    case NELLOC_TEXT: {
        const part keyword = take_text(&from), language = take_text(&from), translated = take_text(&from);
        put_text(chunks, keyword, language, translated, from);
        break;
    }
    case NELLOC_RESOLUTION: put_resolution(chunks, from); break;
    default: {
        const char *name = nelloc_name(NELLOC_NAME_OF_ITEM, item->type);
        leave_out(chunks, name ? name : "an item of an unknown type");
    }
    }
    nlcd_free(&body);
}

void nlcd_make_chunks(const nelloc_decoder *decoder, nlcd_chunks *chunks) {
    nelloc_item item;
    memset(chunks, 0, sizeof *chunks);
    unsigned told = 0; /* types of which a PNG file has one */
    for (uint32_t k = 0; nelloc_item_at(decoder, k, &item) == NELLOC_OK; k++) {
        const int single = item.type == NELLOC_ICC || item.type == NELLOC_EXIF || item.type == NELLOC_RESOLUTION ||
                           item.type == NELLOC_GAMMA || item.type == NELLOC_CHROMATICITIES || item.type == NELLOC_SRGB;
        if (single && told >> item.type & 1) {
            leave_out(chunks, nelloc_name(NELLOC_NAME_OF_ITEM, item.type));
            continue;
        }
        if (single)
            told |= 1u << item.type;
        put_item(chunks, &item);
    }
}

void nlcd_free_chunks(nlcd_chunks *chunks) {
    nlcd_free(&chunks->early);
    nlcd_free(&chunks->late);
}
