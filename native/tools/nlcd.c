/* nlcd: decode .nlc files without Python (nlcd.1). */
#include "tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Samples of a region, or of the whole image, to be freed; NULL, and said why, if there are none. */
static uint8_t *decode(const nlcd_settings *s, nlcd_opened *file, const nelloc_region *region) {
    const nelloc_image *image = nelloc_image_of(file->decoder);
    const size_t stride = (size_t)region->width * (size_t)(image->channels * image->sample_bytes);
    uint8_t *samples = stride && region->height > SIZE_MAX / stride ? NULL : malloc(stride * region->height);
    if (!samples) {
        nlcd_say(file->name, "there is not enough memory; decode a region");
        return NULL;
    }
    if (nelloc_decode(file->decoder, region, NELLOC_AS_STORED, s->allow_damaged ? NELLOC_ALLOW_DAMAGED : 0, samples,
                      stride) == NELLOC_OK)
        return samples;
    nlcd_say(file->name, "%s", nelloc_error(file->decoder));
    free(samples);
    return NULL;
}

static nelloc_region wanted_region(const nlcd_settings *s, const nelloc_image *image) {
    const nelloc_region whole = {0, 0, image->width, image->height};
    return s->has_region ? s->region : whole;
}

/* Whether the image has the region; said if not, before memory is asked for it. */
static int has_region(const nlcd_opened *file, const nelloc_region *region) {
    const nelloc_image *image = nelloc_image_of(file->decoder);
    if (region->left < image->width && region->top < image->height && region->width <= image->width - region->left &&
        region->height <= image->height - region->top)
        return 1;
    nlcd_say(file->name, "has %u x %u pixels, and the region %u,%u,%u,%u is not inside; choose one that is",
             (unsigned)image->width, (unsigned)image->height, (unsigned)region->left, (unsigned)region->top,
             (unsigned)region->width, (unsigned)region->height);
    return 0;
}

/* Say what the output does not hold. */
static void name_left_out(const nlcd_opened *file, const nlcd_chunks *chunks, enum nlcd_format format) {
    const uint32_t items = nelloc_image_of(file->decoder)->item_count;
    if (format != NLCD_PNG && items) {
        nlcd_say(file->name, "not kept in the output: its metadata (%u item%s); png keeps it", (unsigned)items,
                 items > 1 ? "s" : "");
        return;
    }
    for (size_t k = 0; k < chunks->left_out_count; k++)
        nlcd_say(file->name, "not kept in the output: %s", chunks->left_out[k]);
}

/* FILE with another ending, to be freed. */
static char *default_output(const char *name, enum nlcd_format format) {
    static const char *const endings[] = {".png", ".pnm", ".ppm", ".pgm", ".pbm", ".pam", ".raw", ".jpg"};
    const size_t length = strlen(name), stem = length > 4 && !strcmp(name + length - 4, ".nlc") ? length - 4 : length;
    char *made = malloc(stem + 5);
    if (made) {
        memcpy(made, name, stem);
        memcpy(made + stem, endings[format], 5);
    }
    return made;
}

/* --- commands */

/* The format that is meant, as far as the arguments say it; 0 if the output's name has an ending that is unknown. */
static int choose_format(const nlcd_settings *s, enum nlcd_format *format) {
    const char *target = s->names[1];
    *format = s->format;
    if (*format != NLCD_NO_FORMAT || !target || !strcmp(target, NLCD_STDIO))
        return 1;
    *format = nlcd_format_of_file(target);
    if (*format == NLCD_NO_FORMAT)
        nlcd_say(target, "has no ending of a format that is known; use png, ppm, pam, raw or jpg, or give --format");
    return *format != NLCD_NO_FORMAT;
}

/* Write the JPEG file that is kept. */
static int write_jpeg(const nlcd_settings *s, nlcd_opened *file, const char *target) {
    const uint8_t *data;
    nlcd_bytes out = {NULL, 0, 0, 0};
    if (!nelloc_image_of(file->decoder)->jpeg_bytes || s->has_region) {
        nlcd_say(file->name, s->has_region ? "a region cannot be a JPEG file; choose png"
                                           : "holds pixels, not a JPEG file, and jpg would be lossy; choose png");
        return 0;
    }
    if (nelloc_jpeg(file->decoder, s->allow_damaged ? NELLOC_ALLOW_DAMAGED : 0, &data, &out.size) != NELLOC_OK) {
        nlcd_say(file->name, "%s", nelloc_error(file->decoder));
        return 0;
    }
    out.data = (uint8_t *)(uintptr_t)data; /* which is only read */
    return nlcd_write(target, &out, file->name, s->force);
}

