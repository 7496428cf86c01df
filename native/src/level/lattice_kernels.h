/* Kernels of tiles whose colours lie on a lattice (section 15); included after what the level has of its own.
 *
 * They work pixel by pixel: masses of all values of a plane, in vectors of NLC_LANES values.
 */

static inline int ones_of(uint64_t word) {
#if defined(__GNUC__) && NLC_POPCOUNT
    return __builtin_popcountll(word);
#else
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)(word * 0x0101010101010101u >> 56);
#endif
}

/* How many of `count` bits from `first` on are 1. There is a word after them. */
static inline int ones_in(const uint64_t *row, int32_t first, int32_t count) {
    int found = 0;
    for (; count > 64; first += 64, count -= 64)
        found += ones_of(row[first >> 6] >> (first & 63) | row[(first >> 6) + 1] << 1 << (63 - (first & 63)));
    const uint64_t word = row[first >> 6] >> (first & 63) | row[(first >> 6) + 1] << 1 << (63 - (first & 63));
    return found + ones_of(word << (64 - count));
}

static inline int32_t place_of_scale(const nlc_model *model, const nlc_block *block, int plane, int i, int lane) {
    const int count = model->components;
    const nlc_lanes *scale = (const nlc_lanes *)block->outputs + count * (4 + plane);
    return clamped(scale[i][lane] + model->scale_offset[block->level[lane]], 0, model->scale_count - 1);
}

/* A component of the plane that is being coded: its weight, and the vectors of values beyond which it gives nothing. */
typedef struct {
    int number, first, last;
    int32_t weight;
} lattice_component;

/* The windows of blue values that a component expects, given red and green (section 15): that of green x begins at
 * (at + step * x) >> 10, from 0 to `most`, and has `size` values. Parts below `least` are not looked at. */
typedef struct {
    int32_t size, most, share, least;
    int64_t at, step;
} lattice_window;

/* Distances of the boundaries of a vector of values from its first one. */
static const nlc_lanes lattice_ladder = {0,   64,  128, 192, 256, 320, 384, 448,
                                         512, 576, 640, 704, 768, 832, 896, 960};

/* The components that count in a plane; the vectors that they reach get the uniform mass. Returns how many there
 * are. */
static inline int begin_spread(const nlc_model *model, const nlc_block *block, int plane, int lane,
                               lattice_component *restrict found, nlc_spread *restrict spread) {
    int count = 0, first = 256 / NLC_LANES, last = -1;
    for (int i = 0; i < model->components; i++) {
        const int32_t weight = block->weight[i][lane], mean = block->mean[i][lane];
        if (weight < NLC_LATTICE_WEIGHT)
            continue;
        const int32_t reach = model->lattice_reach[place_of_scale(model, block, plane, i, lane)];
        lattice_component *own = &found[count++];
        own->number = i;
        own->weight = weight;
        own->first = clamped((mean - reach) >> 6, 0, 255) / NLC_LANES;
        own->last = clamped((mean + reach) >> 6, 0, 255) / NLC_LANES;
        first = own->first < first ? own->first : first;
        last = own->last > last ? own->last : last;
    }
    spread->first = first;
    spread->last = last;
    spread->uniform = block->total[lane] >> NLC_UNIFORM_SHIFT;
    for (int32_t x = first * NLC_LANES; x < (last + 1) * NLC_LANES; x++)
        spread->mass[x] = spread->uniform;
    return count;
}

static inline lattice_window window_of(const nlc_model *model, const nlc_block *block, int i, int lane) {
    const int count = model->components;
    const nlc_lanes *mean = (const nlc_lanes *)block->outputs + 3 * count;
    const nlc_lanes *by_red = mean + 5 * count, *by_green = by_red + count;
    const int32_t weight = block->weight[i][lane], place = place_of_scale(model, block, 2, i, lane);
    const int64_t own =
        ((int64_t)mean[i][lane] * model->mean_scale[block->level[lane]] >> 8) + 16 * block->base[2][lane];
    const int64_t slope = by_green[i][lane];
    lattice_window found;
    found.size = model->lattice_size[place];
    found.most = 256 - found.size;
    found.share = weight * model->lattice_share[place] >> 6;
    found.least = (int32_t)((NLC_LATTICE_LEAST - 1) / (uint32_t)weight) + 1;
    found.step = 4 * slope;
    found.at = 16 * (own + 63 - model->lattice_half[place]) + (int64_t)by_red[i][lane] * block->deviation[0][lane] -
               slope * block->base[1][lane];
    return found;
}

/* What a part of a green is multiplied by for what is expected of blue, `ones` of whose window are on the lattice. */
static inline int32_t more_of(const lattice_window *window, int32_t weight, int32_t ones) {
    return ((window->share * ones + 16 * weight) >> 8) - weight;
}

/* What a component expects of the greens of a vector, whose parts are given, value by value. */
static inline void look_closely(const lattice_window *window, int32_t weight, int vector, const uint64_t *rows,
                                const int32_t *restrict part, int32_t *restrict held) {
    for (int l = 0; l < NLC_LANES; l++) {
        if (part[l] < window->least)
            continue;
        const int x = vector * NLC_LANES + l;
        int64_t begin = (window->at + window->step * x) >> 10;
        begin = begin < 0 ? 0 : begin;
        begin = begin > window->most ? window->most : begin;
        held[l] += part[l] * more_of(window, weight, ones_in(rows + x * NLC_LATTICE_ROW, (int32_t)begin, window->size));
    }
}

