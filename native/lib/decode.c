/* From records to pixels: regions, damage, and tiles that a model codes side by side. */
#include "decoder.h"

#include <string.h>

/* Pixels of tiles that are under way together, at most, unless one tile has more; and their part of the memory. */
#define PIXELS_AT_ONCE ((size_t)1 << 22)
#define MEMORY_PART 4
/* Pixels between two calls of the caller's function. */
#define PIXELS_UNWATCHED 8192
/* Times that what is under way is shown, of what is walked together. */
#define PREVIEWS 32
/* A sample costs at least 17 / 100,000 bits. */
#define LEAST_BITS 17
#define OF_SAMPLES 100000
#define STATE_BITS 64

/* A record that is to be decoded, and where its samples go: planar, until they are placed. */
typedef struct {
    size_t tile;
    int group, finished;
    const nlc_record *record;
    nlc_shape shape;
    void *samples;
} job;

/* What nelloc_decode was asked for. */
typedef struct {
    nelloc_decoder *d;
    nelloc_region region;
    int format, allow_damaged, preview;
    uint8_t *pixels;
    size_t stride;
    job *jobs; /* of a batch of tiles */
    size_t job_count;
    uint8_t *left; /* of each tile of the batch: groups that are not yet placed */
    size_t first_tile;
} request;

static const char *const roles[] = {"colour", "alpha", "index", "bilevel", "colour and alpha"};

/* --- samples to pixels */

/* The sample of the image, of 16 bits. */
static uint16_t restored(uint32_t sample, const nlc_depth *depth) {
    const uint32_t bits = (uint32_t)depth->bits, most = (1u << bits) - 1;
    switch (depth->form) {
    case 1: return (uint16_t)(sample << (16 - bits));
    case 2: return (uint16_t)(sample << (16 - bits) | sample >> (2 * bits - 16));
    case 3: return (uint16_t)((sample * 65535 + most / 2) / most);
    default: return (uint16_t)sample;
    }
}

static inline uint32_t sample_at(const job *work, int plane, size_t at) {
    const size_t place = (size_t)plane * nlc_area(&work->shape) + at;
    return nlc_sample_bytes(&work->shape) > 1 ? ((const uint16_t *)work->samples)[place]
                                              : ((const uint8_t *)work->samples)[place];
}

/* Planes of the groups before. */
static int first_channel(const nlc_file *file, int group) { return group ? file->groups[0].planes : 0; }

static void place_row(const request *r, const job *work, size_t from, size_t count, uint8_t *to) {
    const nlc_file *file = &r->d->file;
    const size_t channels = (size_t)r->d->image.channels;
    const nlc_depth *depth = &r->d->depths[work->group];
    for (int p = 0; p < work->shape.planes; p++) {
        const size_t channel = (size_t)(first_channel(file, work->group) + p);
        if (r->d->image.sample_bytes == 1) {
            const uint8_t *samples = (const uint8_t *)work->samples + (size_t)p * nlc_area(&work->shape) + from;
            for (size_t k = 0; k < count; k++)
                to[k * channels + channel] = samples[k];
        } else {
            uint16_t *wide = (uint16_t *)(void *)to;
            for (size_t k = 0; k < count; k++)
                wide[k * channels + channel] = restored(sample_at(work, p, from + k), depth);
        }
    }
}

/* What is to be seen of an index. */
static void show_index(const nelloc_image *image, uint32_t index, uint8_t *to) {
    const int channels = image->palette_channels;
    to[0] = to[1] = to[2] = 0;
    to[3] = 255;
    if (index < (uint32_t)image->palette_size) {
        const uint8_t *colour = image->palette + (size_t)index * (size_t)channels;
        memcpy(to, colour, (size_t)channels);
    }
    if (index < (uint32_t)image->palette_alpha_size)
        to[3] = image->palette_alpha[index];
    if (image->transparent_index == (int)index)
        to[3] = 0;
}

