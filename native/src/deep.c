#include "deep.h"

#include "bits.h"

/* The logistic CDF is linear between the entries of the model's table, with FRACTION_BITS more, and counts
 * 2^CDF_BITS. */
#define CDF_BITS 24
#define FRACTION_BITS 12
#define UNIFORM_BITS 11
/* Of differences of the CDF so many bits enter the frequencies. */
#define DIFFERENCE_BITS 29

static int64_t within(int64_t number, int64_t least, int64_t most) {
    return number < least ? least : number > most ? most : number;
}

/* The quotient rounded down, for a power of two as the divisor. */
static int64_t shifted(int64_t number, int bits) { return number >> bits; }

void nlc_deep_start_plane(const nlc_model *model, nlc_block *block, int plane) {
    const int count = model->components, channels = model->channels, more = model->bits - 8;
    const nlc_lanes *mean = (const nlc_lanes *)block->outputs + count + plane * count;
    const nlc_lanes *scale = mean + channels * count;
    const nlc_lanes *outputs = (const nlc_lanes *)block->outputs;
    const int64_t limit = (int64_t)NLC_MEAN_LIMIT << more;
    const int linear = count + 2 * channels * count;
    for (int l = 0; l < NLC_LANES; l++) {
        const int32_t level = block->level[l];
        int64_t total = 0;
        for (int i = 0; i < count; i++) {
            int64_t found =
                shifted((int64_t)mean[i][l] * model->mean_scale[level], 8) + 16 * (int64_t)block->base[plane][l];
            if (plane == 1)
                found += shifted((int64_t)outputs[linear + i][l] * block->deviation[0][l], 4);
            if (plane == 2)
                found += shifted((int64_t)outputs[linear + count + i][l] * block->deviation[0][l] +
                                     (int64_t)outputs[linear + 2 * count + i][l] * block->deviation[1][l],
                                 4);
            block->mean[i][l] = (int32_t)within(found, -limit, ((int64_t)64 << model->bits) + limit);
            const int64_t index = within((int64_t)scale[i][l] + model->scale_offset[level], 0, model->scale_count - 1);
            block->slope_high[i][l] = model->inverse_scale[index];
            block->slope_low[i][l] = model->slope_shift[index];
            total += block->weight[i][l];
        }
        block->total[l] = (int32_t)total;
        block->value[l] = 0;
        block->deep_lowest[l] = 0;
        block->deep_whole[l] = (total << CDF_BITS) + (total << UNIFORM_BITS);
    }
}

/* The logistic CDF of a component below `boundary`, 0 to 2^CDF_BITS. */
static int64_t logistic_below(const nlc_model *model, const nlc_block *block, int component, int lane,
                              int64_t boundary) {
    const int64_t reach = (int64_t)(model->coarse_half - 1) << FRACTION_BITS;
    const int64_t distance = 64 * boundary - 32 - block->mean[component][lane];
    /* Below 2^23 * 2^24. */
    const int64_t steps =
        shifted(distance * block->slope_high[component][lane], (int)block->slope_low[component][lane]);
    const int64_t place = within(steps, -reach, reach) + reach;
    const int64_t entry = place >> FRACTION_BITS, fraction = place & ((1 << FRACTION_BITS) - 1);
    const int64_t low = model->coarse[entry], high = model->coarse[entry + 1];
    return ((low << FRACTION_BITS) + fraction * (high - low)) >> (NLC_COARSE_BITS + FRACTION_BITS - CDF_BITS);
}

void nlc_deep_digit(const nlc_model *model, nlc_block *block, int32_t stride) {
    for (int l = 0; l < NLC_LANES; l++) {
        const int64_t whole = block->deep_whole[l];
        const int digits = nlc_bit_length64((uint64_t)whole),
                  left_out = digits > DIFFERENCE_BITS ? digits - DIFFERENCE_BITS : 0;
        for (int k = 1; k < NLC_RADIX; k++) {
            const int64_t boundary = block->value[l] + (int64_t)k * stride;
            int64_t sum = ((int64_t)block->total[l] * boundary << UNIFORM_BITS) >> model->bits;
            for (int i = 0; i < model->components; i++)
                sum += block->weight[i][l] * logistic_below(model, block, i, l, boundary);
            sum -= block->deep_lowest[l];
            block->deep_cdf[k][l] = sum;
            block->cumulative[k][l] = (uint32_t)(((sum >> left_out) * NLC_FREE_FREQUENCY) / (whole >> left_out));
        }
        block->deep_cdf[0][l] = 0;
        block->deep_cdf[NLC_RADIX][l] = whole;
    }
}

void nlc_deep_end_plane(const nlc_model *model, nlc_block *block, int plane) {
    const int64_t last = ((int64_t)1 << model->bits) - 1;
    for (int l = 0; l < NLC_LANES; l++) {
        const int64_t value = block->value[l];
        int64_t mass[NLC_MAX_COMPONENTS], sum = 0;
        block->deviation[plane][l] = (int32_t)(4 * value - block->base[plane][l]);
        if (!model->joint)
            continue;
        for (int i = 0; i < model->components; i++) {
            const int64_t below = value == 0 ? 0 : logistic_below(model, block, i, l, value);
            const int64_t above =
                value == last ? (int64_t)1 << CDF_BITS : logistic_below(model, block, i, l, value + 1);
            mass[i] = block->weight[i][l] * (above - below + 1);
            sum += mass[i];
        }
        for (int i = 0; i < model->components; i++)
            block->weight[i][l] = (int32_t)(mass[i] * (1 << NLC_WEIGHT_BITS) / sum);
    }
}
