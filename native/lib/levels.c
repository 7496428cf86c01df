/* The levels of planes: lists of those that their samples have, in whose numbers they are coded (section 11). */
#include "decoder.h"

#include <string.h>

/* One plane's list, of which the reader is at the beginning: levels below `most`, with numbers below `numbers`. */
static int read_list(nelloc_decoder *d, nlc_cursor *reader, uint32_t most, uint32_t numbers, nlc_levels *levels) {
    const uint64_t count = nlc_take_varint(reader), first = count ? nlc_take_varint(reader) : 0;
    uint64_t level = 0;
    if (!nlc_good(reader) || first + count > numbers)
        return NELLOC_DAMAGED;
    if (!count)
        return NELLOC_OK;
    levels->first = (uint32_t)first;
    levels->end = (uint32_t)(first + count);
    levels->samples = nlc_get(&d->budget, numbers, sizeof *levels->samples);
    if (!levels->samples)
        return nlc_fail_for_memory(d);
    for (uint32_t k = levels->first; k < levels->end; k++) {
        level += nlc_take_varint(reader) + (k > levels->first);
        if (!nlc_good(reader) || level >= most)
            return NELLOC_DAMAGED;
        levels->samples[k] = (uint16_t)level;
    }
    /* Other numbers are marks of damage, or of tiles under way: they are the nearest. */
    for (uint32_t k = 0; k < levels->first; k++)
        levels->samples[k] = levels->samples[levels->first];
    for (uint32_t k = levels->end; k < numbers; k++)
        levels->samples[k] = levels->samples[levels->end - 1];
    return NELLOC_OK;
}

int nlc_read_levels(nelloc_decoder *d) {
    const nlc_file *file = &d->file;
    uint8_t *data;
    size_t size;
    int plane = 0;
    if (!file->sections[NLC_LEVEL_LISTS].data)
        return NELLOC_OK;
    if (file->groups[0].role == NLC_INDEX || file->groups[0].role == NLC_BIT)
        return NELLOC_DAMAGED;
    int status =
        nlc_unpack_section(d, file->sections[NLC_LEVEL_LISTS].data, file->sections[NLC_LEVEL_LISTS].size, &data, &size);
    if (status != NELLOC_OK)
        return status;
    nlc_cursor reader = nlc_cursor_of(data, size);
    for (int group = 0; group < file->group_count; group++) {
        const nlc_depth *depth = &d->depths[group];
        for (int p = 0; status == NELLOC_OK && p < file->groups[group].planes; p++, plane++) {
            nlc_levels *levels = &d->levels[plane];
            status = read_list(d, &reader, 1u << file->groups[group].bits, 1u << depth->bits, levels);
            if (status == NELLOC_OK && levels->samples && depth->form)
                status = NELLOC_DAMAGED;
        }
    }
    if (status == NELLOC_OK && nlc_left(&reader))
        status = NELLOC_DAMAGED;
    nlc_put(data);
    return status;
}

void nlc_forget_levels(nelloc_decoder *d) {
    for (int plane = 0; plane < NLC_MOST_PLANES; plane++)
        nlc_put(d->levels[plane].samples);
    memset(d->levels, 0, sizeof d->levels);
}

int nlc_are_numbers(const nlc_levels *levels, const nlc_shape *shape, const void *samples) {
    const size_t area = nlc_area(shape);
    for (size_t p = 0; p < (size_t)shape->planes; p++) {
        if (!levels[p].samples)
            continue;
        for (size_t k = p * area; k < (p + 1) * area; k++) {
            const uint32_t number =
                nlc_sample_bytes(shape) > 1 ? ((const uint16_t *)samples)[k] : ((const uint8_t *)samples)[k];
            if (number < levels[p].first || number >= levels[p].end)
                return 0;
        }
    }
    return 1;
}
