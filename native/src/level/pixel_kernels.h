/* The kernels that work pixel by pixel or number by number: one source for every CPU level.
 *
 * A level's file (plain.c, avx2.c, ...) chooses the instructions that the compiler may use, defines
 *   NLC_NARROW         1 if the level has narrow products, else 0
 *   NLC_WIDE_GROUP     inputs of a group of wide products: 1, 2 or NLC_ROW
 *   NLC_LOOKUP         a function (table, index, found) of NLC_LANES entries of an int16_t table
 *   NLC_POPCOUNT       1 if the level has an instruction that counts bits, else 0
 *   NLC_OWN_DIGIT, NLC_OWN_PACK_GRADIENTS, NLC_OWN_SHIFTS (activate, finish and correct), NLC_OWN_USE,
 *                      NLC_OWN_MOVE_UNITS, NLC_OWN_PACK_WIDE, NLC_OWN_LATTICE and NLC_OWN_FLOATS (names of files)
 *                      if the level has these of its own
 * and includes this. Loops over NLC_LANES are what compilers turn into vectors; the integers are the same for all.
 */
#include "../core.h"

/* floor(number), for numbers within 32 bits. */
static inline int32_t floor_of(double number) {
    const int32_t towards_zero = (int32_t)number;
    return towards_zero - (towards_zero > number);
}

/* floor(numerator / denominator) for integers in float64 below 2^53, denominator > 0, quotient within 32 bits.
 *
 * A quotient of such integers that is no integer differs from the next one by more than it can be rounded. */
static inline int32_t floor_divided(double numerator, double denominator) { return floor_of(numerator / denominator); }

static inline int32_t clamped(int32_t number, int32_t least, int32_t most) {
    return number < least ? least : number > most ? most : number;
}

/* Whether a component has weight 0 in all lanes: what it would add is 0 then. */
static inline int weighs_nothing(const int32_t *weight) {
    int32_t any = 0;
    for (int l = 0; l < NLC_LANES; l++)
        any |= weight[l];
    return any == 0;
}

static void widen(const uint8_t *restrict in, size_t count, int16_t *restrict out) {
    for (size_t k = 0; k < count; k++)
        out[k] = in[k];
}

#ifndef NLC_OWN_SHIFTS
static void activate(const nlc_layer *layer, const int32_t *restrict sums, size_t rows, const uint8_t *restrict skip,
                     uint8_t *restrict out, size_t stride) {
    const size_t width = (size_t)layer->vectors * NLC_LANES;
    const int32_t *restrict bias = layer->bias, *restrict shift = layer->shift;
    for (size_t row = 0; row < rows; row++, sums += width, out += stride) {
        if (skip) {
            for (size_t k = 0; k < width; k++) {
                const int32_t sum = ((sums[k] + bias[k]) >> shift[k]) + skip[k];
                out[k] = (uint8_t)clamped(sum, 0, NLC_ACTIVATION_MAX);
            }
            skip += stride;
        } else {
            for (size_t k = 0; k < width; k++)
                out[k] = (uint8_t)clamped((sums[k] + bias[k]) >> shift[k], 0, NLC_ACTIVATION_MAX);
        }
    }
}

static void finish(const nlc_layer *layer, const int32_t *restrict sums, size_t rows, int32_t *restrict outputs) {
    const size_t width = (size_t)layer->vectors * NLC_LANES;
    for (size_t row = 0; row < rows; row++, sums += width, outputs += width)
        for (size_t k = 0; k < width; k++)
            outputs[k] = (sums[k] + layer->bias[k]) >> layer->shift[k];
}
#endif

/* The largest level whose threshold is at most `sum`. */
static inline int32_t level_of(const int32_t *thresholds, int32_t count, int32_t sum) {
    int32_t first = 0;
    for (int32_t left = count; left > 1;) { /* without branches that depend on `sum` */
        const int32_t half = left / 2;
        first += thresholds[first + half] <= sum ? half : 0;
        left -= half;
    }
    return first;
}

