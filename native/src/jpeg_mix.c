/* Mixing: chances of contexts and expectations to one, the arithmetic coder, and what is learned of each decision. */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* for madvise() */
#endif
#include "jpeg_mix.h"

#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#define HALF 32768
#define COUNT_LIMIT 127 /* that counts of contexts go to */
#if defined(__linux__) && defined(MADV_HUGEPAGE)
#define ALIGNED (UINT32_C(1) << 21) /* a large page */
#else
#define ALIGNED 64 /* a line of the processor's cache */
#endif
#define STRETCH_LIMIT NLC_VECTOR_ODDS
#define CONSTANT UINT32_C(256) /* an input of all decisions */
#define LEAST_CHANCE 32

static inline int32_t limited(int32_t x) { return nlc_clamp(x, -STRETCH_LIMIT, STRETCH_LIMIT); }

static void make_tables(nlc_mix *mix, const nlc_adaptive_tables *tables) {
    const int32_t *squash = tables->squash + NLC_SQUASH_LIMIT;
    for (int k = 0; k < NLC_STRETCHED; k++)
        mix->stretch[k] = (int16_t)limited(tables->stretch[k]);
    for (int32_t x = -2048; x < 2048; x++)
        mix->squash[x + 2048] = (uint16_t)nlc_clamp(squash[x] >> 6, LEAST_CHANCE, 65536 - LEAST_CHANCE);
    for (int32_t x = 0; x < NLC_MIX_SOFT; x += 2)
        mix->soft[x / 2] = (uint16_t)(17 * 256 - nlc_logarithm((uint32_t)squash[x] >> 5));
    for (int32_t x = 1; x < NLC_MIX_GAPS; x++)
        mix->gaps[x] = (int16_t)(nlc_logarithm((uint32_t)(2 * squash[x] - (1 << NLC_CHANCE_BITS)) >> 5) -
                                 nlc_logarithm((uint32_t)squash[x] >> 5));
    mix->gaps[0] = mix->gaps[1];
    for (int n = 0; n < 256; n++)
        mix->rates[n] = (1 << 14) / (2 * n + 5);
    for (int n = 0; n < 64; n++)
        mix->spread_rates[n] = 2 * 65536 / (2 * n + 3);
}

/* Slots that are 0; a system that can is asked for few large pages: thousands of small ones take as long as to code a
 * small picture.
 */
static nlc_mix_slot *empty_slots(uint8_t **memory) {
    const size_t size = sizeof(nlc_mix_slot) << NLC_MIX_SLOT_BITS;
    *memory = calloc(size + ALIGNED, 1);
    if (!*memory)
        return NULL;
    uint8_t *first = *memory + (0 - (uintptr_t)*memory) % ALIGNED;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    (void)madvise(first, size, MADV_HUGEPAGE);
#endif
    return (nlc_mix_slot *)first;
}

int nlc_mix_begin(nlc_mix *mix, const nlc_adaptive_tables *tables, uint32_t first_sets, uint32_t second_sets,
                  nlc_jpeg_bytes *out, const uint8_t *data, size_t size) {
    mix->slots = empty_slots(&mix->memory);
    mix->first_sets = malloc(first_sets * sizeof *mix->first_sets);
    mix->second_sets = malloc(second_sets * sizeof *mix->second_sets);
    if (!mix->memory || !mix->first_sets || !mix->second_sets)
        return 0;
    make_tables(mix, tables);
    nlc_mix_start(mix, out, data, size);
    return 1;
}

static inline uint8_t next_byte(nlc_mix_coder *coder) {
    const uint8_t byte = coder->at < coder->size ? coder->data[coder->at] : 0;
    coder->at++;
    return byte;
}

void nlc_mix_start(nlc_mix *mix, nlc_jpeg_bytes *out, const uint8_t *data, size_t size) {
    mix->coder = (nlc_mix_coder){0, UINT64_MAX, data, size, 0, out};
    for (int k = 0; !out && k < 8; k++)
        mix->coder.low = mix->coder.low << 8 | next_byte(&mix->coder);
}

void nlc_mix_free(nlc_mix *mix) {
    free(mix->memory);
    free(mix->first_sets);
    free(mix->second_sets);
}

/* Add 1 to the bytes that were written. */
static void carry(nlc_jpeg_bytes *out) {
    for (size_t at = out->size; at-- > 0 && !++out->data[at];)
        continue;
}

static void write_word(nlc_mix_coder *coder) {
    if (nlc_jpeg_bytes_room(coder->out, 4))
        for (int k = 0; k < 4; k++)
            coder->out->data[coder->out->size++] = (uint8_t)(coder->low >> (56 - 8 * k));
}

