/* Where models come from: inside the file, built into the library, or given by the caller. */
#include "model_file.h"

#include <stdio.h>
#include <string.h>

/* A model may be differences to one that is differences itself, up to so many times. */
#define MOST_IN_CHAIN 4
/* What a caller gives is asked for no more than so many times. */
#define MOST_ATTEMPTS 4096

/* A model that is ready, so that it need not be made again. */
struct nlc_prepared {
    nlc_prepared *next;
    uint8_t id[NLC_ID_BYTES];
    int of_file, bits, channels; /* of_file: it was inside a file, which others need not share */
    nlc_model *model;
};

/* The bytes of a whole model file; `owned` is to be given back. */
typedef struct {
    const uint8_t *data;
    size_t size;
    uint8_t *owned;
} bytes;

static int find_whole(nelloc_decoder *d, const uint8_t *id, int depth, bytes *found);

static int is_id(const uint8_t *id, const uint8_t *other) { return memcmp(id, other, NLC_ID_BYTES) == 0; }

static int fail_to_find(nelloc_decoder *d, const uint8_t *id) {
    return nlc_fail(d, NELLOC_NO_MODEL, "it needs model %02x%02x%02x%02x, which is not installed; give its file", id[0],
                    id[1], id[2], id[3]);
}

/* Make the whole file of differences, whose base is looked for. */
static int make_whole(nelloc_decoder *d, const uint8_t *data, size_t size, int depth, bytes *found) {
    const uint8_t *base_id, *model_id;
    uint8_t wanted[NLC_ID_BYTES], made_id[NLC_ID_BYTES];
    bytes base = {NULL, 0, NULL};
    if (depth == MOST_IN_CHAIN)
        return nlc_fail_damaged(d, "its model is differences of differences, more than %d", MOST_IN_CHAIN);
    int status = nlc_differences_read(d, data, size, &base_id, &model_id);
    if (status != NELLOC_OK)
        return status;
    memcpy(wanted, model_id, sizeof wanted);
    /* A caller's bytes stay only until it is asked again. */
    uint8_t *copy = nlc_get(&d->budget, size, 1);
    if (!copy)
        return nlc_fail_for_memory(d);
    memcpy(copy, data, size);
    status = find_whole(d, copy + (base_id - data), depth + 1, &base);
    nlc_model_file *file = status == NELLOC_OK ? nlc_get(&d->budget, 1, sizeof *file) : NULL;
    if (status == NELLOC_OK && !file)
        status = nlc_fail_for_memory(d);
    if (status == NELLOC_OK)
        status = nlc_model_file_read(d, base.data, base.size, file);
    if (status == NELLOC_OK) { /* only of a model that is one is every number within its range */
        nlc_model *checked;
        status = nlc_model_file_prepare(d, file, 8, &checked);
        nlc_model_free(checked);
    }
    uint8_t *made = status == NELLOC_OK ? nlc_get(&d->budget, base.size, 1) : NULL;
    if (status == NELLOC_OK && !made)
        status = nlc_fail_for_memory(d);
    if (status == NELLOC_OK) {
        memcpy(made, base.data, base.size);
        status = nlc_differences_apply(d, copy, size, file, made);
    }
    if (status == NELLOC_OK) {
        nlc_model_id(made, base.size, made_id);
        if (!is_id(made_id, wanted))
            status = nlc_fail_damaged(d, "its model's differences make another model than they announce");
    }
    nlc_put(file);
    nlc_put(base.owned);
    nlc_put(copy);
    if (status != NELLOC_OK) {
        nlc_put(made);
        return status;
    }
    found->data = found->owned = made;
    found->size = base.size;
    return NELLOC_OK;
}

