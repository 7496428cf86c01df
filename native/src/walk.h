#ifndef NELLOC_WALK_H
#define NELLOC_WALK_H

/* The parts of a walk, for the files walk*.c. */
#include "deep.h"
#include "lattice.h"
#include "learner.h"
#include "pair.h"
#include "rans.h"

/* Lanes that are wanted at once, and bytes of what tiles have learned, which the second cache should hold. */
#define WANTED_LANES 64
#define WANTED_LEARNING_LANES 32
#define LEARNED_BYTES ((size_t)640 << 10)

/* A tile, and how far it is. */
typedef struct {
    nlc_tile tile;
    int step, steps;
    uint16_t *store; /* the samples that are known, channels together, in a border of what is seen beyond the tile's */
    size_t row;      /* samples from one row of the store to the next */
    size_t cursor;   /* digits done */
    size_t samples;  /* of a plane */
    rans_reader reader;
    uint32_t *left, *frequency; /* of each digit, while encoding */
    uint8_t *stream;
    size_t stream_size;
    double bits;
    nlc_learner learner;
    nlc_pair pair;
    nlc_lattice_map *map; /* with a lattice */
    nlc_lattice *seen;    /* the colours that the tile has seen, if these are its lattice */
} nlc_state;

/* The pixels of one tile's step: lanes first to first + count - 1, of rows `row` and following. */
typedef struct {
    nlc_state *state;
    size_t first, count;
    int row;
} nlc_segment;

/* A lane's pixel on a lattice: what is foreseen of it, and how likely the values of its plane are. */
typedef struct {
    int32_t foreseen, cell, on;
    nlc_spread spread;
} nlc_spot;

struct nlc_walk {
    const nlc_model *model;
    const nlc_lattice *lattice; /* or NULL */
    nlc_spot *spots;            /* of all lanes, with a lattice */
    int mode, planes, learns, measure;
    int status; /* what ended the walk, if something did: its tiles are then half begun */
    nlc_state *states;
    size_t count, begun;
    nlc_segment *segments; /* of the tiles that are under way */
    size_t under_way;
    size_t most_lanes, most_tiles;
    nlc_network_space network;
    nlc_learner_space learning;
    int16_t *inputs;
    int32_t *outputs;
    uint8_t *seen; /* what the last layer saw */
    nlc_pair_space pair;
    uint8_t *given; /* what the hidden layer was given, that learns */
    int32_t *raw_outputs;
    nlc_lanes *values; /* of blocks, plane by plane */
    nlc_block *blocks;
    nlc_lanes *block_storage;
    nlc_lanes *gradients;
};

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* The widest step of a tile. */
static inline size_t widest_step(const nlc_model *model, const nlc_tile *tile) {
    const size_t shear = (size_t)model->horizon + 1;
    return least((size_t)tile->height, ((size_t)tile->width + shear - 1) / shear);
}

/* Where a pixel of the tile stands in the store. */
static inline uint16_t *place_of(const nlc_model *model, const nlc_state *state, int row, int column) {
    const size_t h = (size_t)model->horizon;
    return state->store + ((size_t)row + h) * state->row + ((size_t)column + h) * (size_t)model->channels;
}

/* A sample of a tile that is being encoded. */
static inline int32_t sample_at(const nlc_walk *walk, const nlc_state *state, int plane, int row, int column) {
    const size_t at = (size_t)plane * state->samples + (size_t)row * (size_t)state->tile.width + (size_t)column;
    return walk->model->bits > 8 ? ((const uint16_t *)state->tile.samples)[at]
                                 : ((const uint8_t *)state->tile.samples)[at];
}

/* Let go of what a tile needs while it is under way. */
void nlc_state_end(nlc_state *state);

/* Make what a tile needs while it is under way. */
int nlc_state_begin(nlc_walk *walk, nlc_state *state);

/* Push all digits of an encoded tile, last to first. */
int nlc_state_push(nlc_walk *walk, nlc_state *state);

/* Begin tiles while there is room, and lay the next steps of those under way side by side; returns the lanes. */
int nlc_lanes_next(nlc_walk *walk, size_t *lanes);

/* The network's inputs of all lanes, and what their blocks need to know of them. */
void nlc_lanes_gather(nlc_walk *walk);

/* The network's outputs of all lanes, corrected by what their tiles have learned, turned into blocks. */
void nlc_lanes_evaluate(nlc_walk *walk, size_t lanes);

/* Refresh what is seen beyond the tile's borders, as far as the pixels of this step decide it (section 4). */
void nlc_lanes_extend(nlc_walk *walk, const nlc_segment *segment);

/* Learn from the pixels of a step. */
void nlc_lanes_learn(nlc_walk *walk, size_t lanes);

/* Code a digit of all lanes, block by block. */
void nlc_lanes_code(nlc_walk *walk, size_t lanes, int plane, int32_t stride);

/* Keep a plane's values, in the store and, unless encoding, in the tile's samples. */
void nlc_lanes_keep(nlc_walk *walk, int plane);

/* With a lattice, before the plane of green: what is foreseen of all lanes, and whether they are on the lattice. */
void nlc_lattice_green(nlc_walk *walk);

/* With a lattice, before the plane of blue. */
void nlc_lattice_blue(nlc_walk *walk);

/* With a lattice, after a step: what its tiles have learned of it. */
void nlc_lattice_learn(nlc_walk *walk);

#endif
