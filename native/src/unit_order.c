/* The order of the last hidden layer's units: those that are seldom anything but 0 stand together, so that products
 * that leave out groups of 0 leave out more of them. Sums are the same in any order.
 *
 * How often units are 0 is counted on pixels in slopes and noise of all strengths, drawn at random.
 */
#include "core.h"

#define DRAWN (4 * NLC_CHUNK)

static int32_t draw(uint64_t *state, int32_t least, int32_t most) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return least + (int32_t)((*state >> 33) % (uint64_t)(most - least + 1));
}

/* The samples that a pixel sees (window x channels): a slope, and noise of which channels share the most. */
static void draw_samples(const nlc_model *model, uint64_t *state, uint16_t *seen) {
    const int32_t h = model->horizon, last = (1 << model->bits) - 1;
    const int32_t steep = 1 << draw(state, 0, 5), noisy = 1 << draw(state, 0, 5);
    const int32_t across = draw(state, -steep, steep), down = draw(state, -steep, steep);
    int32_t base[NLC_MAX_CHANNELS];
    for (int c = 0; c < model->channels; c++)
        base[c] = draw(state, 0, 255);
    for (int32_t k = 0; k < model->window; k++) {
        const int32_t row = k / (2 * h + 1) - h, column = k % (2 * h + 1) - h;
        const int32_t common = base[0] + (row * down + column * across) / 2 + draw(state, -noisy, noisy);
        for (int c = 0; c < model->channels; c++) {
            const int32_t own = common + base[c] / 4 + draw(state, -noisy, noisy) / 4;
            const int32_t sample = own * (1 << (model->bits - 8));
            *seen++ = (uint16_t)(sample < 0 ? 0 : sample > last ? last : sample);
        }
    }
}

static int count_activations(const nlc_model *model, int32_t *counts) {
    const int layers = model->layer_count - 1;
    const size_t units = (size_t)model->layers[layers - 1].rows;
    nlc_network_space space;
    int16_t *inputs = nlc_allocate(NLC_CHUNK, model->wide_stride * sizeof *inputs);
    int status = nlc_network_space_new(model, &space);
    uint64_t state = 1;
    for (int pixel = 0; inputs && status == NLC_OK && pixel < DRAWN; pixel++) {
        uint16_t seen[NLC_MAX_INPUTS];
        int16_t *own = inputs + (size_t)(pixel % NLC_CHUNK) * model->wide_stride;
        int32_t base[NLC_MAX_CHANNELS], level;
        draw_samples(model, &state, seen);
        model->kernels->normalise(model, seen, own, base, &level);
        for (int k = 1; model->borders && k <= 3; k++)
            own[model->inputs - k] = (int16_t)(NLC_INPUT_STEPS * model->horizon);
        if (pixel % NLC_CHUNK < NLC_CHUNK - 1)
            continue;
        nlc_network_layers(model, &space, inputs, NLC_CHUNK, layers);
        const uint8_t *found = space.activations + (size_t)(layers - 1) * NLC_CHUNK * model->narrow_stride;
        for (size_t row = 0; row < NLC_CHUNK; row++)
            for (size_t unit = 0; unit < units; unit++)
                counts[unit] += found[row * model->narrow_stride + unit] != 0;
    }
    nlc_network_space_free(&space);
    nlc_release(inputs);
    return inputs ? status : NLC_NO_MEMORY;
}

int nlc_order_units(const nlc_model *model, int32_t *order) {
    const int32_t units = model->layers[model->layer_count - 2].rows;
    int32_t *counts = nlc_allocate((size_t)units, sizeof *counts);
    const int status = counts ? count_activations(model, counts) : NLC_NO_MEMORY;
    int32_t placed = 0;
    for (int32_t count = 0; status == NLC_OK && count <= DRAWN; count++)
        for (int32_t unit = 0; unit < units; unit++)
            if (counts[unit] == count)
                order[placed++] = unit;
    nlc_release(counts);
    return status;
}
