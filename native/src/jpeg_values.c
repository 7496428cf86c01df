/* Values, by their digits: decisions of two contexts and one or two expectations. */
#include "jpeg_values.h"

#include "jpeg_decide.h"

/* What the decisions of a value share; the interval is here while they are coded. */
typedef struct {
    nlc_mix *mix;
    nlc_interval interval;
    nlc_mix_slot *slots, *other_slots;
    nlc_mix_set *first, *second;
} value_coder;

enum { NODE_SIGN = 1, NODE_LENGTH = 2, NODE_SECOND = 10, NODE_THIRD = 14, LONGEST = 16 };

/* A build that is to be small has the code of a decision once. */
#if defined(NLC_SMALL)
#define DECISION static NLC_ALONE
#else
#define DECISION NLC_INLINE
#endif

/* A decision, of two contexts and expectations in one or two ways, which are told as odds: -1 if it is 1, or 0. */
DECISION int32_t decide(value_coder *coder, uint32_t node, const int32_t odds[NLC_MIX_EXPECTATIONS], const int ways,
                        int bit, const int writing) {
    nlc_mix *mix = coder->mix;
    nlc_mix_slot *slot = coder->slots + node, *other_slot = coder->other_slots + node;
    const nlc_mix_slot asked = *slot, other_asked = *other_slot;
    const uint32_t said = nlc_stretched(mix, asked) | nlc_stretched(mix, other_asked) << 16;
    const nlc_vector inputs = ways == 1 ? nlc_vector_of_one_odds(said, odds[0], NLC_CONSTANT)
                                        : nlc_vector_of_odds(said, odds[0], odds[1], NLC_CONSTANT);
    const int32_t is_one = nlc_mixed(mix, &coder->interval, inputs, 3 + ways, coder->first + node,
                                     coder->second + node, bit, writing);
    nlc_slot_learn(mix, slot, asked, is_one);
    nlc_slot_learn(mix, other_slot, other_asked, is_one);
    return is_one;
}

/* The one if a bit is 1, else the other, without a branch: bits are hard to guess. */
static inline int32_t chosen(int32_t is_one, int32_t one, int32_t other) { return other ^ ((one ^ other) & is_one); }

/* What follows is in logarithms to base 2, 256 times: x is one of odds, and 1/(1 + 2^-x) the chance of it. */

/* log(1 + 2^x); that of -x is x less. */
static inline int32_t soft(const nlc_mix *mix, int32_t x) {
    const uint32_t at = (uint32_t)(x + NLC_MIX_SOFT);
    if (NLC_RARELY(at > 2 * NLC_MIX_SOFT))
        return (x > 0 ? x : 0) + mix->soft[0];
    return mix->soft[at];
}

/* log(2^x + 2^y). */
static inline int32_t log_sum(const nlc_mix *mix, int32_t x, int32_t y) { return y + soft(mix, x - y); }

/* log(1 - 2^-x) of a magnitude. */
static inline int32_t gap(const nlc_mix *mix, int32_t x) { return mix->gaps[x < NLC_MIX_GAPS ? x : NLC_MIX_GAPS]; }

/* How far a place, in sixteenths, lies below the mean. */
static inline int32_t below(nlc_mix_expectation expected, int32_t place) {
    return (int32_t)(((int64_t)expected.mean - place) * expected.inverse >> 8); /* at most 2^29 */
}

/* What a magnitude that is expected in some way still may be: above a place, and not above another one. Of the first
 * also log(1 + 2^-low) is kept.
 */
typedef struct {
    nlc_mix_expectation side;
    int32_t low, high, soft_low;
} expected_range;

/* The length in bits of a magnitude of at least 1: one decision for each length but the last. */
NLC_INLINE int code_length(value_coder *coder, expected_range *range, const int ways, int known, const int writing) {
    const nlc_mix *mix = coder->mix;
    int32_t odds[NLC_MIX_EXPECTATIONS] = {0};
    for (int length = 1; length < LONGEST; length++) {
        const uint32_t node = NODE_LENGTH + (uint32_t)(length < 8 ? length - 1 : 7);
        for (int k = 0; k < ways; k++) {
            range[k].high = below(range[k].side, (NLC_MIX_FINE << length) - NLC_MIX_FINE / 2);
            odds[k] = range[k].high + range[k].soft_low - gap(mix, range[k].low - range[k].high);
        }
        if (!decide(coder, node, odds, ways, known > length, writing))
            return length;
        for (int k = 0; k < ways; k++) {
            range[k].low = range[k].high;
            range[k].soft_low = soft(mix, -range[k].low);
        }
    }
    return LONGEST;
}

/* The bits of a magnitude after the first: two by what is expected, the others as they are. Of the range only the
 * logarithms go on from one to the next.
 */
NLC_INLINE int32_t code_rest(value_coder *coder, expected_range *range, const int ways, int length, int32_t known,
                             const int writing) {
    const nlc_mix *mix = coder->mix;
    int32_t found = 1, odds[NLC_MIX_EXPECTATIONS] = {0}, middle[NLC_MIX_EXPECTATIONS], soft_high[NLC_MIX_EXPECTATIONS];
    int left = length - 2;
    for (int k = 0; left >= 0 && k < ways; k++)
        soft_high[k] = soft(mix, range[k].high);
    for (; left >= 0 && left >= length - 3; left--) {
        const uint32_t node = left == length - 2 ? NODE_SECOND + (uint32_t)(length < 5 ? length - 2 : 3)
                                                 : NODE_THIRD + (uint32_t)(found & 1);
        for (int k = 0; k < ways; k++) {
            middle[k] = below(range[k].side, ((found * 2 + 1) << left) * NLC_MIX_FINE - NLC_MIX_FINE / 2);
            odds[k] = middle[k] - soft_high[k] + range[k].soft_low;
        }
        const int32_t is_one = decide(coder, node, odds, ways, known >> left & 1, writing);
        for (int k = 0; left && k < ways; k++) {
            const int32_t soft_middle = soft(mix, middle[k]);
            soft_high[k] = chosen(is_one, soft_high[k], soft_middle);
            range[k].soft_low = chosen(is_one, soft_middle - middle[k], range[k].soft_low);
        }
        found = found * 2 - is_one;
    }
    for (; left >= 0; left--)
        found = found * 2 - nlc_code_bit(&coder->mix->coder, &coder->interval, 1 << 15, known >> left & 1, writing);
    return found;
}

