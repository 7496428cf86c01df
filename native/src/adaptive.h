/* What the files of the adaptive coder share: tables, models of digits, and the coder of digits. */
#ifndef NLC_ADAPTIVE_H
#define NLC_ADAPTIVE_H

#include "../include/nelloc_adaptive.h"
#include "bits.h"
#include "crc32.h"
#include "level/target.h"
#include "rans.h"

#define NLC_STRETCHED 4096   /* entries of the table of stretched probabilities */
#define NLC_SQUASH_LIMIT 4095 /* a stretched probability's largest magnitude; they are in 1/256 of a bit */
#define NLC_CHANCE_BITS 22   /* of probabilities */
#define NLC_DECISIONS 3      /* of a digit: is it 0; if not, 1; if not, 2 */
#define NLC_MAX_TABLES 8     /* of a model */
#define NLC_HASH_PARTS 16

/* Bring memory that will be needed soon closer. */
#if defined(__GNUC__)
#define NLC_PREFETCH(address) __builtin_prefetch(address)
#else
#define NLC_PREFETCH(address) ((void)(address))
#endif

struct nlc_adaptive_tables {
    int32_t squash[2 * NLC_SQUASH_LIMIT + 1]; /* of -NLC_SQUASH_LIMIT and up; 0 to 2^22 */
    int16_t stretch[NLC_STRETCHED];           /* -3327 to 3327 */
    uint64_t multipliers[NLC_HASH_PARTS];
    nlc_crc32_tables crc32;
};

/* 256 times the logarithm of m (1 to 131071) to base 2, rounded down. */
int nlc_logarithm(uint32_t m);

/* The coder of digits: of a record that is read, or of one that is written.
 *
 * A stack is written last to first, so that a writer collects its digits before: in pairs of `left` and `frequency`.
 */
typedef struct {
    rans_reader reader;
    uint32_t *pairs; /* NULL when reading */
    size_t count;    /* of pairs */
} nlc_digits;

/* The shape of a model of digits: `tables` tables of 2^`bits` contexts, and `sets` sets of weights.
 *
 * A steady one takes what it sees for the same all over the tile: it hardly forgets, and trusts its counts. At most
 * `most` digits are coded at once.
 */
typedef struct {
    int tables, bits;
    uint32_t sets;
    int steady;
    size_t most;
} nlc_digit_shape;

/* A model of digits. A context has four counts, of 32 bits each if `wide`, else of 16: how often each digit occurred
 * there, in 1/32. A set has a weight of -2^19 to 2^19 for each decision and table.
 */
typedef struct {
    int tables, bits, wide;
    uint32_t limit; /* counts of a larger sum are halved */
    void *counts;
    int32_t *weights;
} nlc_digit_model;

/* A digit of a step: where it is coded, and what it was predicted from, which learning needs. */
typedef struct {
    uint32_t at[NLC_MAX_TABLES]; /* its context in each table */
    uint32_t set;
    uint32_t digit; /* known when writing */
    uint32_t sums[NLC_MAX_TABLES];
    int32_t chances[NLC_DECISIONS];
    int16_t inputs[NLC_DECISIONS][NLC_MAX_TABLES];
} nlc_plan;

/* A model that codes numbers of so many digits, most significant first, each in the context of those before it. */
typedef struct {
    nlc_digit_model model;
    int digits;
    uint32_t nodes; /* sets of weights for each set of numbers */
} nlc_tree;

/* A number to be coded by a tree: its contexts before they are those of digits, its set, and itself if known. */
typedef struct {
    uint32_t hashes[NLC_MAX_TABLES];
    uint32_t set;
    uint32_t value;
} nlc_number;

/* Bytes of memory of a model, and of a tree of numbers of `bits` bits that has `shape.sets` sets of them. */
size_t nlc_digit_model_size(nlc_digit_shape shape);
size_t nlc_tree_size(nlc_digit_shape shape, int bits);

/* Make a model or a tree in zeroed memory of its size. */
void nlc_digit_model_make(nlc_digit_model *model, nlc_digit_shape shape, void *memory);
void nlc_tree_make(nlc_tree *tree, nlc_digit_shape shape, int bits, void *memory);

/* Code the digits of `count` plans, and learn from all of them. */
void nlc_code_digits(const nlc_adaptive_tables *tables, nlc_digit_model *model, nlc_digits *coder, nlc_plan *plans,
                     size_t count);

/* Code `count` numbers; `plans` has room for as many. */
void nlc_code_numbers(const nlc_adaptive_tables *tables, nlc_tree *tree, nlc_digits *coder, nlc_number *numbers,
                      nlc_plan *plans, size_t count);

/* The palette of a tile of at most NLC_ADAPTIVE_MAX_COLOURS colours, in the order of their numbers.
 *
 * With `samples` it is found, and `places` (height, width) gets each pixel's place in it; returns the number of
 * colours, or NLC_ADAPTIVE_MAX_COLOURS + 1 if there are more. `places` and `palette` may be NULL.
 */
int32_t nlc_palette_find(const nlc_adaptive_shape *shape, const void *samples, uint64_t *palette, uint8_t *places);

/* Code a palette of `count` colours; `memory` is zeroed, of nlc_palette_size bytes. */
size_t nlc_palette_size(const nlc_adaptive_shape *shape);
void nlc_palette_code(const nlc_adaptive_tables *tables, const nlc_adaptive_shape *shape, nlc_digits *coder,
                      uint64_t *palette, int32_t count, void *memory);

/* A tile to be walked over: pixels of `shape`, coded plane by plane in `order`; with a palette, places among `colours`.
 *
 * `samples` are read when the coder writes, else written; they are uint16_t if shape.bits > 8, else uint8_t.
 */
typedef struct {
    nlc_adaptive_shape shape;
    int form;
    int order[NLC_ADAPTIVE_MAX_PLANES];
    int32_t colours;
    void *samples;
} nlc_adaptive_tile;

/* Walk over a tile, in zeroed memory of nlc_adaptive_walk_size bytes; returns an nlc_adaptive_status. */
size_t nlc_adaptive_walk_size(const nlc_adaptive_tile *tile);
int nlc_adaptive_walk(const nlc_adaptive_tables *tables, const nlc_adaptive_tile *tile, nlc_digits *coder, void *memory,
                  const nlc_adaptive_watch *watch);

/* The hash of a tuple of numbers is that of their sum, each + 1 and times its own multiplier; it has `bits` bits. */
static inline uint32_t nlc_hash_of_sum(const nlc_adaptive_tables *tables, uint64_t sum, int bits) {
    sum = (sum ^ sum >> 29) * tables->multipliers[NLC_HASH_PARTS - 1];
    return (uint32_t)(sum >> (64 - bits));
}

/* The part of such a sum that comes from the number `x` at place `k`. Negative numbers count modulo 2^64. */
static inline uint64_t nlc_hash_part(const nlc_adaptive_tables *tables, int k, int64_t x) {
    return ((uint64_t)x + 1) * tables->multipliers[k];
}

/* The next multiple of 64, which everything may begin at. */
static inline size_t nlc_whole_lines(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

#endif
