/* From records to pixels: the tiles that a region meets, batch by batch. */
#include "request.h"

#include <string.h>

/* Pixels of tiles that are under way together, at most, unless one tile has more; and their part of the memory. */
#define PIXELS_AT_ONCE ((size_t)1 << 22)
#define MEMORY_PART 4
#define TILES_AT_ONCE (PIXELS_AT_ONCE / 64) /* those of images of more than a tile have 8 x 8 pixels or are as narrow */

/* Bytes of samples of a tile, all groups together. */
static size_t tile_bytes(const nelloc_decoder *d, size_t tile) {
    const nelloc_region place = nlc_tile_region(&d->file, tile);
    size_t bytes = 0;
    for (int group = 0; group < d->file.group_count; group++)
        bytes += (size_t)place.width * place.height * (size_t)d->file.groups[group].planes *
                 (d->depths[group].bits > 8 ? 2 : 1);
    return bytes;
}

/* Make the jobs of a tile, with memory for their samples. */
static int add_jobs(nlc_request *r, size_t tile) {
    nelloc_decoder *d = r->d;
    const nelloc_region place = nlc_tile_region(&d->file, tile);
    r->left[tile - r->first_tile] = (uint8_t)d->file.group_count;
    for (int group = 0; group < d->file.group_count; group++) {
        nlc_job *work = &r->jobs[r->job_count++];
        memset(work, 0, sizeof *work);
        work->tile = tile;
        work->group = group;
        work->record = &d->file.records[tile * (size_t)d->file.group_count + (size_t)group];
        work->shape.planes = d->file.groups[group].planes;
        work->shape.height = (int32_t)place.height;
        work->shape.width = (int32_t)place.width;
        work->shape.bits = d->depths[group].bits;
        work->samples = nlc_get(&d->budget, nlc_shape_bytes(&work->shape), 1);
        if (!work->samples)
            return nlc_fail_for_memory(d);
    }
    return NELLOC_OK;
}

/* Decode a batch: tiles of one row of tiles or more, all of them or those of some columns. */
static int decode_tiles(nlc_request *r, const size_t *tiles, size_t count) {
    nelloc_decoder *d = r->d;
    const size_t jobs = count * (size_t)d->file.group_count;
    r->first_tile = tiles[0];
    r->job_count = 0;
    r->jobs = nlc_get(&d->budget, jobs, sizeof *r->jobs);
    r->left = nlc_get(&d->budget, tiles[count - 1] - tiles[0] + 1, 1);
    nlc_job **works = nlc_get(&d->budget, jobs, sizeof *works);
    int status = r->jobs && r->left && works ? NELLOC_OK : nlc_fail_for_memory(d);
    for (size_t k = 0; status == NELLOC_OK && k < count; k++)
        status = add_jobs(r, tiles[k]);
    if (status == NELLOC_OK)
        status = nlc_decode_records(r, works);
    for (size_t k = 0; r->jobs && k < r->job_count; k++)
        nlc_put(r->jobs[k].samples);
    nlc_put(works);
    nlc_put(r->left);
    nlc_put(r->jobs);
    return status;
}

/* The columns, or rows, of tiles that a part of an axis meets: the first, and how many. */
static void tiles_of_axis(uint32_t size, uint32_t parts, uint32_t from, uint32_t length, size_t *first, size_t *count) {
    size_t k = 0;
    while (((uint64_t)(k + 1) * size) / parts <= from)
        k++;
    *first = k;
    while (k < parts && ((uint64_t)k * size) / parts < (uint64_t)from + length)
        k++;
    *count = k - *first;
}

/* The tiles that a region meets: the first of them, and how many in a column and a row. */
typedef struct {
    size_t first_row, rows, first_column, columns;
} meeting;

static size_t tile_of(const nlc_file *file, const meeting *met, size_t k) {
    return (met->first_row + k / met->columns) * file->columns + met->first_column + k % met->columns;
}

/* Tell how much there is to do, and decode the JPEG that the image was, if it is asked for. */
static int prepare(nlc_request *r, const meeting *met) {
    nelloc_decoder *d = r->d;
    int needs_past = 0;
    d->done = d->total = 0;
    for (size_t k = 0; k < met->rows * met->columns; k++) {
        const size_t number = tile_of(&d->file, met, k);
        const nelloc_region tile = nlc_tile_region(&d->file, number);
        const nlc_record *record = &d->file.records[number * (size_t)d->file.group_count];
        d->total += (uint64_t)tile.width * tile.height * (uint64_t)d->file.group_count;
        needs_past |= !record->damaged && nlc_method_of(record->method)->of_past;
    }
    if (!needs_past || !d->file.sections[NLC_PAST].data || d->file.groups[0].role != NLC_COLOUR)
        return NELLOC_OK;
    return nlc_past_new(d, &r->past);
}

