/* What the segments of a JPEG file say beside its coefficients: metadata, and what its colours are. */
#include "decoder.h"

#include <string.h>

enum marker {
    START = 0xd8,
    END = 0xd9,
    SCAN = 0xda,
    APP0 = 0xe0,
    APP1 = 0xe1,
    APP2 = 0xe2,
    APP8 = 0xe8,
    APP13 = 0xed,
    APP14 = 0xee,
    COMMENT = 0xfe,
    JPEG_LS = 0xf7
};

#define JFIF "JFIF"
#define SPIFF "SPIFF"
#define SPIFF_SIZE 30
#define EXIF "Exif\0"
#define XMP "http://ns.adobe.com/xap/1.0/"
#define ICC "ICC_PROFILE"
#define ICC_NUMBERS 2
#define PHOTOSHOP "Photoshop 3.0"
#define ADOBE "Adobe"

/* A segment: its marker, and what follows its length. */
typedef struct {
    int marker;
    const uint8_t *body;
    size_t size;
} segment;

typedef struct {
    const uint8_t *data;
    size_t size, at;
    int is_over, is_coded_otherwise;
} segments;

static segments segments_of(const uint8_t *data, size_t size) {
    const segments made = {data, size, size < 2 ? size : 2, 0, 0};
    return made;
}

/* Find the next segment; 0 after the last one. Coded samples have no markers but those of restarts. */
static int next_segment(segments *all, segment *found) {
    if (all->is_over)
        return 0;
    for (size_t at = all->at; at + 1 < all->size; at++) {
        const uint8_t marker = all->data[at + 1];
        if (all->data[at] != 0xff || !marker || marker == 0xff || (marker >= 0xd0 && marker <= 0xd7))
            continue;
        size_t end = at + 2;
        found->marker = marker;
        found->body = all->data + end;
        found->size = 0;
        if (marker != 1 && marker != START && marker != END) {
            const size_t left = all->size - end;
            size_t length = left < 2 ? 2 : (size_t)all->data[end] << 8 | all->data[end + 1];
            length = length < 2 ? 2 : length;
            const size_t whole = length < left ? length : left;
            found->body = all->data + end + (whole < 2 ? whole : 2);
            found->size = whole < 2 ? 0 : whole - 2;
            end += whole;
        }
        all->at = end;
        all->is_coded_otherwise |= marker == JPEG_LS;
        all->is_over = marker == END || (marker == SCAN && all->is_coded_otherwise);
        return 1;
    }
    all->is_over = 1;
    return 0;
}

/* What follows the identifier and its zero byte, moved to in `found`; 0 if there is another, or less after it. */
static int begins(segment *found, const char *identifier, size_t length) {
    if (found->size < length || memcmp(found->body, identifier, length) != 0)
        return 0;
    found->body += length;
    found->size -= length;
    return 1;
}

static uint32_t big16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static uint32_t big32(const uint8_t *at) { return big16(at) << 16 | big16(at + 2); }

/* --- metadata */

/* Items that are found, once counted and once kept; what has to be made is made at `to`. */
typedef struct {
    nelloc_item *items; /* NULL while they are counted */
    uint32_t count;
    uint8_t *to;
    int has_exif, has_xmp;
} finder;

static void add(finder *all, int type, const uint8_t *data, size_t size) {
    if (all->items)
        all->items[all->count] = (nelloc_item){type, data, size};
    all->count++;
}

static void put_varint(finder *all, uint32_t number) {
    for (; number > 127; number >>= 7)
        *all->to++ = (uint8_t)(number | 128);
    *all->to++ = (uint8_t)number;
}

/* A resolution, unless it says nothing. */
static void add_resolution(finder *all, uint32_t x, uint32_t y, int unit) {
    unit = unit == 1 || unit == 2 ? unit : 0;
    if (!x || !y || (!unit && x == 1 && y == 1))
        return;
    const uint8_t *start = all->to;
    if (all->items) {
        *all->to++ = (uint8_t)unit;
        put_varint(all, x);
        put_varint(all, 1);
        put_varint(all, y);
        put_varint(all, 1);
    }
    add(all, NELLOC_RESOLUTION, start, (size_t)(all->to - start));
}

