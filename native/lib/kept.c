/* JPEG files that are kept byte for byte: their bytes, and the pixels that a JPEG decoder makes of them.
 *
 * docs/methods/jpeg.md, section 16, has the form. The pixels are those of libjpeg-turbo with its usual settings.
 */
#include "request.h"

#include "../src/jpeg.h"

#include <string.h>

#define MOST_BYTES ((uint64_t)1 << 30)
#define BYTES_OF_A_BYTE 1536
#define BLOCK_PIXELS 64
/* A decoder may smooth what is not known of the coefficients 1 to 9 of the zigzag. */
#define SMOOTHED 10
/* Lines that smooth enlargement of colours looks beyond a region, at most. */
#define LINES_BEYOND 8

enum form { STORED, LZMA, PACKED, COEFFICIENTS, FORMS };
#define EXTENSIONS 8 /* of names of JPEG files */

static int fail(nelloc_decoder *d) {
    return nlc_fail_damaged(d, "the JPEG file in it is damaged");
}

static int fail_to_show(nelloc_decoder *d) {
    return nlc_fail(d, NELLOC_UNSUPPORTED,
                    "it holds a JPEG file of a kind whose pixels are not decoded here; restore that file");
}

/* --- opening */

/* Exactly `size` bytes of a stream of the core, which nlc_put gives back. */
static int unpack(nelloc_decoder *d, const uint8_t *stream, size_t stream_size, uint64_t size, uint8_t **out) {
    if (size > BYTES_OF_A_BYTE * ((uint64_t)stream_size + NLC_JPEG_CODER_BYTES))
        return fail(d);
    if (size >= SIZE_MAX)
        return nlc_fail_for_memory(d);
    *out = nlc_get(&d->budget, (size_t)size + 1, 1);
    if (!*out)
        return nlc_fail_for_memory(d);
    const int status = nlc_jpeg_unpack_bytes(stream, stream_size, *out, (size_t)size);
    if (status == NLC_JPEG_OK)
        return NELLOC_OK;
    return status == NLC_JPEG_NO_MEMORY ? nlc_fail_for_memory(d) : fail(d);
}

/* The skeleton and the corrections. */
static int read_rest(nelloc_decoder *d, nlc_cursor *reader) {
    nlc_kept *kept = &d->kept;
    const uint64_t size = nlc_take_varint(reader);
    if (!nlc_good(reader))
        return fail(d);
    const int status = unpack(d, reader->data + reader->at, nlc_left(reader), size, &kept->unpacked);
    if (status != NELLOC_OK)
        return status;
    nlc_cursor rest = nlc_cursor_of(kept->unpacked, (size_t)size);
    const uint64_t length = nlc_take_varint(&rest);
    kept->segments = nlc_take(&rest, length);
    if (!nlc_good(&rest))
        return fail(d);
    kept->segments_size = (size_t)length;
    kept->corrections = rest.data + rest.at;
    kept->corrections_size = nlc_left(&rest);
    return NELLOC_OK;
}

/* The whole file, where it is not held as coefficients. */
static int read_file(nelloc_decoder *d, nlc_cursor *reader) {
    nlc_kept *kept = &d->kept;
    const uint8_t *data = reader->data + reader->at;
    const size_t size = nlc_left(reader);
    int status = NELLOC_OK;
    if (kept->form == STORED && size != kept->size)
        return fail(d);
    if (kept->form == LZMA)
        status = nlc_unpack_file(d, data, size, kept->size, &kept->unpacked);
    else if (kept->form == PACKED)
        status = unpack(d, data, size, kept->size, &kept->unpacked);
    if (status != NELLOC_OK)
        return status == NELLOC_DAMAGED ? fail(d) : status;
    kept->segments = kept->form == STORED ? data : kept->unpacked;
    kept->segments_size = kept->size;
    return nlc_crc32(&d->checksums, 0, kept->segments, kept->size) == kept->checksum ? NELLOC_OK : fail(d);
}

