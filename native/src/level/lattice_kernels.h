/* Kernels of tiles whose colours lie on a lattice (section 16); included after what the level has of its own.
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

/* What a component of the plane that is being coded gives values: `part`, in 1/2^15, in the vectors from `first` to
 * `last`, beyond which it gives them nothing. */
typedef struct {
    int first, last;
    int32_t part[256];
} lattice_part;

/* Distances of the boundaries of a vector of values from its first one. */
static const nlc_lanes lattice_ladder = {0,   64,  128, 192, 256, 320, 384, 448,
                                         512, 576, 640, 704, 768, 832, 896, 960};

#ifdef NLC_AVX512_PART
static inline void part_of(const nlc_model *model, const nlc_block *block, int plane, int i, int lane,
                           lattice_part *restrict found) {
    const int32_t mean = block->mean[i][lane];
    const int32_t reach = model->lattice_reach[place_of_scale(model, block, plane, i, lane)];
    const int first = clamped((mean - reach) >> 6, 0, 255) / NLC_LANES, last = clamped((mean + reach) >> 6, 0, 255) / NLC_LANES;
    const __m512i high = _mm512_set1_epi32(block->slope_high[i][lane]), low = _mm512_set1_epi32(block->slope_low[i][lane]);
    const __m512i half = _mm512_set1_epi32(1 << (NLC_LOGISTIC_BITS - 1)), end = _mm512_set1_epi32(model->logistic_last);
    const __m512i apart = _mm512_set1_epi32(64 * NLC_LANES);
    __m512i distance = _mm512_add_epi32(lanes_of(lattice_ladder), _mm512_set1_epi32(64 * NLC_LANES * first - 32 - mean));
    __m512i before = _mm512_setzero_si512();
    for (int vector = first; vector <= last; vector++) {
        const __m512i steps = _mm512_add_epi32(
            times(distance, high), _mm512_srai_epi32(times(distance, low), NLC_SCALE_FRACTION_BITS));
        const __m512i sign = _mm512_srai_epi32(steps, 31), index = _mm512_xor_si512(steps, sign);
        const __mmask16 inside = _mm512_cmplt_epi32_mask(index, end);
        __m512i below = _mm512_mask_i32gather_epi32(half, inside, index, (const void *)model->logistic, 2);
        below = _mm512_and_si512(below, _mm512_set1_epi32(0xffff));
        below = _mm512_sub_epi32(_mm512_xor_si512(below, sign), sign);
        if (vector == 0)
            below = _mm512_mask_sub_epi32(below, 1, _mm512_setzero_si512(), half);
        else if (vector > first)
            _mm512_storeu_si512(found->part + (vector - 1) * NLC_LANES,
                                _mm512_sub_epi32(_mm512_alignr_epi32(below, before, 1), before));
        before = below;
        distance = _mm512_add_epi32(distance, apart);
    }
    _mm512_storeu_si512(found->part + last * NLC_LANES, _mm512_sub_epi32(_mm512_alignr_epi32(half, before, 1), before));
    found->first = first;
    found->last = last;
}
#else
static inline void part_of(const nlc_model *model, const nlc_block *block, int plane, int i, int lane,
                           lattice_part *restrict found) {
    const int32_t mean = block->mean[i][lane], half = 1 << (NLC_LOGISTIC_BITS - 1);
    const int32_t slope_high = block->slope_high[i][lane], slope_low = block->slope_low[i][lane];
    const int32_t reach = model->lattice_reach[place_of_scale(model, block, plane, i, lane)];
    const int first = clamped((mean - reach) >> 6, 0, 255) / NLC_LANES, last = clamped((mean + reach) >> 6, 0, 255) / NLC_LANES;
    int32_t below[256 + NLC_LANES];
    for (int vector = first; vector <= last; vector++) {
        nlc_lanes steps;
        for (int l = 0; l < NLC_LANES; l++)
            steps[l] = steps_of(lattice_ladder[l] + 64 * NLC_LANES * vector - 32 - mean, slope_high, slope_low);
        logistic_at(model, steps, below + vector * NLC_LANES);
    }
    if (first == 0)
        below[0] = -half;
    below[(last + 1) * NLC_LANES] = half;
    for (int vector = first; vector <= last; vector++)
        for (int l = 0; l < NLC_LANES; l++)
            found->part[vector * NLC_LANES + l] = below[vector * NLC_LANES + l + 1] - below[vector * NLC_LANES + l];
    found->first = first;
    found->last = last;
}
#endif

