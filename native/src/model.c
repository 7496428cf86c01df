/* A model made ready for a CPU level: checked, packed, its tables completed. */
#include "core.h"
#include "pair.h"

#include <stdlib.h>

void *nlc_allocate(size_t count, size_t size) {
    /* The address that calloc gave stands before the aligned memory. */
    if (size && count > (SIZE_MAX - 128) / size)
        return NULL;
    unsigned char *memory = calloc(count * size + 64 + sizeof(void *), 1);
    if (!memory)
        return NULL;
    unsigned char *first = memory + sizeof(void *);
    first += (64 - (uintptr_t)first % 64) % 64;
    memcpy(first - sizeof(void *), &memory, sizeof memory);
    return first;
}

void nlc_release(void *memory) {
    if (!memory)
        return;
    void *given;
    memcpy(&given, (unsigned char *)memory - sizeof given, sizeof given);
    free(given);
}

static int in_range(const int32_t *numbers, int32_t count, int32_t least, int32_t most) {
    for (int32_t k = 0; k < count; k++)
        if (numbers[k] < least || numbers[k] > most)
            return 0;
    return 1;
}

/* direction 1: never decreasing, 2: increasing, -1: never increasing. */
static int ordered(const int32_t *numbers, int32_t count, int direction) {
    for (int32_t k = 1; k < count; k++) {
        const int64_t step = (int64_t)numbers[k] - numbers[k - 1];
        if (direction < 0 ? step > 0 : step < direction - 1)
            return 0;
    }
    return 1;
}

static int64_t magnitude(int32_t number) { return number < 0 ? -(int64_t)number : number; }

static int good_layers(const nlc_model_source *s, int32_t inputs) {
    int32_t columns = inputs;
    for (int32_t index = 0; index < s->layer_count; index++) {
        const nlc_layer_source *layer = &s->layers[index];
        const int final = index + 1 == s->layer_count;
        const int32_t outputs = s->components * (1 + 2 * s->channels + (s->channels == 3 ? 3 : 0));
        if (layer->columns != columns || layer->rows < 1 || layer->rows > NLC_MAX_WIDTH)
            return 0;
        if (final ? layer->rows != outputs || layer->skip >= 0 : layer->skip >= index)
            return 0;
        if (layer->skip >= 0 && s->layers[layer->skip].rows != layer->rows)
            return 0;
        if (!in_range(layer->shift, layer->rows, 0, 23))
            return 0;
        for (int32_t row = 0; row < layer->rows; row++) {
            int64_t sum = 0;
            for (int32_t column = 0; column < columns; column++)
                sum += magnitude(layer->weight[(size_t)row * (size_t)columns + (size_t)column]);
            const int64_t largest = index ? NLC_ACTIVATION_MAX : NLC_INPUT_CLIP;
            if (largest * sum + magnitude(layer->bias[row]) >= NLC_SUM_LIMIT)
                return 0;
        }
        columns = layer->rows;
    }
    return 1;
}

static int32_t input_count(const nlc_model_source *s) {
    return s->channels * NLC_WINDOW(s->horizon) + (s->raw ? 0 : s->channels + 1) + (s->borders ? 3 : 0);
}

/* The threshold of a level from that of the level an octave below (section 9). */
static int64_t doubled(const nlc_model_source *s, int32_t threshold) {
    return 2 * (int64_t)threshold + 18 * s->channels;
}

/* The limits of section 9, among them that levels go on in order. */
static int good_for_deep(const nlc_model_source *s) {
    const int32_t levels = s->activity_levels;
    return !s->raw && levels >= NLC_LEVELS_PER_OCTAVE && s->inverse_scale_count >= NLC_SCALE_STEPS &&
           doubled(s, s->thresholds[levels - NLC_LEVELS_PER_OCTAVE]) > s->thresholds[levels - 1];
}