/* Go through the markers of a skeleton: whether no decoder would guess at what its scans leave out, or a status. */
static int walk_skeleton(nelloc_decoder *d, const uint8_t *data, size_t size, nlc_jpeg_walk *walk) {
    int8_t low[NLC_JPEG_MAX_COMPONENTS][SMOOTHED];
    memset(low, -1, sizeof low);
    nlc_jpeg_walk_begin(walk, data, size);
    int found;
    while ((found = nlc_jpeg_walk_next(walk)) == 1)
        for (int c = 0; c < walk->scan_components; c++)
            for (int k = walk->first; k <= walk->last && k < SMOOTHED; k++)
                low[walk->scan[c].component][k] = (int8_t)walk->low;
    if (found < 0)
        return fail(d);
    int whole = 1;
    for (int c = 0; walk->progressive && c < walk->image.components; c++)
        for (int k = 1; k < SMOOTHED; k++)
            whole = whole && low[c][k] == 0;
    return whole;
}

/* What a skeleton says of the image. */
static int read_frame(nelloc_decoder *d) {
    nlc_kept *kept = &d->kept;
    const nlc_file *file = &d->file;
    nlc_jpeg_walk *walk = nlc_get(&d->budget, 1, sizeof *walk);
    if (!walk)
        return nlc_fail_for_memory(d);
    const int status = walk_skeleton(d, kept->segments, kept->segments_size, walk);
    kept->frame = walk->image;
    nlc_put(walk);
    if (status < 0)
        return status;
    if ((uint32_t)kept->frame.width != file->width || (uint32_t)kept->frame.height != file->height ||
        (size_t)nlc_jpeg_parts(&kept->frame) != file->record_count ||
        kept->frame.components != (file->kind == NELLOC_GRAY ? 1 : 3))
        return fail(d);
    return NELLOC_OK;
}

int nlc_kept_open(nelloc_decoder *d) {
    nlc_kept *kept = &d->kept;
    nlc_cursor reader = nlc_cursor_of(d->file.sections[NLC_JPEG].data, d->file.sections[NLC_JPEG].size);
    nlc_take_varint(&reader); /* the number of records */
    const int said = nlc_take_byte(&reader);
    kept->form = said % FORMS;
    const uint64_t size = nlc_take_varint(&reader);
    const uint8_t *checksum = nlc_take(&reader, 4);
    if (!nlc_good(&reader) || said >= FORMS * EXTENSIONS || !size || size > MOST_BYTES || d->file.kind > NELLOC_RGB ||
        (d->file.record_count != 0) != (kept->form == COEFFICIENTS))
        return fail(d);
    kept->size = (size_t)size;
    kept->checksum = nlc_number32(checksum);
    int status = kept->form == COEFFICIENTS ? read_rest(d, &reader) : read_file(d, &reader);
    if (status == NELLOC_OK && kept->form == COEFFICIENTS)
        status = read_frame(d);
    if (status == NELLOC_OK)
        status = nlc_read_segments(d, kept->segments, kept->segments_size);
    return status;
}

void nlc_kept_close(nelloc_decoder *d) {
    nlc_put(d->kept.unpacked);
    nlc_put(d->kept.file);
    memset(&d->kept, 0, sizeof d->kept);
}

nelloc_region nlc_kept_region(const nelloc_decoder *d, size_t part) {
    nelloc_region region = {0, nlc_part_top(&d->kept.frame, part), d->file.width, 0};
    region.height = nlc_part_top(&d->kept.frame, part + 1) - region.top;
    return region;
}

/* --- coefficients */

/* Mark a part as damaged, or fail. */
static int give_up(nelloc_decoder *d, size_t part, int allow_damaged) {
    nlc_record *record = &d->file.records[part];
    if (!record->damaged)
        d->image.damaged_tiles++;
    record->damaged = 1;
    if (allow_damaged)
        return NELLOC_OK;
    return nlc_fail_damaged(d, "part %zu of its JPEG file is damaged", part);
}