static void show_row(const request *r, const job *work, size_t from, size_t count, uint8_t *to) {
    const nelloc_image *image = &r->d->image;
    const enum nlc_role role = r->d->file.groups[work->group].role;
    const nlc_depth *depth = &r->d->depths[work->group];
    const int planes = work->shape.planes, wide = image->sample_bytes > 1;
    const uint32_t white = (1u << image->white_bits) - 1;
    for (size_t k = 0; k < count; k++, to += 4) {
        uint32_t samples[4];
        uint8_t shown[4];
        for (int p = 0; p < planes; p++) {
            const uint32_t sample = sample_at(work, p, from + k);
            samples[p] = wide ? restored(sample, depth) : sample;
            const uint32_t limited = samples[p] < white ? samples[p] : white;
            shown[p] = (uint8_t)(white == 255 ? limited : (limited * 255 + white / 2) / white);
        }
        if (role == NLC_INDEX) {
            show_index(image, samples[0], to);
            continue;
        }
        if (role == NLC_ALPHA) {
            to[3] = shown[0];
            continue;
        }
        const int colours = planes >= 3 ? 3 : 1;
        for (int c = 0; c < 3; c++)
            to[c] = shown[colours == 3 ? c : 0];
        if (role == NLC_COLOUR_AND_ALPHA) {
            to[3] = shown[planes - 1];
        } else if (image->channels == planes) { /* otherwise alpha is another group's */
            int same = image->has_transparent;
            for (int c = 0; same && c < planes; c++)
                same = samples[c] == image->transparent[c];
            to[3] = same ? 0 : 255;
        }
    }
}

/* Put a job's samples, as far as they are wanted, into the caller's memory; those that a walk, unless it is NULL, has
 * done so far, of its tile `number`. */
static void place(const request *r, const job *work, const nlc_walk *walk, size_t number) {
    const nelloc_region tile = nlc_tile_region(&r->d->file, work->tile), *wanted = &r->region;
    const uint32_t left = tile.left > wanted->left ? tile.left : wanted->left;
    const uint32_t top = tile.top > wanted->top ? tile.top : wanted->top;
    const uint32_t right = tile.left + tile.width < wanted->left + wanted->width ? tile.left + tile.width
                                                                                 : wanted->left + wanted->width;
    const uint32_t bottom = tile.top + tile.height < wanted->top + wanted->height ? tile.top + tile.height
                                                                                  : wanted->top + wanted->height;
    const size_t pixel = r->format == NELLOC_RGBA8 ? 4 : (size_t)(r->d->image.channels * r->d->image.sample_bytes);
    for (uint32_t y = top; y < bottom; y++) {
        uint8_t *to = r->pixels + (size_t)(y - wanted->top) * r->stride + (size_t)(left - wanted->left) * pixel;
        const size_t from = (size_t)(y - tile.top) * tile.width + (left - tile.left);
        uint32_t end = right;
        if (walk) {
            const uint32_t known = tile.left + (uint32_t)nlc_walk_known(walk, number, (int32_t)(y - tile.top));
            end = known < right ? known : right;
        }
        if (end > left)
            (r->format == NELLOC_RGBA8 ? show_row : place_row)(r, work, from, end - left, to);
    }
}

/* --- damage */

/* Fill what a damaged record leaves empty: magenta, mid-gray, opaque, or 0 of indices and bits. */
static void mark(const request *r, const job *work) {
    const nlc_group *group = &r->d->file.groups[work->group];
    const uint32_t largest = (1u << r->d->depths[work->group].bits) - 1;
    const size_t area = nlc_area(&work->shape);
    for (int p = 0; p < group->planes; p++) {
        const int is_alpha = group->role == NLC_ALPHA || (group->role == NLC_COLOUR_AND_ALPHA && p == group->planes - 1);
        uint32_t sample = group->planes >= 3 ? (p == 1 ? 0 : largest) : largest / 2;
        sample = is_alpha ? largest : sample;
        sample = group->role == NLC_INDEX || group->role == NLC_BIT ? 0 : sample;
        for (size_t k = 0; k < area; k++) {
            if (nlc_sample_bytes(&work->shape) > 1)
                ((uint16_t *)work->samples)[(size_t)p * area + k] = (uint16_t)sample;
            else
                ((uint8_t *)work->samples)[(size_t)p * area + k] = (uint8_t)sample;
        }
    }
}

static int is_marked(const nlc_file *file, size_t tile) {
    int marked = 0;
    for (int group = 0; group < file->group_count; group++)
        marked |= file->records[tile * (size_t)file->group_count + (size_t)group].damaged;
    return marked;
}