static void normalise(const nlc_model *model, const uint16_t *restrict seen, int16_t *restrict inputs,
                      int32_t *restrict base, int32_t *restrict level) {
    const int channels = model->channels, horizon = model->horizon, window = model->window;
    const size_t values = (size_t)(window * channels);
    int32_t pattern[2 * NLC_MAX_INPUTS];
    if (model->raw) {
        for (int c = 0; c < channels; c++)
            base[c] = NLC_RAW_BASE;
        *level = 0;
    } else {
        const uint16_t *west = seen + channels * (window - 1), *west_west = west - channels;
        const uint16_t *north = seen + channels * ((horizon - 1) * (2 * horizon + 1) + horizon);
        const uint16_t *north_north = north - channels * (2 * horizon + 1);
        int32_t sum = 0;
        for (int c = 0; c < channels; c++) {
            const int32_t middle = 2 * west[c] + north[c] + north[channels + c];
            base[c] = middle;
            sum += abs(4 * west[c] - middle) + abs(4 * north[c] - middle) + abs(4 * north[channels + c] - middle) +
                   abs(4 * north[c - channels] - middle) + abs(4 * west_west[c] - middle) +
                   abs(4 * north_north[c] - middle);
        }
        *level = level_of(model->thresholds, model->activity_levels, sum);
    }
    for (int c = 0; c < 12; c++) /* a multiple of all numbers of channels */
        pattern[c] = base[channels == 1 ? 0 : c % 3];
    for (size_t filled = 12; filled < values; filled += 12)
        memcpy(pattern + filled, pattern, 12 * sizeof *pattern);
    const int32_t scale = model->input_scale[*level], octaves = model->octaves[*level];
    /* Beyond this, differences are clipped whatever they are, and products would not fit 32 bits. */
    const int32_t most = ((NLC_INPUT_CLIP + 1) << NLC_INPUT_SCALE_BITS) / scale + 1;
    for (size_t k = 0; k < values; k++) {
        const int32_t difference = clamped((4 * seen[k] - pattern[k]) >> octaves, -most, most);
        const int32_t input = (difference * scale + (1 << (NLC_INPUT_SCALE_BITS - 1))) >> NLC_INPUT_SCALE_BITS;
        inputs[k] = (int16_t)clamped(input, -NLC_INPUT_CLIP, NLC_INPUT_CLIP);
    }
    if (!model->raw) {
        for (int c = 0; c < channels; c++)
            inputs[values + (size_t)c] = (int16_t)((base[c] >> (model->bits - 6)) - 128);
        inputs[values + (size_t)channels] = (int16_t)model->activity_input[*level];
    }
}

/* What makes the means of a component in a plane: means and their scales, the base, and coefficients of the planes that
 * are known, or NULL, by the deviations there. */
typedef struct {
    const int32_t *mean, *scale, *base, *first, *by_first, *second, *by_second;
} mean_parts;

#ifdef NLC_OWN_FLOATS
#include NLC_OWN_FLOATS
#else
static inline void add_means(const mean_parts *of, int32_t *restrict mean) {
    int64_t found[NLC_LANES];
    for (int l = 0; l < NLC_LANES; l++)
        found[l] = ((int64_t)of->mean[l] * of->scale[l] >> 8) + of->base[l];
    if (of->first && !of->second)
        for (int l = 0; l < NLC_LANES; l++)
            found[l] += (int64_t)of->first[l] * of->by_first[l] >> 4;
    if (of->first && of->second)
        for (int l = 0; l < NLC_LANES; l++)
            found[l] += ((int64_t)of->first[l] * of->by_first[l] + (int64_t)of->second[l] * of->by_second[l]) >> 4;
    const int64_t least = -NLC_MEAN_LIMIT, most = (64 << 8) + NLC_MEAN_LIMIT;
    for (int l = 0; l < NLC_LANES; l++)
        found[l] = found[l] < least ? least : found[l];
    for (int l = 0; l < NLC_LANES; l++)
        found[l] = found[l] > most ? most : found[l];
    for (int l = 0; l < NLC_LANES; l++)
        mean[l] = (int32_t)found[l];
}

/* Shares of a number in a sum. */
static inline void share_lanes(const double *restrict number, const double *restrict sum, int32_t *restrict weight) {
    for (int l = 0; l < NLC_LANES; l++)
        weight[l] = (int32_t)(number[l] * (1 << NLC_WEIGHT_BITS) / sum[l]);
}

/* Frequencies of what is below a boundary, of a whole. */
static inline void find_frequencies(const int32_t *restrict above, const int32_t *restrict whole,
                                    uint32_t *restrict found) {
    for (int l = 0; l < NLC_LANES; l++) {
        const double part = (double)above[l] * NLC_FREE_FREQUENCY; /* below 2^53 */
        found[l] = (uint32_t)(int32_t)(part / (double)whole[l]);
    }
}

