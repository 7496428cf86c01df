/* nlcd: decode .nlc files without Python (nlcd.1). */
#include "tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MODELS 256
#define STDIO "-"

static const char usage_text[] =
    "usage: nlcd [OPTIONS] FILE [OUT]     decode FILE to an image\n"
    "       nlcd info [OPTIONS] FILE      show what FILE holds, without decoding it\n"
    "       nlcd verify [OPTIONS] FILE... decode each FILE and check every checksum\n"
    "\n"
    "OUT is FILE with the ending .png if it is not given; \"-\" stands for standard input or output.\n"
    "\n"
    "  -f, --force              replace OUT if it exists\n"
    "      --format FORMAT      png, ppm (also pgm and pbm), pam or raw; by default as OUT's ending says, or png\n"
    "      --region X,Y,W,H     only W x H pixels from pixel (X, Y) on\n"
    "      --allow-damaged      write what is left of a damaged file too; exit status 1\n"
    "      --level 0..9         how much PNG is deflated; by default 6\n"
    "      --model FILE         a model file that FILE may need; may be given again\n"
    "      --max-pixels N       refuse files of more pixels\n"
    "      --memory N           refuse what needs more than N MiB of memory to decode\n"
    "  -q, --quiet              say only what is wrong\n"
    "      --version            show the version\n"
    "  -h, --help               show this\n"
    "\n"
    "Exit status: 0 done, 1 a file failed, 2 wrong usage.\n";

typedef struct {
    const char *names[2];
    char **files; /* of verify */
    int count, force, allow_damaged, quiet, level;
    enum nlcd_format format;
    int has_region;
    nelloc_region region;
    uint64_t max_pixels, memory;
    const char *models[MOST_MODELS];
    size_t model_count;
} settings;

/* --- models */

/* Where models may be: those that were named, then those in folders. */
typedef struct {
    const settings *given;
    const char *file;       /* whose folder is looked in */
    char *names[MOST_MODELS]; /* in folders; found when they are first asked for */
    size_t count;
    int searched;
    nlcd_bytes model; /* the one that was last given */
} search;

static void search_folders(search *s) {
    const char *own = getenv("NELLOC_MODELS");
    char *folder = strcmp(s->file, STDIO) ? nlcd_folder_of(s->file) : NULL;
    s->searched = 1;
    if (folder)
        s->count += nlcd_models_in(folder, s->names, MOST_MODELS);
    if (own && *own)
        s->count += nlcd_models_in(own, s->names + s->count, MOST_MODELS - s->count);
#if defined(NLCD_MODELS)
    s->count += nlcd_models_in(NLCD_MODELS, s->names + s->count, MOST_MODELS - s->count);
#endif
    free(folder);
}

static int give_model(void *context, const uint8_t id[4], unsigned attempt, const uint8_t **data, size_t *size) {
    search *s = context;
    (void)id;
    nlcd_free(&s->model);
    const char *name;
    if (attempt < s->given->model_count) {
        name = s->given->models[attempt];
    } else {
        if (!s->searched)
            search_folders(s);
        const size_t place = attempt - s->given->model_count;
        if (place >= s->count)
            return 0;
        name = s->names[place];
    }
    static const uint8_t none[1];
    if (!nlcd_read(name, &s->model)) { /* said; another may be the right one */
        *data = none;
        *size = 0;
        return 1;
    }
    *data = s->model.data ? s->model.data : none;
    *size = s->model.size;
    return 1;
}

/* --- files */

/* A file that is open: its bytes and its decoder. */
typedef struct {
    const char *name;
    nlcd_bytes bytes;
    search models;
    nelloc_decoder *decoder;
} opened;

static void close_file(opened *file) {
    nelloc_free(file->decoder);
    nlcd_free(&file->bytes);
    nlcd_free(&file->models.model);
    for (size_t k = 0; k < file->models.count; k++)
        free(file->models.names[k]);
    memset(file, 0, sizeof *file);
}

/* Open a file, or say why that cannot be. */
static int open_file(const settings *s, const char *name, opened *file) {
    memset(file, 0, sizeof *file);
    file->name = name;
    file->models.given = s;
    file->models.file = name;
    nelloc_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.max_pixels = s->max_pixels;
    options.memory_limit = s->memory > SIZE_MAX >> 20 ? 0 : (size_t)s->memory << 20;
    options.cpu = getenv("NELLOC_CPU");
    options.context = &file->models;
    options.find_model = give_model;
    if (!nlcd_read(name, &file->bytes))
        return 0;
    const int status = nelloc_new(&options, &file->decoder);
    if (status == NELLOC_BAD_ARGUMENT)
        nlcd_say(name, "NELLOC_CPU=%s is no CPU level of this machine; leave it out", options.cpu);
    else if (status != NELLOC_OK)
        nlcd_say(name, "there is not enough memory");
    else if (nelloc_open(file->decoder, file->bytes.data, file->bytes.size) == NELLOC_OK)
        return 1;
    else
        nlcd_say(name, "%s", nelloc_error(file->decoder));
    close_file(file);
    return 0;
}

