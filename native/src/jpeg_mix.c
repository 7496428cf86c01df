/* Mixing: chances of contexts and expectations to one, the arithmetic coder, and what is learned of each decision. */
#include "jpeg_mix.h"

#include <stdlib.h>
#include <string.h>

#define HALF 32768
#define COUNT_LIMIT 255 /* that counts of contexts go to */
#define SPREAD_LIMIT 60 /* that counts of spreads go to */
#define WEIGHT_BITS 14
#define WEIGHT_LIMIT 32767
#define LEARNING 3 /* sixteenths of the error */
#define STRETCH_LIMIT 2047
#define REFINED 33 /* places of refined chances, one every 128 */
#define CERTAIN (1u << NLC_CHANCE_BITS)
#define LEAST_CHANCE 32

/* Weights at first: of contexts, of expectations, and of the constant. */
static const int16_t first_weights[NLC_MIX_INPUTS] = {1200, 1200, 1200, 1200, 1500, 2200, 1500, 0};

int nlc_mix_begin(nlc_mix *mix, const nlc_adaptive_tables *tables, uint32_t first_sets, uint32_t second_sets,
                  nlc_jpeg_bytes *out, const uint8_t *data, size_t size) {
    const size_t slots = (size_t)1 << NLC_MIX_SLOT_BITS;
    mix->tables = tables;
    mix->slots = malloc(slots * sizeof *mix->slots);
    mix->first_weights = malloc(first_sets * NLC_MIX_INPUTS * sizeof *mix->first_weights);
    mix->second_weights = malloc(second_sets * NLC_MIX_INPUTS * sizeof *mix->second_weights);
    mix->refined = malloc(first_sets * REFINED * sizeof *mix->refined);
    if (!mix->slots || !mix->first_weights || !mix->second_weights || !mix->refined)
        return 0;
    for (size_t k = 0; k < slots; k++)
        mix->slots[k] = (nlc_mix_slot){HALF, 0};
    for (size_t k = 0; k < first_sets * NLC_MIX_INPUTS; k++)
        mix->first_weights[k] = first_weights[k % NLC_MIX_INPUTS];
    for (size_t k = 0; k < second_sets * NLC_MIX_INPUTS; k++)
        mix->second_weights[k] = first_weights[k % NLC_MIX_INPUTS];
    for (uint32_t k = 0; k < first_sets * REFINED; k++) {
        const int32_t at = nlc_clamp((int32_t)(k % REFINED) * 128 - 2048, -STRETCH_LIMIT, STRETCH_LIMIT);
        mix->refined[k] = (uint16_t)(tables->squash[at + NLC_SQUASH_LIMIT] >> 6);
    }
    for (int n = 0; n < 256; n++)
        mix->rates[n] = (uint16_t)(65536 / (n + 3));
    nlc_mix_start(mix, out, data, size);
    return 1;
}

void nlc_mix_start(nlc_mix *mix, nlc_jpeg_bytes *out, const uint8_t *data, size_t size) {
    mix->coder = (nlc_mix_coder){0, UINT32_MAX, 0, data, size, 0, out};
    for (int k = 0; !out && k < 4; k++) {
        mix->coder.value = mix->coder.value << 8 | (mix->coder.at < size ? data[mix->coder.at] : 0);
        mix->coder.at++;
    }
}

void nlc_mix_free(nlc_mix *mix) {
    free(mix->slots);
    free(mix->first_weights);
    free(mix->second_weights);
    free(mix->refined);
}

void nlc_mix_end(nlc_mix *mix) {
    nlc_mix_coder *coder = &mix->coder;
    for (int k = 0; k < 4; k++) {
        const uint8_t byte = (uint8_t)(coder->high >> 24);
        nlc_jpeg_bytes_append(coder->out, &byte, 1);
        coder->high <<= 8;
    }
    while (coder->out->size && !coder->out->data[coder->out->size - 1])
        coder->out->size--;
}

int nlc_mix_is_whole(const nlc_mix *mix) { return mix->coder.at >= mix->coder.size; }

/* Code a bit whose chance to be 1 is told in 1/65536. */
static inline int code_bit(nlc_mix_coder *coder, uint32_t chance, int bit) {
    const uint32_t middle = coder->low + (uint32_t)((uint64_t)(coder->high - coder->low) * chance >> 16);
    if (!coder->out)
        bit = coder->value <= middle;
    if (bit)
        coder->high = middle;
    else
        coder->low = middle + 1;
    while ((coder->low ^ coder->high) >> 24 == 0) {
        if (coder->out) {
            if (nlc_jpeg_bytes_room(coder->out, 1))
                coder->out->data[coder->out->size++] = (uint8_t)(coder->high >> 24);
        } else {
            coder->value = coder->value << 8 | (coder->at < coder->size ? coder->data[coder->at] : 0);
            coder->at++;
        }
        coder->low <<= 8;
        coder->high = coder->high << 8 | 255;
    }
    return bit;
}

static inline int16_t limited(int32_t weight) { return (int16_t)nlc_clamp(weight, -WEIGHT_LIMIT, WEIGHT_LIMIT); }