/* Decode the parts that have lines from `top` to `bottom`; `is_whole` tells whether these are all, and not damaged. */
static int decode_parts(nelloc_decoder *d, uint64_t top, uint64_t bottom, int allow_damaged, nlc_jpeg_image *image,
                        int *is_whole) {
    const nlc_file *file = &d->file;
    uint64_t bytes = 0;
    int damaged = 0;
    for (size_t k = 0; k < file->record_count; k++) {
        bytes += (uint64_t)file->records[k].size + NLC_JPEG_CODER_BYTES;
        damaged |= file->records[k].damaged;
    }
    if (!damaged && (uint64_t)file->width * file->height > NLC_JPEG_BLOCKS_OF_A_BYTE * BLOCK_PIXELS * bytes)
        return fail(d);
    const int made = nlc_jpeg_prepare(d->kept.segments, d->kept.segments_size, UINT64_MAX, image);
    if (made != NLC_JPEG_OK)
        return made == NLC_JPEG_NO_MEMORY ? nlc_fail_for_memory(d) : fail(d);
    int status = NELLOC_OK;
    *is_whole = 1;
    for (size_t k = 0; status == NELLOC_OK && k < file->record_count; k++) {
        const nelloc_region place = nlc_kept_region(d, k);
        if (place.top >= bottom || (uint64_t)place.top + place.height <= top) {
            *is_whole = 0;
            continue;
        }
        const nlc_record *record = &file->records[k];
        status = record->damaged ? NELLOC_DAMAGED
                                 : nlc_decode_part(d, image, k, file->data + record->at, record->size);
        if (status == NELLOC_DAMAGED)
            status = give_up(d, k, allow_damaged);
        *is_whole = *is_whole && !record->damaged;
    }
    if (status != NELLOC_OK)
        nlc_jpeg_image_free(image);
    return status;
}

/* Write the JPEG file of coefficients; of whole ones it must be the file that was. */
static int write_file(nelloc_decoder *d, const nlc_jpeg_image *image, int is_whole, uint8_t **data, size_t *size) {
    nlc_kept *kept = &d->kept;
    /* They are not changed. */
    const nlc_jpeg_rest rest = {(uint8_t *)(uintptr_t)kept->segments, (uint8_t *)(uintptr_t)kept->corrections,
                                kept->segments_size, kept->corrections_size};
    const int status = nlc_jpeg_write(image, &rest, data, size);
    if (status != NLC_JPEG_OK)
        return status == NLC_JPEG_NO_MEMORY ? nlc_fail_for_memory(d) : fail(d);
    if (!is_whole || (*size == kept->size && nlc_crc32(&d->checksums, 0, *data, *size) == kept->checksum))
        return NELLOC_OK;
    nlc_jpeg_release(*data);
    *data = NULL;
    return fail(d);
}

/* The coefficients that a region needs, and their skeleton; `rest` has it where it had to be made. */
static int read_coefficients(nlc_request *r, nlc_jpeg_image *image, nlc_jpeg_rest *rest) {
    nelloc_decoder *d = r->d;
    const nlc_kept *kept = &d->kept;
    if (kept->form != COEFFICIENTS) {
        const int status = nlc_jpeg_read(kept->segments, kept->size, UINT64_MAX, image, rest);
        if (status == NLC_JPEG_OK && (uint32_t)image->width == d->file.width &&
            (uint32_t)image->height == d->file.height && image->components == (d->file.kind == NELLOC_GRAY ? 1 : 3))
            return NELLOC_OK;
        if (status == NLC_JPEG_OK) {
            nlc_jpeg_image_free(image);
            nlc_jpeg_rest_free(rest);
        }
        return status == NLC_JPEG_NO_MEMORY ? nlc_fail_for_memory(d) : fail_to_show(d);
    }
    const uint64_t top = r->region.top > LINES_BEYOND ? r->region.top - LINES_BEYOND : 0;
    int is_whole;
    int status = decode_parts(d, top, (uint64_t)r->region.top + r->region.height + LINES_BEYOND, r->allow_damaged,
                              image, &is_whole);
    if (status == NELLOC_OK && is_whole) { /* its checksum is that of the file */
        uint8_t *data;
        size_t size;
        status = write_file(d, image, 1, &data, &size);
        if (status == NELLOC_OK)
            nlc_jpeg_release(data);
        else
            nlc_jpeg_image_free(image);
    }
    return status;
}

