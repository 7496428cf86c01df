/* Kernels of learning in two layers (section 14): one source for every CPU level; included after
 * learning_kernels.h. */

/* Activations, of sums by the model's weights and by what was learned, in 1/2^NLC_PAIR_BITS. */
static void activate_learned(const nlc_layer *layer, const int32_t *restrict sums, const int32_t *restrict learned,
                             size_t rows, uint8_t *restrict out, size_t stride) {
    const size_t width = (size_t)layer->vectors * NLC_LANES;
    const int32_t *restrict bias = layer->bias, *restrict shift = layer->shift;
    for (size_t row = 0; row < rows; row++, sums += width, learned += width, out += stride) {
        for (size_t k = 0; k < width; k++) {
            const int32_t own = (int32_t)((uint32_t)(sums[k] + bias[k]) << (NLC_PAIR_BITS - shift[k]));
            out[k] = (uint8_t)clamped((own + learned[k]) >> NLC_PAIR_BITS, 0, NLC_ACTIVATION_MAX);
        }
    }
}

/* 2^(-n/32) in 1/4096, for n an output that is a logarithm of a scale: its mantissa is a line. */
static inline int32_t inverse_of(int32_t log_scale) {
    const int32_t octave = clamped(log_scale >> 5, -6, 6);
    return (64 - (log_scale & 31)) << (6 - octave);
}

/* Pack gradients of one block, of `outputs` numbers, for wide products in `groups`. */
static inline void pack_block(const int16_t (*found)[NLC_LANES], size_t outputs, size_t groups,
                              int16_t *restrict packed) {
#if NLC_WIDE_GROUP == 2
    (void)outputs;
    for (size_t group = 0; group < groups; group++)
        for (size_t l = 0; l < NLC_LANES; l++) {
            packed[(group * NLC_LANES + l) * 2] = found[2 * group][l];
            packed[(group * NLC_LANES + l) * 2 + 1] = found[2 * group + 1][l];
        }
#elif NLC_WIDE_GROUP == 1
    (void)groups;
    memcpy(packed, found, outputs * sizeof *found);
#else
    for (size_t output = 0; output < outputs; output++)
        for (size_t l = 0; l < NLC_LANES; l++)
            packed[l * groups * NLC_ROW + output] = found[output][l];
#endif
}

static void true_gradients(const nlc_model *model, nlc_lanes *restrict outputs, nlc_lanes *restrict gradient,
                           size_t groups, int16_t *restrict packed) {
    const int k = model->components, c = model->channels, means = k * (1 + c), scales = k * (1 + 2 * c);
    int16_t found[NLC_MAX_COMPONENTS * (1 + 2 * NLC_MAX_CHANNELS + 3) + 1][NLC_LANES];
    memset(found[model->outputs], 0, sizeof *found);
    for (int output = 0; output < model->outputs; output++) {
        nlc_lanes own;
        if (output < k) {
            memcpy(own, gradient[output], sizeof own);
        } else if (output >= means && output < scales) {
            for (int l = 0; l < NLC_LANES; l++)
                own[l] = (355 * gradient[output][l] + 128) >> 8;
        } else {
            /* The plane whose mean it is: its own, or that which the coefficient leads to. */
            const int of = output < means ? output - k : (output - scales < k ? k : 2 * k) + (output - scales) % k;
            const int more = output < means ? 1 : 2;
            const int32_t *restrict log_scale = outputs[means + of];
            for (int l = 0; l < NLC_LANES; l++)
                own[l] = (gradient[output][l] * (1 << more) * inverse_of(log_scale[l]) + 2048) >> 12;
        }
        for (int l = 0; l < NLC_LANES; l++)
            found[output][l] = (int16_t)clamped(own[l], -NLC_LARGEST_GRADIENT, NLC_LARGEST_GRADIENT);
    }
    pack_block((const int16_t (*)[NLC_LANES])found, (size_t)model->outputs, groups, packed);
}

/* The units whose activations can move in one of the lanes that `mask` has, in order; returns how many. */
static size_t find_moving(const uint8_t *restrict activation, size_t stride, size_t units, const uint8_t *restrict mask,
                          uint16_t *restrict moving) {
    size_t count = 0;
    for (size_t unit = 0; unit < units; unit++, activation += stride) {
        uint8_t moves[NLC_LANES];
        uint64_t halves[2];
        for (size_t l = 0; l < NLC_LANES; l++) {
            const uint8_t inside = (uint8_t)((activation[l] != 0) & (activation[l] != NLC_ACTIVATION_MAX));
            moves[l] = inside & mask[l];
        }
        memcpy(halves, moves, sizeof halves);
        moving[count] = (uint16_t)unit;
        count += (halves[0] | halves[1]) != 0;
    }
    return count;
}