/* The number of contexts is told apart, so that compilers keep the inputs in registers. */
static inline int code(nlc_mix *mix, uint32_t node, uint32_t first_set, uint32_t second_set, int bit,
                       const int contexts) {
    nlc_mix_slot *slots[NLC_MIX_CONTEXTS];
    int16_t inputs[NLC_MIX_INPUTS];
    for (int k = 0; k < contexts; k++) {
        slots[k] = &mix->slots[mix->at[k] + node];
        inputs[k] = mix->tables->stretch[slots[k]->chance >> 4];
    }
    for (int k = contexts; k < NLC_MIX_INPUTS - 1; k++)
        inputs[k] = mix->expected[k - 4];
    inputs[NLC_MIX_INPUTS - 1] = 256;
    int16_t *first = mix->first_weights + NLC_MIX_INPUTS * (size_t)first_set;
    int16_t *second = mix->second_weights + NLC_MIX_INPUTS * (size_t)second_set;
    int32_t sum = 0, other_sum = 0;
    for (int k = 0; k < NLC_MIX_INPUTS; k++) {
        sum += (int32_t)first[k] * inputs[k];
        other_sum += (int32_t)second[k] * inputs[k];
    }
    const int32_t stretched =
        nlc_clamp((int32_t)(((int64_t)sum + other_sum) >> WEIGHT_BITS), -STRETCH_LIMIT, STRETCH_LIMIT);
    const int32_t mixed = mix->tables->squash[stretched + NLC_SQUASH_LIMIT] >> 6;
    const int32_t place = (stretched + 2048) >> 7, part = (stretched + 2048) & 127;
    uint16_t *refined = &mix->refined[REFINED * (size_t)first_set + (size_t)place];
    const int32_t other = (refined[0] * (128 - part) + refined[1] * part) >> 7;
    const int32_t chance = nlc_clamp((mixed + other) >> 1, LEAST_CHANCE, 65536 - LEAST_CHANCE);
    bit = code_bit(&mix->coder, (uint32_t)chance, bit);
    const int32_t target = bit ? 65535 : 0;
    const int32_t error = (target - mixed) * LEARNING >> 4;
    for (int k = 0; k < NLC_MIX_INPUTS; k++) {
        const int32_t change = (inputs[k] * error + HALF) >> 16;
        first[k] = limited(first[k] + change);
        second[k] = limited(second[k] + change);
    }
    for (int k = 0; k < contexts; k++) {
        nlc_mix_slot *slot = slots[k];
        slot->chance = (uint16_t)(slot->chance + ((target - slot->chance) * mix->rates[slot->count] >> 16));
        slot->count = (uint16_t)(slot->count + (slot->count < COUNT_LIMIT));
    }
    refined += part >= 64;
    *refined = (uint16_t)(*refined + ((target - *refined) >> 6));
    return bit;
}

int nlc_mix_code(nlc_mix *mix, uint32_t node, uint32_t first_set, uint32_t second_set, int bit) {
    return code(mix, node, first_set, second_set, bit, NLC_MIX_CONTEXTS);
}

/* The chance, of 2^22, that what is expected lies above a place in sixteenths. */
static inline uint32_t above(const nlc_adaptive_tables *tables, nlc_mix_expectation expected, int32_t place) {
    const int64_t distance = ((int64_t)(expected.mean - place) * expected.inverse) >> 8;
    const int32_t limited_distance = distance < -NLC_SQUASH_LIMIT  ? -NLC_SQUASH_LIMIT
                                     : distance > NLC_SQUASH_LIMIT ? NLC_SQUASH_LIMIT
                                                                   : (int32_t)distance;
    return (uint32_t)tables->squash[NLC_SQUASH_LIMIT + limited_distance];
}

/* The stretched chance of a part of what is left. */
static inline int16_t share(const nlc_adaptive_tables *tables, uint32_t part, uint32_t whole) {
    const uint32_t chance = (part << 9) / ((whole >> 3) + 1);
    return tables->stretch[chance < NLC_STRETCHED ? chance : NLC_STRETCHED - 1];
}

enum { NODE_SIGN = 1, NODE_LENGTH = 2, NODE_REST = 9, NODE_SECOND = 10, NODE_THIRD = 14, LONGEST = 16 };

/* What a number that is expected in several ways still may be: its chance to lie above, and not above, so far. */
typedef struct {
    nlc_mix_expectation side[NLC_MIX_EXPECTATIONS];
    uint32_t low[NLC_MIX_EXPECTATIONS], high[NLC_MIX_EXPECTATIONS], middle[NLC_MIX_EXPECTATIONS];
} expected_range;

/* The length in bits of a magnitude of at least 1: one decision for each length but the last. */
static int code_length(nlc_mix *mix, uint32_t first_set, uint32_t second_set, expected_range *range, int known) {
    int length = 1;
    for (; length < LONGEST; length++) {
        const uint32_t node = NODE_LENGTH + (uint32_t)(length < 8 ? length - 1 : 7);
        for (int k = 0; k < NLC_MIX_EXPECTATIONS; k++) {
            range->high[k] = above(mix->tables, range->side[k], (NLC_MIX_FINE << length) - NLC_MIX_FINE / 2);
            mix->expected[k] = share(mix->tables, range->high[k], range->low[k]);
        }
        if (!code(mix, node, first_set + node, second_set + node, known > length, 4))
            break;
        memcpy(range->low, range->high, sizeof range->low);
    }
    return length;
}

