/* Walking on a lattice of colours (section 15). */
#include "walk.h"

/* The lattice of a tile. */
static const nlc_lattice *lattice_of(const nlc_walk *walk, const nlc_state *state) {
    return state->seen ? state->seen : walk->lattice;
}

/* Code whether a pixel is on the lattice: a digit of 1 if it is. */
static int code_on(nlc_walk *walk, nlc_state *state, const uint16_t *pixel, uint32_t off, int row) {
    const uint32_t bounds[NLC_RADIX + 1] = {0, off + 1, NLC_FREE_FREQUENCY + 2, NLC_FREE_FREQUENCY + 3, RANS_TOTAL};
    int digit = 0;
    if (walk->mode == NLC_DECODE) {
        const uint32_t place = rans_peek(&state->reader);
        while (place >= bounds[digit + 1])
            digit++;
        rans_pop(&state->reader, bounds[digit], bounds[digit + 1] - bounds[digit]);
        return digit == 1;
    }
    const int column = state->step - row * (walk->model->horizon + 1);
    digit = nlc_lattice_has(lattice_of(walk, state), pixel[0], sample_at(walk, state, 1, row, column),
                            sample_at(walk, state, 2, row, column));
    state->left[state->cursor] = bounds[digit];
    state->frequency[state->cursor++] = bounds[digit + 1] - bounds[digit];
    return digit;
}

/* The pixel of a lane in the store. */
static uint16_t *pixel_of(const nlc_walk *walk, const nlc_segment *segment, size_t n, int *row) {
    *row = segment->row + (int)n;
    return place_of(walk->model, segment->state, *row, segment->state->step - *row * (walk->model->horizon + 1));
}

void nlc_lattice_green(nlc_walk *walk) {
    const nlc_model *model = walk->model;
    for (size_t k = 0; k < walk->under_way; k++) {
        const nlc_segment *segment = &walk->segments[k];
        nlc_state *state = segment->state;
        const nlc_lattice *lattice = lattice_of(walk, state);
        for (size_t n = 0; n < segment->count; n++) {
            int row;
            const size_t lane = segment->first + n;
            const uint16_t *pixel = pixel_of(walk, segment, n, &row), *west = pixel - 3, *north = pixel - state->row;
            nlc_spot *spot = &walk->spots[lane];
            spot->foreseen =
                model->kernels->weigh_green(model, &walk->blocks[lane / NLC_LANES], (int)(lane % NLC_LANES),
                                            nlc_lattice_row(lattice, pixel[0], 0), &spot->spread);
            const int context = nlc_lattice_has(lattice, west[0], west[1], west[2]) +
                                2 * nlc_lattice_has(lattice, north[0], north[1], north[2]);
            spot->cell = nlc_lattice_cell(context, spot->foreseen);
            spot->on = code_on(walk, state, pixel, nlc_lattice_off(state->map, spot->cell, spot->foreseen), row);
            model->kernels->choose_green(&spot->spread, spot->on);
        }
    }
}

void nlc_lattice_blue(nlc_walk *walk) {
    const nlc_model *model = walk->model;
    for (size_t k = 0; k < walk->under_way; k++) {
        const nlc_segment *segment = &walk->segments[k];
        const nlc_lattice *lattice = lattice_of(walk, segment->state);
        for (size_t n = 0; n < segment->count; n++) {
            int row;
            const size_t lane = segment->first + n;
            const uint16_t *pixel = pixel_of(walk, segment, n, &row);
            nlc_spot *spot = &walk->spots[lane];
            model->kernels->weigh_blue(model, &walk->blocks[lane / NLC_LANES], (int)(lane % NLC_LANES),
                                       nlc_lattice_row(lattice, pixel[0], pixel[1]), spot->on, &spot->spread);
        }
    }
}

void nlc_lattice_learn(nlc_walk *walk) {
    for (size_t k = 0; k < walk->under_way; k++) {
        const nlc_segment *segment = &walk->segments[k];
        for (size_t n = 0; n < segment->count; n++) {
            const nlc_spot *spot = &walk->spots[segment->first + n];
            nlc_lattice_teach(segment->state->map, spot->cell, spot->foreseen, spot->on);
            if (segment->state->seen) {
                int row;
                const uint16_t *pixel = pixel_of(walk, segment, n, &row);
                nlc_lattice_add(segment->state->seen, pixel[0], pixel[1], pixel[2]);
            }
        }
        nlc_lattice_age(segment->state->map);
    }
}
