/* Files that are open: with the models that they may need, their samples, and what of them is damaged. */
#include "tools.h"

#include <stdlib.h>
#include <string.h>

/* --- models */

static void search_folders(nlcd_search *s) {
    const char *own = getenv("NELLOC_MODELS");
    s->searched = 1;
    if (own && *own)
        s->count += nlcd_models_in(own, s->names + s->count, NLCD_MOST_MODELS - s->count);
#if defined(NLCD_MODELS)
    s->count += nlcd_models_in(NLCD_MODELS, s->names + s->count, NLCD_MOST_MODELS - s->count);
#endif
}

static int give_model(void *context, const uint8_t id[4], unsigned attempt, const uint8_t **data, size_t *size) {
    nlcd_search *s = context;
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
    if (!nlcd_read(name, NULL, &s->model)) { /* said; another may be the right one */
        *data = none;
        *size = 0;
        return 1;
    }
    *data = s->model.data ? s->model.data : none;
    *size = s->model.size;
    return 1;
}

/* --- files */

void nlcd_close(nlcd_opened *file) {
    nelloc_free(file->decoder);
    nlcd_free(&file->bytes);
    nlcd_free(&file->models.model);
    for (size_t k = 0; k < file->models.count; k++)
        free(file->models.names[k]);
    memset(file, 0, sizeof *file);
}

int nlcd_open(const nlcd_settings *s, const char *name, nlcd_opened *file) {
    memset(file, 0, sizeof *file);
    file->name = name;
    file->models.given = s;
    nelloc_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.max_pixels = s->max_pixels;
    options.memory_limit = s->memory > SIZE_MAX >> 20 ? 0 : (size_t)s->memory << 20;
    options.cpu = getenv("NELLOC_CPU");
    options.context = &file->models;
    options.find_model = give_model;
    if (!nlcd_read(name, s, &file->bytes))
        return 0;
    const int status = nelloc_new(&options, &file->decoder);
    if (status == NELLOC_BAD_ARGUMENT)
        nlcd_say(name, "NELLOC_CPU=%s is not a CPU level of this machine; leave it out", options.cpu);
    else if (status != NELLOC_OK)
        nlcd_say(name, "there is not enough memory");
    else if (nelloc_open(file->decoder, file->bytes.data, file->bytes.size) == NELLOC_OK)
        return 1;
    else
        nlcd_say(name, "%s", nelloc_error(file->decoder));
    nlcd_close(file);
    return 0;
}

void nlcd_name_damage(const nlcd_opened *file, const nelloc_region *region) {
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

int nlcd_is_damaged(const nelloc_decoder *decoder, const nelloc_region *region) {
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