/* The limits of section 2, so that whatever a model holds, no index and no sum leaves its range. */
static int good(const nlc_model_source *s, int bits) {
    if (s->channels != 1 && s->channels != 3)
        return 0;
    if (s->horizon < (s->raw ? 1 : 2) || s->horizon > NLC_MAX_HORIZON)
        return 0;
    if (s->borders && s->horizon * NLC_INPUT_STEPS > NLC_INPUT_CLIP)
        return 0;
    if (s->components < 1 || s->components > NLC_MAX_COMPONENTS || s->layer_count < 2 ||
        s->layer_count > NLC_MAX_LAYERS)
        return 0;
    if (!good_layers(s, input_count(s)))
        return 0;
    const int32_t levels = s->activity_levels;
    if (levels < 1 || levels > 1024 || (s->raw && levels != 1) || s->thresholds[0] != 0 ||
        !ordered(s->thresholds, levels, 2))
        return 0;
    if (!in_range(s->input_scale, levels, 1, 16000) ||
        !in_range(s->activity_input, levels, -NLC_INPUT_CLIP, NLC_INPUT_CLIP) ||
        !in_range(s->mean_scale, levels, 1, 1 << 16) || !in_range(s->scale_offset, levels, -(1 << 12), 1 << 12))
        return 0;
    if (s->logistic_count < 2 || s->logistic_count > 4096 || s->logistic[0] != 1 << (NLC_COARSE_BITS - 1) ||
        !ordered(s->logistic, s->logistic_count, 1) || s->logistic[s->logistic_count - 1] > 1 << NLC_COARSE_BITS)
        return 0;
    if (s->exponential_count < 1 || s->exponential_count > 4096 || s->exponential[0] != 1 << 16 ||
        !ordered(s->exponential, s->exponential_count, -1) || s->exponential[s->exponential_count - 1] < 0)
        return 0;
    if (s->inverse_scale_count < 1 || s->inverse_scale_count > 4096 ||
        !in_range(s->inverse_scale, s->inverse_scale_count, 1, (1 << 24) - 1))
        return 0;
    return bits == 8 || good_for_deep(s);
}

/* How a layer's products may be computed where the level has narrow ones, which the first layer's inputs rule out. */
static enum nlc_products products_of(const nlc_layer_source *layer, int narrow) {
    int32_t largest = 0;
    for (size_t k = 0; k < (size_t)layer->rows * (size_t)layer->columns; k++) {
        const int64_t weight = magnitude(layer->weight[k]);
        largest = weight > largest ? (int32_t)weight : largest;
    }
    return narrow && largest <= INT8_MAX ? NLC_NARROW : largest <= INT16_MAX ? NLC_WIDE : NLC_LONG;
}

/* Rows and columns stand in an order, or in their own if that is NULL. */
static int pack_layer(const nlc_layer_source *source, const nlc_kernels *kernels, int narrow, const int32_t *row_order,
                      const int32_t *column_order, nlc_layer *layer) {
    layer->rows = source->rows;
    layer->columns = source->columns;
    layer->skip = source->skip < 0 ? -1 : source->skip;
    layer->vectors = (source->rows + NLC_LANES - 1) / NLC_LANES;
    layer->products = products_of(source, narrow);
    const size_t group = nlc_group(kernels, layer->products);
    const size_t bytes = layer->products == NLC_NARROW ? 1 : layer->products == NLC_WIDE ? 2 : 4;
    const size_t columns = (size_t)source->columns, vectors = (size_t)layer->vectors;
    const size_t groups = (columns + group - 1) / group;
    layer->groups = (int)groups;
    layer->packed = nlc_allocate(vectors * groups * group * NLC_LANES, bytes);
    layer->bias = nlc_allocate(vectors * NLC_LANES, sizeof(int32_t));
    layer->shift = nlc_allocate(vectors * NLC_LANES, sizeof(int32_t));
    if (!layer->packed || !layer->bias || !layer->shift)
        return NLC_NO_MEMORY;
    for (size_t row = 0; row < (size_t)source->rows; row++) {
        const size_t own = row_order ? (size_t)row_order[row] : row;
        layer->bias[row] = source->bias[own];
        layer->shift[row] = source->shift[own];
        for (size_t column = 0; column < columns; column++) {
            const int32_t weight =
                source->weight[own * columns + (column_order ? (size_t)column_order[column] : column)];
            const size_t place = nlc_place(group, groups, row, column);
            if (bytes == 1)
                ((int8_t *)layer->packed)[place] = (int8_t)weight;
            else if (bytes == 2)
                ((int16_t *)layer->packed)[place] = (int16_t)weight;
            else
                ((int32_t *)layer->packed)[place] = weight;
        }
    }
    return NLC_OK;
}

