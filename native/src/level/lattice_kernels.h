/* Kernels of tiles whose colours lie on a lattice (section 16); included by pixel_kernels.h. */

/* Of each value of one pixel's plane how likely it is in one component, in 1/2^15: part[x], in the vectors of NLC_LANES
 * values from `first` to `last`; it is 0 elsewhere. */
static inline void spread(const nlc_model *model, int32_t mean, int32_t slope_high, int32_t slope_low,
                          int32_t *restrict part, int *first, int *last) {
    const int32_t slope = (slope_high << NLC_SCALE_FRACTION_BITS) + slope_low;
    /* Boundaries so far from the mean, in 1/64 of a value, that the CDF is 0 or 1. */
    const int32_t far = (model->logistic_last << NLC_SCALE_FRACTION_BITS) / slope, reach = (far < 1 << 15 ? far : 1 << 15) + 97;
    *first = clamped((mean - reach) >> 6, 0, 255) / NLC_LANES;
    *last = clamped((mean + reach) >> 6, 0, 255) / NLC_LANES;
    int32_t below[(256 / NLC_LANES + 1) * NLC_LANES];
    for (int vector = *first; vector <= *last; vector++) {
        nlc_lanes steps;
        for (int l = 0; l < NLC_LANES; l++)
            steps[l] = steps_of(64 * (vector * NLC_LANES + l) - 32 - mean, slope_high, slope_low);
        logistic_at(model, steps, below + vector * NLC_LANES);
    }
    const int32_t half = 1 << (NLC_LOGISTIC_BITS - 1);
    if (*first == 0)
        below[0] = -half;
    below[(*last + 1) * NLC_LANES] = half;
    for (int vector = *first; vector <= *last; vector++)
        for (int l = 0; l < NLC_LANES; l++)
            part[vector * NLC_LANES + l] = below[vector * NLC_LANES + l + 1] - below[vector * NLC_LANES + l];
}

static inline int ones_of(uint64_t word) {
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)(word * 0x0101010101010101u >> 56);
}

/* How many of the `count` bits from `first` on are 1. There is a word after the row. */
static inline int ones_in(const uint64_t *row, int first, int count) {
    int found = 0;
    for (; count > 0; first += 64, count -= 64) {
        const int shift = first & 63;
        const uint64_t *at = row + (first >> 6);
        uint64_t word = at[0] >> shift | at[1] << 1 << (63 - shift);
        if (count < 64)
            word &= ((uint64_t)1 << count) - 1;
        found += ones_of(word);
    }
    return found;
}

static void sum_sixteenths(const int32_t *restrict mass, int32_t *restrict sums) {
    for (int vector = 0; vector < 256 / NLC_LANES; vector++) {
        int32_t sum = 0;
        for (int l = 0; l < NLC_LANES; l++)
            sum += mass[vector * NLC_LANES + l];
        sums[vector] = sum;
    }
}

/* Where blue is expected in one component, given green: what section 16 calls its window. */
typedef struct {
    int64_t mean, by_green; /* in 1/64 of a level, times 16: without green, and for each deviation of green */
    int32_t half, count, share;
} lattice_window;

static inline lattice_window window_of(const nlc_model *model, const nlc_block *block, int i, int lane, int32_t weight) {
    const int count = model->components;
    const nlc_lanes *mean = (const nlc_lanes *)block->outputs + 3 * count, *scale = mean + 3 * count;
    const nlc_lanes *by_red = scale + 3 * count - count, *by_green = by_red + count;
    const int32_t level = block->level[lane];
    const int32_t place = clamped(scale[i][lane] + model->scale_offset[level], 0, model->scale_count - 1);
    const int32_t slope = (model->slope_high[place] << NLC_SCALE_FRACTION_BITS) + model->slope_low[place];
    lattice_window window;
    window.mean = (((int64_t)mean[i][lane] * model->mean_scale[level] >> 8) + 16 * block->base[2][lane]) * 16 +
                  (int64_t)by_red[i][lane] * block->deviation[0][lane];
    window.by_green = by_green[i][lane];
    window.half = 32 + NLC_LATTICE_REACH / slope;
    window.count = (2 * window.half >> 6) + 1;
    window.count = window.count < 256 ? window.count : 256;
    window.share = 248 * weight / window.count;
    return window;
}

static inline int32_t window_first(const lattice_window *window, int32_t deviation) {
    int64_t mean = (window->mean + window->by_green * deviation) >> 4;
    const int64_t least = -NLC_MEAN_LIMIT, most = (64 << 8) + NLC_MEAN_LIMIT;
    mean = mean < least ? least : mean > most ? most : mean;
    return clamped(((int32_t)mean - window->half + 63) >> 6, 0, 256 - window->count);
}

/* Of each green of a pixel whose red is known, whose rows of the lattice are `rows`: `mass`, how likely it is, and `held`,
 * the part of it that is expected on the lattice. Both in 1/2^28, nearly. */
static void weigh_green(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *rows,
                        int32_t *restrict mass, int32_t *restrict held) {
    const int32_t uniform = block->total[lane] >> NLC_UNIFORM_SHIFT;
    for (int x = 0; x < 256; x++)
        mass[x] = uniform;
    for (int x = 0; x < 256; x++)
        held[x] = uniform >> 2;
    for (int i = 0; i < model->components; i++) {
        const int32_t weight = block->weight[i][lane], plain = weight >> 2;
        if (!weight)
            continue;
        int32_t part[256];
        int first, last;
        spread(model, block->mean[i][lane], block->slope_high[i][lane], block->slope_low[i][lane], part, &first, &last);
        const lattice_window window = window_of(model, block, i, lane, weight);
        const int32_t least = ((1 << 17) + weight - 1) / weight; /* of what is looked at closely */
        for (int x = first * NLC_LANES; x < (last + 1) * NLC_LANES; x++) {
            mass[x] += part[x] * weight;
            held[x] += part[x] * plain;
        }
        for (int x = first * NLC_LANES; x < (last + 1) * NLC_LANES; x++) {
            if (part[x] < least)
                continue;
            const int32_t start = window_first(&window, 4 * x - block->base[1][lane]);
            const int ones = ones_in(rows + x * NLC_LATTICE_ROW, start, window.count);
            held[x] += part[x] * (((window.share * ones + 4 * weight) >> 8) - plain);
        }
    }
}

/* Of each blue of a pixel whose row of the lattice is `row` how likely it is, and 0 if it is not on the lattice, or of
 * those that are, as `on` says. */
static void weigh_blue(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *row, int on,
                       int32_t *restrict mass) {
    const int32_t uniform = block->total[lane] >> NLC_UNIFORM_SHIFT;
    for (int x = 0; x < 256; x++)
        mass[x] = uniform;
    for (int i = 0; i < model->components; i++) {
        const int32_t weight = block->weight[i][lane];
        if (!weight)
            continue;
        int32_t part[256];
        int first, last;
        spread(model, block->mean[i][lane], block->slope_high[i][lane], block->slope_low[i][lane], part, &first, &last);
        for (int x = first * NLC_LANES; x < (last + 1) * NLC_LANES; x++)
            mass[x] += part[x] * weight;
    }
    for (int word = 0; word < NLC_LATTICE_ROW; word++) {
        const uint64_t kept = on ? row[word] : ~row[word];
        for (int bit = 0; bit < 64; bit++)
            mass[64 * word + bit] &= -(int32_t)(kept >> bit & 1);
    }
}
