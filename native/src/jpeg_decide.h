/* One decision: what contexts and expectations say of it is mixed to a chance, by which it is coded, and all learn. */
#ifndef NLC_JPEG_DECIDE_H
#define NLC_JPEG_DECIDE_H

#include "jpeg_mix.h"

#define NLC_COUNT_LIMIT 127        /* that counts of contexts go to */
#define NLC_CONSTANT UINT32_C(256) /* an input of all decisions */

/* What a slot knows, as an input. */
static inline uint32_t nlc_stretched(const nlc_mix *mix, nlc_mix_slot asked) {
    return (uint16_t)mix->stretch[asked >> 20];
}

/* Learn that the bit was 1, or 0; `asked` is what the slot held. */
static inline void nlc_slot_learn(const nlc_mix *mix, nlc_mix_slot *slot, nlc_mix_slot asked, int bit) {
    const uint32_t count = asked & 255;
    const int32_t off = (bit << 22) - (1 << 21) - ((int32_t)asked >> 10);
    const uint32_t change = (uint32_t)((off >> 3) * mix->rates[count]);
    *slot = asked + (change & ~UINT32_C(1023)) + ((count - NLC_COUNT_LIMIT) >> 31); /* one more, if it is below */
}

/* Code a decision by its inputs and two sets of weights, which learn. */
NLC_INLINE int nlc_mixed(nlc_mix *mix, nlc_interval *interval, nlc_vector inputs, nlc_mix_set *first,
                         nlc_mix_set *second, int bit, const int writing) {
    const nlc_vector of_first = nlc_vector_load(first->weights), of_second = nlc_vector_load(second->weights);
    int32_t odds = nlc_vector_dot(of_first, of_second, inputs) >> 14;
    if (NLC_RARELY(odds < -NLC_VECTOR_ODDS || odds > NLC_VECTOR_ODDS))
        odds = odds < 0 ? -NLC_VECTOR_ODDS : NLC_VECTOR_ODDS;
    const int32_t chance = mix->squash[(ptrdiff_t)odds + 2048];
    bit = nlc_code_bit(&mix->coder, interval, (uint32_t)chance, bit, writing);
    const nlc_vector change = nlc_vector_scaled(inputs, ((-bit & 65535) - chance) >> 2);
    nlc_vector_store(first->weights, nlc_vector_add(of_first, change));
    nlc_vector_store(second->weights, nlc_vector_add(of_second, change));
    return bit;
}

/* Code a decision, the one of `node` in each of four contexts. */
NLC_INLINE int nlc_decide_by_four(nlc_mix *mix, nlc_interval *interval, uint32_t node, nlc_mix_set *first,
                                  nlc_mix_set *second, int bit, const int writing) {
    nlc_mix_slot *slots[4], asked[4];
    for (int k = 0; k < 4; k++) {
        slots[k] = mix->at[k] + node;
        asked[k] = *slots[k];
    }
    const uint32_t one = nlc_stretched(mix, asked[0]) | nlc_stretched(mix, asked[1]) << 16;
    const uint32_t other = nlc_stretched(mix, asked[2]) | nlc_stretched(mix, asked[3]) << 16;
    const nlc_vector inputs = nlc_vector_of(one, other, NLC_CONSTANT, 0);
    bit = nlc_mixed(mix, interval, inputs, first, second, bit, writing);
    for (int k = 0; k < 4; k++)
        nlc_slot_learn(mix, slots[k], asked[k], bit);
    return bit;
}

/* The same by seven contexts. */
NLC_INLINE int nlc_decide_by_seven(nlc_mix *mix, nlc_interval *interval, uint32_t node, nlc_mix_set *first,
                                   nlc_mix_set *second, int bit, const int writing) {
    nlc_mix_slot *slots[7], asked[7];
    uint32_t pairs[4] = {0, 0, 0, NLC_CONSTANT << 16};
    for (int k = 0; k < 7; k++) {
        slots[k] = mix->at[k] + node;
        asked[k] = *slots[k];
        pairs[k / 2] |= nlc_stretched(mix, asked[k]) << k % 2 * 16;
    }
    const nlc_vector inputs = nlc_vector_of(pairs[0], pairs[1], pairs[2], pairs[3]);
    bit = nlc_mixed(mix, interval, inputs, first, second, bit, writing);
    for (int k = 0; k < 7; k++)
        nlc_slot_learn(mix, slots[k], asked[k], bit);
    return bit;
}

#endif
