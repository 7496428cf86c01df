/* Kernels of learning in the last layer (section 13): one source for every CPU level; included after
 * pixel_kernels.h. */

/* The gradients of a component's mean and log-scale in one plane, and `pull`, of which others are made. */
static inline void slopes_of(const nlc_trace *trace, int i, const int32_t *restrict weight, int32_t *restrict pull,
                             int32_t *restrict mean, int32_t *restrict scale) {
    const int32_t *restrict below = trace->below[i], *restrict above = trace->above[i];
    const int32_t *restrict step_below = trace->step_below[i], *restrict step_above = trace->step_above[i];
    const int32_t whole = 1 << NLC_LOGISTIC_BITS;
    nlc_lanes share, spread_below, spread_above, width;
    double numerator[NLC_LANES];
    for (int l = 0; l < NLC_LANES; l++) {
        pull[l] = weight[l] * (below[l] + above[l] - whole);
        spread_below[l] = below[l] * (whole - below[l]);
        spread_above[l] = above[l] * (whole - above[l]);
        const int32_t difference = above[l] - below[l];
        width[l] = difference > 1 ? difference : 1;
    }
    for (int l = 0; l < NLC_LANES; l++)
        mean[l] = (pull[l] + (1 << 21)) >> 22;
    /* Where steps are beyond the table's end, below * (whole - below) is 0: numerators are below 2^47. */
    for (int l = 0; l < NLC_LANES; l++)
        numerator[l] = (double)step_below[l] * spread_below[l];
    for (int l = 0; l < NLC_LANES; l++)
        numerator[l] -= (double)step_above[l] * spread_above[l];
    divide_slopes(numerator, width, share); /* below 2^28 */
    for (int l = 0; l < NLC_LANES; l++)
        scale[l] = (weight[l] * clamped(share[l], -64, 192) + (1 << 12)) >> 13;
}

static void gradients(const nlc_model *model, const nlc_block *block, int planes, nlc_lanes *gradient) {
    const int count = model->components, channels = model->channels;
    nlc_lanes *means = gradient + count, *scales = means + channels * count, *linear = scales + channels * count;
    nlc_lanes relative[NLC_MAX_CHANNELS];
    memset(gradient, 0, (size_t)model->outputs * sizeof *gradient);
    for (int p = 0; p < planes; p++)
        for (int l = 0; l < NLC_LANES; l++) {
            const double scale = model->mean_scale[block->level[l]];
            relative[p][l] = clamped(floor_divided(256.0 * block->deviation[p][l], scale), -64, 64);
        }
    for (int i = 0; i < count; i++)
        for (int l = 0; l < NLC_LANES; l++)
            gradient[i][l] = (block->weight[i][l] - block->prior[i][l] + 32) >> 6;
    for (int p = 0; p < planes; p++)
        for (int i = 0; i < count; i++) {
            if (weighs_nothing(block->weight[i]))
                continue;
            const int32_t *restrict weight = block->weight[i];
            nlc_lanes pull, mean, scale;
            slopes_of(&block->trace[p], i, weight, pull, mean, scale);
            memcpy(means[p * count + i], mean, sizeof mean);
            memcpy(scales[p * count + i], scale, sizeof scale);
            for (int q = 0; q < p; q++) {
                nlc_lanes found;
                scale_pulls(pull, relative[q], found);
                memcpy(linear[(p + q - 1) * count + i], found, sizeof found);
            }
        }
}

/* u of section 13 for a mean square of `number`: its binary digits, at least 2, less 10, halved downwards, plus 4. */
static inline int32_t reduction_of(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    const int32_t digits = (int32_t)(bits >> 52) - 1022; /* of a positive number's whole part, if that is not 0 */
    return ((digits < 2 ? 2 : digits) - 10 + 64) / 2 - 32 + 4;
}

/* Of at most NLC_LANES units. */
static inline void reduce_lanes(const uint8_t *restrict units, size_t stride, size_t pixels, double *restrict squares,
                                double seen, int32_t *restrict reduction, const size_t lanes) {
    nlc_lanes sum = {0};
    for (size_t pixel = 0; pixel < pixels; pixel++, units += stride)
        for (size_t l = 0; l < lanes; l++)
            sum[l] += units[l] * units[l];
    for (size_t l = 0; l < lanes; l++)
        squares[l] += sum[l];
    for (size_t l = 0; l < lanes; l++)
        reduction[l] = sum[l] ? reduction_of(squares[l] / seen) : -1;
}