static void free_layer(nlc_layer *layer) {
    nlc_release(layer->packed);
    nlc_release(layer->bias);
    nlc_release(layer->shift);
    memset(layer, 0, sizeof *layer);
}

/* Whether the last layer may learn: no sum can reach 2^24, whatever is learned (section 13). */
static int learning_is_bounded(const nlc_model_source *s) {
    const nlc_layer_source *last = &s->layers[s->layer_count - 1];
    const int64_t correction = (int64_t)NLC_LARGEST_USED * NLC_ACTIVATION_MAX * (last->columns + 1);
    int64_t outputs = 0;
    for (int32_t row = 0; row < last->rows; row++) {
        int64_t sum = 0;
        for (int32_t column = 0; column < last->columns; column++)
            sum += magnitude(last->weight[(size_t)row * (size_t)last->columns + (size_t)column]);
        sum = (NLC_ACTIVATION_MAX * sum + magnitude(last->bias[row])) >> last->shift[row];
        outputs = sum > outputs ? sum : outputs;
    }
    return s->joint && correction < NLC_SUM_LIMIT && outputs + (correction >> 7) + 2 < NLC_SUM_LIMIT;
}

static int32_t *table(int32_t count) { return nlc_allocate((size_t)count, sizeof(int32_t)); }

/* The activity levels, octave by octave further for deep samples (section 9). */
static int make_levels(const nlc_model_source *s, nlc_model *m) {
    const int32_t own = s->activity_levels, more = m->bits - 8, count = own + NLC_LEVELS_PER_OCTAVE * more;
    m->activity_levels = count;
    m->thresholds = table(count);
    m->input_scale = table(count);
    m->octaves = table(count);
    m->activity_input = table(count);
    m->mean_scale = table(count);
    m->scale_offset = table(count);
    if (!m->thresholds || !m->input_scale || !m->octaves || !m->activity_input || !m->mean_scale || !m->scale_offset)
        return NLC_NO_MEMORY;
    const int32_t least = NLC_LEAST_ACTIVITY_LEVEL < own ? NLC_LEAST_ACTIVITY_LEVEL : own - 1;
    for (int32_t level = 0; level < count; level++) {
        const int32_t beyond = level - own + 1;
        const int32_t octaves = beyond > 0 ? (beyond + NLC_LEVELS_PER_OCTAVE - 1) / NLC_LEVELS_PER_OCTAVE : 0;
        const int32_t source = level - NLC_LEVELS_PER_OCTAVE * octaves;
        int32_t told = level - NLC_LEVELS_PER_OCTAVE * more;
        if (more)
            told = told < least ? least : told;
        if (level < own) {
            m->thresholds[level] = s->thresholds[level];
        } else { /* sums are below 2^23, so that a larger threshold is the same as this one */
            const int64_t next = doubled(s, m->thresholds[level - NLC_LEVELS_PER_OCTAVE]);
            m->thresholds[level] = next > INT32_MAX ? INT32_MAX : (int32_t)next;
        }
        m->octaves[level] = octaves;
        m->input_scale[level] = s->input_scale[source];
        m->activity_input[level] = s->activity_input[told > own - 1 ? own - 1 : told];
        m->mean_scale[level] = s->mean_scale[source] << octaves;
        m->scale_offset[level] = s->scale_offset[source] + NLC_SCALE_STEPS * octaves;
    }
    return NLC_OK;
}

