/* The network (section 5): dense layers of a few pixels at a time, so that sums stay in the nearest cache. */
#include "core.h"

int nlc_network_space_new(const nlc_model *model, nlc_network_space *space) {
    size_t widest = model->output_stride;
    for (int index = 0; index < model->layer_count; index++) {
        const size_t width = (size_t)model->layers[index].vectors * NLC_LANES;
        widest = width > widest ? width : widest;
    }
    space->activations =
        nlc_allocate((size_t)(model->layer_count - 1) * NLC_CHUNK, model->narrow_stride * sizeof(uint8_t));
    space->wide = nlc_allocate(NLC_CHUNK, model->wide_stride * sizeof(int16_t));
    space->sums = nlc_allocate(NLC_CHUNK, widest * sizeof(int32_t));
    return space->activations && space->wide && space->sums ? NLC_OK : NLC_NO_MEMORY;
}

void nlc_network_space_free(nlc_network_space *space) {
    nlc_release(space->activations);
    nlc_release(space->wide);
    nlc_release(space->sums);
}

/* Products by weights of more than 16 bits, which no shipped model has. */
static void product_long(const int16_t *a, size_t stride, size_t rows, const nlc_layer *layer, int32_t *c) {
    const int32_t *b = layer->packed;
    for (size_t row = 0; row < rows; row++, a += stride)
        for (int vector = 0; vector < layer->vectors; vector++, c += NLC_LANES) {
            const int32_t *weights = b + (size_t)vector * (size_t)layer->groups * NLC_LANES;
            memset(c, 0, NLC_LANES * sizeof *c);
            for (int column = 0; column < layer->columns; column++, weights += NLC_LANES)
                for (int l = 0; l < NLC_LANES; l++)
                    c[l] += weights[l] * a[column];
        }
}

/* The sums of a layer, given the network's inputs and what the layers before it made of them. */
static void sum_layer(const nlc_model *model, nlc_network_space *space, const int16_t *inputs, size_t pixels,
                      int index) {
    const nlc_kernels *kernels = model->kernels;
    const nlc_layer *layer = &model->layers[index];
    const size_t narrow = model->narrow_stride, groups = (size_t)layer->groups, vectors = (size_t)layer->vectors;
    const uint8_t *seen = index ? space->activations + (size_t)(index - 1) * NLC_CHUNK * narrow : NULL;
    /* Units are often 0: it pays to leave out pairs, but fours only in the last layer. */
    const int is_sparse = index == model->layer_count - 1;
    if (layer->products == NLC_NARROW) {
        (is_sparse ? kernels->sparse8 : kernels->product8)(seen, narrow, pixels, layer->packed, groups, vectors,
                                                           space->sums, vectors * NLC_LANES);
        return;
    }
    const int16_t *wide = inputs;
    size_t stride = model->wide_stride;
    if (index) {
        kernels->widen(seen, pixels * narrow, space->wide);
        wide = space->wide;
        stride = narrow;
    }
    if (layer->products == NLC_WIDE)
        (index ? kernels->sparse16 : kernels->product16)(wide, stride, pixels, layer->packed, groups, vectors,
                                                         space->sums, vectors * NLC_LANES);
    else
        product_long(wide, stride, pixels, layer, space->sums);
}

void nlc_network_layers(const nlc_model *model, nlc_network_space *space, const int16_t *inputs, size_t pixels,
                        int count) {
    const size_t narrow = model->narrow_stride, each = NLC_CHUNK * narrow;
    for (int index = 0; index < count; index++) {
        const nlc_layer *layer = &model->layers[index];
        const uint8_t *skip = layer->skip < 0 ? NULL : space->activations + (size_t)layer->skip * each;
        sum_layer(model, space, inputs, pixels, index);
        model->kernels->activate(layer, space->sums, pixels, skip, space->activations + (size_t)index * each, narrow);
    }
}

void nlc_network_run(const nlc_model *model, nlc_network_space *space, const int16_t *inputs, size_t pixels,
                     int32_t *outputs, uint8_t *last) {
    const size_t narrow = model->narrow_stride;
    const int final = model->layer_count - 1;
    nlc_network_layers(model, space, inputs, pixels, final);
    sum_layer(model, space, inputs, pixels, final);
    model->kernels->finish(&model->layers[final], space->sums, pixels, outputs);
    if (last)
        memcpy(last, space->activations + (size_t)(final - 1) * NLC_CHUNK * narrow, pixels * narrow);
}

int nlc_model_evaluate(const nlc_model *model, const int16_t *inputs, size_t pixels, int32_t *outputs,
                       uint8_t *hidden) {
    nlc_network_space space;
    int16_t *own = nlc_allocate(NLC_CHUNK, model->wide_stride * sizeof *own);
    int32_t *found = nlc_allocate(NLC_CHUNK, model->output_stride * sizeof *found);
    uint8_t *seen = nlc_allocate(NLC_CHUNK, model->narrow_stride);
    int status = nlc_network_space_new(model, &space);
    if (!own || !found || !seen)
        status = NLC_NO_MEMORY;
    const size_t width = (size_t)model->inputs, rows = (size_t)model->outputs;
    const size_t units = (size_t)model->layers[model->layer_count - 1].columns;
    for (size_t first = 0; status == NLC_OK && first < pixels; first += NLC_CHUNK) {
        const size_t count = pixels - first < NLC_CHUNK ? pixels - first : NLC_CHUNK;
        for (size_t k = 0; k < count; k++)
            memcpy(own + k * model->wide_stride, inputs + (first + k) * width, width * sizeof *own);
        nlc_network_run(model, &space, own, count, found, seen);
        for (size_t k = 0; k < count; k++) {
            memcpy(outputs + (first + k) * rows, found + k * model->output_stride, rows * sizeof *outputs);
            for (size_t unit = 0; unit < units; unit++)
                hidden[(first + k) * units + (model->order ? (size_t)model->order[unit] : unit)] =
                    seen[k * model->narrow_stride + unit];
        }
    }
    nlc_network_space_free(&space);
    nlc_release(own);
    nlc_release(found);
    nlc_release(seen);
    return status;
}