/* Find the whole file of this id. */
static int find_whole(nelloc_decoder *d, const uint8_t *id, int depth, bytes *found) {
    const nelloc_options *options = &d->options;
    uint8_t wanted[NLC_ID_BYTES], own[NLC_ID_BYTES];
    int first_failure = NELLOC_OK;
    char sentence[sizeof d->error] = "";
    memcpy(wanted, id, sizeof wanted);
    for (size_t k = 0; k < nlc_shipped_count; k++)
        if (is_id(nlc_shipped_models[k].id, wanted)) {
            found->data = nlc_shipped_models[k].data;
            found->size = nlc_shipped_models[k].size;
            return NELLOC_OK;
        }
    for (unsigned attempt = 0; options->find_model && attempt < MOST_ATTEMPTS; attempt++) {
        const uint8_t *data = NULL;
        size_t size = 0;
        if (!options->find_model(options->context, wanted, attempt, &data, &size) || !data)
            break;
        if (!nlc_is_differences(data, size)) {
            nlc_model_id(data, size, own);
            if (!is_id(own, wanted))
                continue;
            found->data = data;
            found->size = size;
            if (depth == 0) /* nothing is asked for any more */
                return NELLOC_OK;
            found->owned = nlc_get(&d->budget, size, 1);
            if (!found->owned)
                return nlc_fail_for_memory(d);
            memcpy(found->owned, data, size);
            found->data = found->owned;
            return NELLOC_OK;
        }
        if (size < NLC_DIFFERENCES_HEAD || !is_id(data + NLC_DIFFERENCES_HEAD - NLC_ID_BYTES, wanted))
            continue;
        const int status = make_whole(d, data, size, depth, found);
        if (status == NELLOC_OK || status == NELLOC_NO_MEMORY)
            return status;
        if (first_failure == NELLOC_OK) {
            first_failure = status;
            memcpy(sentence, d->error, sizeof sentence);
        }
    }
    return first_failure == NELLOC_OK ? fail_to_find(d, wanted) : nlc_fail(d, first_failure, "%s", sentence);
}

/* The whole file of the model that is inside the file. */
static int open_inside(nelloc_decoder *d, enum nlc_section section, bytes *found) {
    const nlc_file *file = &d->file;
    const uint8_t *data = file->sections[section].data;
    const size_t size = file->sections[section].size;
    uint8_t id[NLC_ID_BYTES];
    if (nlc_is_differences(data, size) != (section == NLC_DIFFERENCES))
        return nlc_fail_damaged(d, "the model inside it is not of the kind that it announces");
    if (section == NLC_DIFFERENCES) {
        const int status = make_whole(d, data, size, 0, found);
        if (status != NELLOC_OK)
            return status;
    } else {
        found->data = data;
        found->size = size;
    }
    nlc_model_id(found->data, found->size, id);
    if (!is_id(id, file->model_id))
        return nlc_fail_damaged(d, "the model inside it is not the one that it names");
    return NELLOC_OK;
}

static int prepare(nelloc_decoder *d, const bytes *whole, int bits, int of_file) {
    nlc_model_file *file = nlc_get(&d->budget, 1, sizeof *file);
    nlc_prepared *made = nlc_get(&d->budget, 1, sizeof *made);
    int status = file && made ? NELLOC_OK : nlc_fail_for_memory(d);
    if (status == NELLOC_OK)
        status = nlc_model_file_read(d, whole->data, whole->size, file);
    if (status == NELLOC_OK)
        status = nlc_model_file_prepare(d, file, bits, &made->model);
    if (status != NELLOC_OK) {
        nlc_put(made);
    } else {
        memcpy(made->id, d->file.model_id, NLC_ID_BYTES);
        made->of_file = of_file;
        made->bits = bits;
        made->channels = file->channels;
        made->next = d->models;
        d->models = made;
    }
    nlc_put(file);
    return status;
}

int nlc_find_model(nelloc_decoder *d, int bits, const nlc_model **model, int *channels) {
    const int inside = d->file.sections[NLC_DIFFERENCES].data != NULL || d->file.sections[NLC_WHOLE_MODEL].data != NULL;
    for (const nlc_prepared *known = d->models; known; known = known->next)
        if (known->bits == bits && known->of_file == inside && is_id(known->id, d->file.model_id)) {
            *model = known->model;
            *channels = known->channels;
            return NELLOC_OK;
        }
    bytes whole = {NULL, 0, NULL};
    int status;
    if (inside)
        status = open_inside(d, d->file.sections[NLC_DIFFERENCES].data ? NLC_DIFFERENCES : NLC_WHOLE_MODEL, &whole);
    else
        status = find_whole(d, d->file.model_id, 0, &whole);
    if (status == NELLOC_OK)
        status = prepare(d, &whole, bits, inside);
    nlc_put(whole.owned);
    if (status == NELLOC_OK) {
        *model = d->models->model;
        *channels = d->models->channels;
    }
    return status;
}

void nlc_forget_models(nelloc_decoder *d, int of_file_only) {
    for (nlc_prepared **at = &d->models; *at;) {
        nlc_prepared *model = *at;
        if (of_file_only && !model->of_file) {
            at = &model->next;
            continue;
        }
        *at = model->next;
        nlc_model_free(model->model);
        nlc_put(model);
    }
}