/* Decode the tiles that the region meets, batch by batch. */
static int decode_region(nelloc_decoder *d, void *request) {
    nlc_request *r = request;
    const nlc_file *file = &d->file;
    meeting met;
    size_t batch = 0, bytes = 0, pixels = 0;
    tiles_of_axis(file->height, file->rows, r->region.top, r->region.height, &met.first_row, &met.rows);
    tiles_of_axis(file->width, file->columns, r->region.left, r->region.width, &met.first_column, &met.columns);
    const size_t all = met.rows * met.columns, most = all < TILES_AT_ONCE ? all : TILES_AT_ONCE;
    size_t *tiles = nlc_get(&d->budget, most, sizeof *tiles);
    int status = tiles ? prepare(r, &met) : nlc_fail_for_memory(d);
    const size_t room = d->budget.limit ? (d->budget.limit - d->budget.used) / MEMORY_PART : SIZE_MAX;
    for (size_t k = 0; status == NELLOC_OK && k < all; k++) {
        const size_t tile = tile_of(file, &met, k);
        const nelloc_region place = nlc_tile_region(file, tile);
        const size_t own = tile_bytes(d, tile), area = (size_t)place.width * place.height;
        if (batch && (batch == most || bytes + own > room || pixels + area > PIXELS_AT_ONCE)) {
            status = decode_tiles(r, tiles, batch);
            batch = bytes = pixels = 0;
        }
        tiles[batch++] = tile;
        bytes += own;
        pixels += area;
    }
    if (status == NELLOC_OK && batch)
        status = decode_tiles(r, tiles, batch);
    nlc_put(r->past.pixels);
    r->past.pixels = NULL;
    nlc_put(tiles);
    return status;
}

int nlc_check_damage(nelloc_decoder *d) {
    if (d->file.damage & NELLOC_DAMAGED_METADATA)
        return nlc_fail_damaged(d, "the checksum of its metadata does not match, so it is damaged");
    if (d->file.damage & NELLOC_EXCESS_BYTES)
        return nlc_fail_damaged(d, "bytes follow its end");
    return NELLOC_OK;
}

static int check_request(nelloc_decoder *d, const nelloc_region *region, int format, unsigned flags, const void *pixels,
                         size_t stride) {
    const nelloc_image *image = &d->image;
    if (!pixels || (format != NELLOC_AS_STORED && format != NELLOC_RGBA8) ||
        flags & ~(unsigned)(NELLOC_ALLOW_DAMAGED | NELLOC_PREVIEW))
        return nlc_fail(d, NELLOC_BAD_ARGUMENT, "an argument of nelloc_decode is out of its range");
    if (!region->width || !region->height || region->left >= image->width || region->top >= image->height ||
        region->width > image->width - region->left || region->height > image->height - region->top)
        return nlc_fail(d, NELLOC_BAD_ARGUMENT,
                        "it has %u x %u pixels, and the region %u,%u,%u,%u is not inside; choose one that is",
                        (unsigned)image->width, (unsigned)image->height, (unsigned)region->left, (unsigned)region->top,
                        (unsigned)region->width, (unsigned)region->height);
    const uint64_t pixel = format == NELLOC_RGBA8 ? 4 : (uint64_t)(image->channels * image->sample_bytes);
    if (stride < pixel * region->width)
        return nlc_fail(d, NELLOC_BAD_ARGUMENT, "rows of pixels are longer than the stride");
    return NELLOC_OK;
}

int nelloc_decode(nelloc_decoder *d, const nelloc_region *region, int format, unsigned flags, void *pixels,
                  size_t stride) {
    if (!d)
        return NELLOC_BAD_ARGUMENT;
    if (!d->open)
        return nlc_fail(d, NELLOC_BAD_ARGUMENT, "no file is open");
    const nelloc_region whole = {0, 0, d->image.width, d->image.height};
    nlc_request r;
    memset(&r, 0, sizeof r);
    r.d = d;
    r.region = region ? *region : whole;
    r.format = format;
    r.allow_damaged = (flags & NELLOC_ALLOW_DAMAGED) != 0;
    r.preview = (flags & NELLOC_PREVIEW) != 0;
    r.pixels = pixels;
    r.stride = stride;
    int status = check_request(d, &r.region, format, flags, pixels, stride);
    if (status == NELLOC_OK && !r.allow_damaged)
        status = nlc_check_damage(d);
    return status == NELLOC_OK ? nlc_do(d, d->image.jpeg_bytes ? nlc_decode_kept : decode_region, &r) : status;
}
