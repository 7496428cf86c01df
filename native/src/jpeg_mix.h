/* Binary decisions, coded by mixing what several contexts and expectations say of each
 * (docs/methods/jpeg.md, section 16). */
#ifndef NLC_JPEG_MIX_H
#define NLC_JPEG_MIX_H

#include "adaptive.h"
#include "jpeg.h"
#include "jpeg_vectors.h"

#define NLC_MIX_INPUTS 8
#define NLC_MIX_CONTEXTS 7 /* at most */
#define NLC_MIX_EXPECTATIONS 2
#define NLC_MIX_NODES 16 /* decisions of one context */
#define NLC_MIX_SLOT_BITS 20
#define NLC_MIX_FINE 16   /* values are expected in sixteenths */
#define NLC_MIX_TERMS 8   /* of a regression */
#define NLC_MIX_SOFT 4096 /* what softened magnitudes and gaps are below */
#define NLC_MIX_GAPS 2048

/* What a context knows of a decision: the chance of 1, of 22 bits, less 2^21, and below it, of 10, how often it was
 * asked.
 */
typedef uint32_t nlc_mix_slot;

/* An arithmetic coder: an interval of `range` from `low` on; reading, `low` is how far the data lie in it. */
typedef struct {
    uint64_t low, range;
    const uint8_t *data;
    size_t size, at;     /* reading; past the end there are zeros */
    nlc_jpeg_bytes *out; /* NULL when reading */
} nlc_mix_coder;

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

/* A number of sets of weights and of contexts; what is coded next is told by `at`, its contexts. */
typedef struct {
    nlc_mix_coder coder;
    uint8_t *memory;
    nlc_mix_slot *slots; /* in `memory`, those of a context in a line of the processor's */
    nlc_mix_set *first_sets, *second_sets;
    nlc_mix_slot *at[NLC_MIX_CONTEXTS];
    int32_t rates[256], spread_rates[64];
    int16_t stretch[NLC_STRETCHED];
    uint16_t squash[4096]; /* of -2048 and up */
    uint16_t soft[NLC_MIX_SOFT / 2];
    int16_t gaps[NLC_MIX_GAPS];
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

/* List a context, of three numbers. */
static inline void nlc_mix_context(nlc_mix *mix, int place, uint32_t a, uint32_t b, uint32_t c) {
    uint64_t hash = ((uint64_t)a + 1) * UINT64_C(0x9E3779B97F4A7C15) +
                    ((uint64_t)b + 1) * UINT64_C(0xC2B2AE3D27D4EB4F) + ((uint64_t)c + 1) * UINT64_C(0x165667B19E3779F9);
    hash = (hash ^ hash >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
    mix->at[place] = mix->slots + (hash >> (64 - NLC_MIX_SLOT_BITS + 4)) * NLC_MIX_NODES;
    NLC_PREFETCH(mix->at[place]);
}

/* Code a decision, the one of `node` in every context, with two sets of weights; `bit` is known when writing. There are
 * seven contexts, or four.
 */
int nlc_mix_by_seven(nlc_mix *mix, uint32_t node, uint32_t first_set, uint32_t second_set, int bit);
int nlc_mix_by_four(nlc_mix *mix, uint32_t node, uint32_t first_set, uint32_t second_set, int bit);

/* Code a number by its digits, with the two contexts that were listed: 16 nodes. `expected` says what it may be. */
int32_t nlc_mix_value(nlc_mix *mix, uint32_t first_set, uint32_t second_set, nlc_mix_expectation expected,
                      int32_t value);
int32_t nlc_mix_value_of_two(nlc_mix *mix, uint32_t first_set, uint32_t second_set,
                             const nlc_mix_expectation expected[NLC_MIX_EXPECTATIONS], int32_t value);

static inline int32_t nlc_clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }

static inline int32_t nlc_magnitude(int32_t x) { return x < 0 ? -x : x; }

/* What is expected, by the spread of a context. */
static inline nlc_mix_expectation nlc_mix_expect(nlc_mix_spread spread, int32_t mean) {
    return (nlc_mix_expectation){mean, (int32_t)((UINT32_C(1) << 17) / ((spread >> 14) + 1))};
}

/* Learn from an error of at most 32767. */
static inline void nlc_mix_spread_learn(const nlc_mix *mix, nlc_mix_spread *spread, int32_t error) {
    const uint32_t count = *spread & NLC_MIX_SPREAD_COUNTS;
    const int32_t before = (int32_t)(*spread >> 6), off = nlc_magnitude(error) * 256 - before;
    const int32_t after = before + (int32_t)((int64_t)off * mix->spread_rates[count] >> 16);
    *spread = (uint32_t)after << 6 | (count + (count < 30));
}

/* A regression: what a value is from terms, with weights that are learned. */
int32_t nlc_mix_regress(const nlc_mix_regression *regression, nlc_vector terms);
void nlc_mix_regress_learn(nlc_mix_regression *regression, nlc_vector terms, int32_t error);

#endif
