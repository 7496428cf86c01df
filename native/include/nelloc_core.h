/* The compiled core of nelloc: tiles of samples to streams and back, with the same integers as the Python reference.
 *
 * The core knows models, tiles and streams. It knows nothing of files, images or Python. It keeps no global state, so
 * that any number of threads may use it, each with walks of its own; a model is read only and may be shared.
 * docs/FORMAT.md and docs/methods state the arithmetic; "section n" in comments is one of theirs.
 */
#ifndef NELLOC_CORE_H
#define NELLOC_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What functions return instead of NLC_OK if they fail. */
enum nlc_status {
    NLC_OK = 0,
    NLC_NO_MEMORY = -1,   /* an allocation failed */
    NLC_BAD_ARGUMENT = -2 /* an argument is outside of its documented range */
};

/* CPU levels: sets of kernels that give the same integers. NLC_PLAIN is portable C and always there. */
enum nlc_level {
    NLC_PLAIN = 0,
    NLC_AVX2 = 1,
    NLC_AVX_VNNI = 2, /* 256-bit VNNI without AVX-512 */
    NLC_VNNI = 3,     /* AVX-512 VNNI */
    NLC_AMX = 4,      /* AMX int8, and AVX-512 VNNI for the rest */
    NLC_NEON = 5,
    NLC_DOTPROD = 6, /* NEON with the dot product */
    NLC_WASM = 7,    /* WebAssembly's 128-bit vectors */
    NLC_LEVELS = 8
};

/* The name of a level, as the environment variable NELLOC_CPU spells it; NULL outside of 0 to NLC_LEVELS - 1. */
const char *nlc_level_name(int level);

/* 1 if the processor, the operating system and this build have a level, else 0. */
int nlc_level_available(int level);

/* The fastest level that is available. */
int nlc_best_level(void);

/* One dense layer: weight (rows x columns), bias and shift (rows), and the layer whose output is added, or -1. */
typedef struct {
    int32_t rows, columns, skip;
    const int32_t *weight, *bias, *shift;
} nlc_layer_source;

/* The integers of a model file (section 2). Arrays are copied. */
typedef struct {
    int32_t horizon, components, channels;
    int32_t joint, raw, borders; /* 0 or 1 */
    int32_t layer_count;
    const nlc_layer_source *layers;
    int32_t activity_levels;
    const int32_t *thresholds, *input_scale, *activity_input, *mean_scale, *scale_offset;
    int32_t logistic_count, exponential_count, inverse_scale_count;
    const int32_t *logistic, *exponential, *inverse_scale;
} nlc_model_source;

typedef struct nlc_model nlc_model;

/* Make a model ready for samples of `bits` bits (8, 10, 12, 14 or 16) and a CPU level.
 *
 * NLC_BAD_ARGUMENT if the level is not available, or if the model is outside the limits of section 2, among them the
 * bound of 2^24 on all sums.
 */
int nlc_model_new(const nlc_model_source *source, int bits, int level, nlc_model **made);
void nlc_model_free(nlc_model *model);

/* The numbers of a network's inputs, outputs and units of the last hidden layer; the bits of a model's samples. */
void nlc_model_shape(const nlc_model *model, int *inputs, int *outputs, int *units);
int nlc_model_bits(const nlc_model *model);

/* How many layers may learn while tiles are coded: 0, the last one (section 13), or two (section 14). */
int nlc_model_can_learn(const nlc_model *model);

/* Evaluate the network alone: `inputs` (pixels x inputs of the first layer), `outputs` (pixels x rows of the last), and
 * `hidden` (pixels x units of the last hidden layer), which is what the last layer sees.
 */
int nlc_model_evaluate(const nlc_model *model, const int16_t *inputs, size_t pixels, int32_t *outputs, uint8_t *hidden);

/* What a walk does at each digit. */
enum nlc_mode {
    NLC_DECODE = 0,
    NLC_ENCODE = 1,
    NLC_DRAW = 2 /* digits are chosen by `numbers`, uniform in 0 to 2^24 - 1 */
};

#define NLC_MOST_TILE_PIXELS (1 << 28)
#define NLC_MOST_TILE_SIDE (1 << 27)

/* A tile of a walk. */
typedef struct {
    int32_t height, width; /* 1 to NLC_MOST_TILE_SIDE, and at most NLC_MOST_TILE_PIXELS in all */
    void *samples; /* planes x height x width, uint8_t for 8 bits and uint16_t for more: read to encode, else written */
    const uint8_t *data; /* NLC_DECODE: the stream */
    size_t size;
    const uint32_t *numbers; /* NLC_DRAW: one for each digit of the tile */
    uint32_t seed;           /* NLC_ENCODE: what the stream ends with when it is decoded */
} nlc_tile;

/* A colour lattice: the colours that a rule (section 15) can give, 1 to nlc_lattice_rules(). It is read only and may be
 * shared. By the last rule tiles have lattices of their own, and this one is empty. */
typedef struct nlc_lattice nlc_lattice;

int nlc_lattice_rules(void);
int nlc_lattice_new(int rule, nlc_lattice **made);
void nlc_lattice_free(nlc_lattice *lattice);
/* 1 if a colour, each channel 0 to 255, is on the lattice, else 0. */
int nlc_lattice_has(const nlc_lattice *lattice, int red, int green, int blue);

typedef struct nlc_walk nlc_walk;

/* Prepare to code tiles of `planes` (1 or the model's channels) side by side; `learns` is how many layers learn.
 *
 * With a `lattice`, which must stay until the walk is freed, tiles are coded as section 15 says: those of three planes
 * of 8 bits, in NLC_DECODE and NLC_ENCODE. Without one it is NULL.
 *
 * `tiles` is copied; what it points to must stay until the walk is freed. With `measure` the bits that the model asks
 * for are counted in NLC_ENCODE. NLC_BAD_ARGUMENT also if `learns` is more than nlc_model_can_learn.
 */
int nlc_walk_new(const nlc_model *model, int mode, int planes, int learns, int measure, const nlc_lattice *lattice,
                 const nlc_tile *tiles, size_t count, nlc_walk **made);
void nlc_walk_free(nlc_walk *walk);

/* Code until at least `pixels` more are done, or all. `done` is how many were; 0 if all had been before.
 *
 * A walk that failed can only be freed: it returns the same status again.
 */
int nlc_walk_run(nlc_walk *walk, size_t pixels, size_t *done);

/* After the last pixel: NLC_ENCODE: the stream of a tile, which belongs to the walk, and the bits that were
 * measured. */
int nlc_walk_stream(const nlc_walk *walk, size_t tile, const uint8_t **data, size_t *size, double *bits);

/* 1 if all pixels of a tile are done, also while others are under way, else 0. */
int nlc_walk_is_done(const nlc_walk *walk, size_t tile);

/* How many pixels of a row of a tile are done, from the left; of a tile and a row that there are. */
int32_t nlc_walk_known(const nlc_walk *walk, size_t tile, int32_t row);

/* After the last pixel of a tile: NLC_DECODE: 1 if the whole stream of a tile was read and ends with `seed`, else 0. */
int nlc_walk_ends_with(const nlc_walk *walk, size_t tile, uint32_t seed);

#ifdef __cplusplus
}
#endif

#endif
