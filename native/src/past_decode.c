/* From coefficients to pixels: blocks, the enlargement of smaller components, and colours. */
#include "past.h"

#include <stdlib.h>
#include <string.h>

int nlc_past_samples(const nlc_past_component *component, uint8_t *samples) {
    const size_t stride = (size_t)component->block_columns * NLC_PAST_SIDE;
    const int16_t *block = component->coefficients;
    for (size_t y = 0; y < (size_t)component->block_rows; y++)
        for (size_t x = 0; x < (size_t)component->block_columns; x++, block += NLC_PAST_BLOCK)
            if (!nlc_past_block(block, component->table, samples + (y * stride + x) * NLC_PAST_SIDE, stride))
                return NLC_PAST_DAMAGED;
    return NLC_PAST_OK;
}

static size_t parts(int32_t whole, int32_t part) { return (size_t)((whole + part - 1) / part); }

/* Each sample becomes a rectangle of equal ones. */
static void repeat(const uint8_t *samples, size_t stride, int32_t across, int32_t down, int32_t height, int32_t width,
                   uint8_t *out) {
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            out[(size_t)y * (size_t)width + (size_t)x] = samples[(size_t)(y / down) * stride + (size_t)(x / across)];
}

int nlc_past_enlarge(const uint8_t *samples, size_t stride, int32_t across, int32_t down, int32_t height, int32_t width,
                     uint8_t *enlarged) {
    const size_t columns = parts(width, across), rows = parts(height, down);
    const int smooth = across == 1 ? down == 2 : across == 2 && down <= 2 && columns > 2;
    if (!smooth) {
        repeat(samples, stride, across, down, height, width, enlarged);
        return NLC_PAST_OK;
    }
    int32_t *sums = malloc(columns * sizeof *sums);
    if (!sums)
        return NLC_PAST_NO_MEMORY;
    for (size_t y = 0; y < (size_t)height; y++) {
        uint8_t *out = enlarged + y * (size_t)width;
        const uint8_t *own = samples + y / (size_t)down * stride;
        const size_t row = y / (size_t)down;
        const size_t near = y % 2 ? (row + 1 < rows ? row + 1 : row) : (row ? row - 1 : 0);
        const uint8_t *other = samples + near * stride;
        for (size_t x = 0; x < columns; x++)
            sums[x] = down == 2 ? 3 * own[x] + other[x] : own[x];
        const int shift = down == 2 ? 4 : 2;
        if (across == 1) {
            for (size_t x = 0; x < columns; x++)
                out[x] = (uint8_t)((sums[x] + (y % 2 ? 2 : 1)) >> 2);
            continue;
        }
        /* Left halves and right halves are rounded in opposite directions. */
        const int32_t left = down == 2 ? 8 : 1, right = down == 2 ? 7 : 2;
        for (size_t x = 0; x < columns; x++) {
            const int32_t before = sums[x ? x - 1 : 0], after = sums[x + 1 < columns ? x + 1 : x];
            out[2 * x] = (uint8_t)((3 * sums[x] + before + left) >> shift);
            if (2 * x + 1 < (size_t)width)
                out[2 * x + 1] = (uint8_t)((3 * sums[x] + after + right) >> shift);
        }
    }
    free(sums);
    return NLC_PAST_OK;
}

static int usable(int32_t factor) { return factor == 1 || factor == 2 || factor == 4; }

static int fits(const nlc_past_component *component, int32_t height, int32_t width, int32_t across, int32_t down) {
    return usable(across) && usable(down) && component->block_rows > 0 && component->block_columns > 0 &&
           component->block_rows <= 1 << 14 && component->block_columns <= 1 << 14 &&
           (size_t)component->block_columns * NLC_PAST_SIDE >= parts(width, across) &&
           (size_t)component->block_rows * NLC_PAST_SIDE >= parts(height, down);
}

void nlc_past_colour(uint8_t *pixels, size_t count) {
    nlc_past_colours colours;
    nlc_past_prepare_colours(&colours);
    uint8_t *red = pixels, *green = pixels + count, *blue = pixels + 2 * count;
    for (size_t k = 0; k < count; k++) {
        const int32_t y = red[k];
        const int cb = green[k], cr = blue[k];
        red[k] = nlc_past_clamp(y + colours.red[cr]);
        green[k] = nlc_past_clamp(y + nlc_past_green(&colours, cb, cr));
        blue[k] = nlc_past_clamp(y + colours.blue[cb]);
    }
}

int nlc_past_planes(int32_t height, int32_t width, int32_t count, const nlc_past_component *components,
                    uint8_t *planes) {
    if (height < 1 || width < 1 || height > NLC_PAST_MAX_SIDE || width > NLC_PAST_MAX_SIDE ||
        (count != 1 && count != NLC_PAST_MAX_COMPONENTS))
        return NLC_PAST_BAD_ARGUMENT;
    int32_t most_across = 1, most_down = 1;
    for (int32_t c = 0; c < count; c++) {
        if (!usable(components[c].horizontal) || !usable(components[c].vertical))
            return NLC_PAST_BAD_ARGUMENT;
        most_across = components[c].horizontal > most_across ? components[c].horizontal : most_across;
        most_down = components[c].vertical > most_down ? components[c].vertical : most_down;
    }
    if (count == 1)
        most_across = components->horizontal, most_down = components->vertical;
    const size_t area = (size_t)height * (size_t)width;
    int status = NLC_PAST_OK;
    for (int32_t c = 0; status == NLC_PAST_OK && c < count; c++) {
        const nlc_past_component *component = &components[c];
        const int32_t across = most_across / component->horizontal, down = most_down / component->vertical;
        if (!fits(component, height, width, across, down))
            return NLC_PAST_BAD_ARGUMENT;
        const size_t stride = (size_t)component->block_columns * NLC_PAST_SIDE;
        uint8_t *samples = malloc(stride * (size_t)component->block_rows * NLC_PAST_SIDE);
        if (!samples)
            return NLC_PAST_NO_MEMORY;
        status = nlc_past_samples(component, samples);
        if (status == NLC_PAST_OK)
            status = nlc_past_enlarge(samples, stride, across, down, height, width, planes + (size_t)c * area);
        free(samples);
    }
    return status;
}

int nlc_past_decode(int32_t height, int32_t width, int32_t count, const nlc_past_component *components,
                    uint8_t *pixels) {
    const int status = nlc_past_planes(height, width, count, components, pixels);
    if (status == NLC_PAST_OK && count == NLC_PAST_MAX_COMPONENTS)
        nlc_past_colour(pixels, (size_t)height * (size_t)width);
    return status;
}
