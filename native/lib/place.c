/* Samples to pixels of the caller: what is stored, or what is to be seen of it, and the marks of damage. */
#include "request.h"

#include <string.h>

/* The sample of the image, of 16 bits, in a plane of these levels. */
static uint16_t restored(uint32_t sample, const nlc_depth *depth, const nlc_levels *levels) {
    if (levels->samples)
        return levels->samples[sample];
    const uint32_t bits = (uint32_t)depth->bits, most = (1u << bits) - 1;
    switch (depth->form) {
    case 1: return (uint16_t)(sample << (16 - bits));
    case 2: return (uint16_t)(sample << (16 - bits) | sample >> (2 * bits - 16));
    case 3: return (uint16_t)((sample * 65535 + most / 2) / most);
    default: return (uint16_t)sample;
    }
}

static inline uint32_t sample_at(const nlc_job *work, int plane, size_t at) {
    const size_t place = (size_t)plane * nlc_area(&work->shape) + at;
    return nlc_sample_bytes(&work->shape) > 1 ? ((const uint16_t *)work->samples)[place]
                                              : ((const uint8_t *)work->samples)[place];
}

static void place_row(const nlc_request *r, const nlc_job *work, size_t from, size_t count, uint8_t *to) {
    const nlc_file *file = &r->d->file;
    const size_t channels = (size_t)r->d->image.channels;
    const nlc_depth *depth = &r->d->depths[work->group];
    for (int p = 0; p < work->shape.planes; p++) {
        const size_t channel = (size_t)(nlc_first_channel(file, work->group) + p);
        const nlc_levels *levels = &r->d->levels[channel];
        if (r->d->image.sample_bytes == 1) {
            const uint8_t *samples = (const uint8_t *)work->samples + (size_t)p * nlc_area(&work->shape) + from;
            for (size_t k = 0; k < count; k++)
                to[k * channels + channel] = levels->samples ? (uint8_t)levels->samples[samples[k]] : samples[k];
        } else {
            for (size_t k = 0; k < count; k++) { /* rows of the caller may be any number of bytes apart */
                const uint16_t sample = restored(sample_at(work, p, from + k), depth, levels);
                memcpy(to + 2 * (k * channels + channel), &sample, sizeof sample);
            }
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

static void show_row(const nlc_request *r, const nlc_job *work, size_t from, size_t count, uint8_t *to) {
    const nelloc_image *image = &r->d->image;
    const enum nlc_role role = r->d->file.groups[work->group].role;
    const nlc_depth *depth = &r->d->depths[work->group];
    const nlc_levels *levels = &r->d->levels[nlc_first_channel(&r->d->file, work->group)];
    const int planes = work->shape.planes, wide = image->sample_bytes > 1;
    const uint32_t white = (1u << image->white_bits) - 1;
    for (size_t k = 0; k < count; k++, to += 4) {
        uint32_t samples[4];
        uint8_t shown[4];
        for (int p = 0; p < planes; p++) {
            const uint32_t sample = sample_at(work, p, from + k);
            samples[p] = wide || levels[p].samples ? restored(sample, depth, &levels[p]) : sample;
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

void nlc_place(const nlc_request *r, const nlc_job *work, const nlc_walk *walk, size_t number) {
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

void nlc_mark(const nlc_request *r, const nlc_job *work) {
    const nlc_group *group = &r->d->file.groups[work->group];
    const uint32_t largest = (1u << r->d->depths[work->group].bits) - 1;
    const size_t area = nlc_area(&work->shape);
    for (int p = 0; p < group->planes; p++) {
        const int is_alpha =
            group->role == NLC_ALPHA || (group->role == NLC_COLOUR_AND_ALPHA && p == group->planes - 1);
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