/* A value, which is known when it is written. */
NLC_INLINE int32_t code_digits(value_coder *coder, const nlc_mix_expectation *expected, const int ways, int32_t value,
                               const int writing) {
    const nlc_mix *mix = coder->mix;
    const int32_t magnitude = nlc_magnitude(value);
    int32_t minus[NLC_MIX_EXPECTATIONS], plus[NLC_MIX_EXPECTATIONS], odds[NLC_MIX_EXPECTATIONS] = {0};
    int32_t soft_minus[NLC_MIX_EXPECTATIONS], soft_plus[NLC_MIX_EXPECTATIONS];
    expected_range range[NLC_MIX_EXPECTATIONS];
    for (int k = 0; k < ways; k++) {
        const int32_t width = expected[k].inverse >> 4;
        minus[k] = below(expected[k], -NLC_MIX_FINE / 2);
        plus[k] = minus[k] - width;
        odds[k] = log_sum(mix, log_sum(mix, plus[k], -minus[k]), 256 - width) - gap(mix, width);
    }
    if (!decide(coder, 0, odds, ways, magnitude != 0, writing))
        return 0;
    for (int k = 0; k < ways; k++) {
        soft_plus[k] = soft(mix, -plus[k]);
        soft_minus[k] = soft(mix, minus[k]);
        odds[k] = soft_plus[k] - soft_minus[k];
    }
    const int32_t is_negative = decide(coder, NODE_SIGN, odds, ways, value < 0, writing);
    for (int k = 0; k < ways; k++) {
        const int32_t mean = chosen(is_negative, -expected[k].mean, expected[k].mean);
        range[k].side = (nlc_mix_expectation){mean, expected[k].inverse};
        range[k].low = chosen(is_negative, -minus[k], plus[k]);
        range[k].soft_low = chosen(is_negative, soft_minus[k], soft_plus[k]);
    }
    const int length = code_length(coder, range, ways, nlc_bit_length((uint32_t)magnitude), writing);
    const int32_t found = code_rest(coder, range, ways, length, magnitude, writing);
    return chosen(is_negative, -found, found);
}

/* Callers know in how many ways values are expected, and whether they write, when they are compiled. */
NLC_INLINE int32_t code_value(nlc_mix *mix, uint32_t first_set, uint32_t second_set,
                              const nlc_mix_expectation *expected, const int ways, int32_t value, const int writing) {
    value_coder coder = {mix,        mix->coder.interval,         mix->at[0],
                         mix->at[1], mix->first_sets + first_set, mix->second_sets + second_set};
    value = code_digits(&coder, expected, ways, value, writing);
    mix->coder.interval = coder.interval;
    return value;
}

NLC_INLINE int code_number(nlc_mix *mix, uint32_t first_set, uint32_t second_set, int value, const int writing) {
    nlc_interval interval = mix->coder.interval;
    nlc_mix_set *first = mix->first_sets + first_set, *second = mix->second_sets + second_set;
    uint32_t node = 1;
    for (int left = 2; left >= 0; left--, second++)
        node = node * 2 -
               (uint32_t)nlc_decide_by_four(mix, &interval, node, first + node, second, value >> left & 1, writing);
    mix->coder.interval = interval;
    return (int)(node - 8);
}

static int write_number(nlc_mix *mix, uint32_t first_set, uint32_t second_set, int value) {
    return code_number(mix, first_set, second_set, value, 1);
}

static int read_number(nlc_mix *mix, uint32_t first_set, uint32_t second_set, int value) {
    (void)value;
    return code_number(mix, first_set, second_set, 0, 0);
}

static int32_t write_value(nlc_mix *mix, uint32_t first_set, uint32_t second_set, const nlc_mix_expectation *expected,
                           int32_t value) {
    return code_value(mix, first_set, second_set, expected, 1, value, 1);
}

static int32_t read_value(nlc_mix *mix, uint32_t first_set, uint32_t second_set, const nlc_mix_expectation *expected,
                          int32_t value) {
    (void)value;
    return code_value(mix, first_set, second_set, expected, 1, 0, 0);
}

static int32_t write_value_of_two(nlc_mix *mix, uint32_t first_set, uint32_t second_set,
                                  const nlc_mix_expectation *expected, int32_t value) {
    return code_value(mix, first_set, second_set, expected, NLC_MIX_EXPECTATIONS, value, 1);
}

static int32_t read_value_of_two(nlc_mix *mix, uint32_t first_set, uint32_t second_set,
                                 const nlc_mix_expectation *expected, int32_t value) {
    (void)value;
    return code_value(mix, first_set, second_set, expected, NLC_MIX_EXPECTATIONS, 0, 0);
}

const nlc_value_functions nlc_value_writer = {write_number, write_value, write_value_of_two};
const nlc_value_functions nlc_value_reader = {read_number, read_value, read_value_of_two};