/* Of learning_kernels.h: slopes by widths of values, rounded downwards, and pulls by what a deviation is. */
static inline void divide_slopes(const double *restrict numerator, const int32_t *restrict width,
                                 int32_t *restrict found) {
    for (int l = 0; l < NLC_LANES; l++)
        found[l] = floor_divided(numerator[l], (double)width[l] * (1 << 19));
}
static inline void scale_pulls(const int32_t *restrict pull, const int32_t *restrict relative,
                               int32_t *restrict found) {
    for (int l = 0; l < NLC_LANES; l++)
        found[l] = floor_of((double)pull[l] * relative[l] * (1.0 / (1 << 27)) + 0.5);
}
#endif

/* Make weights of numbers: floor(number * 2^13 / their sum). Numbers are integers below 2^34. */
static inline void share_out(double (*restrict number)[NLC_LANES], int count, nlc_lanes *restrict weight) {
    double sum[NLC_LANES] = {0};
    for (int i = 0; i < count; i++)
        for (int l = 0; l < NLC_LANES; l++)
            sum[l] += number[i][l];
    for (int i = 0; i < count; i++)
        share_lanes(number[i], sum, weight[i]);
}

static void start_block(const nlc_model *model, nlc_block *block) {
    const int count = model->components, last = model->exponential_count - 1;
    const int32_t *restrict exponential = model->exponential;
    const nlc_lanes *restrict logit = (const nlc_lanes *)block->outputs;
    double number[NLC_MAX_COMPONENTS][NLC_LANES];
    nlc_lanes largest;
    memcpy(largest, logit[0], sizeof largest);
    for (int i = 1; i < count; i++)
        for (int l = 0; l < NLC_LANES; l++)
            largest[l] = logit[i][l] > largest[l] ? logit[i][l] : largest[l];
    for (int i = 0; i < count; i++)
        for (int l = 0; l < NLC_LANES; l++) {
            const int32_t distance = largest[l] - logit[i][l];
            number[i][l] = exponential[distance < last ? distance : last];
        }
    share_out(number, count, block->weight);
    memcpy(block->prior, block->weight, (size_t)count * sizeof(nlc_lanes));
}

/* Add up the weights, and begin a sample at its first digit. */
static inline void sum_weights(const nlc_model *model, nlc_block *block) {
    nlc_lanes total = {0};
    for (int i = 0; i < model->components; i++)
        for (int l = 0; l < NLC_LANES; l++)
            total[l] += block->weight[i][l];
    for (int l = 0; l < NLC_LANES; l++) {
        block->total[l] = total[l];
        block->value[l] = block->lowest[l] = 0;
        block->whole[l] = (total[l] << NLC_LOGISTIC_BITS) + (total[l] << 8 >> NLC_UNIFORM_SHIFT);
    }
}

static void start_plane(const nlc_model *model, nlc_block *block, int plane) {
    const int count = model->components, channels = model->channels, last = model->scale_count - 1;
    const nlc_lanes *mean = (const nlc_lanes *)block->outputs + count + plane * count;
    const nlc_lanes *scale = mean + channels * count;
    /* The coefficients of the planes that are known: there are none for the first. */
    const nlc_lanes *linear = scale + channels * count - plane * count;
    const nlc_lanes *first = plane ? linear + (plane == 2 ? count : 0) : mean,
                    *second = plane == 2 ? first + count : mean;
    const int32_t *restrict slope_high = model->slope_high, *restrict slope_low = model->slope_low;
    nlc_lanes mean_scale, offset, base;
    for (int l = 0; l < NLC_LANES; l++) {
        mean_scale[l] = model->mean_scale[block->level[l]];
        offset[l] = model->scale_offset[block->level[l]];
        base[l] = 16 * block->base[plane][l];
    }
    for (int i = 0; i < count; i++) {
        if (weighs_nothing(block->weight[i]))
            continue;
        nlc_lanes index;
        const mean_parts parts = {mean[i], mean_scale, base, plane ? first[i] : NULL, block->deviation[0],
                                  plane == 2 ? second[i] : NULL, block->deviation[1]};
        add_means(&parts, block->mean[i]);
        for (int l = 0; l < NLC_LANES; l++)
            index[l] = clamped(scale[i][l] + offset[l], 0, last);
        for (int l = 0; l < NLC_LANES; l++)
            block->slope_high[i][l] = slope_high[index[l]];
        for (int l = 0; l < NLC_LANES; l++)
            block->slope_low[i][l] = slope_low[index[l]];
    }
    sum_weights(model, block);
}

/* The steps of the logistic table that `distance`, within 2^15, is from the mean: distance * slope >> 14. */
static inline int32_t steps_of(int32_t distance, int32_t slope_high, int32_t slope_low) {
    return distance * slope_high + (distance * slope_low >> NLC_SCALE_FRACTION_BITS);
}