/* U of section 6 less a half, and one entry that is only read beside the last. */
static int make_logistic(const nlc_model_source *s, nlc_model *m) {
    const int32_t count = 16 * (s->logistic_count - 1);
    m->logistic_last = count - 1;
    m->logistic = nlc_allocate((size_t)count + 1, sizeof(int16_t));
    m->coarse_half = s->logistic_count;
    m->coarse = table(2 * s->logistic_count);
    if (!m->logistic || !m->coarse)
        return NLC_NO_MEMORY;
    const int32_t half = 1 << (NLC_LOGISTIC_BITS - 1), whole = 1 << NLC_COARSE_BITS;
    for (int32_t k = 0; k < count; k++) {
        const int32_t cell = (2 * k + 1) / 32, part = (2 * k + 1) % 32;
        const int32_t upper = s->logistic[cell] * (32 - part) + s->logistic[cell + 1] * part;
        m->logistic[k] = (int16_t)(((upper + 512) >> 10) - half);
    }
    m->logistic[count - 1] = (int16_t)half;
    const int32_t middle = s->logistic_count - 1;
    for (int32_t k = 0; k < s->logistic_count; k++) {
        m->coarse[middle - k] = whole - s->logistic[k];
        m->coarse[middle + k] = s->logistic[k];
    }
    m->coarse[0] = 0;
    m->coarse[2 * middle] = m->coarse[2 * middle + 1] = whole;
    return NLC_OK;
}

static int make_scales(const nlc_model_source *s, nlc_model *m) {
    const int32_t own = s->inverse_scale_count, count = own + NLC_SCALE_STEPS * (m->bits - 8);
    m->scale_count = count;
    m->slope_high = table(count);
    m->slope_low = table(count);
    m->inverse_scale = table(count);
    m->slope_shift = table(count);
    m->lattice_reach = table(count);
    m->lattice_half = table(count);
    m->lattice_size = table(count);
    m->lattice_share = table(count);
    m->exponential_count = s->exponential_count;
    m->exponential = table(s->exponential_count);
    if (!m->slope_high || !m->slope_low || !m->inverse_scale || !m->slope_shift || !m->exponential ||
        !m->lattice_reach || !m->lattice_half || !m->lattice_size || !m->lattice_share)
        return NLC_NO_MEMORY;
    memcpy(m->exponential, s->exponential, (size_t)s->exponential_count * sizeof(int32_t));
    for (int32_t index = 0; index < count; index++) {
        const int32_t beyond = index - own + 1;
        const int32_t octaves = beyond > 0 ? (beyond + NLC_SCALE_STEPS - 1) / NLC_SCALE_STEPS : 0;
        const int32_t slope = s->inverse_scale[index - NLC_SCALE_STEPS * octaves];
        m->inverse_scale[index] = slope;
        m->slope_shift[index] = 6 + octaves;
        m->slope_high[index] = slope >> NLC_SCALE_FRACTION_BITS;
        m->slope_low[index] = slope & ((1 << NLC_SCALE_FRACTION_BITS) - 1);
        const int32_t reach = (m->logistic_last << NLC_SCALE_FRACTION_BITS) / slope;
        m->lattice_reach[index] = (reach < 1 << 15 ? reach : 1 << 15) + 97;
        m->lattice_half[index] = 32 + NLC_LATTICE_REACH / slope;
        const int32_t size = (m->lattice_half[index] >> 5) + 1;
        m->lattice_size[index] = size < 256 ? size : 256;
        m->lattice_share[index] = NLC_LATTICE_SHARE / m->lattice_size[index];
    }
    return NLC_OK;
}

