/* Walking tiles step by step of the wavefront (section 3): decoding, encoding and drawing are one walk.
 *
 * Several tiles are under way at once. The pixels of their steps stand side by side as lanes, so that products are
 * wide even if tiles are small; what a tile is coded to depends on that tile alone.
 */
#include "walk.h"

static void code_lanes(nlc_walk *walk, size_t lanes) {
    const nlc_model *model = walk->model;
    const size_t blocks = (lanes + NLC_LANES - 1) / NLC_LANES;
    const int deep = model->bits > 8;
    for (int plane = 0; plane < walk->planes; plane++) {
        for (size_t k = 0; k < blocks; k++)
            (deep ? nlc_deep_start_plane : model->kernels->start_plane)(model, &walk->blocks[k], plane);
        if (walk->lattice && plane == 1)
            nlc_lattice_green(walk);
        if (walk->lattice && plane == 2)
            nlc_lattice_blue(walk);
        for (int32_t stride = 1 << (model->bits - 2); stride; stride /= NLC_RADIX)
            nlc_lanes_code(walk, lanes, plane, stride);
        nlc_lanes_keep(walk, plane);
        for (size_t k = 0; walk->learns == 2 && k < blocks; k++)
            memcpy(walk->values[k * NLC_MAX_CHANNELS + (size_t)plane], walk->blocks[k].value, sizeof *walk->values);
        if (plane + 1 == walk->planes && walk->learns != 1)
            break;
        for (size_t k = 0; k < blocks; k++) {
            if (deep)
                nlc_deep_end_plane(model, &walk->blocks[k], plane);
            else
                model->kernels->end_plane(model, &walk->blocks[k], plane, walk->learns == 1);
        }
    }
}

int nlc_walk_run(nlc_walk *walk, size_t pixels, size_t *done) {
    *done = 0;
    while (walk->status == NLC_OK && *done < pixels) {
        size_t lanes = 0;
        walk->status = nlc_lanes_next(walk, &lanes);
        if (!lanes)
            break;
        nlc_lanes_gather(walk);
        nlc_lanes_evaluate(walk, lanes);
        code_lanes(walk, lanes);
        if (walk->learns)
            nlc_lanes_learn(walk, lanes);
        if (walk->lattice)
            nlc_lattice_learn(walk);
        for (size_t k = 0; k < walk->under_way; k++) {
            nlc_lanes_extend(walk, &walk->segments[k]);
            walk->segments[k].state->step++;
        }
        for (size_t k = 0; k < walk->under_way; k++)
            *done += walk->segments[k].count;
    }
    return walk->status;
}

int nlc_walk_stream(const nlc_walk *walk, size_t tile, const uint8_t **data, size_t *size, double *bits) {
    if (walk->mode != NLC_ENCODE || tile >= walk->count || !walk->states[tile].stream)
        return NLC_BAD_ARGUMENT;
    *data = walk->states[tile].stream;
    *size = walk->states[tile].stream_size;
    *bits = walk->states[tile].bits;
    return NLC_OK;
}

int nlc_walk_is_done(const nlc_walk *walk, size_t tile) {
    return tile < walk->count && walk->states[tile].steps && walk->states[tile].step == walk->states[tile].steps;
}

int32_t nlc_walk_known(const nlc_walk *walk, size_t tile, int32_t row) {
    const nlc_state *state = &walk->states[tile];
    const int64_t known = state->step - (int64_t)row * (walk->model->horizon + 1);
    return known < 0 ? 0 : known < state->tile.width ? (int32_t)known : state->tile.width;
}

int nlc_walk_ends_with(const nlc_walk *walk, size_t tile, uint32_t seed) {
    return walk->mode == NLC_DECODE && nlc_walk_is_done(walk, tile) &&
           rans_ends_with(&walk->states[tile].reader, seed);
}