#ifdef NLC_OWN_LATTICE
#include NLC_OWN_LATTICE
#else
#define NLC_LOOK look_closely
/* Add the parts that a component gives values, in 1/2^15, by its weight to the masses; and return them, vector by
 * vector from its first. */
static inline void add_parts(const nlc_model *model, const nlc_block *block, const lattice_component *of, int lane,
                             int32_t *restrict mass, nlc_lanes *restrict parts) {
    const int32_t mean = block->mean[of->number][lane], half = 1 << (NLC_LOGISTIC_BITS - 1);
    const int32_t slope_high = block->slope_high[of->number][lane], slope_low = block->slope_low[of->number][lane];
    int32_t below[256 + NLC_LANES];
    const int count = of->last - of->first + 1;
    for (int vector = 0; vector < count; vector++) {
        const int32_t from = 64 * NLC_LANES * (of->first + vector) - 32 - mean;
        nlc_lanes steps;
        for (int l = 0; l < NLC_LANES; l++)
            steps[l] = steps_of(lattice_ladder[l] + from, slope_high, slope_low);
        logistic_at(model, steps, below + vector * NLC_LANES);
    }
    if (of->first == 0)
        below[0] = -half;
    below[count * NLC_LANES] = half;
    mass += of->first * NLC_LANES;
    for (int vector = 0; vector < count; vector++, mass += NLC_LANES) {
        const int32_t *restrict at = below + vector * NLC_LANES;
        for (int l = 0; l < NLC_LANES; l++)
            parts[vector][l] = at[l + 1] - at[l];
        for (int l = 0; l < NLC_LANES; l++)
            mass[l] += parts[vector][l] * of->weight;
    }
}
#endif

static int32_t weigh_green(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *rows,
                           nlc_spread *restrict spread) {
    lattice_component found[NLC_MAX_COMPONENTS];
    nlc_lanes parts[NLC_MAX_COMPONENTS * 256 / NLC_LANES], *own = parts;
    const int count = begin_spread(model, block, 1, lane, found, spread);
    const int32_t uniform = spread->uniform;
    memset(spread->kept, 0xff, sizeof spread->kept);
    for (int32_t x = spread->first * NLC_LANES; x < (spread->last + 1) * NLC_LANES; x++)
        spread->held[x] = 0;
    /* First all parts, since what is looked at depends on them. */
    for (int k = 0; k < count; own += found[k].last - found[k].first + 1, k++)
        add_parts(model, block, &found[k], lane, spread->mass, own);
    own = parts;
    for (int k = 0; k < count; k++) {
        const lattice_window window = window_of(model, block, found[k].number, lane);
        for (int vector = found[k].first; vector <= found[k].last; vector++, own++)
            NLC_LOOK(&window, found[k].weight, vector, rows, *own, spread->held + vector * NLC_LANES);
    }
    int32_t mass = 0, held = 0;
    for (int vector = spread->first; vector <= spread->last; vector++) {
        int32_t *restrict of = spread->mass + vector * NLC_LANES;
        int32_t *restrict part_of_it = spread->held + vector * NLC_LANES;
        for (int l = 0; l < NLC_LANES; l++) {
            part_of_it[l] = (of[l] + part_of_it[l]) >> 2;
            mass += of[l];
            held += part_of_it[l];
        }
    }
    const int others = 256 - (spread->last >= spread->first ? (spread->last - spread->first + 1) * NLC_LANES : 0);
    const int64_t all = (int64_t)mass + others * uniform, expected = (int64_t)held + others * (uniform >> 2);
    const int32_t share = (int32_t)((expected << 16) / all);
    return clamped(share, 1, (1 << 16) - 1);
}

static void choose_green(nlc_spread *restrict spread, int on) {
    spread->uniform = on ? spread->uniform >> 2 : spread->uniform - (spread->uniform >> 2);
    for (int vector = 0; vector < 256 / NLC_LANES; vector++)
        spread->sums[vector] = NLC_LANES * spread->uniform;
    const int32_t rest = on ? 0 : -1; /* all bits: mass - held, else held */
    for (int vector = spread->first; vector <= spread->last; vector++) {
        int32_t sum = 0, *restrict mass = spread->mass + vector * NLC_LANES;
        const int32_t *restrict held = spread->held + vector * NLC_LANES;
        for (int l = 0; l < NLC_LANES; l++) {
            mass[l] = (held[l] ^ rest) - rest + (mass[l] & rest);
            sum += mass[l];
        }
        spread->sums[vector] = sum;
    }
}

static void weigh_blue(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *row, int on,
                       nlc_spread *restrict spread) {
    lattice_component found[NLC_MAX_COMPONENTS];
    nlc_lanes parts[256 / NLC_LANES];
    const int count = begin_spread(model, block, 2, lane, found, spread);
    for (int k = 0; k < count; k++)
        add_parts(model, block, &found[k], lane, spread->mass, parts);
    for (int word = 0; word < NLC_LATTICE_ROW; word++)
        spread->kept[word] = on ? row[word] : ~row[word];
    for (int vector = 0; vector < 256 / NLC_LANES; vector++)
        spread->sums[vector] = spread->uniform * ones_of(spread->kept[vector / 4] >> vector % 4 * 16 & 0xffff);
    for (int vector = spread->first; vector <= spread->last; vector++) {
        const int32_t word = (int32_t)(spread->kept[vector / 4] >> vector % 4 * 16 & 0xffff);
        int32_t sum = 0, *restrict mass = spread->mass + vector * NLC_LANES;
        for (int l = 0; l < NLC_LANES; l++) {
            mass[l] &= -(word >> l & 1);
            sum += mass[l];
        }
        spread->sums[vector] = sum;
    }
}
