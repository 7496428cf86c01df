/* The methods of tiles, by their numbers: a new one is a row of this table (docs/FORMAT.md, section 1). */
#include "decoder.h"

#include <string.h>

/* Samples of one or two bytes each, of which zeros at the end are left out. */
static int decode_stored(nelloc_decoder *d, const nlc_shape *shape, const uint8_t *data, size_t size, void *samples) {
    (void)d;
    if (size > nlc_shape_bytes(shape))
        return NELLOC_DAMAGED;
    memset(samples, 0, nlc_shape_bytes(shape));
    if (shape->bits <= 8) {
        if (size)
            memcpy(samples, data, size);
        return NELLOC_OK;
    }
    for (size_t k = 0; k < size; k++)
        ((uint16_t *)samples)[k / 2] |= (uint16_t)(data[k] << 8 * (k % 2));
    return NELLOC_OK;
}

static int decode_constant(nelloc_decoder *d, const nlc_shape *shape, const uint8_t *data, size_t size, void *samples) {
    const nlc_shape pixel = {shape->planes, 1, 1, shape->bits};
    uint16_t one[NLC_ADAPTIVE_MAX_PLANES];
    const int status = decode_stored(d, &pixel, data, size, one);
    if (status != NELLOC_OK)
        return status;
    const size_t area = nlc_area(shape);
    for (size_t p = 0; p < (size_t)shape->planes; p++)
        for (size_t k = 0; k < area; k++) {
            if (shape->bits > 8)
                ((uint16_t *)samples)[p * area + k] = one[p];
            else
                ((uint8_t *)samples)[p * area + k] = ((const uint8_t *)one)[p];
        }
    return NELLOC_OK;
}

static int decode_deflate(nelloc_decoder *d, const nlc_shape *shape, const uint8_t *data, size_t size, void *samples) {
    if (shape->bits > 8 || shape->planes != 1 || !size)
        return NELLOC_DAMAGED;
    const unsigned bits = data[0];
    if (bits != 1 && bits != 2 && bits != 4 && bits != 8)
        return NELLOC_DAMAGED;
    const size_t width = (size_t)shape->width, height = (size_t)shape->height, stride = (bits * width + 7) / 8;
    uint8_t *rows = nlc_get(&d->budget, stride, height), *to = samples;
    if (!rows)
        return nlc_fail_for_memory(d);
    const int status = nlc_inflate(d, data + 1, size - 1, rows, stride * height);
    for (size_t y = 0; status == NELLOC_OK && y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const size_t at = x * bits;
            const unsigned byte = rows[y * stride + at / 8];
            *to++ = (uint8_t)(byte >> (8 - bits - at % 8) & ((1u << bits) - 1));
        }
    nlc_put(rows);
    return status;
}

/* What a sample of `rows` is predicted to be from those to its west, north and northwest. */
static unsigned predicted(int predictor, unsigned w, unsigned n, unsigned nw) {
    switch (predictor) {
    case 1: return w;
    case 2: return n;
    case 3: return w + n - nw;
    case 4: {
        const unsigned low = w < n ? w : n, high = w < n ? n : w;
        return nw >= high ? low : nw <= low ? high : w + n - nw;
    }
    default: return 0;
    }
}

static void restore_plane(uint8_t *plane, size_t width, size_t height, int predictor) {
    for (size_t y = 0; y < height; y++) {
        uint8_t *row = plane + y * width;
        const uint8_t *above = y ? row - width : row;
        for (size_t x = 0; x < width; x++) {
            const unsigned w = x ? row[x - 1] : 0, n = y ? above[x] : 0, nw = x && y ? above[x - 1] : 0;
            row[x] = (uint8_t)(row[x] + predicted(predictor, w, n, nw));
        }
    }
}

static int decode_rows(nelloc_decoder *d, const nlc_shape *shape, const uint8_t *data, size_t size, void *samples) {
    if (shape->bits > 8 || !size)
        return NELLOC_DAMAGED;
    const size_t planes = (size_t)shape->planes, area = nlc_area(shape);
    const int predictor = data[0] & 7, planar = data[0] >> 3 & 1, green = data[0] >> 4;
    if (predictor > 4 || green > 1 || (planar && planes < 2) || (green && planes < 3))
        return NELLOC_DAMAGED;
    uint8_t *residuals = nlc_get(&d->budget, planes * area + 1, 1), *to = samples;
    if (!residuals)
        return nlc_fail_for_memory(d);
    const int status = nlc_unpack_lzma(d, data + 1, size - 1, residuals, planes * area);
    for (size_t p = 0; status == NELLOC_OK && p < planes; p++)
        for (size_t k = 0; k < area; k++)
            to[p * area + k] = residuals[planar ? p * area + k : k * planes + p];
    for (size_t k = 0; status == NELLOC_OK && green && k < area; k++) {
        to[k] = (uint8_t)(to[k] + to[area + k]);
        to[2 * area + k] = (uint8_t)(to[2 * area + k] + to[area + k]);
    }
    nlc_put(residuals);
    for (size_t p = 0; status == NELLOC_OK && p < planes; p++)
        restore_plane(to + p * area, (size_t)shape->width, (size_t)shape->height, predictor);
    return status;
}

static int is_stopped(void *decoder) {
    return nlc_is_stopped(decoder, -1);
}

static int decode_adaptive(nelloc_decoder *d, const nlc_shape *shape, const uint8_t *data, size_t size, void *samples) {
    const nlc_adaptive_watch watch = {is_stopped, d};
    switch (nlc_adaptive_decode(d->tables, shape, data, size, samples, &watch)) {
    case NLC_ADAPTIVE_OK: return NELLOC_OK;
    case NLC_ADAPTIVE_NO_MEMORY: return nlc_fail_for_memory(d);
    case NLC_ADAPTIVE_STOPPED: return nlc_fail(d, NELLOC_STOPPED, "decoding was stopped");
    default: return NELLOC_DAMAGED;
    }
}

static const nlc_method methods[] = {
    {.name = "constant", .drops_zeros = 1, .decode = decode_constant},
    {.name = "stored", .drops_zeros = 1, .corrects = 1, .decode = decode_stored},
    {.name = "deflate", .corrects = 1, .decode = decode_deflate},
    {.name = "rows", .corrects = 1, .decode = decode_rows},
    {.name = "adaptive", .drops_zeros = 1, .checks_samples = 1, .corrects = 1, .decode = decode_adaptive},
    {.name = "mixture", .drops_zeros = 1, .checks_samples = 1, .needs_model = 1},
    {.name = "learning", .drops_zeros = 1, .checks_samples = 1, .needs_model = 1, .learns = 1},
    {.name = "two layers", .drops_zeros = 1, .checks_samples = 1, .needs_model = 1, .learns = 2},
    {.name = "lattice", .drops_zeros = 1, .checks_samples = 1, .needs_model = 1, .on_lattice = 1},
    {.name = "past", .of_past = 1},
    {.name = "coefficients", .drops_zeros = 1, .of_jpeg_file = 1},
};

const nlc_method *nlc_method_of(int number) {
    const int known = number >= 0 && (size_t)number < sizeof methods / sizeof *methods && methods[number].name;
    return known ? &methods[number] : NULL;
}
