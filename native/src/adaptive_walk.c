/* The walk over a tile: its memory, and its steps along the wavefront of horizon 2. */
#include "adaptive_walk.h"

#define SHEAR 3 /* a row is one step's pixel for so many columns further */
#define FORGOTTEN NLC_RING
/* Pixels between two questions whether to stop. */
#define UNWATCHED 16384
#define CHOICE_TABLES 7
#define CHOICE_SETS 25
#define SAMPLE_TABLES 8
#define PLACE_TABLES 6

static int least(int a, int b) { return a < b ? a : b; }

/* Pixels of a step, at most. */
static size_t step_pixels(const nlc_adaptive_shape *shape) {
    return (size_t)least(shape->height, (shape->width + SHEAR - 1) / SHEAR);
}

static int area_bits(const nlc_adaptive_shape *shape) {
    const int bits = nlc_bit_length((uint32_t)shape->height * (uint32_t)shape->width - 1);
    return bits < 8 ? 8 : bits;
}

static nlc_digit_shape choice_shape(const nlc_adaptive_tile *tile) {
    const int bits = least(area_bits(&tile->shape), 16);
    return (nlc_digit_shape){CHOICE_TABLES, bits, CHOICE_SETS, 0, step_pixels(&tile->shape)};
}

/* The shape of the tree that codes samples or places in the palette, and the bits of these numbers. */
static nlc_digit_shape tree_shape(const nlc_adaptive_tile *tile, int *bits) {
    const int places = tile->form == NLC_ADAPTIVE_PALETTE, steady = tile->form == NLC_ADAPTIVE_STEADY;
    *bits = places ? nlc_bit_length((uint32_t)tile->colours - 1) : tile->shape.bits;
    return (nlc_digit_shape){places   ? PLACE_TABLES
                             : steady ? 1
                                      : SAMPLE_TABLES,
                             least(area_bits(&tile->shape) + 2, 18), (uint32_t)tile->shape.planes, steady,
                             step_pixels(&tile->shape)};
}

/* Take `size` bytes of the memory that is left, or with no memory count them. */
static void *take(uint8_t **memory, size_t *total, size_t size) {
    uint8_t *taken = *memory;
    *total += nlc_whole_lines(size);
    if (taken)
        *memory += nlc_whole_lines(size);
    return taken;
}

/* Give a walk its parts of `memory`; with NULL it gets none, and only the size is found. */
static size_t divide(nlc_adaptive_state *walk, const nlc_adaptive_tile *tile, uint8_t *memory) {
    const size_t planes = (size_t)tile->shape.planes, count = step_pixels(&tile->shape);
    const int candidates = nlc_has_candidates(tile->form);
    int number_bits;
    const nlc_digit_shape choices = choice_shape(tile), numbers = tree_shape(tile, &number_bits);
    size_t total = 0;
    walk->tile = tile;
    walk->rows = (size_t)tile->shape.height + 2;
    walk->memory_bits = least(area_bits(&tile->shape) + 1, 20);
    const size_t field = NLC_RING * walk->rows;
    walk->samples = take(&memory, &total, planes * field * sizeof *walk->samples);
    walk->residuals = take(&memory, &total, planes * field * sizeof *walk->residuals);
    walk->pixels = take(&memory, &total, count * sizeof *walk->pixels);
    walk->plans = take(&memory, &total, count * sizeof *walk->plans);
    walk->numbers = take(&memory, &total, count * sizeof *walk->numbers);
    walk->others = take(&memory, &total, count * sizeof *walk->others);
    void *tree = take(&memory, &total, nlc_tree_size(numbers, number_bits));
    void *model = NULL;
    if (candidates) {
        walk->colours = take(&memory, &total, field * sizeof *walk->colours);
        walk->choices = take(&memory, &total, field);
        walk->left = take(&memory, &total, field);
        walk->above = take(&memory, &total, field);
        for (int m = 0; m < NLC_MEMORIES; m++)
            walk->memories[m] = take(&memory, &total, sizeof(nlc_memory_slot) << walk->memory_bits);
        model = take(&memory, &total, nlc_digit_model_size(choices));
    }
    if (memory) {
        nlc_tree_make(&walk->tree, numbers, number_bits, tree);
        if (candidates)
            nlc_digit_model_make(&walk->choice_model, choices, model);
    }
    return total;
}