/* Write an image file of the pixels. */
static int write_pixels(const nlcd_settings *s, nlcd_opened *file, const nelloc_region *region, enum nlcd_format format,
                        const char *target) {
    nlcd_chunks chunks;
    nlcd_bytes out = {NULL, 0, 0, 0};
    uint8_t *samples = has_region(file, region) ? decode(s, file, region) : NULL;
    int good = samples != NULL;
    nlcd_make_chunks(file->decoder, &chunks);
    if (good) {
        const char *problem = nlcd_make_image(format, nelloc_image_of(file->decoder), region->width, region->height,
                                              samples, &chunks, s->level, &out);
        if (problem)
            nlcd_say(file->name, "%s", problem);
        good = !problem && nlcd_write(target, &out, file->name, s->force);
    }
    if (good)
        name_left_out(file, &chunks, format);
    free(samples);
    nlcd_free(&out);
    nlcd_free_chunks(&chunks);
    return good;
}

static int run_decode(const nlcd_settings *s) {
    const char *name = s->names[0], *target = s->names[1];
    enum nlcd_format format;
    nlcd_opened file;
    char *made = NULL;
    if (!choose_format(s, &format) || (target && nlcd_is_taken(target, name, s->force)) || !nlcd_open(s, name, &file))
        return 1;
    const nelloc_image *image = nelloc_image_of(file.decoder);
    const nelloc_region region = wanted_region(s, image);
    if (format == NLCD_NO_FORMAT)
        format = image->jpeg_bytes && !s->has_region ? NLCD_JPEG : NLCD_PNG;
    if (!target && strcmp(name, NLCD_STDIO)) {
        target = made = default_output(name, format);
        if (!made)
            nlcd_say(name, "there is not enough memory; close other programs");
        if (!made || nlcd_is_taken(target, name, s->force)) {
            nlcd_close(&file);
            free(made);
            return 1;
        }
    }
    target = target ? target : NLCD_STDIO;
    int good = format == NLCD_JPEG ? write_jpeg(s, &file, target) : write_pixels(s, &file, &region, format, target);
    if (good) {
        if (nlcd_is_damaged(file.decoder, &region)) {
            nlcd_name_damage(&file, &region);
            good = 0;
        }
        if (!s->quiet && strcmp(target, NLCD_STDIO))
            printf("%s -> %s: %u x %u pixels\n", name, target, (unsigned)region.width, (unsigned)region.height);
    }
    nlcd_close(&file);
    free(made);
    return !good;
}

static void show_methods(const nelloc_decoder *decoder) {
    uint32_t counts[256] = {0};
    nelloc_tile tile;
    int first = 1;
    for (uint32_t k = 0; nelloc_tile_at(decoder, k, &tile) == NELLOC_OK; k++)
        for (int part = 0; part < tile.parts; part++)
            counts[tile.methods[part] & 255]++;
    for (int method = 0; method < 256; method++)
        if (counts[method]) {
            printf("%s%u %s", first ? "" : ", ", (unsigned)counts[method], nelloc_name(NELLOC_NAME_OF_METHOD, method));
            first = 0;
        }
}

static void show_items(const nelloc_decoder *decoder) {
    nelloc_item item;
    for (uint32_t k = 0; nelloc_item_at(decoder, k, &item) == NELLOC_OK; k++) {
        const char *name = nelloc_name(NELLOC_NAME_OF_ITEM, item.type);
        if (item.type == NELLOC_PNG_CHUNK)
            printf("%sPNG chunk %.4s", k ? ", " : "", (const char *)item.data);
        else if (name)
            printf("%s%s", k ? ", " : "", name);
        else
            printf("%sitem of type %d", k ? ", " : "", item.type);
        printf(" %zu", item.size);
    }
    printf(" bytes");
}