/* The logistic CDF less a half, in 1/2^15, at `steps` of the table, which has the upper half. */
static inline void logistic_at(const nlc_model *model, const int32_t *restrict steps, int32_t *restrict found) {
    const int32_t last = model->logistic_last;
    nlc_lanes index;
    for (int l = 0; l < NLC_LANES; l++) {
        const int32_t upper = steps[l] ^ (steps[l] >> 31);
        index[l] = upper < last ? upper : last;
    }
    NLC_LOOKUP(model->logistic, index, found);
    for (int l = 0; l < NLC_LANES; l++) {
        const int32_t sign = steps[l] >> 31;
        found[l] = (found[l] ^ sign) - sign;
    }
}

/* Turn the sums of weights by logistic CDFs less a half, at the inner boundaries, into the digit's frequencies. */
static inline void finish_digit(nlc_block *block, nlc_lanes *sum, int32_t stride) {
    for (int k = 1; k < NLC_RADIX; k++)
        for (int l = 0; l < NLC_LANES; l++) {
            const int32_t boundary = block->value[l] + k * stride;
            const int32_t half = block->total[l] << (NLC_LOGISTIC_BITS - 1);
            const int32_t uniform = block->total[l] * boundary >> NLC_UNIFORM_SHIFT;
            const int32_t above = sum[k - 1][l] + half + uniform - block->lowest[l];
            block->cdf[k][l] = above;
        }
    for (int k = 1; k < NLC_RADIX; k++)
        find_frequencies(block->cdf[k], block->whole, block->cumulative[k]);
    memcpy(block->cdf[NLC_RADIX], block->whole, sizeof block->whole);
}

#ifndef NLC_OWN_DIGIT
static void digit(const nlc_model *model, nlc_block *block, int32_t stride) {
    const int count = model->components;
    nlc_lanes sum[NLC_RADIX - 1];
    memset(sum, 0, sizeof sum);
    for (int i = 0; i < count; i++) {
        if (weighs_nothing(block->weight[i]))
            continue;
        for (int k = 0; k < NLC_RADIX - 1; k++) {
            nlc_lanes steps, logistic;
            for (int l = 0; l < NLC_LANES; l++) {
                const int32_t distance = 64 * (block->value[l] + (k + 1) * stride) - 32 - block->mean[i][l];
                steps[l] = steps_of(distance, block->slope_high[i][l], block->slope_low[i][l]);
            }
            logistic_at(model, steps, logistic);
            for (int l = 0; l < NLC_LANES; l++)
                sum[k][l] += block->weight[i][l] * logistic[l];
        }
    }
    finish_digit(block, sum, stride);
}
#endif

static void end_plane(const nlc_model *model, nlc_block *block, int plane, int traced) {
    const int count = model->components;
    const nlc_trace *trace = &block->trace[plane];
    double number[NLC_MAX_COMPONENTS][NLC_LANES];
    for (int l = 0; l < NLC_LANES; l++)
        block->deviation[plane][l] = 4 * block->value[l] - block->base[plane][l];
    if (!model->joint)
        return;
    for (int i = 0; i < count; i++) {
        /* For good: nothing can be learned from it in this plane and the next. */
        if (weighs_nothing(block->weight[i])) {
            memset(number[i], 0, sizeof number[i]);
            continue;
        }
        nlc_lanes steps_below, steps_above, below, above;
        for (int l = 0; l < NLC_LANES; l++) {
            const int32_t distance = 64 * block->value[l] - 32 - block->mean[i][l];
            steps_below[l] = steps_of(distance, block->slope_high[i][l], block->slope_low[i][l]);
            steps_above[l] = steps_of(distance + 64, block->slope_high[i][l], block->slope_low[i][l]);
        }
        logistic_at(model, steps_below, below);
        logistic_at(model, steps_above, above);
        for (int l = 0; l < NLC_LANES; l++) {
            const int32_t half = 1 << (NLC_LOGISTIC_BITS - 1);
            below[l] = block->value[l] == 0 ? 0 : below[l] + half;
            above[l] = block->value[l] == 255 ? 2 * half : above[l] + half;
            number[i][l] = (double)block->weight[i][l] * (64 * (above[l] - below[l]) + 1);
        }
        if (traced) {
            memcpy(trace->below[i], below, sizeof below);
            memcpy(trace->above[i], above, sizeof above);
            memcpy(trace->step_below[i], steps_below, sizeof steps_below);
            memcpy(trace->step_above[i], steps_above, sizeof steps_above);
        }
    }
    share_out(number, count, block->weight);
}
