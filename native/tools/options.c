/* The arguments of nlcd. */
#include "tools.h"

#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
    "usage: nlcd [OPTIONS] FILE [OUT]     decode FILE to an image\n"
    "       nlcd info [OPTIONS] FILE...   show what each FILE holds, without decoding it\n"
    "       nlcd verify [OPTIONS] FILE... decode each FILE and check every checksum\n"
    "\n"
    "OUT is FILE with the ending .png if it is not given, or .jpg if FILE keeps a JPEG file; \"-\" stands for\n"
    "standard input or output. What comes from standard input goes to standard output if OUT is not given.\n"
    "\n"
    "  -f, --force              replace OUT if it exists\n"
    "      --format FORMAT      png, ppm, pgm, pbm, pnm, pam, raw or jpg; by default as OUT's ending says\n"
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

int nlcd_fail_usage(const char *problem, const char *what) {
    fprintf(stderr, "nlcd: %s%s; nlcd --help shows the usage\n", problem, what);
    return 2;
}

/* Say what an option cannot be; the exit status. */
static int fail_value(const char *name, size_t length, const char *value) {
    fprintf(stderr, "nlcd: %.*s cannot be \"%s\"; nlcd --help shows the usage\n", (int)length, name, value);
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
static int set_value(nlcd_settings *s, enum option option, const char *value) {
    uint64_t number = 0;
    switch (option) {
    case FORMAT:
        s->format = nlcd_format_of(value);
        return s->format != NLCD_NO_FORMAT;
    case REGION:
        s->has_region = 1;
        return read_region(value, &s->region);
    case LEVEL:
        s->has_level = 1;
        s->level = read_number(value, 0, NULL, 9, &number) ? (int)number : -1;
        return s->level >= 0;
    case MODEL:
        if (s->model_count == NLCD_MOST_MODELS)
            return 0;
        s->models[s->model_count++] = value;
        return 1;
    case MAX_PIXELS: return read_number(value, 0, NULL, UINT64_MAX / 16, &s->max_pixels) && s->max_pixels;
    case MEMORY: return read_number(value, 0, NULL, UINT64_MAX / 16, &s->memory) && s->memory;
    default: return 0;
    }
}

static int set_flag(nlcd_settings *s, const char *name) {
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

/* Set what has no value, or several of one letter each; returns the exit status if nothing more is to be done, else
 * -1. */
static int set_flags(nlcd_settings *s, const char *name) {
    char letter[3] = {'-', 0, 0};
    const int together = name[1] != '-';
    for (size_t k = 1; k == 1 || (together && name[k]); k++) {
        letter[1] = name[k];
        const char *flag = together ? letter : name;
        if (!strcmp(flag, "-h") || !strcmp(flag, "--help")) {
            fputs(usage_text, stdout);
            return 0;
        }
        if (!strcmp(flag, "--version")) {
            printf("nlcd %s\n", nelloc_version());
            return 0;
        }
        if (!set_flag(s, flag))
            return nlcd_fail_usage("unknown option ", name);
    }
    return -1;
}

/* Keep an argument that is a name, of which the first may be a command; returns how many names there are. */
static int add_name(nlcd_settings *s, char **arguments, int names, char *name, int only_names) {
    if (!only_names && !names && s->command == NLCD_DECODE) {
        s->command = !strcmp(name, "info") ? NLCD_INFO : !strcmp(name, "verify") ? NLCD_VERIFY : NLCD_DECODE;
        if (s->command != NLCD_DECODE)
            return 0;
    }
    arguments[names] = name;
    return names + 1;
}

int nlcd_read_arguments(int count, char **arguments, nlcd_settings *s) {
    int names = 0, only_names = 0;
    for (int k = 0; k < count; k++) {
        const char *name = arguments[k];
        if (only_names || name[0] != '-' || !name[1]) {
            names = add_name(s, arguments, names, arguments[k], only_names);
            continue;
        }
        if (!strcmp(name, "--")) {
            only_names = 1;
            continue;
        }
        const char *equals = strchr(name, '=');
        const size_t length = equals ? (size_t)(equals - name) : strlen(name);
        const enum option option = option_of(name, length);
        if (option == NO_VALUE) {
            const int status = set_flags(s, name);
            if (status >= 0)
                return status;
            continue;
        }
        const char *value = equals ? equals + 1 : k + 1 < count ? arguments[++k] : NULL;
        if (!value)
            return nlcd_fail_usage("a value is missing after ", name);
        if (!set_value(s, option, value))
            return fail_value(name, length, value);
    }
    s->files = arguments;
    s->count = names;
    return -1;
}
