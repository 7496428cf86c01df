/* One decision: what contexts and expectations say of it is mixed to a chance, by which it is coded, and all learn. */
#ifndef NLC_JPEG_DECIDE_H
#define NLC_JPEG_DECIDE_H

#include "jpeg_mix.h"

#define NLC_CONSTANT UINT32_C(256) /* an input of all decisions */

/* What a slot knows, as an input. */
static inline uint32_t nlc_stretched(const nlc_mix *mix, nlc_mix_slot asked) {
    return (uint16_t)mix->stretch[asked >> 20];
}

/* Learn that the bit was 1 (-1 is told), or 0; `asked` is what the slot held. */
static inline void nlc_slot_learn(const nlc_mix *mix, nlc_mix_slot *slot, nlc_mix_slot asked, int32_t is_one) {
    const nlc_mix_pace *pace = &mix->slot_paces[asked & 255];
    const int32_t off = (is_one & 1 << 22) - (1 << 21) - ((int32_t)asked >> 10);
    const uint32_t change = (uint32_t)((off >> 3) * pace->rate);
    *slot = asked + (change & ~UINT32_C(1023)) + pace->next;
}

/* Code a decision by its inputs, at most so many, and two sets of weights, which learn: -1 or 0, as of a bit. */
NLC_INLINE int32_t nlc_mixed(nlc_mix *mix, nlc_interval *interval, nlc_vector inputs, const int count,
                             nlc_mix_set *first, nlc_mix_set *second, int bit, const int writing) {
    const nlc_vector of_first = nlc_vector_load(first->weights), of_second = nlc_vector_load(second->weights);
    const int32_t odds = count > 4 ? nlc_vector_dot(of_first, of_second, inputs)
                                   : nlc_vector_dot_of_four(of_first, of_second, inputs);
    uint32_t at = (uint32_t)((odds >> 14) + NLC_VECTOR_ODDS);
    if (NLC_RARELY(at > 2 * NLC_VECTOR_ODDS))
        at = (int32_t)at < 0 ? 0 : 2 * NLC_VECTOR_ODDS;
    const int32_t chance = mix->squash[at];
    const int32_t is_one = nlc_code_bit(&mix->coder, interval, (uint32_t)chance, bit, writing);
    const nlc_vector change = nlc_vector_scaled(inputs, ((is_one & 65535) - chance) >> 2);
    nlc_vector_store(first->weights, nlc_vector_add(of_first, change));
    nlc_vector_store(second->weights, nlc_vector_add(of_second, change));
    return is_one;
}

/* Code a decision, the one of `node` in each of four contexts. */
NLC_INLINE int32_t nlc_decide_by_four(nlc_mix *mix, nlc_interval *interval, uint32_t node, nlc_mix_set *first,
                                      nlc_mix_set *second, int bit, const int writing) {
    nlc_mix_slot *slots[4], asked[4];
    for (int k = 0; k < 4; k++) {
        slots[k] = mix->at[k] + node;
        asked[k] = *slots[k];
    }
    const uint32_t one = nlc_stretched(mix, asked[0]) | nlc_stretched(mix, asked[1]) << 16;
    const uint32_t other = nlc_stretched(mix, asked[2]) | nlc_stretched(mix, asked[3]) << 16;
    const nlc_vector inputs = nlc_vector_of(one, other, NLC_CONSTANT, 0);
    const int32_t is_one = nlc_mixed(mix, interval, inputs, NLC_MIX_INPUTS, first, second, bit, writing);
    for (int k = 0; k < 4; k++)
        nlc_slot_learn(mix, slots[k], asked[k], is_one);
    return is_one;
}

/* The same by seven contexts. */
NLC_INLINE int32_t nlc_decide_by_seven(nlc_mix *mix, nlc_interval *interval, uint32_t node, nlc_mix_set *first,
                                       nlc_mix_set *second, int bit, const int writing) {
    nlc_mix_slot *slots[7], asked[7];
    uint32_t pairs[4] = {0, 0, 0, NLC_CONSTANT << 16};
    for (int k = 0; k < 7; k++) {
        slots[k] = mix->at[k] + node;
        asked[k] = *slots[k];
        pairs[k / 2] |= nlc_stretched(mix, asked[k]) << k % 2 * 16;
    }
    const nlc_vector inputs = nlc_vector_of(pairs[0], pairs[1], pairs[2], pairs[3]);
    const int32_t is_one = nlc_mixed(mix, interval, inputs, NLC_MIX_INPUTS, first, second, bit, writing);
    for (int k = 0; k < 7; k++)
        nlc_slot_learn(mix, slots[k], asked[k], is_one);
    return is_one;
}

#endif
