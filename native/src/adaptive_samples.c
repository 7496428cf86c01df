/* Places in a palette, and samples plane by plane, of pixels that are none of their candidates. */
#include "adaptive_walk.h"

static int32_t between(int32_t x, int32_t least, int32_t most) { return x < least ? least : x > most ? most : x; }

static uint32_t magnitude(int32_t x) { return x < 0 ? 0u - (uint32_t)x : (uint32_t)x; }

int nlc_code_places(nlc_adaptive_state *walk, size_t count) {
    const nlc_adaptive_tables *tables = walk->tables;
    const int bits = walk->tree.model.bits;
    for (size_t i = 0; i < count; i++) {
        const nlc_pixel *pixel = walk->others[i];
        nlc_number *number = &walk->numbers[i];
        const int64_t west = walk->colours[nlc_place(walk, pixel->row, 0, -1)];
        const int64_t north = walk->colours[nlc_place(walk, pixel->row, -1, 0)];
        const int64_t northwest = walk->colours[nlc_place(walk, pixel->row, -1, -1)];
        const int64_t northeast = walk->colours[nlc_place(walk, pixel->row, -1, 1)];
        const int64_t pairs[6][2] = {{0, -1}, {west, -1}, {west, north}, {pixel->candidates[0], pixel->candidates[1]},
                                     {north, northeast}, {west, northwest}};
        for (int t = 0; t < 6; t++) {
            uint64_t sum = nlc_hash_part(tables, 0, t) + nlc_hash_part(tables, 1, pairs[t][0]);
            sum += nlc_hash_part(tables, 2, pairs[t][1]); /* -1 adds 0, as if it were not there */
            number->hashes[t] = nlc_hash_of_sum(tables, sum, bits);
        }
        number->set = 0;
        number->value = 0;
        if (walk->coder->pairs)
            number->value = (uint32_t)nlc_tile_sample(walk->tile, 0, pixel->row, pixel->column);
    }
    nlc_code_numbers(tables, &walk->tree, walk->coder, walk->numbers, walk->plans, count);
    for (size_t i = 0; i < count; i++) {
        if (walk->numbers[i].value >= (uint32_t)walk->tile->colours)
            return 0;
        nlc_found_sample(walk, 0, walk->others[i], (int32_t)walk->numbers[i].value);
    }
    return 1;
}

/* The contexts of a sample, the `z`-th of its pixel in the order, of plane `p`. */
static void hash_contexts(const nlc_adaptive_state *walk, const nlc_pixel *pixel, int z, int p, nlc_number *number) {
    const nlc_adaptive_tables *tables = walk->tables;
    const int bits = walk->tree.model.bits;
    const uint64_t place = nlc_hash_part(tables, 0, z);
    number->hashes[0] = nlc_hash_of_sum(tables, place, bits);
    if (walk->tree.model.tables == 1)
        return;
    const int32_t *samples = nlc_samples_of(walk, p), *residuals = nlc_residuals_of(walk, p);
    const size_t at_west = nlc_place(walk, pixel->row, 0, -1), at_north = nlc_place(walk, pixel->row, -1, 0);
    const int32_t west = samples[at_west], north = samples[at_north];
    const int32_t error_west = residuals[at_west], error_north = residuals[at_north];
    const int32_t straight = pixel->straight[p];
    const int32_t parts[8][3] = {
        {0},
        {pixel->total, nlc_bit_length(magnitude(pixel->previous))},
        {between(error_west, -6, 6), between(error_north, -6, 6)},
        {pixel->previous, pixel->before, pixel->level[p] >> 1},
        {z ? straight : west, z ? -1 : north, z ? -1 : samples[nlc_place(walk, pixel->row, -1, -1)]},
        {pixel->level[p], between(error_west + error_north, -20, 20) >> 1},
        {west},
        {west, north},
    };
    static const int lengths[8] = {0, 2, 2, 3, 3, 2, 1, 2};
    for (int t = 1; t < 8; t++) {
        uint64_t sum = place;
        for (int k = 0; k < lengths[t]; k++)
            sum += nlc_hash_part(tables, k + 1, parts[t][k]);
        if (t == 4 || t == 6)
            for (int k = 0; k < z; k++)
                sum += nlc_hash_part(tables, k + 2, pixel->known[k]);
        number->hashes[t] = nlc_hash_of_sum(tables, sum, bits);
    }
}

static void measure_activity(const nlc_adaptive_state *walk, nlc_pixel *pixel) {
    uint32_t total = 0;
    for (int p = 0; p < walk->tile->shape.planes; p++) {
        const int32_t *samples = nlc_samples_of(walk, p);
        const int32_t west = samples[nlc_place(walk, pixel->row, 0, -1)];
        const int32_t north = samples[nlc_place(walk, pixel->row, -1, 0)];
        const int32_t northwest = samples[nlc_place(walk, pixel->row, -1, -1)];
        const int32_t northeast = samples[nlc_place(walk, pixel->row, -1, 1)];
        const uint32_t activity =
            magnitude(west - northwest) + magnitude(north - northwest) + magnitude(north - northeast);
        pixel->level[p] = nlc_bit_length(activity);
        total += activity;
    }
    pixel->total = nlc_bit_length(total);
}

int nlc_code_samples(nlc_adaptive_state *walk, size_t count) {
    const nlc_adaptive_tile *tile = walk->tile;
    const int32_t whole = 1 << tile->shape.bits, half = whole >> 1;
    const int predicts = nlc_predicts(tile->form);
    for (size_t i = 0; i < count; i++) {
        nlc_pixel *pixel = walk->others[i];
        pixel->shift = pixel->previous = pixel->before = 0;
        measure_activity(walk, pixel);
    }
    for (int z = 0; z < tile->shape.planes; z++) {
        const int p = tile->order[z];
        for (size_t i = 0; i < count; i++) {
            nlc_pixel *pixel = walk->others[i];
            nlc_number *number = &walk->numbers[i];
            pixel->expected = predicts ? between(pixel->straight[p] + pixel->shift, 0, whole - 1) : 0;
            hash_contexts(walk, pixel, z, p, number);
            number->set = (uint32_t)z;
            number->value = 0;
            if (walk->coder->pairs) {
                int32_t value = nlc_tile_sample(tile, p, pixel->row, pixel->column);
                if (predicts) {
                    const int32_t difference = (value - pixel->expected) & (whole - 1);
                    value = difference < half ? 2 * difference : 2 * (whole - difference) - 1;
                }
                number->value = (uint32_t)value;
            }
        }
        nlc_code_numbers(walk->tables, &walk->tree, walk->coder, walk->numbers, walk->plans, count);
        for (size_t i = 0; i < count; i++) {
            nlc_pixel *pixel = walk->others[i];
            int32_t sample = (int32_t)walk->numbers[i].value;
            if (sample >= whole)
                return 0;
            if (predicts)
                sample = ((sample & 1 ? -((sample + 1) >> 1) : sample >> 1) + pixel->expected) & (whole - 1);
            nlc_found_sample(walk, p, pixel, sample);
            nlc_residuals_of(walk, p)[nlc_place(walk, pixel->row, 0, 0)] = sample - pixel->straight[p];
            if (z == 0)
                pixel->shift = sample - pixel->straight[p];
            pixel->before = pixel->previous;
            pixel->previous = sample - pixel->expected;
            pixel->known[z] = sample;
        }
    }
    return 1;
}