size_t nlc_adaptive_walk_size(const nlc_adaptive_tile *tile) {
    nlc_adaptive_state walk;
    return divide(&walk, tile, NULL);
}

/* Rows from `top` to `bottom` - 1 that have a pixel at a step. */
static void find_rows(const nlc_adaptive_shape *shape, int32_t step, int32_t *top, int32_t *bottom) {
    const int32_t late = step - (shape->width - 1);
    *top = late > 0 ? (late + SHEAR - 1) / SHEAR : 0;
    *bottom = least(shape->height, step / SHEAR + 1);
    if (*bottom < *top)
        *bottom = *top;
}

/* Fill the place of the oldest step's numbers with zeros. */
static void forget(nlc_adaptive_state *walk) {
    int32_t top, bottom;
    if (walk->step < FORGOTTEN)
        return;
    find_rows(&walk->tile->shape, walk->step - FORGOTTEN, &top, &bottom);
    for (int32_t row = top; row < bottom; row++) {
        const size_t at = nlc_place(walk, row, 0, 0);
        for (int p = 0; p < walk->tile->shape.planes; p++)
            nlc_samples_of(walk, p)[at] = nlc_residuals_of(walk, p)[at] = 0;
        if (nlc_has_candidates(walk->tile->form)) {
            walk->colours[at] = 0;
            walk->choices[at] = walk->left[at] = walk->above[at] = 0;
        }
    }
}

static void begin_pixels(nlc_adaptive_state *walk) {
    for (int32_t row = walk->top; row < walk->bottom; row++) {
        nlc_pixel *pixel = &walk->pixels[row - walk->top];
        pixel->row = row;
        pixel->column = walk->step - SHEAR * row;
        for (int p = 0; p < walk->tile->shape.planes; p++) {
            const int32_t *samples = nlc_samples_of(walk, p);
            pixel->straight[p] = nlc_median(samples[nlc_place(walk, row, 0, -1)], samples[nlc_place(walk, row, -1, 0)],
                                            samples[nlc_place(walk, row, -1, -1)]);
        }
    }
}

/* Code the present step; returns 0 if the record is damaged. */
static int code_step(nlc_adaptive_state *walk) {
    const int form = walk->tile->form, candidates = nlc_has_candidates(form);
    if (candidates && !nlc_code_choices(walk))
        return 0;
    size_t count = 0;
    for (int32_t k = 0; k < walk->bottom - walk->top; k++)
        if (!candidates || walk->plans[k].digit == NLC_NONE_OF_THEM)
            walk->others[count++] = &walk->pixels[k];
    if (count && !(form == NLC_ADAPTIVE_PALETTE ? nlc_code_places(walk, count) : nlc_code_samples(walk, count)))
        return 0;
    if (candidates)
        nlc_settle(walk);
    return 1;
}

int nlc_adaptive_walk(const nlc_adaptive_tables *tables, const nlc_adaptive_tile *tile, nlc_digits *coder, void *memory,
                  const nlc_adaptive_watch *watch) {
    nlc_adaptive_state walk = {0};
    divide(&walk, tile, memory);
    walk.tables = tables;
    walk.coder = coder;
    const int32_t steps = tile->shape.width + SHEAR * (tile->shape.height - 1);
    int32_t unwatched = 0;
    for (walk.step = 0; walk.step < steps; walk.step++) {
        find_rows(&tile->shape, walk.step, &walk.top, &walk.bottom);
        forget(&walk);
        begin_pixels(&walk);
        if (walk.top < walk.bottom && !code_step(&walk))
            return NLC_ADAPTIVE_DAMAGED;
        unwatched += walk.bottom - walk.top;
        if (watch && watch->stop && unwatched >= UNWATCHED) {
            unwatched = 0;
            if (watch->stop(watch->context))
                return NLC_ADAPTIVE_STOPPED;
        }
    }
    return NLC_ADAPTIVE_OK;
}