/* The number of the interval with most zeros at its end is written, without these. */
void nlc_mix_end(nlc_mix *mix) {
    nlc_mix_coder *coder = &mix->coder;
    uint64_t below = 0; /* bits that may be zero */
    while (below <= UINT64_MAX / 2 && ((coder->low + (below << 1 | 1)) & ~(below << 1 | 1)) - coder->low < coder->range)
        below = below << 1 | 1;
    const uint64_t last = (coder->low + below) & ~below;
    if (last < coder->low)
        carry(coder->out);
    coder->low = last;
    write_word(coder);
    coder->low <<= 32;
    write_word(coder);
    while (coder->out->size && !coder->out->data[coder->out->size - 1])
        coder->out->size--;
}

int nlc_mix_is_whole(const nlc_mix *mix) { return mix->coder.at >= mix->coder.size; }

static void next_word(nlc_mix_coder *coder) {
    if (coder->out) {
        write_word(coder);
        coder->low <<= 32;
    } else {
        for (int k = 0; k < 4; k++)
            coder->low = coder->low << 8 | next_byte(coder);
    }
    coder->range <<= 32;
}

/* Code a bit whose chance to be 1 is told in 1/65536. */
static inline int code_bit(nlc_mix_coder *coder, uint32_t chance, int bit) {
    const uint64_t part = (coder->range >> 16) * chance, rest = coder->range - part;
    if (coder->out) {
        const uint64_t low = coder->low + (part & ((uint64_t)bit - 1));
        if (low < coder->low)
            carry(coder->out);
        coder->low = low;
    } else {
        bit = coder->low < part;
        coder->low -= part & ((uint64_t)bit - 1);
    }
    coder->range = rest ^ ((rest ^ part) & (0 - (uint64_t)bit));
    if (coder->range >> 32 == 0)
        next_word(coder);
    return bit;
}

/* The one if a bit is 1, else the other, without a branch: bits are hard to guess. */
static inline int32_t chosen(int bit, int32_t one, int32_t other) { return other ^ ((one ^ other) & -bit); }

/* What a slot knows. They are kept so that those that were never asked are 0, and need no memory. */
#define EVEN (UINT32_C(1) << 31)

static inline nlc_mix_slot *slot_of(const nlc_mix *mix, int place, uint32_t node) { return mix->at[place] + node; }

static inline uint32_t stretched(const nlc_mix *mix, nlc_mix_slot asked) {
    return (uint16_t)mix->stretch[(asked ^ EVEN) >> 20];
}

static inline void learn(const nlc_mix *mix, nlc_mix_slot *slot, nlc_mix_slot asked, int bit) {
    const uint32_t count = asked & 1023;
    const int32_t change = (((bit << 22) - (int32_t)((asked ^ EVEN) >> 10)) >> 3) * mix->rates[count];
    *slot = asked + ((uint32_t)change & ~UINT32_C(1023)) + (count < COUNT_LIMIT);
}

/* Code a decision by its inputs and sets of weights, which learn. */
static inline int mixed(nlc_mix *mix, nlc_vector inputs, uint32_t first_set, uint32_t second_set, int bit) {
    int16_t *first = mix->first_sets[first_set].weights, *second = mix->second_sets[second_set].weights;
    const nlc_vector of_first = nlc_vector_load(first), of_second = nlc_vector_load(second);
    const int32_t at = limited(nlc_vector_dot(of_first, of_second, inputs) >> 14) + 2048;
    const int32_t chance = mix->squash[at];
    bit = code_bit(&mix->coder, (uint32_t)chance, bit);
    const nlc_vector change = nlc_vector_scaled(inputs, ((bit << 16) - bit - chance) >> 2);
    nlc_vector_store(first, nlc_vector_add(of_first, change));
    nlc_vector_store(second, nlc_vector_add(of_second, change));
    return bit;
}

int nlc_mix_by_four(nlc_mix *mix, uint32_t node, uint32_t first_set, uint32_t second_set, int bit) {
    nlc_mix_slot *slots[4], asked[4];
    for (int k = 0; k < 4; k++) {
        slots[k] = slot_of(mix, k, node);
        asked[k] = *slots[k];
    }
    const uint32_t one = stretched(mix, asked[0]) | stretched(mix, asked[1]) << 16;
    const uint32_t other = stretched(mix, asked[2]) | stretched(mix, asked[3]) << 16;
    bit = mixed(mix, nlc_vector_of(one, other, CONSTANT, 0), first_set, second_set, bit);
    for (int k = 0; k < 4; k++)
        learn(mix, slots[k], asked[k], bit);
    return bit;
}