/* Mark the place of a damaged record, or fail. */
static int give_up(const request *r, const job *work, const char *problem) {
    nelloc_decoder *d = r->d;
    const size_t place = (size_t)(work->record - d->file.records);
    if (!is_marked(&d->file, work->tile))
        d->image.damaged_tiles++;
    d->file.records[place].damaged = 1;
    if (!r->allow_damaged) {
        const int several = d->file.group_count > 1;
        return nlc_fail(d, NELLOC_DAMAGED, "tile %zu%s%s%s %s; " NLC_RESTORE, work->tile, several ? " (" : "",
                        several ? roles[d->file.groups[work->group].role] : "", several ? ")" : "", problem);
    }
    mark(r, work);
    return NELLOC_OK;
}

/* What the first byte of a record on a lattice says: its rule in the low bits, whether the model learns in the others. */
enum { RULE_BITS = 5 };
static int head_of(const request *r, const job *work) {
    return work->record->size ? r->d->file.data[work->record->at] : 0;
}

/* What is wrong with a record, as far as that shows before it is decoded; NULL if nothing. */
static const char *problem_of(const request *r, const job *work) {
    const nlc_method *method = nlc_method_of(work->record->method);
    const enum nlc_role role = r->d->file.groups[work->group].role;
    if (work->record->damaged)
        return "does not match its checksum, so it is damaged";
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
        if (!rule || rule > nlc_lattice_rules() || head >> RULE_BITS > 1)
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
static int finish(request *r, job *work) {
    place(r, work, NULL, 0);
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

static int decode_without_model(request *r, job *work, const nlc_method *method) {
    nelloc_decoder *d = r->d;
    const int own = d->file.groups[work->group].bits;
    nlc_shape shape = work->shape;
    shape.bits = own < shape.bits ? own : shape.bits;
    int status = method->decode(d, &shape, d->file.data + work->record->at, work->record->size, work->samples);
    if (status == NELLOC_OK && !in_range(&shape, work->samples, shape.bits))
        status = NELLOC_DAMAGED;
    if (status == NELLOC_DAMAGED)
        status = give_up(r, work, "is damaged");
    d->done += nlc_area(&shape);
    return status == NELLOC_OK ? finish(r, work) : status;
}

static uint32_t checksum(const nelloc_decoder *d, const job *work) {
    const size_t count = nlc_area(&work->shape) * (size_t)work->shape.planes;
    return nlc_sample_bytes(&work->shape) > 1 ? nlc_crc32_of_wide(&d->checksums, 0, work->samples, count)
                                              : nlc_crc32(&d->checksums, 0, work->samples, count);
}

/* Finish the tiles of a walk that are done. */
static int finish_walked(request *r, const nlc_walk *walk, job **works, size_t count) {
    int status = NELLOC_OK;
    for (size_t k = 0; status == NELLOC_OK && k < count; k++) {
        if (works[k]->finished || !nlc_walk_is_done(walk, k))
            continue;
        if (!nlc_walk_ends_with(walk, k, checksum(r->d, works[k])))
            status = give_up(r, works[k], "has pixels that do not match their checksum, so it is damaged");
        if (status == NELLOC_OK)
            status = finish(r, works[k]);
    }
    return status;
}

/* Put what is known of tiles that are under way into the caller's memory. */
static void preview(const request *r, const nlc_walk *walk, job **works, size_t count) {
    for (size_t k = 0; k < count; k++)
        if (!works[k]->finished && nlc_walk_known(walk, k, 0))
            place(r, works[k], walk, k);
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
static int decode_with_model(request *r, job **works, size_t count, const nlc_method *method) {
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
        return nlc_fail(d, NELLOC_DAMAGED, "it is an RGB image, but its model codes gray images only; " NLC_RESTORE);
    if (learns && !nlc_model_can_learn(model))
        return nlc_fail(d, NELLOC_DAMAGED, "it learns while it is decoded, but its model cannot; " NLC_RESTORE);
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
static int are_alike(const request *r, const job *a, const job *b) {
    if (nlc_method_of(a->record->method)->on_lattice && head_of(r, a) != head_of(r, b))
        return 0;
    return a->record->method == b->record->method && a->shape.planes == b->shape.planes && a->shape.bits == b->shape.bits;
}

/* Decode all jobs of a batch. `works` has room for as many. */
static int decode_batch(request *r, job **works) {
    int status = NELLOC_OK;
    for (size_t k = 0; status == NELLOC_OK && k < r->job_count; k++) {
        job *work = &r->jobs[k];
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
static int add_jobs(request *r, size_t tile) {
    nelloc_decoder *d = r->d;
    const nelloc_region place = nlc_tile_region(&d->file, tile);
    r->left[tile - r->first_tile] = (uint8_t)d->file.group_count;
    for (int group = 0; group < d->file.group_count; group++) {
        job *work = &r->jobs[r->job_count++];
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
static int decode_tiles(request *r, const size_t *tiles, size_t count) {
    nelloc_decoder *d = r->d;
    const size_t jobs = count * (size_t)d->file.group_count;
    r->first_tile = tiles[0];
    r->job_count = 0;
    r->jobs = nlc_get(&d->budget, jobs, sizeof *r->jobs);
    r->left = nlc_get(&d->budget, tiles[count - 1] - tiles[0] + 1, 1);
    job **works = nlc_get(&d->budget, jobs, sizeof *works);
    int status = r->jobs && r->left && works ? NELLOC_OK : nlc_fail_for_memory(d);
    for (size_t k = 0; status == NELLOC_OK && k < count; k++)
        status = add_jobs(r, tiles[k]);
    if (status == NELLOC_OK)
        status = decode_batch(r, works);
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

/* Decode the tiles that the region meets, batch by batch. */
static int decode_region(request *r) {
    nelloc_decoder *d = r->d;
    const nlc_file *file = &d->file;
    size_t first_row, rows, first_column, columns, batch = 0, bytes = 0, pixels = 0;
    tiles_of_axis(file->height, file->rows, r->region.top, r->region.height, &first_row, &rows);
    tiles_of_axis(file->width, file->columns, r->region.left, r->region.width, &first_column, &columns);
    const size_t room = d->budget.limit ? (d->budget.limit - d->budget.used) / MEMORY_PART : SIZE_MAX;
    /* A batch has at least a tile, and tiles 16 x 16 pixels unless the image has fewer. */
    size_t most = rows * columns < PIXELS_AT_ONCE / 64 ? rows * columns : PIXELS_AT_ONCE / 64;
    size_t *tiles = nlc_get(&d->budget, most, sizeof *tiles);
    if (!tiles)
        return nlc_fail_for_memory(d);
    d->done = d->total = 0;
    for (size_t k = 0; k < rows * columns; k++) {
        const nelloc_region tile = nlc_tile_region(file, (first_row + k / columns) * file->columns + first_column + k % columns);
        d->total += (uint64_t)tile.width * tile.height * (uint64_t)file->group_count;
    }
    int status = NELLOC_OK;
    for (size_t k = 0; status == NELLOC_OK && k < rows * columns; k++) {
        const size_t tile = (first_row + k / columns) * file->columns + first_column + k % columns;
        const nelloc_region place_of_tile = nlc_tile_region(file, tile);
        const size_t own = tile_bytes(d, tile), area = (size_t)place_of_tile.width * place_of_tile.height;
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
    nlc_put(tiles);
    return status;
}

/* Refuse a file that is damaged elsewhere than in its tiles. */
static int check_damage(nelloc_decoder *d) {
    if (d->file.damage & NELLOC_DAMAGED_METADATA)
        return nlc_fail(d, NELLOC_DAMAGED, "the checksum of its metadata does not match, so it is damaged; " NLC_RESTORE);
    if (d->file.damage & NELLOC_EXCESS_BYTES)
        return nlc_fail(d, NELLOC_DAMAGED, "bytes follow its end; " NLC_RESTORE);
    return NELLOC_OK;
}

static int check_request(nelloc_decoder *d, const nelloc_region *region, int format, unsigned flags, const void *pixels,
                         size_t stride) {
    const nelloc_image *image = &d->image;
    if (!pixels || (format != NELLOC_AS_STORED && format != NELLOC_RGBA8) || flags & ~(unsigned)(NELLOC_ALLOW_DAMAGED | NELLOC_PREVIEW))
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
    request r;
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
        status = check_damage(d);
    if (status != NELLOC_OK)
        return status;
    nlc_budget *before = nlc_pay(&d->budget);
    d->budget.refused = 0;
    status = decode_region(&r);
    nlc_pay(before);
    return status;
}