/* Samples of a region, or of the whole image, to be freed; NULL, and said why, if there are none. */
static uint8_t *decode(const settings *s, opened *file, const nelloc_region *region) {
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

static nelloc_region wanted_region(const settings *s, const nelloc_image *image) {
    const nelloc_region whole = {0, 0, image->width, image->height};
    return s->has_region ? s->region : whole;
}

/* Whether the image has the region; said if not, before memory is asked for it. */
static int has_region(const opened *file, const nelloc_region *region) {
    const nelloc_image *image = nelloc_image_of(file->decoder);
    if (region->left < image->width && region->top < image->height && region->width <= image->width - region->left &&
        region->height <= image->height - region->top)
        return 1;
    nlcd_say(file->name, "has %u x %u pixels, and the region %u,%u,%u,%u is not inside; choose one that is",
             (unsigned)image->width, (unsigned)image->height, (unsigned)region->left, (unsigned)region->top,
             (unsigned)region->width, (unsigned)region->height);
    return 0;
}

/* Name what of a damaged file is not as it was. */
static void name_damage(const opened *file, const nelloc_region *region) {
    const nelloc_image *image = nelloc_image_of(file->decoder);
    nelloc_tile tile;
    if (image->damage & NELLOC_DAMAGED_METADATA)
        nlcd_say(file->name, "is damaged; its metadata is not as it was");
    if (image->damage & NELLOC_EXCESS_BYTES)
        nlcd_say(file->name, "is damaged; bytes follow its end");
    for (uint32_t k = 0; nelloc_tile_at(file->decoder, k, &tile) == NELLOC_OK; k++) {
        const nelloc_region *at = &tile.region;
        if (tile.damaged && at->left < region->left + region->width && region->left < at->left + at->width &&
            at->top < region->top + region->height && region->top < at->top + at->height)
            nlcd_say(file->name, "is damaged; not as it was is tile %u (%u,%u,%u,%u)", (unsigned)k, (unsigned)at->left,
                     (unsigned)at->top, (unsigned)at->width, (unsigned)at->height);
    }
}

static int is_damaged(const nelloc_decoder *decoder, const nelloc_region *region) {
    const nelloc_image *image = nelloc_image_of(decoder);
    nelloc_tile tile;
    int damaged = image->damage != 0;
    for (uint32_t k = 0; image->damaged_tiles && nelloc_tile_at(decoder, k, &tile) == NELLOC_OK; k++) {
        const nelloc_region *at = &tile.region;
        damaged |= tile.damaged && at->left < region->left + region->width && region->left < at->left + at->width &&
                   at->top < region->top + region->height && region->top < at->top + at->height;
    }
    return damaged;
}

/* Say what the output does not hold. */
static void name_left_out(const settings *s, const opened *file, const nlcd_chunks *chunks, enum nlcd_format format) {
    const uint32_t items = nelloc_image_of(file->decoder)->item_count;
    if (format != NLCD_PNG && items) {
        nlcd_say(file->name, "not kept in the output: its metadata (%u item%s); png keeps it", (unsigned)items,
                 items > 1 ? "s" : "");
        return;
    }
    (void)s;
    for (size_t k = 0; k < chunks->left_out_count; k++)
        nlcd_say(file->name, "not kept in the output: %s", chunks->left_out[k]);
}

/* FILE with another ending, to be freed. */
static char *default_output(const char *name, enum nlcd_format format) {
    static const char *const endings[] = {".png", ".ppm", ".pam", ".raw"};
    const size_t length = strlen(name), stem = length > 4 && !strcmp(name + length - 4, ".nlc") ? length - 4 : length;
    char *made = malloc(stem + 5);
    if (made) {
        memcpy(made, name, stem);
        memcpy(made + stem, endings[format], 5);
    }
    return made;
}

/* --- commands */

static int run_decode(const settings *s) {
    const char *name = s->names[0], *target = s->names[1];
    enum nlcd_format format = s->format;
    if (format == NLCD_NO_FORMAT && target && strcmp(target, STDIO)) {
        format = nlcd_format_of_file(target);
        if (format == NLCD_NO_FORMAT) {
            nlcd_say(target, "has no ending of a format that is known; use png, ppm, pam or raw, or give --format");
            return 1;
        }
    }
    format = format == NLCD_NO_FORMAT ? NLCD_PNG : format;
    char *made = NULL;
    if (!target)
        target = !strcmp(name, STDIO) ? STDIO : (made = default_output(name, format));
    opened file;
    if (!target || nlcd_is_taken(target, s->force) || !open_file(s, name, &file)) {
        free(made);
        return 1;
    }
    const nelloc_image *image = nelloc_image_of(file.decoder);
    const nelloc_region region = wanted_region(s, image);
    nlcd_chunks chunks;
    nlcd_bytes out = {NULL, 0, 0, 0};
    nlcd_make_chunks(file.decoder, &chunks);
    uint8_t *samples = has_region(&file, &region) ? decode(s, &file, &region) : NULL;
    int good = samples != NULL;
    if (good) {
        const char *problem = nlcd_make_image(format, image, region.width, region.height, samples, &chunks, s->level, &out);
        if (problem)
            nlcd_say(name, "%s", problem);
        good = !problem && nlcd_write(target, &out, s->force);
    }
    if (good) {
        name_left_out(s, &file, &chunks, format);
        if (is_damaged(file.decoder, &region)) {
            name_damage(&file, &region);
            good = 0;
        }
        if (!s->quiet && strcmp(target, STDIO))
            printf("%s -> %s: %u x %u pixels\n", name, target, (unsigned)region.width, (unsigned)region.height);
    }
    free(samples);
    nlcd_free(&out);
    nlcd_free_chunks(&chunks);
    close_file(&file);
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
    size_t sum = 0;
    for (uint32_t k = 0; nelloc_item_at(decoder, k, &item) == NELLOC_OK; k++) {
        const char *name = nelloc_name(NELLOC_NAME_OF_ITEM, item.type);
        sum += item.size;
        if (item.type == NELLOC_PNG_CHUNK)
            printf("%sPNG chunk %.4s", k ? ", " : "", (const char *)item.data);
        else if (name)
            printf("%s%s", k ? ", " : "", name);
        else
            printf("%sitem of type %d", k ? ", " : "", item.type);
        printf(" %zu", item.size);
    }
    printf(" bytes");
    (void)sum;
}

static int run_info(const settings *s) {
    opened file;
    if (!open_file(s, s->names[0], &file))
        return 1;
    const nelloc_image *image = nelloc_image_of(file.decoder);
    const double samples = (double)image->width * image->height * image->channels;
    printf("file   %s\n", s->names[0]);
    printf("image  %u x %u, %s\n", (unsigned)image->width, (unsigned)image->height,
           nelloc_name(NELLOC_NAME_OF_KIND, image->kind));
    printf("size   %zu bytes, %.3f bits per sample\n", file.bytes.size, 8 * (double)file.bytes.size / samples);
    printf("tiles  %u, at most %u x %u; ", (unsigned)image->tile_count, (unsigned)image->tile_size,
           (unsigned)image->tile_size);
    show_methods(file.decoder);
    printf("\nmodel  ");
    if (!image->needs_model)
        printf("none needed\n");
    else
        printf("%02x%02x%02x%02x%s\n", image->model_id[0], image->model_id[1], image->model_id[2], image->model_id[3],
               image->model_bytes ? " (inside the file)" : "");
    if (image->item_count) {
        printf("about  ");
        show_items(file.decoder);
        printf("\n");
    }
    const nelloc_region whole = {0, 0, image->width, image->height};
    const int damaged = is_damaged(file.decoder, &whole);
    if (damaged)
        name_damage(&file, &whole);
    close_file(&file);
    return damaged;
}

static int run_verify(const settings *s) {
    int failed = 0;
    for (int k = 0; k < s->count; k++) {
        opened file;
        uint8_t *samples = NULL;
        if (open_file(s, s->files[k], &file)) {
            const nelloc_image *image = nelloc_image_of(file.decoder);
            const nelloc_region whole = {0, 0, image->width, image->height};
            samples = decode(s, &file, &whole);
            if (samples && !s->quiet)
                printf("%s: whole, %u x %u pixels\n", s->files[k], (unsigned)image->width, (unsigned)image->height);
            close_file(&file);
        }
        failed |= samples == NULL;
        free(samples);
    }
    return failed;
}

/* --- options */

static int fail_usage(const char *problem, const char *what) {
    fprintf(stderr, "nlcd: %s%s; nlcd --help shows the usage\n", problem, what);
    return 2;
}

/* A whole number; returns 0 if the text is none, or above `most`. */
static int read_number(const char *text, char end, const char **after, uint64_t most, uint64_t *number) {
    uint64_t found = 0;
    if (*text < '0' || *text > '9')
        return 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        found = 10 * found + (uint64_t)(*text - '0');
        if (found > most)
            return 0;
    }
    *number = found;
    if (after)
        *after = text + 1;
    return *text == end;
}