/* Show what an open file holds, after `before` others; returns whether it is as it was, as far as that is known. */
static int show(const nlcd_settings *s, nlcd_opened *file, int before) {
    const nelloc_image *image = nelloc_image_of(file->decoder);
    const double samples = (double)image->width * image->height * image->channels;
    (void)s;
    printf("%sfile   %s\n", before ? "\n" : "", file->name);
    printf("image  %u x %u, %s\n", (unsigned)image->width, (unsigned)image->height,
           nelloc_name(NELLOC_NAME_OF_KIND, image->kind));
    printf("size   %zu bytes, %.3f bits per sample\n", file->bytes.size, 8 * (double)file->bytes.size / samples);
    if (image->jpeg_bytes) {
        printf("jpeg   %zu bytes, kept as they are, in %u part%s\n", image->jpeg_bytes, (unsigned)image->tile_count,
               image->tile_count == 1 ? "" : "s");
    } else {
        printf("tiles  %u, at most %u x %u; ", (unsigned)image->tile_count, (unsigned)image->tile_size,
               (unsigned)image->tile_size);
        show_methods(file->decoder);
        printf("\n");
    }
    printf("model  ");
    if (!image->needs_model)
        printf("none needed\n");
    else
        printf("%02x%02x%02x%02x%s\n", image->model_id[0], image->model_id[1], image->model_id[2], image->model_id[3],
               image->model_bytes ? " (inside the file)" : "");
    if (image->item_count) {
        printf("about  ");
        show_items(file->decoder);
        printf("\n");
    }
    const nelloc_region whole = {0, 0, image->width, image->height};
    nlcd_name_damage(file, &whole);
    return !nlcd_is_damaged(file->decoder, &whole);
}

/* Check all of an open file; returns whether it is as it was. */
static int check(const nlcd_settings *s, nlcd_opened *file, int before) {
    const nelloc_image *image = nelloc_image_of(file->decoder);
    const nelloc_region whole = {0, 0, image->width, image->height};
    int good;
    (void)before;
    if (image->jpeg_bytes) {
        const uint8_t *data;
        size_t size;
        good = nelloc_jpeg(file->decoder, 0, &data, &size) == NELLOC_OK;
        if (!good)
            nlcd_say(file->name, "%s", nelloc_error(file->decoder));
    } else {
        uint8_t *samples = decode(s, file, &whole);
        free(samples);
        good = samples != NULL;
    }
    if (good && !s->quiet)
        printf("%s: whole, %u x %u pixels\n", file->name, (unsigned)image->width, (unsigned)image->height);
    return good;
}

/* Do something with each file that can be opened; returns the exit status. */
static int run_each(const nlcd_settings *s, int (*work)(const nlcd_settings *, nlcd_opened *, int)) {
    int failed = 0, before = 0;
    for (int k = 0; k < s->count; k++) {
        nlcd_opened file;
        if (!nlcd_open(s, s->files[k], &file)) {
            failed = 1;
            continue;
        }
        failed |= !work(s, &file, before++);
        nlcd_close(&file);
    }
    return failed;
}

int main(int count, char **arguments) {
    nlcd_settings s;
    memset(&s, 0, sizeof s);
    s.level = 6;
    s.format = NLCD_NO_FORMAT;
    const int status = nlcd_read_arguments(count - 1, arguments + 1, &s);
    if (status >= 0)
        return status ? status : !nlcd_end_output();
    const int decodes = s.command == NLCD_DECODE;
    if (!s.count)
        return nlcd_fail_usage("no file is given", "");
    if (s.count > 2 && decodes)
        return nlcd_fail_usage("more files are given than are used: ", s.files[s.count - 1]);
    if (!decodes && (s.has_region || s.allow_damaged || s.format != NLCD_NO_FORMAT || s.force || s.has_level))
        return nlcd_fail_usage("--region, --allow-damaged, --format, --force and --level are for decoding", "");
    s.names[0] = s.files[0];
    s.names[1] = s.count > 1 ? s.files[1] : NULL;
    const int failed = decodes ? run_decode(&s) : run_each(&s, s.command == NLCD_INFO ? show : check);
    return nlcd_end_output() ? failed : 1;
}
