/* The decoder itself: made, opened, asked and freed (include/nelloc.h). */
#include "decoder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *nelloc_version(void) { return NELLOC_VERSION; }

int nlc_fail(nelloc_decoder *d, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(d->error, sizeof d->error, format, arguments);
    va_end(arguments);
    return status;
}

int nlc_fail_damaged(nelloc_decoder *d, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(d->error, sizeof d->error, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof d->error)
        snprintf(d->error + length, sizeof d->error - (size_t)length,
                 "; get the file again from its source or a backup");
    return NELLOC_DAMAGED;
}

int nlc_fail_for_memory(nelloc_decoder *d) {
    if (d->budget.refused)
        return nlc_fail(
            d, NELLOC_NO_MEMORY,
            "it needs more than the %zu bytes of memory that are allowed; allow more if the file is trusted",
            d->budget.limit);
    return nlc_fail(d, NELLOC_NO_MEMORY, "there is not enough memory; close other programs or decode a region");
}

int nlc_is_stopped(nelloc_decoder *d, int64_t tile) {
    return d->options.watch && d->options.watch(d->options.context, d->done, d->total, tile);
}

/* The level of this name that is available, or -1. */
static int level_of(const char *name) {
    if (!name || !*name)
        return nlc_best_level();
    for (int level = 0; level < NLC_LEVELS; level++)
        if (!strcmp(name, nlc_level_name(level)))
            return nlc_level_available(level) ? level : -1;
    return -1;
}

int nelloc_new(const nelloc_options *options, nelloc_decoder **made) {
    if (!made)
        return NELLOC_BAD_ARGUMENT;
    *made = NULL;
    if (options && options->struct_size != sizeof *options)
        return NELLOC_BAD_ARGUMENT;
    const int level = level_of(options ? options->cpu : NULL);
    if (level < 0)
        return NELLOC_BAD_ARGUMENT;
    nlc_budget first = {options ? options->memory_limit : 0, 0, 0};
    nelloc_decoder *d = nlc_get(&first, 1, sizeof *d);
    if (!d)
        return NELLOC_NO_MEMORY;
    nlc_move_budget(d, &d->budget);
    if (options)
        d->options = *options;
    d->options.cpu = NULL; /* the caller's text need not stay */
    d->level = level;
    nlc_crc32_prepare(&d->checksums);
    nlc_budget *before = nlc_pay(&d->budget);
    d->tables = nlc_adaptive_tables_new();
    nlc_pay(before);
    if (!d->tables) {
        nelloc_free(d);
        return NELLOC_NO_MEMORY;
    }
    *made = d;
    return NELLOC_OK;
}

/* Let go of what is kept for further files. */
static void forget_kept(nelloc_decoder *d) {
    nlc_forget_models(d, 0);
    nlc_lattice_free(d->lattice);
    d->lattice = NULL;
    d->lattice_rule = 0;
}

int nlc_do(nelloc_decoder *d, nlc_task *task, void *context) {
    const int keeps = d->models || d->lattice;
    nlc_budget *before = nlc_pay(&d->budget);
    d->budget.refused = 0;
    int status = task(d, context);
    if (status == NELLOC_NO_MEMORY && keeps) {
        forget_kept(d);
        d->budget.refused = 0;
        status = task(d, context);
    }
    nlc_pay(before);
    return status;
}

static void close_file(nelloc_decoder *d) {
    nlc_forget_models(d, 1);
    nlc_forget_description(d);
    nlc_kept_close(d);
    nlc_file_close(d);
    memset(&d->image, 0, sizeof d->image);
    d->open = 0;
}

void nelloc_free(nelloc_decoder *d) {
    if (!d)
        return;
    close_file(d);
    forget_kept(d);
    nlc_adaptive_tables_free(d->tables);
    nlc_budget last = d->budget;
    nlc_move_budget(d, &last);
    nlc_put(d);
}