static int read_region(const char *text, nelloc_region *region) {
    uint64_t numbers[4];
    for (int k = 0; k < 4; k++)
        if (!read_number(text, k < 3 ? ',' : 0, &text, UINT32_MAX, &numbers[k]))
            return 0;
    region->left = (uint32_t)numbers[0];
    region->top = (uint32_t)numbers[1];
    region->width = (uint32_t)numbers[2];
    region->height = (uint32_t)numbers[3];
    return region->width && region->height;
}

enum option { FORMAT, REGION, LEVEL, MODEL, MAX_PIXELS, MEMORY, NO_VALUE };

static enum option option_of(const char *name, size_t length) {
    static const char *const names[] = {"--format", "--region", "--level", "--model", "--max-pixels", "--memory"};
    int which = 0;
    while (which < NO_VALUE && (strlen(names[which]) != length || strncmp(name, names[which], length) != 0))
        which++;
    return (enum option)which;
}

/* Set an option that has a value; returns 0 if the value is none. */
static int set_value(settings *s, enum option option, const char *value) {
    uint64_t number = 0;
    switch (option) {
    case FORMAT:
        s->format = nlcd_format_of(value);
        return s->format != NLCD_NO_FORMAT;
    case REGION:
        s->has_region = 1;
        return read_region(value, &s->region);
    case LEVEL:
        s->level = read_number(value, 0, NULL, 9, &number) ? (int)number : -1;
        return s->level >= 0;
    case MODEL:
        if (s->model_count == MOST_MODELS)
            return 0;
        s->models[s->model_count++] = value;
        return 1;
    case MAX_PIXELS: return read_number(value, 0, NULL, UINT64_MAX / 16, &s->max_pixels) && s->max_pixels;
    case MEMORY: return read_number(value, 0, NULL, UINT64_MAX / 16, &s->memory) && s->memory;
    default: return 0;
    }
}

