/* Records to samples: those without a model one by one, those of one model side by side; and what is damaged. */
#include "request.h"

#include <string.h>

/* Pixels between two calls of the caller's function. */
#define PIXELS_UNWATCHED 8192
/* Times that what is under way is shown, of what is walked together. */
#define PREVIEWS 32
/* A sample costs at least 17 / 100,000 bits. */
#define LEAST_BITS 17
#define OF_SAMPLES 100000
#define STATE_BITS 64

static const char *const roles[] = {"colour", "alpha", "index", "bilevel", "colour and alpha"};

/* --- damage */

static int is_marked(const nlc_file *file, size_t tile) {
    int marked = 0;
    for (int group = 0; group < file->group_count; group++)
        marked |= file->records[tile * (size_t)file->group_count + (size_t)group].damaged;
    return marked;
}

/* Mark the place of a damaged record, or fail. */
static int give_up(const nlc_request *r, const nlc_job *work, const char *problem) {
    nelloc_decoder *d = r->d;
    const size_t place = (size_t)(work->record - d->file.records);
    if (!is_marked(&d->file, work->tile))
        d->image.damaged_tiles++;
    d->file.records[place].damaged = 1;
    if (!r->allow_damaged) {
        const int several = d->file.group_count > 1;
        return nlc_fail_damaged(d, "tile %zu%s%s%s %s", work->tile, several ? " (" : "",
                        several ? roles[d->file.groups[work->group].role] : "", several ? ")" : "", problem);
    }
    nlc_mark(r, work);
    return NELLOC_OK;
}

/* What the first byte of a record on a lattice says: its rule in the low bits, whether the model learns in the
 * others. */
enum { RULE_BITS = 5 };
static int head_of(const nlc_request *r, const nlc_job *work) {
    return work->record->size ? r->d->file.data[work->record->at] : 0;
}

/* What is wrong with a record, as far as that shows before it is decoded; NULL if nothing. */
static const char *problem_of(const nlc_request *r, const nlc_job *work) {
    const nlc_method *method = nlc_method_of(work->record->method);
    const enum nlc_role role = r->d->file.groups[work->group].role;
    if (work->record->damaged)
        return "does not match its checksum, so it is damaged";
    if (method->of_past && (work->group || role != NLC_COLOUR || !r->d->file.sections[NLC_PAST].data))
        return "is coded by a JPEG that the file does not hold, so it is damaged";
    if (!method->needs_model)
        return NULL;
    if (role != NLC_COLOUR && role != NLC_ALPHA)
        return "is coded by a model, as no image of its kind is, so it is damaged";
    if (method->learns && work->shape.bits > 8)
        return "learns from samples of more than 8 bits, which no encoder does, so it is damaged";
    if (method->on_lattice) {
        const int head = head_of(r, work), rule = head & ((1 << RULE_BITS) - 1);
        if (work->shape.planes != 3 || work->shape.bits > 8)
            return "is on a colour lattice, but has no RGB samples of 8 bits, so it is damaged";
        if (!rule || rule > nlc_lattice_rules() || head >> RULE_BITS > 2)
            return "is on a colour lattice that this nelloc does not know, use a newer one";
    }
    /* On a lattice green and blue may cost nothing. */
    const uint64_t samples = (uint64_t)nlc_area(&work->shape) * (uint64_t)(method->on_lattice ? 1 : work->shape.planes);
    if ((8 * (uint64_t)work->record->size + STATE_BITS) * OF_SAMPLES < LEAST_BITS * samples)
        return "has too few bytes for its samples, so it is damaged";
    return NULL;
}

/* --- decoding */

/* A job is done: place its samples, and tell of the tile if it was the last of it. */
static int finish(nlc_request *r, nlc_job *work) {
    nlc_place(r, work, NULL, 0);
    work->finished = 1;
    const int complete = --r->left[work->tile - r->first_tile] == 0;
    if (complete && nlc_is_stopped(r->d, (int64_t)work->tile))
        return nlc_fail(r->d, NELLOC_STOPPED, "decoding was stopped");
    return NELLOC_OK;
}