static void add_segment(finder *all, segment found) {
    if (found.marker == APP0 && found.size >= 12 && !memcmp(found.body, JFIF, sizeof JFIF)) {
        add_resolution(all, big16(found.body + 8), big16(found.body + 10), found.body[7]);
    } else if (found.marker == APP8 && found.size == SPIFF_SIZE && !memcmp(found.body, SPIFF, sizeof SPIFF)) {
        add_resolution(all, big32(found.body + 26), big32(found.body + 22), found.body[21]);
    } else if (found.marker == APP1 && begins(&found, EXIF, sizeof EXIF)) {
        if (!all->has_exif)
            add(all, NELLOC_EXIF, found.body, found.size);
        all->has_exif = 1;
    } else if (found.marker == APP1 && begins(&found, XMP, sizeof XMP)) {
        if (!all->has_xmp)
            add(all, NELLOC_XMP, found.body, found.size);
        all->has_xmp = 1;
    } else if (found.marker == COMMENT && found.size) {
        add(all, NELLOC_COMMENT, found.body, found.size);
    }
}

/* A colour profile is in numbered segments, the last of each number. */
static void add_profile(finder *all, const uint8_t *data, size_t size) {
    segment pieces[256], found;
    memset(pieces, 0, sizeof pieces);
    segments rest = segments_of(data, size);
    while (next_segment(&rest, &found))
        if (found.marker == APP2 && begins(&found, ICC, sizeof ICC) && found.size > ICC_NUMBERS)
            pieces[found.body[0]] = found;
    const uint8_t *start = all->to;
    size_t whole = 0;
    for (size_t k = 0; k < 256; k++) {
        const size_t own = pieces[k].body ? pieces[k].size - ICC_NUMBERS : 0;
        if (own && all->items) {
            memcpy(all->to, pieces[k].body + ICC_NUMBERS, own);
            all->to += own;
        }
        whole += own;
    }
    if (whole)
        add(all, NELLOC_ICC, start, whole);
}

static void add_photoshop(finder *all, const uint8_t *data, size_t size) {
    segment found;
    segments rest = segments_of(data, size);
    const uint8_t *start = all->to;
    size_t whole = 0;
    while (next_segment(&rest, &found))
        if (found.marker == APP13 && begins(&found, PHOTOSHOP, sizeof PHOTOSHOP)) {
            if (found.size && all->items) {
                memcpy(all->to, found.body, found.size);
                all->to += found.size;
            }
            whole += found.size;
        }
    if (whole)
        add(all, NELLOC_PHOTOSHOP, start, whole);
}

static void find_all(finder *all, const uint8_t *data, size_t size) {
    segment found;
    add_profile(all, data, size);
    for (segments rest = segments_of(data, size); next_segment(&rest, &found);)
        add_segment(all, found);
    add_photoshop(all, data, size);
}

int nlc_read_segments(nelloc_decoder *d, const uint8_t *data, size_t size) {
    finder counted = {NULL, 0, NULL, 0, 0};
    find_all(&counted, data, size);
    /* What is made is no longer than what it is made of. */
    d->metadata = nlc_get(&d->budget, size + 1, 1);
    d->items = nlc_get(&d->budget, counted.count + (size_t)1, sizeof *d->items);
    if (!d->metadata || !d->items)
        return nlc_fail_for_memory(d);
    finder kept = {d->items, 0, d->metadata, 0, 0};
    find_all(&kept, data, size);
    d->image.item_count = kept.count;
    return NELLOC_OK;
}

/* --- colours, as libjpeg tells them */

int nlc_is_plain_rgb(const uint8_t *data, size_t size, const int identifiers[3]) {
    segment found;
    int transform = -1;
    for (segments rest = segments_of(data, size); next_segment(&rest, &found) && found.marker != SCAN;) {
        if (found.marker == APP0 && found.size >= 14 && !memcmp(found.body, JFIF, sizeof JFIF))
            return 0;
        if (found.marker == APP14 && found.size >= 12 && !memcmp(found.body, ADOBE, sizeof ADOBE - 1))
            transform = found.body[11];
    }
    return transform < 0 ? identifiers[0] == 'R' && identifiers[1] == 'G' && identifiers[2] == 'B' : !transform;
}
