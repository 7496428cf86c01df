/* Colour lattices: tables of the colours that a conversion from luma and chroma can give, and what is learned of how
 * far a tile keeps to one (docs/methods/lattices.md, section 15). */
#ifndef NLC_LATTICE_H
#define NLC_LATTICE_H

#include "core.h"

/* Contexts of the first digit: whether the pixels to the west and to the north are on the lattice. */
#define NLC_LATTICE_CONTEXTS 4
#define NLC_LATTICE_CLASSES 33 /* of the foreseen share of the lattice */
#define NLC_LATTICE_CELLS (NLC_LATTICE_CONTEXTS * NLC_LATTICE_CLASSES)
#define NLC_LATTICE_MOST 1023 /* pixels of a cell, above which it is halved */

struct nlc_lattice {
    uint64_t *rows; /* of all reds and greens, and one word more; NULL if each tile has its own, of what it has seen */
};

/* What one tile has learned: of each cell how many pixels were not on the lattice (0) and on it (1), and how many of
 * each had been foreseen, in 1/2^16. */
typedef struct {
    int64_t seen[2][NLC_LATTICE_CELLS], foreseen[2][NLC_LATTICE_CELLS];
} nlc_lattice_map;

static inline const uint64_t *nlc_lattice_row(const nlc_lattice *lattice, int red, int green) {
    return lattice->rows + (size_t)((red << 8) + green) * NLC_LATTICE_ROW;
}

static inline int nlc_lattice_bit(const uint64_t *row, int blue) { return (int)(row[blue >> 6] >> (blue & 63) & 1); }

static inline void nlc_lattice_add(nlc_lattice *lattice, int red, int green, int blue) {
    lattice->rows[(size_t)((red << 8) + green) * NLC_LATTICE_ROW + (size_t)(blue >> 6)] |= (uint64_t)1 << (blue & 63);
}

/* A lattice that has no colours yet. */
int nlc_lattice_new_seen(nlc_lattice **made);

/* The cell of a pixel for which the share `foreseen`, 1 to 65535, of the lattice is foreseen. */
int nlc_lattice_cell(int context, int32_t foreseen);
/* How many of 2^24 - 4 the digit 0 gets: that a pixel is not on the lattice. */
uint32_t nlc_lattice_off(const nlc_lattice_map *map, int cell, int32_t foreseen);
void nlc_lattice_teach(nlc_lattice_map *map, int cell, int32_t foreseen, int on);
/* After each step: halve the cells that have seen many pixels. */
void nlc_lattice_age(nlc_lattice_map *map);

#endif