/* What the header says, and what is known of damage. */
static void fill_image(nelloc_decoder *d) {
    const nlc_file *file = &d->file;
    nelloc_image *image = &d->image;
    image->width = file->width;
    image->height = file->height;
    image->kind = file->kind;
    image->sample_bytes = file->groups[0].bits > 8 ? 2 : 1;
    image->white_bits = file->kind == NELLOC_BILEVEL ? 1 : 8 * image->sample_bytes;
    image->tile_size = file->tile;
    image->tile_count = file->sections[NLC_JPEG].data ? (uint32_t)file->record_count : file->rows * file->columns;
    image->jpeg_bytes = d->kept.size;
    image->damage = file->damage;
    memcpy(image->model_id, file->model_id, NLC_ID_BYTES);
    for (int group = 0; group < file->group_count; group++)
        image->channels += file->groups[group].planes;
    for (size_t k = 0; k < file->record_count; k++)
        image->needs_model |= nlc_method_of(file->records[k].method)->needs_model;
    for (size_t k = 0; k < image->tile_count; k++) {
        nelloc_tile tile;
        nelloc_tile_at(d, (uint32_t)k, &tile);
        image->damaged_tiles += (uint32_t)tile.damaged;
    }
    for (int section = NLC_WHOLE_MODEL; section <= NLC_DIFFERENCES; section++)
        if (file->sections[section].data)
            image->model_bytes = file->sections[section].size;
    for (uint32_t k = 0; k < image->item_count; k++)
        if (d->items[k].type == NELLOC_SAMPLE_DEPTH && image->white_bits == 16)
            image->white_bits = d->items[k].data[0];
}

/* The bytes of a file. */
typedef struct {
    const uint8_t *data;
    size_t size;
} file_bytes;

static int open_file(nelloc_decoder *d, void *context) {
    const file_bytes *bytes = context;
    int status = nlc_file_open(d, bytes->data, bytes->size);
    if (status == NELLOC_OK)
        status = nlc_describe(d);
    if (status == NELLOC_OK) {
        d->open = 1;
        fill_image(d);
    } else {
        close_file(d);
    }
    return status;
}

int nelloc_open(nelloc_decoder *d, const void *data, size_t size) {
    static const uint8_t nothing[1];
    if (!d)
        return NELLOC_BAD_ARGUMENT;
    close_file(d);
    d->error[0] = 0;
    if (!data && size)
        return nlc_fail(d, NELLOC_BAD_ARGUMENT, "an argument of nelloc_open is out of its range");
    file_bytes bytes = {size ? data : nothing, size};
    return nlc_do(d, open_file, &bytes);
}

const nelloc_image *nelloc_image_of(const nelloc_decoder *d) { return d && d->open ? &d->image : NULL; }

int nelloc_tile_at(const nelloc_decoder *d, uint32_t number, nelloc_tile *tile) {
    if (!d || !d->open || !tile || number >= d->image.tile_count)
        return NELLOC_BAD_ARGUMENT;
    const nlc_file *file = &d->file;
    memset(tile, 0, sizeof *tile);
    tile->region = d->image.jpeg_bytes ? nlc_kept_region(d, number) : nlc_tile_region(file, number);
    tile->parts = file->group_count;
    for (int group = 0; group < file->group_count; group++) {
        const nlc_record *record = &file->records[(size_t)number * (size_t)file->group_count + (size_t)group];
        tile->methods[group] = record->method;
        tile->bytes[group] = record->size;
        tile->damaged |= record->damaged;
    }
    return NELLOC_OK;
}

int nelloc_item_at(const nelloc_decoder *d, uint32_t number, nelloc_item *item) {
    if (!d || !d->open || !item || number >= d->image.item_count)
        return NELLOC_BAD_ARGUMENT;
    *item = d->items[number];
    return NELLOC_OK;
}

const char *nelloc_error(const nelloc_decoder *d) { return d ? d->error : "there is no decoder"; }

const char *nelloc_name(int what, int number) {
    static const char *const kinds[] = {"gray",        "RGB",        "gray with alpha",        "RGB with alpha",
                                        "16-bit gray", "16-bit RGB", "16-bit gray with alpha", "16-bit RGB with alpha",
                                        "palette",     "one bit"};
    static const char *const items[] = {NULL,    "ICC profile",    "EXIF",    "XMP",            "text",
                                        "resolution", "gamma",     "chromaticities", "sRGB",    "comment",
                                        "Photoshop data", "PNG chunk", "depth of samples"};
    const size_t place = (size_t)number;
    if (number < 0)
        return NULL;
    switch (what) {
    case NELLOC_NAME_OF_KIND: return place < sizeof kinds / sizeof *kinds ? kinds[place] : NULL;
    case NELLOC_NAME_OF_ITEM: return place < sizeof items / sizeof *items ? items[place] : NULL;
    case NELLOC_NAME_OF_METHOD: return nlc_method_of(number) ? nlc_method_of(number)->name : NULL;
    case NELLOC_NAME_OF_CPU: return nlc_level_name(number);
    default: return NULL;
    }
}