static void reduce(const uint8_t *restrict units, size_t stride, size_t count, size_t pixels, double *restrict squares,
                   double seen, int32_t *restrict reduction) {
    size_t unit = 0;
    for (; unit + NLC_LANES <= count; unit += NLC_LANES)
        reduce_lanes(units + unit, stride, pixels, squares + unit, seen, reduction + unit, NLC_LANES);
    if (unit < count)
        reduce_lanes(units + unit, stride, pixels, squares + unit, seen, reduction + unit, count - unit);
}

#if NLC_NARROW && !defined NLC_OWN_PACK_GRADIENTS
static int32_t pack_gradients(nlc_lanes *gradients, size_t outputs, size_t first, size_t last, int32_t above,
                              int8_t *packed) {
    nlc_lanes largest = {0}, mask;
    const int32_t least = above ? 0 : INT8_MIN;
    for (size_t l = 0; l < NLC_LANES; l++)
        mask[l] = l < last ? -1 : 0;
    for (size_t output = 0; output < outputs; output++, packed += 4) {
        int8_t bytes[NLC_LANES];
        for (size_t l = 0; l < NLC_LANES; l++) {
            const int32_t gradient = gradients[output][l] & mask[l];
            largest[l] = gradient > largest[l] ? gradient : largest[l];
            bytes[l] = (int8_t)clamped(gradient - above, least, INT8_MAX);
        }
        for (size_t l = first; l < last; l += 4)
            memcpy(packed + (l - first) * NLC_LANES, bytes + l, 4);
    }
    int32_t found = 0;
    for (size_t l = 0; l < NLC_LANES; l++)
        found = largest[l] > found ? largest[l] : found;
    return found;
}
#endif

#ifndef NLC_OWN_PACK_WIDE
static void pack_wide(nlc_lanes *gradients, size_t outputs, size_t first, size_t last, size_t groups, int16_t *packed) {
    (void)groups;
    for (size_t output = 0; output < outputs; output++) {
        int16_t row[NLC_LANES];
        for (size_t l = 0; l < NLC_LANES; l++)
            row[l] = l < last ? (int16_t)gradients[output][l] : 0;
#if NLC_WIDE_GROUP == 1
        for (size_t l = first; l < last; l++)
            packed[(l - first) * NLC_LANES + output] = row[l];
#elif NLC_WIDE_GROUP == 2
        for (size_t l = first; l < last; l += 2)
            memcpy(packed + (l - first) * NLC_LANES + 2 * output, row + l, 2 * sizeof *row);
#else
        memcpy(packed + output * groups * NLC_ROW, row + first, (last - first) * sizeof *row);
#endif
    }
}
#endif

#ifndef NLC_OWN_SHIFTS
static void correct(const int32_t *restrict sums, const int32_t *restrict shifts, size_t count,
                    int32_t *restrict outputs) {
    for (size_t k = 0; k < count; k++)
        outputs[k] += (sums[k] + (1 << shifts[k] >> 1)) >> shifts[k];
}
#endif

/* Follow the sums of one unit. */
static void follow(const int32_t *restrict sums, int32_t reduction, int32_t *restrict learned, size_t outputs) {
    const int32_t half = 1 << reduction >> 1;
    for (size_t k = 0; k < outputs; k++)
        learned[k] = clamped(learned[k] + ((4 * sums[k] + half) >> reduction), -NLC_LARGEST_LEARNED,
                             NLC_LARGEST_LEARNED);
}

static inline int32_t used_of(int32_t learned) {
    return (learned + (1 << (NLC_ROUNDED_BITS - 1))) >> NLC_ROUNDED_BITS;
}

#if NLC_NARROW
#define NLC_USED int8_t
#define NLC_USED_GROUP 4
#else
#define NLC_USED int16_t
#define NLC_USED_GROUP NLC_WIDE_GROUP
#endif

#ifndef NLC_OWN_USE
static void use(const int32_t *restrict learned, size_t vectors, size_t groups, void *restrict used) {
    const size_t outputs = vectors * NLC_LANES;
    for (size_t vector = 0; vector < vectors; vector++, learned += NLC_LANES) {
        NLC_USED *restrict to = (NLC_USED *)used + vector * groups * NLC_LANES * NLC_USED_GROUP;
        for (size_t l = 0; l < NLC_LANES; l++) {
            /* Of units that are `group` of a group the weights stand together, and then those of the next output. */
            NLC_USED *restrict at = to + l * (NLC_USED_GROUP == NLC_ROW ? groups * NLC_ROW : NLC_USED_GROUP);
            for (size_t unit = 0; unit < 4; unit++)
                at[unit / NLC_USED_GROUP * NLC_LANES * NLC_USED_GROUP + unit % NLC_USED_GROUP] =
                    (NLC_USED)used_of(learned[unit * outputs + l]);
        }
    }
}
#endif