/* Whether no sample has more bits than there may be. */
static int in_range(const nlc_shape *shape, const void *samples, int bits) {
    const size_t count = nlc_area(shape) * (size_t)shape->planes;
    unsigned all = 0;
    for (size_t k = 0; k < count; k++)
        all |= nlc_sample_bytes(shape) > 1 ? ((const uint16_t *)samples)[k] : ((const uint8_t *)samples)[k];
    return all >> bits == 0;
}

/* Give up a job whose samples are numbers of levels that its planes do not have. */
static int check_levels(const nlc_request *r, const nlc_job *work) {
    const nlc_levels *levels = &r->d->levels[nlc_first_channel(&r->d->file, work->group)];
    if (nlc_are_numbers(levels, &work->shape, work->samples))
        return NELLOC_OK;
    return give_up(r, work, "has samples beyond the levels of its plane, so it is damaged");
}

static int decode_without_model(nlc_request *r, nlc_job *work, const nlc_method *method) {
    nelloc_decoder *d = r->d;
    const int own = d->file.groups[work->group].bits;
    nlc_shape shape = work->shape;
    shape.bits = own < shape.bits ? own : shape.bits;
    const uint8_t *data = d->file.data + work->record->at;
    const nelloc_region tile = nlc_tile_region(&d->file, work->tile);
    int status = method->of_past
                     ? nlc_past_tile(d, &r->past, tile.left, tile.top, &shape, data, work->record->size, work->samples)
                     : method->decode(d, &shape, data, work->record->size, work->samples);
    if (status == NELLOC_OK && !in_range(&shape, work->samples, shape.bits))
        status = NELLOC_DAMAGED;
    if (status == NELLOC_DAMAGED)
        status = give_up(r, work, "is damaged");
    else if (status == NELLOC_OK)
        status = check_levels(r, work);
    d->done += nlc_area(&shape);
    return status == NELLOC_OK ? finish(r, work) : status;
}

static uint32_t checksum(const nelloc_decoder *d, const nlc_job *work) {
    const size_t count = nlc_area(&work->shape) * (size_t)work->shape.planes;
    return nlc_sample_bytes(&work->shape) > 1 ? nlc_crc32_of_wide(&d->checksums, 0, work->samples, count)
                                              : nlc_crc32(&d->checksums, 0, work->samples, count);
}

/* Finish the tiles of a walk that are done. */
static int finish_walked(nlc_request *r, const nlc_walk *walk, nlc_job **works, size_t count) {
    int status = NELLOC_OK;
    for (size_t k = 0; status == NELLOC_OK && k < count; k++) {
        if (works[k]->finished || !nlc_walk_is_done(walk, k))
            continue;
        if (!nlc_walk_ends_with(walk, k, checksum(r->d, works[k])))
            status = give_up(r, works[k], "has pixels that do not match their checksum, so it is damaged");
        else
            status = check_levels(r, works[k]);
        if (status == NELLOC_OK)
            status = finish(r, works[k]);
    }
    return status;
}

/* Put what is known of tiles that are under way into the caller's memory. */
static void preview(const nlc_request *r, const nlc_walk *walk, nlc_job **works, size_t count) {
    for (size_t k = 0; k < count; k++)
        if (!works[k]->finished && nlc_walk_known(walk, k, 0))
            nlc_place(r, works[k], walk, k);
}

/* The lattice of a rule, kept until another is wanted. */
static int find_lattice(nelloc_decoder *d, int rule, const nlc_lattice **found) {
    if (d->lattice_rule != rule) {
        nlc_lattice_free(d->lattice);
        d->lattice = NULL;
        d->lattice_rule = 0;
        if (nlc_lattice_new(rule, &d->lattice) != NLC_OK)
            return nlc_fail_for_memory(d);
        d->lattice_rule = rule;
    }
    *found = d->lattice;
    return NELLOC_OK;
}

