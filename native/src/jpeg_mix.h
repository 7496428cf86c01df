/* Binary decisions, coded by mixing what several contexts and expectations say of each (docs/FORMAT.md, section 15). */
#ifndef NLC_JPEG_MIX_H
#define NLC_JPEG_MIX_H

#include "adaptive.h"
#include "jpeg.h"

#define NLC_MIX_INPUTS 8       /* contexts, then expectations, then a constant */
#define NLC_MIX_CONTEXTS 7     /* at most */
#define NLC_MIX_EXPECTATIONS 3 /* inputs 4, 5 and 6, where there are any */
#define NLC_MIX_NODES 16       /* decisions of one context */
#define NLC_MIX_SLOT_BITS 20
#define NLC_MIX_FINE 16 /* values are expected in sixteenths */
#define NLC_MIX_TERMS 8 /* of a regression */

/* What a context knows of a decision: the chance of 1 in 1/65536, and how often it was asked. */
typedef struct {
    uint16_t chance, count;
} nlc_mix_slot;

/* An arithmetic coder with an interval of 32 bits, which is written or read. */
typedef struct {
    uint32_t low, high, value;
    const uint8_t *data;
    size_t size, at;     /* reading; past the end there are zeros */
    nlc_jpeg_bytes *out; /* NULL when reading */
} nlc_mix_coder;

/* How far a value was from its mean, by a context: 256 times, in sixteenths, and how often it was asked. */
typedef struct {
    uint32_t deviation, count;
} nlc_mix_spread;

/* A logistic distribution: its mean in sixteenths, and 2^17 divided by its mean absolute deviation in sixteenths. */
typedef struct {
    int32_t mean, inverse;
} nlc_mix_expectation;

/* A number of sets of weights and of contexts; what is coded next is told by `at`, the places of its contexts. */
typedef struct {
    const nlc_adaptive_tables *tables;
    nlc_mix_coder coder;
    nlc_mix_slot *slots;
    int16_t *first_weights, *second_weights;
    uint16_t *refined;
    uint32_t at[NLC_MIX_CONTEXTS];
    int contexts;                           /* that were listed */
    int16_t expected[NLC_MIX_EXPECTATIONS]; /* stretched chances */
    uint16_t rates[256];
} nlc_mix;

/* Allocate for so many first and second sets of weights; 0 if there is no memory. `out` or `data` is to be coded. */
int nlc_mix_begin(nlc_mix *mix, const nlc_adaptive_tables *tables, uint32_t first_sets, uint32_t second_sets,
                  nlc_jpeg_bytes *out, const uint8_t *data, size_t size);
void nlc_mix_free(nlc_mix *mix);

/* Begin a stream that is written to `out`, or read if that is NULL; what was learned stays. */
void nlc_mix_start(nlc_mix *mix, nlc_jpeg_bytes *out, const uint8_t *data, size_t size);

/* Write what the coder still holds. */
void nlc_mix_end(nlc_mix *mix);

/* Whether a reader took just all of its data. */
int nlc_mix_is_whole(const nlc_mix *mix);

/* Begin a list of contexts; add one, of three numbers. */
static inline void nlc_mix_clear(nlc_mix *mix) { mix->contexts = 0; }

static inline void nlc_mix_context(nlc_mix *mix, uint32_t a, uint32_t b, uint32_t c) {
    uint64_t hash = ((uint64_t)a + 1) * UINT64_C(0x9E3779B97F4A7C15) +
                    ((uint64_t)b + 1) * UINT64_C(0xC2B2AE3D27D4EB4F) + ((uint64_t)c + 1) * UINT64_C(0x165667B19E3779F9);
    hash = (hash ^ hash >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
    const uint32_t at = (uint32_t)(hash >> (64 - NLC_MIX_SLOT_BITS + 4)) * NLC_MIX_NODES;
    NLC_PREFETCH(mix->slots + at);
    mix->at[mix->contexts++] = at;
}

/* Code a decision, the one of `node` in every context, with two sets of weights; `bit` is known when writing. */
int nlc_mix_code(nlc_mix *mix, uint32_t node, uint32_t first_set, uint32_t second_set, int bit);

/* Code a number by its digits, with the contexts that were listed: 16 nodes. `expected` says what it may be. */
int32_t nlc_mix_value(nlc_mix *mix, uint32_t first_set, uint32_t second_set,
                      const nlc_mix_expectation expected[NLC_MIX_EXPECTATIONS], int32_t value);

static inline int32_t nlc_clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }

static inline int32_t nlc_magnitude(int32_t x) { return x < 0 ? -x : x; }

/* What is expected, by the spread of a context. */
static inline nlc_mix_expectation nlc_mix_expect(const nlc_mix_spread *spread, int32_t mean) {
    return (nlc_mix_expectation){mean, (int32_t)((1 << 17) / ((spread->deviation >> 8) + 1))};
}

void nlc_mix_spread_learn(nlc_mix_spread *spread, int32_t error);

/* A regression: what a value is from terms, all in sixteenths, with weights in 1/65536 that are learned. */
int32_t nlc_mix_regress(const int32_t weights[NLC_MIX_TERMS], const int32_t terms[NLC_MIX_TERMS]);
void nlc_mix_regress_learn(int32_t weights[NLC_MIX_TERMS], const int32_t terms[NLC_MIX_TERMS], int32_t error);

#endif