static int make_layers(const nlc_model_source *s, nlc_model *m) {
    m->layers = nlc_allocate((size_t)s->layer_count, sizeof(nlc_layer));
    if (!m->layers)
        return NLC_NO_MEMORY;
    size_t widest = 0;
    m->layer_count = s->layer_count;
    for (int32_t index = 0; index < s->layer_count; index++) {
        const int status = pack_layer(&s->layers[index], m->kernels, m->kernels->narrow && index > 0, NULL, NULL,
                                      &m->layers[index]);
        if (status != NLC_OK)
            return status;
        if (index + 1 < s->layer_count && (size_t)s->layers[index].rows > widest)
            widest = (size_t)s->layers[index].rows;
    }
    /* Room for the constant unit of what learns. */
    m->narrow_stride = nlc_round_up(widest + 1, 64);
    m->wide_stride = nlc_round_up((size_t)m->inputs > m->narrow_stride ? (size_t)m->inputs : m->narrow_stride, 32);
    m->output_stride = (size_t)m->layers[s->layer_count - 1].vectors * NLC_LANES;
    return NLC_OK;
}

/* Put the units of the last hidden layer in order, whose activations nothing else is added to. */
static int order_units(const nlc_model_source *s, nlc_model *m) {
    const int last = m->layer_count - 1, narrow = m->kernels->narrow;
    if (m->layers[last - 1].skip >= 0)
        return NLC_OK;
    int32_t *order = table(m->layers[last - 1].rows);
    int status = order ? nlc_order_units(m, order) : NLC_NO_MEMORY;
    for (int index = last - 1; status == NLC_OK && index <= last; index++) {
        const int is_last = index == last;
        free_layer(&m->layers[index]);
        status = pack_layer(&s->layers[index], m->kernels, narrow && index > 0, is_last ? NULL : order,
                            is_last ? order : NULL, &m->layers[index]);
    }
    m->order = order;
    return status;
}

int nlc_model_new(const nlc_model_source *source, int bits, int level, nlc_model **made) {
    *made = NULL;
    const nlc_kernels *kernels = nlc_kernels_of(level);
    if (!kernels || bits < 8 || bits > 16 || bits % 2 || !good(source, bits))
        return NLC_BAD_ARGUMENT;
    nlc_model *m = nlc_allocate(1, sizeof *m);
    if (!m)
        return NLC_NO_MEMORY;
    m->kernels = kernels;
    m->horizon = source->horizon;
    m->components = source->components;
    m->channels = source->channels;
    m->joint = source->joint != 0;
    m->raw = source->raw != 0;
    m->borders = source->borders != 0;
    m->bits = bits;
    m->window = NLC_WINDOW(m->horizon);
    m->inputs = input_count(source);
    m->outputs = source->layers[source->layer_count - 1].rows;
    m->digits = bits / 2;
    m->first_sample = 1 << (bits - 1);
    m->can_learn = bits == 8 && learning_is_bounded(source) ? 1 + nlc_pair_is_bounded(source) : 0;
    m->joined = !kernels->narrow && m->can_learn == 2 && nlc_pair_is_joined(source);
    int status = make_layers(source, m);
    if (status == NLC_OK)
        status = make_levels(source, m);
    if (status == NLC_OK)
        status = make_logistic(source, m);
    if (status == NLC_OK)
        status = make_scales(source, m);
    if (status == NLC_OK)
        status = order_units(source, m);
    if (status != NLC_OK) {
        nlc_model_free(m);
        return status;
    }
    *made = m;
    return NLC_OK;
}

void nlc_model_free(nlc_model *m) {
    if (!m)
        return;
    for (int index = 0; m->layers && index < m->layer_count; index++)
        free_layer(&m->layers[index]);
    void *const owned[] = {m->layers,         m->order,        m->thresholds,   m->input_scale,   m->octaves,
                           m->activity_input, m->mean_scale,   m->scale_offset, m->logistic,      m->coarse,
                           m->exponential,    m->slope_high,   m->slope_low,    m->inverse_scale, m->slope_shift,
                           m->lattice_reach,  m->lattice_half, m->lattice_size, m->lattice_share};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
        nlc_release(owned[k]);
    nlc_release(m);
}

int nlc_model_can_learn(const nlc_model *model) { return model->can_learn; }

void nlc_model_shape(const nlc_model *model, int *inputs, int *outputs, int *units) {
    *inputs = model->inputs;
    *outputs = model->outputs;
    *units = model->layers[model->layer_count - 1].columns;
}

int nlc_model_bits(const nlc_model *model) { return model->bits; }