/* By how much errors of mean squares `squares` / `seen` are reduced: usual ones become about 4. */
static void reduce_errors(const double *restrict squares, size_t count, double seen, int32_t *restrict shifts) {
    for (size_t unit = 0; unit < count; unit++) {
        const double mean = squares[unit] / seen;
        uint64_t bits;
        memcpy(&bits, &mean, sizeof bits);
        const int32_t digits = (int32_t)(bits >> 52) - 1022; /* of the whole part, if that is not 0 */
        shifts[unit] = digits < 4 ? 0 : digits / 2 - 2;
    }
}

/* Errors of units to by how much they should move. */
static void settle(const nlc_lanes *restrict errors, const uint16_t *restrict moving, size_t count,
                   const uint8_t *restrict activation, size_t stride, const int32_t *restrict mask,
                   const int32_t *restrict shifts, double *restrict squares, nlc_lanes *restrict moves) {
    for (size_t k = 0; k < count; k++) {
        const size_t unit = moving[k];
        const uint8_t *restrict own = activation + unit * stride;
        int32_t sum = 0;
        const int32_t shift = shifts[unit], half = 1 << shift >> 1;
        for (int l = 0; l < NLC_LANES; l++) {
            const int32_t kept = -(own[l] > 0 && own[l] < NLC_ACTIVATION_MAX) & mask[l], number = errors[k][l];
            /* Rounded without a sum that could leave 32 bits. */
            const int32_t rounded = (number >> NLC_ERROR_BITS) + (number >> (NLC_ERROR_BITS - 1) & 1);
            const int32_t error = clamped(rounded, -NLC_LARGEST_ERROR, NLC_LARGEST_ERROR) & kept;
            sum += error * error;
            moves[unit][l] = clamped((error + half) >> shift, -INT8_MAX, INT8_MAX);
        }
        squares[unit] += sum;
    }
}

static inline int32_t small_of(int32_t number, int32_t bits) { return (number + (1 << bits >> 1)) >> bits; }

#ifndef NLC_OWN_MOVE_UNITS
/* Pack what is used of four units, of one vector of outputs; `own`, if not NULL, is added to wide ones. */
static inline void pack_used(const nlc_lanes *restrict number, const int16_t *restrict own, size_t vector,
                             size_t groups, void *restrict used) {
#if NLC_NARROW
    int32_t *restrict to = (int32_t *)used + vector * groups * NLC_LANES;
    (void)own;
    for (size_t l = 0; l < NLC_LANES; l++)
        to[l] = (number[0][l] & 255) | (number[1][l] & 255) << 8 | (number[2][l] & 255) << 16 |
                (int32_t)((uint32_t)number[3][l] << 24);
#else
    const size_t group = NLC_USED_GROUP, place = vector * groups * NLC_LANES * group;
    for (size_t unit = 0; unit < 4; unit++)
        for (size_t l = 0; l < NLC_LANES; l++) {
            const size_t after = l * (group == NLC_ROW ? groups * NLC_ROW : group);
            const size_t at = place + after + unit / group * NLC_LANES * group + unit % group;
            ((int16_t *)used)[at] = (int16_t)(number[unit][l] + (own ? own[at] : 0));
        }
#endif
}

/* Move four units: what is learned by their sums, and its average; and what of both is used. */
static void move_units(const int32_t *const *sums, const int32_t *restrict reduction, int32_t gain, int32_t pace,
                       size_t vectors, size_t groups, int32_t *restrict learned, int32_t *restrict average,
                       const int16_t *restrict own, void *restrict used, void *restrict used_average) {
    const size_t outputs = vectors * NLC_LANES;
    for (size_t vector = 0; vector < vectors; vector++) {
        nlc_lanes now[4], mean[4];
        for (size_t unit = 0; unit < 4; unit++) {
            const int32_t *restrict sum = sums[unit] + vector * NLC_LANES;
            int32_t *restrict present = learned + unit * outputs + vector * NLC_LANES;
            int32_t *restrict before = average + unit * outputs + vector * NLC_LANES;
            const int32_t half = 1 << reduction[unit] >> 1, by = reduction[unit], some = 1 << pace >> 1;
            for (size_t l = 0; l < NLC_LANES; l++) {
                const int32_t next =
                    clamped(present[l] + ((sum[l] * (1 << gain) + half) >> by), -NLC_PAIR_LARGEST, NLC_PAIR_LARGEST);
                const int32_t middle = before[l] + ((next * 16 - before[l] + some) >> pace);
                present[l] = next;
                before[l] = middle;
                now[unit][l] = small_of(next, NLC_PAIR_ROUNDED);
                mean[unit][l] = small_of(middle, NLC_PAIR_ROUNDED + 4);
            }
        }
        pack_used((const nlc_lanes *)now, own, vector, groups, used);
        pack_used((const nlc_lanes *)mean, own, vector, groups, used_average);
    }
}
#endif

/* The weights of a unit of the last layer, as errors go back through them: the model's, and what was learned. */
static void lead_back(const int32_t *restrict learned, const int16_t *restrict own, size_t outputs,
                      int16_t *restrict back) {
    for (size_t k = 0; k < outputs; k++)
        back[k] = (int16_t)clamped(own[k] + small_of(learned[k], 22 - NLC_BACK_BITS), INT16_MIN, INT16_MAX);
}