static int set_flag(settings *s, const char *name) {
    if (!strcmp(name, "-f") || !strcmp(name, "--force"))
        s->force = 1;
    else if (!strcmp(name, "--allow-damaged"))
        s->allow_damaged = 1;
    else if (!strcmp(name, "-q") || !strcmp(name, "--quiet"))
        s->quiet = 1;
    else
        return 0;
    return 1;
}

/* Read the arguments; returns the exit status if there is nothing more to do, else -1. Names are moved to the front. */
static int read_arguments(int count, char **arguments, settings *s) {
    int names = 0, only_names = 0;
    for (int k = 0; k < count; k++) {
        const char *name = arguments[k];
        if (only_names || name[0] != '-' || !name[1]) {
            arguments[names++] = arguments[k];
            continue;
        }
        if (!strcmp(name, "--")) {
            only_names = 1;
            continue;
        }
        if (!strcmp(name, "-h") || !strcmp(name, "--help")) {
            fputs(usage_text, stdout);
            return 0;
        }
        if (!strcmp(name, "--version")) {
            printf("nlcd %s\n", nelloc_version());
            return 0;
        }
        const char *equals = strchr(name, '=');
        const enum option option = option_of(name, equals ? (size_t)(equals - name) : strlen(name));
        if (option == NO_VALUE) {
            if (!set_flag(s, name))
                return fail_usage("unknown option ", name);
            continue;
        }
        const char *value = equals ? equals + 1 : k + 1 < count ? arguments[++k] : NULL;
        if (!value)
            return fail_usage("a value is missing after ", name);
        if (!set_value(s, option, value))
            return fail_usage("this value cannot be used: ", value);
    }
    s->files = arguments;
    s->count = names;
    return -1;
}

int main(int count, char **arguments) {
    settings s;
    memset(&s, 0, sizeof s);
    s.level = 6;
    s.format = NLCD_NO_FORMAT;
    const char *command = count > 1 ? arguments[1] : "";
    const int info = !strcmp(command, "info"), verify = !strcmp(command, "verify"), first = info || verify ? 2 : 1;
    const int status = read_arguments(count - first, arguments + first, &s);
    if (status >= 0)
        return status;
    if (!s.count)
        return fail_usage("no file is given", "");
    if (s.count > (verify ? s.count : info ? 1 : 2))
        return fail_usage("more files are given than are used: ", s.files[s.count - 1]);
    if ((info || verify) && (s.has_region || s.allow_damaged || s.format != NLCD_NO_FORMAT))
        return fail_usage("--region, --allow-damaged and --format are for decoding", "");
    s.names[0] = s.files[0];
    s.names[1] = s.count > 1 ? s.files[1] : NULL;
    const int failed = info ? run_info(&s) : verify ? run_verify(&s) : run_decode(&s);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "nlcd: standard output: cannot be written (%s)\n", strerror(errno));
        return 1;
    }
    return failed;
}