/* Decode jobs of one model, number of planes, depth and way of coding, side by side. */
static int decode_with_model(nlc_request *r, nlc_job **works, size_t count, const nlc_method *method) {
    nelloc_decoder *d = r->d;
    const int head = method->on_lattice ? head_of(r, works[0]) : 0;
    const int learns = method->on_lattice ? head >> RULE_BITS : method->learns;
    const nlc_lattice *lattice = NULL;
    const nlc_model *model;
    int channels;
    const int planes = works[0]->shape.planes;
    int status = nlc_find_model(d, works[0]->shape.bits, &model, &channels);
    if (status != NELLOC_OK)
        return status;
    if (planes > channels)
        return nlc_fail_damaged(d, "it is an RGB image, but its model codes gray images only");
    if (learns > nlc_model_can_learn(model))
        return nlc_fail_damaged(d, "it learns while it is decoded, but its model cannot");
    if (method->on_lattice) {
        status = find_lattice(d, head & ((1 << RULE_BITS) - 1), &lattice);
        if (status != NELLOC_OK)
            return status;
    }
    nlc_tile *tiles = nlc_get(&d->budget, count, sizeof *tiles);
    if (!tiles)
        return nlc_fail_for_memory(d);
    for (size_t k = 0; k < count; k++) {
        tiles[k].height = works[k]->shape.height;
        tiles[k].width = works[k]->shape.width;
        tiles[k].samples = works[k]->samples;
        tiles[k].data = d->file.data + works[k]->record->at + method->on_lattice;
        tiles[k].size = works[k]->record->size - (size_t)method->on_lattice;
    }
    nlc_walk *walk = NULL;
    size_t done = 1, unseen = 0, all = 0;
    for (size_t k = 0; k < count; k++)
        all += nlc_area(&works[k]->shape);
    if (nlc_walk_new(model, NLC_DECODE, planes, learns, 0, lattice, tiles, count, &walk) != NLC_OK)
        status = nlc_fail_for_memory(d);
    while (status == NELLOC_OK && done) {
        if (nlc_walk_run(walk, PIXELS_UNWATCHED, &done) != NLC_OK)
            status = nlc_fail_for_memory(d);
        d->done += done;
        unseen += done;
        if (status == NELLOC_OK && r->preview && unseen >= all / PREVIEWS) {
            preview(r, walk, works, count);
            unseen = 0;
        }
        if (status == NELLOC_OK && done && nlc_is_stopped(d, -1))
            status = nlc_fail(d, NELLOC_STOPPED, "decoding was stopped");
        if (status == NELLOC_OK)
            status = finish_walked(r, walk, works, count);
    }
    nlc_walk_free(walk);
    nlc_put(tiles);
    return status;
}

/* Whether jobs may share a walk. */
static int are_alike(const nlc_request *r, const nlc_job *a, const nlc_job *b) {
    if (nlc_method_of(a->record->method)->on_lattice && head_of(r, a) != head_of(r, b))
        return 0;
    return a->record->method == b->record->method && a->shape.planes == b->shape.planes &&
           a->shape.bits == b->shape.bits;
}

/* Decode all jobs of a batch. `works` has room for as many. */
int nlc_decode_records(nlc_request *r, nlc_job **works) {
    int status = NELLOC_OK;
    for (size_t k = 0; status == NELLOC_OK && k < r->job_count; k++) {
        nlc_job *work = &r->jobs[k];
        const char *problem = problem_of(r, work);
        const nlc_method *method = nlc_method_of(work->record->method);
        if (problem) {
            status = give_up(r, work, problem);
            r->d->done += nlc_area(&work->shape);
            if (status == NELLOC_OK)
                status = finish(r, work);
        } else if (!method->needs_model) {
            status = decode_without_model(r, work, method);
        }
    }
    for (size_t k = 0; status == NELLOC_OK && k < r->job_count; k++) {
        size_t count = 0;
        if (r->jobs[k].finished)
            continue;
        for (size_t n = k; n < r->job_count; n++)
            if (!r->jobs[n].finished && are_alike(r, &r->jobs[k], &r->jobs[n]))
                works[count++] = &r->jobs[n];
        status = decode_with_model(r, works, count, nlc_method_of(works[0]->record->method));
    }
    return status;
}
