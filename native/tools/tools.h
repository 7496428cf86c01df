/* What the files of nlcd share. */
#ifndef NLCD_TOOLS_H
#define NLCD_TOOLS_H

#include "../include/nelloc.h"

#include <stdio.h>

/* Bytes that grow. `failed` is 1 once memory was short; what is added then is lost. */
typedef struct {
    uint8_t *data;
    size_t size, room;
    int failed;
} nlcd_bytes;

/* --- bytes.c */

void nlcd_add(nlcd_bytes *to, const void *data, size_t size);
void nlcd_add_big32(nlcd_bytes *to, uint32_t number);
void nlcd_free(nlcd_bytes *bytes);

/* --- files.c */

/* Put a sentence about a file on standard error, after "nlcd: NAME: ". */
void nlcd_say(const char *name, const char *format, ...);

/* Write a file whole or not at all, or to standard output of "-"; returns 0 and says why if it cannot be written. It
 * has the permissions of `input`, less what the umask takes. */
int nlcd_write(const char *name, const nlcd_bytes *data, const char *input, int force);

/* 1 if something of this name must stay, which is said: the input, or what is not a file; without `force` any file. */
int nlcd_is_taken(const char *name, const char *input, int force);

/* Write what standard output holds; 0 if that cannot be done, which is said once. */
int nlcd_end_output(void);

/* Names of the model files in a folder, into `names`, which has room for `room`; returns how many there are of
 * these, and says why if some are left out. There may be no such folder. */
size_t nlcd_models_in(const char *folder, char **names, size_t room);

/* --- metadata.c */

/* What an item of metadata becomes in a PNG file. */
typedef struct {
    nlcd_bytes early, late; /* chunks that stand before the palette, and those after it */
    const char *left_out[16]; /* names of what PNG does not hold */
    size_t left_out_count;
} nlcd_chunks;

void nlcd_make_chunks(const nelloc_decoder *decoder, nlcd_chunks *chunks);
void nlcd_free_chunks(nlcd_chunks *chunks);

/* Add a PNG chunk. */
void nlcd_add_chunk(nlcd_bytes *to, const char name[4], const void *data, size_t size);

/* --- images.c */

/* PNM is the one of the three after it that fits an image. */
enum nlcd_format { NLCD_PNG, NLCD_PNM, NLCD_PPM, NLCD_PGM, NLCD_PBM, NLCD_PAM, NLCD_RAW, NLCD_JPEG, NLCD_NO_FORMAT };

/* The format of this name, or of the ending of a file's name. */
enum nlcd_format nlcd_format_of(const char *name);
enum nlcd_format nlcd_format_of_file(const char *name);

/* The image file of samples as they are stored: NULL, or what is wrong with a format for this kind of image. */
const char *nlcd_make_image(enum nlcd_format format, const nelloc_image *image, uint32_t width, uint32_t height,
                            const uint8_t *samples, const nlcd_chunks *chunks, int level, nlcd_bytes *to);

/* --- options.c */

#define NLCD_MOST_MODELS 256
#define NLCD_STDIO "-"

enum nlcd_command { NLCD_DECODE, NLCD_INFO, NLCD_VERIFY };

/* What the arguments say. */
typedef struct {
    enum nlcd_command command;
    const char *names[2];
    char **files; /* of info and verify */
    int count, force, allow_damaged, quiet, level, has_level;
    enum nlcd_format format;
    int has_region;
    nelloc_region region;
    uint64_t max_pixels, memory;
    const char *models[NLCD_MOST_MODELS];
    size_t model_count;
} nlcd_settings;

/* Say what is wrong with the arguments; the exit status. */
int nlcd_fail_usage(const char *problem, const char *what);

/* Read the arguments; returns the exit status if there is nothing more to do, else -1. Names are moved to the front. */
int nlcd_read_arguments(int count, char **arguments, nlcd_settings *s);

/* --- read.c */

/* Read an .nlc file, or standard input of "-", or without settings a model; returns 0 and says why if it cannot be
 * read.
 *
 * Streams are read no further than their beginning tells that they go, models to a limit: that what follows is refused
 * need not wait for its end, which may never come.
 */
int nlcd_read(const char *name, const nlcd_settings *s, nlcd_bytes *to);

/* --- opened.c */

/* Where models may be: those that were named, then those in folders. */
typedef struct {
    const nlcd_settings *given;
    char *names[NLCD_MOST_MODELS]; /* in folders; found when they are first asked for */
    size_t count;
    int searched;
    nlcd_bytes model; /* the one that was last given */
} nlcd_search;

/* A file that is open: its bytes and its decoder. */
typedef struct {
    const char *name;
    nlcd_bytes bytes;
    nlcd_search models;
    nelloc_decoder *decoder;
} nlcd_opened;

/* Open a file, or say why that cannot be. */
int nlcd_open(const nlcd_settings *s, const char *name, nlcd_opened *file);
void nlcd_close(nlcd_opened *file);

/* Whether something is damaged, in a region or elsewhere than in tiles, and to name it. */
int nlcd_is_damaged(const nelloc_decoder *decoder, const nelloc_region *region);
void nlcd_name_damage(const nlcd_opened *file, const nelloc_region *region);

#endif