int nlc_mix_by_seven(nlc_mix *mix, uint32_t node, uint32_t first_set, uint32_t second_set, int bit) {
    nlc_mix_slot *slots[7], asked[7];
    uint32_t pairs[4] = {0, 0, 0, CONSTANT << 16};
    for (int k = 0; k < 7; k++) {
        slots[k] = slot_of(mix, k, node);
        asked[k] = *slots[k];
        pairs[k / 2] |= stretched(mix, asked[k]) << k % 2 * 16;
    }
    bit = mixed(mix, nlc_vector_of(pairs[0], pairs[1], pairs[2], pairs[3]), first_set, second_set, bit);
    for (int k = 0; k < 7; k++)
        learn(mix, slots[k], asked[k], bit);
    return bit;
}

/* A decision of a value, of two contexts and at most two expectations, which are told as odds. */
static NLC_ALONE int decide(nlc_mix *mix, uint32_t node, uint32_t first_set, uint32_t second_set, int32_t odds,
                            int32_t other_odds, int bit) {
    nlc_mix_slot *slot = slot_of(mix, 0, node), *other_slot = slot_of(mix, 1, node);
    const nlc_mix_slot asked = *slot, other_asked = *other_slot;
    const uint32_t said = stretched(mix, asked) | stretched(mix, other_asked) << 16;
    bit = mixed(mix, nlc_vector_of_odds(said, odds, other_odds, CONSTANT), first_set + node, second_set + node, bit);
    learn(mix, slot, asked, bit);
    learn(mix, other_slot, other_asked, bit);
    return bit;
}

enum { NODE_SIGN = 1, NODE_LENGTH = 2, NODE_REST = 9, NODE_SECOND = 10, NODE_THIRD = 14, LONGEST = 16 };

/* What follows is in logarithms to base 2, 256 times: x is one of odds, and 1/(1 + 2^-x) the chance of it. */

/* log(1 + 2^-x) of a magnitude, log(1 + 2^x) of any number, and log(2^x + 2^y). */
static inline int32_t soft_of(const nlc_mix *mix, int32_t x) {
    return mix->soft[(x < NLC_MIX_SOFT ? x : NLC_MIX_SOFT - 1) >> 1];
}

static inline int32_t soft(const nlc_mix *mix, int32_t x) {
    return (x > 0 ? x : 0) + soft_of(mix, nlc_magnitude(x));
}

static inline int32_t log_sum(const nlc_mix *mix, int32_t x, int32_t y) {
    return (x > y ? x : y) + soft_of(mix, nlc_magnitude(x - y));
}

/* log(1 - 2^-x) of a magnitude. */
static inline int32_t gap(const nlc_mix *mix, int32_t x) { return mix->gaps[x < NLC_MIX_GAPS ? x : NLC_MIX_GAPS - 1]; }

/* How far a place, in sixteenths, lies below the mean. */
static inline int32_t below(nlc_mix_expectation expected, int32_t place) {
    return (int32_t)(((int64_t)expected.mean - place) * expected.inverse >> 8); /* at most 2^29 */
}

/* What a magnitude that is expected in several ways still may be: above a place, and not above another one. */
typedef struct {
    nlc_mix_expectation side[NLC_MIX_EXPECTATIONS];
    int32_t low[NLC_MIX_EXPECTATIONS], high[NLC_MIX_EXPECTATIONS];
} expected_range;

/* The length in bits of a magnitude of at least 1: one decision for each length but the last. */
static inline int code_length(nlc_mix *mix, uint32_t first_set, uint32_t second_set, expected_range *range, int ways,
                              int known) {
    int32_t odds[NLC_MIX_EXPECTATIONS] = {0};
    int length = 1;
    for (; length < LONGEST; length++) {
        const uint32_t node = NODE_LENGTH + (uint32_t)(length < 8 ? length - 1 : 7);
        for (int k = 0; k < ways; k++) {
            range->high[k] = below(range->side[k], (NLC_MIX_FINE << length) - NLC_MIX_FINE / 2);
            odds[k] = range->high[k] + soft(mix, -range->low[k]) - gap(mix, range->low[k] - range->high[k]);
        }
        if (!decide(mix, node, first_set, second_set, odds[0], odds[1], known > length))
            break;
        memcpy(range->low, range->high, sizeof range->low);
    }
    return length;
}