/* --- pixels */

/* The planes of an image with this skeleton. */
static int make_planes(nelloc_decoder *d, const nlc_jpeg_image *image, const uint8_t *skeleton, size_t size,
                       uint8_t **planes) {
    nlc_jpeg_walk *walk = nlc_get(&d->budget, 1, sizeof *walk);
    if (!walk)
        return nlc_fail_for_memory(d);
    int status = walk_skeleton(d, skeleton, size, walk);
    const int is_plain = image->components == 3 && nlc_is_plain_rgb(skeleton, size, walk->identifiers);
    nlc_put(walk);
    if (status == 0)
        return fail_to_show(d);
    if (status == 1)
        status = nlc_jpeg_pixels(d, image, is_plain, planes);
    return status == NELLOC_UNSUPPORTED ? fail_to_show(d) : status;
}

int nlc_decode_kept(nelloc_decoder *d, void *request) {
    nlc_request *r = request;
    nlc_jpeg_image image;
    nlc_jpeg_rest rest;
    memset(&image, 0, sizeof image);
    memset(&rest, 0, sizeof rest);
    d->done = 0;
    d->total = (uint64_t)d->file.width * d->file.height;
    int status = read_coefficients(r, &image, &rest);
    if (status != NELLOC_OK)
        return status;
    nlc_job whole;
    memset(&whole, 0, sizeof whole);
    uint8_t *planes = NULL;
    const uint8_t *skeleton = rest.skeleton ? rest.skeleton : d->kept.segments;
    status = make_planes(d, &image, skeleton, rest.skeleton ? rest.skeleton_size : d->kept.segments_size, &planes);
    nlc_jpeg_image_free(&image);
    nlc_jpeg_rest_free(&rest);
    if (status == NELLOC_OK) {
        const nlc_shape shape = {image.components, image.height, image.width, 8};
        whole.shape = shape;
        whole.samples = planes;
        nlc_place(r, &whole, NULL, 0);
        d->done = d->total;
        if (nlc_is_stopped(d, -1))
            status = nlc_fail(d, NELLOC_STOPPED, "decoding was stopped");
    }
    nlc_put(planes);
    return status;
}

/* --- bytes */

static int restore(nelloc_decoder *d, void *flags) {
    const int allow_damaged = (*(const unsigned *)flags & NELLOC_ALLOW_DAMAGED) != 0;
    nlc_jpeg_image image;
    int is_whole;
    d->done = 0;
    d->total = (uint64_t)d->file.width * d->file.height;
    int status = decode_parts(d, 0, UINT64_MAX, allow_damaged, &image, &is_whole);
    if (status != NELLOC_OK)
        return status;
    status = write_file(d, &image, is_whole, &d->kept.file, &d->kept.file_size);
    nlc_jpeg_image_free(&image);
    return status;
}

int nelloc_jpeg(nelloc_decoder *d, unsigned flags, const uint8_t **data, size_t *size) {
    if (!d)
        return NELLOC_BAD_ARGUMENT;
    if (!d->open)
        return nlc_fail(d, NELLOC_BAD_ARGUMENT, "no file is open");
    if (!data || !size || flags & ~(unsigned)NELLOC_ALLOW_DAMAGED)
        return nlc_fail(d, NELLOC_BAD_ARGUMENT, "an argument of nelloc_jpeg is out of its range");
    if (!d->image.jpeg_bytes)
        return nlc_fail(d, NELLOC_BAD_ARGUMENT, "it holds pixels and no JPEG file; decode them");
    int status = flags & NELLOC_ALLOW_DAMAGED ? NELLOC_OK : nlc_check_damage(d);
    if (status != NELLOC_OK)
        return status;
    if (d->kept.form != COEFFICIENTS) {
        *data = d->kept.segments;
        *size = d->kept.size;
        return NELLOC_OK;
    }
    nlc_put(d->kept.file);
    d->kept.file = NULL;
    status = nlc_do(d, restore, &flags);
    if (status == NELLOC_OK) {
        *data = d->kept.file;
        *size = d->kept.file_size;
    }
    return status;
}
