/* Binary decisions, coded by mixing what several contexts and expectations say of each
 * (docs/methods/jpeg.md, section 16). */
#ifndef NLC_JPEG_MIX_H
#define NLC_JPEG_MIX_H

#include "adaptive.h"
#include "jpeg_coder.h"
#include "jpeg_vectors.h"

#define NLC_MIX_INPUTS 8
#define NLC_MIX_CONTEXTS 7 /* at most */
#define NLC_MIX_EXPECTATIONS 2
#define NLC_MIX_NODES 16 /* decisions of one context */
#if !defined(NLC_MIX_SLOT_BITS) /* other than what streams are coded by, to fuzz it faster */
#define NLC_MIX_SLOT_BITS 20
#endif
#define NLC_MIX_FINE 16   /* values are expected in sixteenths */
#define NLC_MIX_TERMS 8   /* of a regression */
#define NLC_MIX_SOFT 4095 /* the largest magnitudes of which there are softened ones, and gaps */
#define NLC_MIX_GAPS 2047

/* What a context knows of a decision: the chance of 1, of 22 bits, less 2^21, and below it, of 10, how often it was
 * asked.
 */
typedef uint32_t nlc_mix_slot;

#define NLC_MIX_SLOT_COUNTS 127 /* they go no further */

/* How far a value was from its mean, by a context: 256 times, in sixteenths, and in the last 6 bits how often it was
 * asked.
 */
typedef uint32_t nlc_mix_spread;

#define NLC_MIX_SPREAD_COUNTS 63

/* A logistic distribution: its mean in sixteenths, and 2^17 divided by its mean absolute deviation in sixteenths. */
typedef struct {
    int32_t mean, inverse;
} nlc_mix_expectation;

/* Weights of the inputs of a decision, and of a regression: those of terms in 1/65536. */
typedef struct {
    int16_t weights[NLC_MIX_INPUTS];
} nlc_mix_set;

typedef struct {
    int32_t weights[NLC_MIX_TERMS];
} nlc_mix_regression;

/* How far a slot or a spread goes to what it learns, by how often it was asked, and what is added to its count, or the
 * next count.
 */
typedef struct {
    int32_t rate;
    uint32_t next;
} nlc_mix_pace;

/* A number of sets of weights and of contexts; what is coded next is told by `at`, its contexts. */
typedef struct {
    nlc_coder coder;
    uint8_t *memory;
    nlc_mix_slot *slots; /* in `memory`, those of a context in a line of the processor's */
    nlc_mix_set *first_sets, *second_sets;
    nlc_mix_slot *at[NLC_MIX_CONTEXTS];
    nlc_mix_pace slot_paces[NLC_MIX_SLOT_COUNTS + 1], spread_paces[NLC_MIX_SPREAD_COUNTS + 1];
    int16_t stretch[NLC_STRETCHED];           /* by the upper 12 bits of slots */
    uint16_t squash[2 * NLC_VECTOR_ODDS + 1]; /* of -NLC_VECTOR_ODDS and up */
    int16_t soft[2 * NLC_MIX_SOFT + 1];       /* of -NLC_MIX_SOFT and up */
    int16_t gaps[NLC_MIX_GAPS + 1];
} nlc_mix;

/* Allocate for so many first and second sets of weights; 0 if there is no memory. `out` or `data` is to be coded. */
int nlc_mix_begin(nlc_mix *mix, const nlc_adaptive_tables *tables, uint32_t first_sets, uint32_t second_sets,
                  nlc_jpeg_bytes *out, const uint8_t *data, size_t size);
void nlc_mix_free(nlc_mix *mix);

/* The number of a context's line of slots, from three numbers. */
static inline uint32_t nlc_mix_line(uint32_t a, uint32_t b, uint32_t c) {
    uint64_t hash = ((uint64_t)a + 1) * UINT64_C(0x9E3779B97F4A7C15) +
                    ((uint64_t)b + 1) * UINT64_C(0xC2B2AE3D27D4EB4F) + ((uint64_t)c + 1) * UINT64_C(0x165667B19E3779F9);
    hash = (hash ^ hash >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
    return (uint32_t)(hash >> (64 - NLC_MIX_SLOT_BITS + 4));
}

/* List a context, by its line. */
static inline void nlc_mix_at(nlc_mix *mix, int place, uint32_t line) {
    mix->at[place] = mix->slots + line * NLC_MIX_NODES;
    NLC_PREFETCH(mix->at[place]);
}

static inline void nlc_mix_context(nlc_mix *mix, int place, uint32_t a, uint32_t b, uint32_t c) {
    nlc_mix_at(mix, place, nlc_mix_line(a, b, c));
}

static inline int32_t nlc_clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }

/* The same for numbers that are hardly ever outside. */
static inline int32_t nlc_kept(int32_t x, int32_t low, int32_t high) {
    return NLC_RARELY(x < low || x > high) ? nlc_clamp(x, low, high) : x;
}

static inline int32_t nlc_magnitude(int32_t x) { return x < 0 ? -x : x; }

/* What is expected, by the spread of a context. */
static inline nlc_mix_expectation nlc_mix_expect(nlc_mix_spread spread, int32_t mean) {
    return (nlc_mix_expectation){mean, (int32_t)((UINT32_C(1) << 17) / ((spread >> 14) + 1))};
}

/* Learn from an error of at most 32767. */
static inline void nlc_mix_spread_learn(const nlc_mix *mix, nlc_mix_spread *spread, int32_t error) {
    const nlc_mix_pace *pace = &mix->spread_paces[*spread & NLC_MIX_SPREAD_COUNTS];
    const int32_t before = (int32_t)(*spread >> 6), off = nlc_magnitude(error) * 256 - before;
    const int32_t after = before + (int32_t)((int64_t)off * pace->rate >> 16);
    *spread = (uint32_t)after << 6 | pace->next;
}

/* A regression: what a value is from terms, with weights that are learned. */
static inline int32_t nlc_mix_regress(const nlc_mix_regression *regression, nlc_vector terms) {
    return nlc_kept(nlc_vector_weighted(regression->weights, terms) >> 13, -32767, 32767);
}

static inline void nlc_mix_regress_learn(nlc_mix_regression *regression, nlc_vector terms, int32_t error) {
    const uint32_t norm = (1 << 10) + nlc_vector_norm(terms); /* less than 2^30 */
    const int shift = nlc_bit_length(norm) - 11;
    const int32_t step = nlc_kept(error, -2047, 2047) * (int32_t)((UINT32_C(1) << 25) / (norm >> shift)) >> 11;
    nlc_vector_learn(regression->weights, terms, step, shift + 6);
}

#endif