/* Make room for the vectors of a part: those that the spread did not have yet get the uniform mass. */
static inline void widen_spread(nlc_spread *restrict spread, const lattice_part *restrict part, int green) {
    while (spread->first > part->first || spread->last < part->last) {
        const int32_t vector = spread->first > spread->last ? part->first : spread->first > part->first ? spread->first - 1 : spread->last + 1;
        for (int l = 0; l < NLC_LANES; l++)
            spread->mass[vector * NLC_LANES + l] = spread->uniform;
        for (int l = 0; green && l < NLC_LANES; l++)
            spread->held[vector * NLC_LANES + l] = 0;
        spread->first = spread->first > spread->last || vector < spread->first ? vector : spread->first;
        spread->last = vector > spread->last ? vector : spread->last;
    }
}

static inline void add_part(const lattice_part *restrict part, int32_t weight, nlc_spread *restrict spread) {
    for (int vector = part->first; vector <= part->last; vector++)
        for (int l = 0; l < NLC_LANES; l++)
            spread->mass[vector * NLC_LANES + l] += part->part[vector * NLC_LANES + l] * weight;
}

/* What a component expects of blue on the lattice, given green: the windows of section 16. */
static inline void look_closely(const nlc_model *model, const nlc_block *block, int i, int lane, const uint64_t *rows,
                                const lattice_part *restrict part, int32_t *restrict more) {
    const int count = model->components;
    const nlc_lanes *mean = (const nlc_lanes *)block->outputs + 3 * count;
    const nlc_lanes *by_red = mean + 5 * count, *by_green = by_red + count;
    const int32_t weight = block->weight[i][lane], place = place_of_scale(model, block, 2, i, lane);
    const int32_t size = model->lattice_size[place], most = 256 - size;
    const int32_t share = weight * model->lattice_share[place] >> 6;
    const int64_t own = ((int64_t)mean[i][lane] * model->mean_scale[block->level[lane]] >> 8) + 16 * block->base[2][lane];
    const int64_t slope = by_green[i][lane], step = 4 * slope;
    const int32_t least = (int32_t)((NLC_LATTICE_LEAST - 1) / (uint32_t)weight) + 1;
    int x = part->first * NLC_LANES, end = (part->last + 1) * NLC_LANES;
    while (end > x && part->part[end - 1] < least)
        end--;
    while (x < end && part->part[x] < least)
        x++;
    int64_t at = 16 * (own + 63 - model->lattice_half[place]) + (int64_t)by_red[i][lane] * block->deviation[0][lane] -
                 slope * block->base[1][lane] + step * x;
    for (; x < end; x++, at += step) {
        if (part->part[x] < least)
            continue;
        int64_t begin = at >> 10;
        begin = begin < 0 ? 0 : begin;
        begin = begin > most ? most : begin;
        const int32_t ones = ones_in(rows + x * NLC_LATTICE_ROW, (int32_t)begin, size);
        more[x] += part->part[x] * (((share * ones + 16 * weight) >> 8) - weight);
    }
}

/* A spread that has no vectors yet. */
static inline void begin_spread(nlc_spread *spread, int32_t uniform) {
    spread->first = 256 / NLC_LANES;
    spread->last = -1;
    spread->uniform = uniform;
}

static int32_t weigh_green(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *rows,
                           nlc_spread *restrict spread) {
    const int32_t uniform = block->total[lane] >> NLC_UNIFORM_SHIFT;
    begin_spread(spread, uniform);
    memset(spread->kept, 0xff, sizeof spread->kept);
    lattice_part part;
    for (int i = 0; i < model->components; i++) {
        const int32_t weight = block->weight[i][lane];
        if (weight < NLC_LATTICE_WEIGHT)
            continue;
        part_of(model, block, 1, i, lane, &part);
        widen_spread(spread, &part, 1);
        add_part(&part, weight, spread);
        look_closely(model, block, i, lane, rows, &part, spread->held);
    }
    int32_t mass = 0, held = 0;
    for (int vector = spread->first; vector <= spread->last; vector++) {
        int32_t *restrict of = spread->mass + vector * NLC_LANES, *restrict part_of_it = spread->held + vector * NLC_LANES;
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
    begin_spread(spread, block->total[lane] >> NLC_UNIFORM_SHIFT);
    lattice_part part;
    for (int i = 0; i < model->components; i++) {
        const int32_t weight = block->weight[i][lane];
        if (weight < NLC_LATTICE_WEIGHT)
            continue;
        part_of(model, block, 2, i, lane, &part);
        widen_spread(spread, &part, 0);
        add_part(&part, weight, spread);
    }
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