/* The bits of a magnitude after the first: two by what is expected, the others as they are. */
static inline int32_t code_rest(nlc_mix *mix, uint32_t first_set, uint32_t second_set, expected_range *range, int ways,
                                int length, int32_t known) {
    int32_t found = 1, odds[NLC_MIX_EXPECTATIONS] = {0}, middle[NLC_MIX_EXPECTATIONS];
    int left = length - 2;
    for (; left >= 0 && left >= length - 3; left--) {
        const uint32_t node = left == length - 2 ? NODE_SECOND + (uint32_t)(length < 5 ? length - 2 : 3)
                                                 : NODE_THIRD + (uint32_t)(found & 1);
        for (int k = 0; k < ways; k++) {
            middle[k] = below(range->side[k], ((found * 2 + 1) << left) * NLC_MIX_FINE - NLC_MIX_FINE / 2);
            odds[k] = middle[k] - soft(mix, range->high[k]) + soft(mix, -range->low[k]);
        }
        const int bit = decide(mix, node, first_set, second_set, odds[0], odds[1], known >> left & 1);
        for (int k = 0; k < ways; k++) {
            range->low[k] = chosen(bit, middle[k], range->low[k]);
            range->high[k] = chosen(bit, range->high[k], middle[k]);
        }
        found = found * 2 + bit;
    }
    for (; left >= 0; left--)
        found = found * 2 + code_bit(&mix->coder, HALF, known >> left & 1);
    return found;
}

/* The number of expectations is told apart, so that compilers repeat no loop. */
static inline int32_t code_value(nlc_mix *mix, uint32_t first_set, uint32_t second_set,
                                 const nlc_mix_expectation *expected, const int ways, int32_t value) {
    const int32_t magnitude = nlc_magnitude(value);
    int32_t minus[NLC_MIX_EXPECTATIONS], plus[NLC_MIX_EXPECTATIONS], odds[NLC_MIX_EXPECTATIONS] = {0};
    expected_range range;
    for (int k = 0; k < ways; k++) {
        const int32_t width = expected[k].inverse >> 4;
        minus[k] = below(expected[k], -NLC_MIX_FINE / 2);
        plus[k] = minus[k] - width;
        odds[k] = log_sum(mix, log_sum(mix, plus[k], -minus[k]), 256 - width) - gap(mix, width);
    }
    if (!decide(mix, 0, first_set, second_set, odds[0], odds[1], magnitude != 0))
        return 0;
    for (int k = 0; k < ways; k++)
        odds[k] = soft(mix, -plus[k]) - soft(mix, minus[k]);
    const int is_negative = decide(mix, NODE_SIGN, first_set, second_set, odds[0], odds[1], value < 0);
    for (int k = 0; k < ways; k++) {
        range.side[k] =
            (nlc_mix_expectation){chosen(is_negative, -expected[k].mean, expected[k].mean), expected[k].inverse};
        range.low[k] = chosen(is_negative, -minus[k], plus[k]);
    }
    const int length = code_length(mix, first_set, second_set, &range, ways, nlc_jpeg_bits((uint32_t)magnitude));
    const int32_t found = code_rest(mix, first_set, second_set, &range, ways, length, magnitude);
    return chosen(is_negative, -found, found);
}

int32_t nlc_mix_value(nlc_mix *mix, uint32_t first_set, uint32_t second_set, nlc_mix_expectation expected,
                      int32_t value) {
    return code_value(mix, first_set, second_set, &expected, 1, value);
}

int32_t nlc_mix_value_of_two(nlc_mix *mix, uint32_t first_set, uint32_t second_set,
                             const nlc_mix_expectation expected[NLC_MIX_EXPECTATIONS], int32_t value) {
    return code_value(mix, first_set, second_set, expected, NLC_MIX_EXPECTATIONS, value);
}

int32_t nlc_mix_regress(const nlc_mix_regression *regression, nlc_vector terms) {
    return nlc_clamp(nlc_vector_weighted(regression->weights, terms) >> 13, -32767, 32767);
}

void nlc_mix_regress_learn(nlc_mix_regression *regression, nlc_vector terms, int32_t error) {
    const uint32_t norm = (1 << 10) + nlc_vector_norm(terms); /* less than 2^30 */
    const int shift = nlc_jpeg_bits(norm) - 11;
    const int32_t step = nlc_clamp(error, -2047, 2047) * (int32_t)((UINT32_C(1) << 25) / (norm >> shift)) >> 11;
    nlc_vector_learn(regression->weights, terms, step, shift + 6);
}