/* The bits of a magnitude after the first. */
static int32_t code_rest(nlc_mix *mix, uint32_t first_set, uint32_t second_set, expected_range *range, int length,
                         int32_t known) {
    int32_t found = 1;
    for (int left = length - 2; left >= 0; left--) {
        uint32_t node = NODE_REST;
        if (left == length - 2)
            node = NODE_SECOND + (uint32_t)(length < 5 ? length - 2 : 3);
        else if (left == length - 3)
            node = NODE_THIRD + (uint32_t)(found & 1);
        for (int k = 0; k < NLC_MIX_EXPECTATIONS; k++) {
            const uint32_t middle = range->middle[k] =
                above(mix->tables, range->side[k], ((found * 2 + 1) << left) * NLC_MIX_FINE - NLC_MIX_FINE / 2);
            const uint32_t low = range->low[k], high = range->high[k];
            mix->expected[k] = share(mix->tables, middle > high ? middle - high : 0, low > high ? low - high : 1);
        }
        const int bit = code(mix, node, first_set + node, second_set + node, known >> left & 1, 4);
        memcpy(bit ? range->low : range->high, range->middle, sizeof range->middle);
        found = found * 2 + bit;
    }
    return found;
}

int32_t nlc_mix_value(nlc_mix *mix, uint32_t first_set, uint32_t second_set,
                      const nlc_mix_expectation expected[NLC_MIX_EXPECTATIONS], int32_t value) {
    const nlc_adaptive_tables *tables = mix->tables;
    const int32_t magnitude = nlc_magnitude(value);
    uint32_t positive[NLC_MIX_EXPECTATIONS], negative[NLC_MIX_EXPECTATIONS], either[NLC_MIX_EXPECTATIONS];
    expected_range range;
    for (int k = 0; k < NLC_MIX_EXPECTATIONS; k++) {
        positive[k] = above(tables, expected[k], NLC_MIX_FINE / 2);
        negative[k] = CERTAIN - above(tables, expected[k], -NLC_MIX_FINE / 2);
        either[k] = positive[k] + negative[k];
        mix->expected[k] = share(tables, either[k] < CERTAIN ? either[k] : CERTAIN - 1, CERTAIN - 1);
    }
    if (!code(mix, 0, first_set, second_set, magnitude != 0, 4))
        return 0;
    for (int k = 0; k < NLC_MIX_EXPECTATIONS; k++)
        mix->expected[k] = share(tables, negative[k], either[k]);
    const int is_negative = code(mix, NODE_SIGN, first_set + NODE_SIGN, second_set + NODE_SIGN, value < 0, 4);
    for (int k = 0; k < NLC_MIX_EXPECTATIONS; k++) {
        range.side[k] = expected[k];
        range.side[k].mean = is_negative ? -expected[k].mean : expected[k].mean;
        range.low[k] = is_negative ? negative[k] : positive[k];
        range.high[k] = 0;
    }
    const int length = code_length(mix, first_set, second_set, &range, nlc_jpeg_bits((uint32_t)magnitude));
    const int32_t found = code_rest(mix, first_set, second_set, &range, length, magnitude);
    return is_negative ? -found : found;
}

void nlc_mix_spread_learn(nlc_mix_spread *spread, int32_t error) {
    const int32_t deviation = nlc_magnitude(error) << 8, before = (int32_t)spread->deviation;
    spread->deviation =
        (uint32_t)(before + (int32_t)((int64_t)(deviation - before) * 2 / (int64_t)(2 * spread->count + 3)));
    spread->count += spread->count < SPREAD_LIMIT;
}

int32_t nlc_mix_regress(const int32_t weights[NLC_MIX_TERMS], const int32_t terms[NLC_MIX_TERMS]) {
    int64_t sum = 0;
    for (int k = 0; k < NLC_MIX_TERMS; k++)
        sum += (int64_t)weights[k] * terms[k];
    sum >>= 16;
    return (int32_t)(sum < -32767 ? -32767 : sum > 32767 ? 32767 : sum);
}

void nlc_mix_regress_learn(int32_t weights[NLC_MIX_TERMS], const int32_t terms[NLC_MIX_TERMS], int32_t error) {
    int64_t norm = 1 << 14;
    for (int k = 0; k < NLC_MIX_TERMS; k++)
        norm += (int64_t)terms[k] * terms[k];
    const int64_t step = (int64_t)error * (1 << 24) / norm;
    for (int k = 0; k < NLC_MIX_TERMS; k++) {
        const int64_t weight = weights[k] + (step * terms[k] >> 12);
        weights[k] = (int32_t)(weight < -(1 << 18) ? -(1 << 18) : weight > 1 << 18 ? 1 << 18 : weight);
    }
}
