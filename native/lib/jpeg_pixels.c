/* Coefficients of a JPEG from their streams, and the pixels that they make (docs/methods/jpeg.md). */
#include "decoder.h"

#include "../include/nelloc_past.h"

/* Rows of blocks that are decoded between two calls of the caller's function. */
#define ROWS_AT_ONCE 4

/* A part that is under way. */
typedef struct {
    nelloc_decoder *d;
    uint64_t step, end; /* pixels that a call stands for, and how many are done after the part */
} part;

static int is_stopped(void *context) {
    part *own = context;
    own->d->done = own->d->done + own->step < own->end ? own->d->done + own->step : own->end;
    return nlc_is_stopped(own->d, -1);
}

uint32_t nlc_part_top(const nlc_jpeg_image *image, size_t number) {
    uint64_t most = 1;
    for (int c = 0; c < image->components; c++)
        most = (uint64_t)image->component[c].v > most ? (uint64_t)image->component[c].v : most;
    const uint64_t top = number * (uint64_t)nlc_jpeg_rows_of_part(image) * NLC_PAST_SIDE * most;
    return top < (uint64_t)image->height ? (uint32_t)top : (uint32_t)image->height;
}

int nlc_decode_part(nelloc_decoder *d, nlc_jpeg_image *image, size_t number, const uint8_t *data, size_t size) {
    const uint64_t rows = nlc_part_top(image, number + 1) - nlc_part_top(image, number);
    uint64_t rows_of_blocks = 0;
    for (int c = 0; c < image->components; c++)
        rows_of_blocks += (uint64_t)image->component[c].v * (uint64_t)nlc_jpeg_rows_of_part(image);
    const uint64_t pixels = rows * (uint64_t)image->width;
    part own = {d, pixels * ROWS_AT_ONCE / rows_of_blocks, d->done + pixels};
    const nlc_jpeg_watch watch = {is_stopped, &own};
    const int status = nlc_jpeg_decode_part(image, (int32_t)number, data, size, &watch);
    d->done = own.end;
    switch (status) {
    case NLC_JPEG_OK: return NELLOC_OK;
    case NLC_JPEG_NO_MEMORY: return nlc_fail_for_memory(d);
    case NLC_JPEG_STOPPED: return nlc_fail(d, NELLOC_STOPPED, "decoding was stopped");
    default: return NELLOC_DAMAGED;
    }
}

int nlc_jpeg_pixels(nelloc_decoder *d, const nlc_jpeg_image *image, int is_plain, uint8_t **pixels) {
    nlc_past_component components[NLC_PAST_MAX_COMPONENTS];
    const int single = image->components == 1;
    for (int c = 0; c < image->components; c++) {
        const nlc_jpeg_component *from = &image->component[c];
        components[c] = (nlc_past_component){single ? 1 : from->h, single ? 1 : from->v, from->rows,
                                             from->columns,        from->quantisation,  from->coefficients};
    }
    const size_t area = (size_t)image->width * (size_t)image->height;
    *pixels = nlc_get(&d->budget, area, (size_t)image->components);
    if (!*pixels)
        return nlc_fail_for_memory(d);
    const int status = (is_plain ? nlc_past_planes : nlc_past_decode)(image->height, image->width, image->components,
                                                                      components, *pixels);
    if (status == NLC_PAST_OK)
        return NELLOC_OK;
    nlc_put(*pixels);
    *pixels = NULL;
    return status == NLC_PAST_NO_MEMORY ? nlc_fail_for_memory(d) : NELLOC_UNSUPPORTED;
}
