/* What the files of the core share: a prepared model, blocks of pixels, and the table of kernels of a CPU level. */
#ifndef NLC_CORE_H
#define NLC_CORE_H

#include "../include/nelloc_core.h"

#include <stdlib.h>
#include <string.h>

/* Pixels of a block of the mixture, and integers of a vector of outputs: 16 integers of 32 bits. */
#define NLC_LANES 16
/* A quantity of each pixel of a block. */
typedef int32_t nlc_lanes[NLC_LANES];

#define NLC_MAX_CHANNELS 3
#define NLC_MAX_HORIZON 8
#define NLC_MAX_COMPONENTS 32
#define NLC_MAX_WIDTH 4096
#define NLC_MAX_LAYERS 64
#define NLC_WINDOW(h) (2 * (h) * ((h) + 1))
#define NLC_MAX_INPUTS (NLC_MAX_CHANNELS * NLC_WINDOW(NLC_MAX_HORIZON) + NLC_MAX_CHANNELS + 1 + 3)

#define NLC_INPUT_STEPS 64
#define NLC_INPUT_CLIP 384
#define NLC_INPUT_SCALE_BITS 10
#define NLC_ACTIVATION_MAX 255
#define NLC_SUM_LIMIT (1 << 24)
#define NLC_RAW_BASE 510
#define NLC_LEVELS_PER_OCTAVE 8
#define NLC_SCALE_STEPS 32
#define NLC_LEAST_ACTIVITY_LEVEL 16

#define NLC_RADIX 4
#define NLC_FREQUENCY_BITS 24
/* The digits' frequencies less one each sum to this. */
#define NLC_FREE_FREQUENCY ((1 << NLC_FREQUENCY_BITS) - NLC_RADIX)
#define NLC_WEIGHT_BITS 13
#define NLC_LOGISTIC_BITS 15
#define NLC_COARSE_BITS 20
#define NLC_SCALE_FRACTION_BITS 14
#define NLC_UNIFORM_SHIFT 6
#define NLC_MEAN_LIMIT 4096

/* Colour lattices (section 15). */
#define NLC_LATTICE_ROW 4           /* words of a row: a bit for each blue of a red and a green, low bits first */
#define NLC_LATTICE_REACH (5 << 23) /* of a window: 2.5 units of the logistic, in its table's steps and 1/2^14 */
#define NLC_LATTICE_SHARE 63488     /* 248 * 256 */
#define NLC_LATTICE_WEIGHT 16       /* of a component that counts, at least */
#define NLC_LATTICE_LEAST (1 << 19) /* mass of a value that is looked at closely */

/* Learning (section 13). */
#define NLC_TEACHERS 256
#define NLC_LARGEST_USED 127
#define NLC_ROUNDED_BITS 12
#define NLC_LARGEST_LEARNED (NLC_LARGEST_USED << NLC_ROUNDED_BITS)
#define NLC_ONE 32 /* the activation of the constant unit */
#define NLC_FIRST_PIXELS 64
#define NLC_FIRST_SQUARE 51

/* Learning of two layers (section 14): fractional bits of what is used, and of weights that errors go back through. */
#define NLC_PAIR_BITS 9
#define NLC_PAIR_ROUNDED (22 - NLC_PAIR_BITS)
#define NLC_PAIR_LARGEST (127 << NLC_PAIR_ROUNDED)
#define NLC_BACK_BITS 8
#define NLC_LARGEST_GRADIENT 511 /* that goes back */
#define NLC_ERROR_BITS 5
#define NLC_LARGEST_ERROR 4095
#define NLC_FIRST_ERROR (1 << 14)

/* How a layer's products are computed. */
enum nlc_products {
    NLC_NARROW, /* uint8_t activations by int8_t weights, four at a time */
    NLC_WIDE,   /* int16_t activations by int16_t weights, as many at a time as the level says */
    NLC_LONG    /* int16_t activations by int32_t weights */
};
/* Inputs of a group of wide products: 1, 2, or a whole row, rounded up to a multiple of this. */
#define NLC_ROW 16

/* A dense layer, packed for the model's CPU level.
 *
 * `packed` has, for each vector of NLC_LANES outputs, for each group of inputs (4 narrow, 1 long, wide as the level
 * says): the weights of the group for the first output, for the second, ... Where groups are of NLC_ROW inputs it has
 * all groups of the first output, then of the second, ... Inputs and outputs that do not exist weigh 0. See nlc_place.
 * `bias` and `shift` have vectors * NLC_LANES entries.
 */
typedef struct {
    int rows, columns, vectors, groups;
    int skip; /* -1 if there is none */
    enum nlc_products products;
    void *packed;
    int32_t *bias, *shift;
} nlc_layer;

typedef struct nlc_kernels nlc_kernels;

struct nlc_model {
    const nlc_kernels *kernels;
    int horizon, components, channels, joint, raw, borders, bits;
    int window;       /* neighbours of a pixel */
    int inputs;       /* of the first layer */
    int outputs;      /* of the last layer */
    int digits;       /* of a sample */
    int first_sample; /* the value of every neighbour of a tile's first pixel */
    int can_learn; /* layers: 0, 1 or 2 */
    int joined;    /* whether the hidden layer that learns adds what it learned to its weights: both fit 16 bits then */
    int layer_count;
    nlc_layer *layers;
    int32_t *order;       /* of each place of the last hidden layer the model's unit; NULL if they are the same */
    size_t wide_stride;   /* int16_t from one pixel's inputs, or widened activations, to the next's */
    size_t narrow_stride; /* uint8_t from one pixel's activations to the next's */
    size_t output_stride; /* int32_t from one pixel's outputs to the next's */
    /* Activity levels, with those of deep samples (section 9). */
    int activity_levels;
    int32_t *thresholds, *input_scale, *octaves, *activity_input, *mean_scale, *scale_offset;
    /* Of the mixture. `logistic`: U - 2^14 of section 6, `logistic_last` its last index, and one entry more. */
    int16_t *logistic;
    int logistic_last;
    int32_t *coarse; /* W of section 9, and its last entry twice */
    int coarse_half; /* entries of the model's own table */
    int32_t *exponential;
    int exponential_count;
    int scale_count;              /* entries of the slopes, with those of deep samples */
    int32_t *slope_high, *slope_low; /* inverse_scale >> 14, inverse_scale mod 2^14 */
    int32_t *inverse_scale, *slope_shift; /* of deep samples: s, and 6 + f of section 9 */
    /* Of each slope, in 1/64 of a value: how far from a mean the CDF is 0 or 1, and half a window of a lattice. */
    int32_t *lattice_reach, *lattice_half;
    int32_t *lattice_size, *lattice_share; /* of a window: its values, and what each counts, in 1/2^14 of the weight */
};

/* How one plane of a block was coded, in each component: logistic CDFs at the edges of the values, and the steps
 * there. */
typedef struct {
    nlc_lanes *below, *above, *step_below, *step_above;
} nlc_trace;

/* A block of NLC_LANES pixels while it is coded; `outputs`, `weight`, ... have an entry for each output or
 * component. */
typedef struct {
    nlc_lanes *outputs;
    nlc_lanes *weight, *prior;
    nlc_lanes *mean, *slope_high, *slope_low; /* of the plane that is being coded; deep samples: s and its shift */
    nlc_trace trace[NLC_MAX_CHANNELS];
    nlc_lanes base[NLC_MAX_CHANNELS], level, deviation[NLC_MAX_CHANNELS];
    nlc_lanes total;  /* of the weights */
    nlc_lanes value;  /* of the plane, as far as its digits are known */
    /* The mixture's CDF at the boundaries of the digit, above the lowest one; at the highest; and at the lowest. */
    nlc_lanes cdf[NLC_RADIX + 1], whole, lowest;
    int64_t deep_cdf[NLC_RADIX + 1][NLC_LANES], deep_whole[NLC_LANES], deep_lowest[NLC_LANES];
    uint32_t cumulative[NLC_RADIX + 1][NLC_LANES]; /* of the digit's frequencies */
} nlc_block;

/* How likely the values of a plane are, of one pixel on a lattice. `mass` and `held` have those of the vectors of
 * NLC_LANES values from `first` to `last`. Of the others each value has the mass `uniform`, if its bit of `kept` is 1,
 * else 0. */
typedef struct {
    int32_t first, last, uniform;
    uint64_t kept[NLC_LATTICE_ROW];
    int32_t mass[256], held[256];
    int32_t sums[256 / NLC_LANES]; /* of all vectors */
} nlc_spread;

/* What a tile has learned: `learned` (units + 1 rows of outputs), `used` packed as a layer of the same shape. */
typedef struct {
    int32_t *learned;
    void *used;
    double *squares; /* sums of squares of each unit's activations, integers below 2^53 */
    int64_t pixels;
} nlc_learner;

/* The kernels of a CPU level. Each has a plain twin, and gives the same integers. */
struct nlc_kernels {
    const char *name;
    int narrow;     /* 1 if there are narrow products, which then serve the layers that allow it */
    int wide_group; /* inputs of a group of wide products: 1, 2 or NLC_ROW */

    /* c (rows x 16*vectors) = a (rows x 4*groups) * b, as packed in a layer. Strides are in elements. NULL if the level
     * has no narrow products. */
    void (*product8)(const uint8_t *a, size_t a_stride, size_t rows, const int8_t *b, size_t groups, size_t vectors,
                     int32_t *c, size_t c_stride);
    /* The same, for activations that are mostly 0. */
    void (*sparse8)(const uint8_t *a, size_t a_stride, size_t rows, const int8_t *b, size_t groups, size_t vectors,
                    int32_t *c, size_t c_stride);
    /* The same for 16-bit integers, in groups of `wide_group`. */
    void (*product16)(const int16_t *a, size_t a_stride, size_t rows, const int16_t *b, size_t groups, size_t vectors,
                      int32_t *c, size_t c_stride);
    /* The same, for activations that are mostly 0. */
    void (*sparse16)(const int16_t *a, size_t a_stride, size_t rows, const int16_t *b, size_t groups, size_t vectors,
                     int32_t *c, size_t c_stride);
    /* out (columns x rows) = in (rows x columns), bytes; strides are multiples of 16 and rows and columns rounded
     * up. */
    void (*transpose8)(const uint8_t *in, size_t in_stride, size_t rows, size_t columns, uint8_t *out,
                       size_t out_stride);
    /* The sums of a layer to its activations: (sum + bias) >> shift, clamped to 0..255, after `skip` if not NULL. What
     * is shifted is within 2^29. */
    void (*activate)(const nlc_layer *layer, const int32_t *sums, size_t rows, const uint8_t *skip, uint8_t *out,
                     size_t stride);
    /* The sums of the last layer to the network's outputs: (sum + bias) >> shift. */
    void (*finish)(const nlc_layer *layer, const int32_t *sums, size_t rows, int32_t *outputs);
    /* Outputs of NLC_LANES pixels (lanes x stride), to lanes: out[output][lane]. */
    void (*turn)(const int32_t *outputs, size_t stride, size_t count, nlc_lanes *out);
    /* Add the squares of `count` units' activations (pixels x stride bytes) to the sums, and find how much the changes
     * of each unit are reduced, from the mean square over `seen` pixels, or -1 for a unit that is 0 in all of these. */
    void (*reduce)(const uint8_t *units, size_t stride, size_t count, size_t pixels, double *squares, double seen,
                   int32_t *reduction);
    /* What gradients of at most NLC_LANES outputs (outputs x lanes) have above `above`, at most 127, as bytes in groups
     * of 4 lanes: lanes `first`, a multiple of 4, to `last` - 1, and 0 to fill the last group. A group takes
     * 4 * NLC_LANES bytes, of which an output has 4. Returns the largest gradient of all lanes up to `last`, at least
     * 0. */
    int32_t (*pack_gradients)(nlc_lanes *gradients, size_t outputs, size_t first, size_t last, int32_t above,
                              int8_t *packed);
    /* The same for wide products, packed as the level packs layers of `groups` groups: from the group of lane `first`
     * on, an even number, or, where groups are of NLC_ROW lanes, from that lane on and not filled. */
    void (*pack_wide)(nlc_lanes *gradients, size_t outputs, size_t first, size_t last, size_t groups, int16_t *packed);
    void (*widen)(const uint8_t *in, size_t count, int16_t *out);
    /* The network's inputs of one pixel, from the samples that it sees (window x channels; section 4). */
    void (*normalise)(const nlc_model *model, const uint16_t *seen, int16_t *inputs, int32_t *base, int32_t *level);
    /* Of a block: the weights of its components; a plane; the CDF at the inner boundaries of its next digit, and the
     * digit's frequencies; the digit's consequence; what follows from a whole plane. */
    void (*start_block)(const nlc_model *model, nlc_block *block);
    void (*start_plane)(const nlc_model *model, nlc_block *block, int plane);
    void (*digit)(const nlc_model *model, nlc_block *block, int32_t stride);
    void (*end_plane)(const nlc_model *model, nlc_block *block, int plane, int traced);
    /* The gradients of a block's outputs, (outputs) x lanes; planes that are not coded have none. */
    void (*gradients)(const nlc_model *model, const nlc_block *block, int planes, nlc_lanes *gradient);
    /* Add the correction to the outputs of pixels: sums are those of what is used, `shifts` for each output. */
    void (*correct)(const int32_t *sums, const int32_t *shifts, size_t count, int32_t *outputs);
    /* Follow the sums of a unit (outputs): what is learned. */
    void (*follow)(const int32_t *sums, int32_t reduction, int32_t *learned, size_t outputs);
    /* What is used of what four units have learned, packed as the level packs layers (narrow ones if it has them). */
    void (*use)(const int32_t *learned, size_t vectors, size_t groups, void *used);
    /* The sums of the hidden layer that learns to its activations, with the sums by what it learned (section 14). */
    void (*activate_learned)(const nlc_layer *layer, const int32_t *sums, const int32_t *learned, size_t rows,
                             uint8_t *out, size_t stride);
    /* The gradients of a block's outputs that go back, from those of section 13, packed for wide products. */
    void (*true_gradients)(const nlc_model *model, nlc_lanes *outputs, nlc_lanes *gradient, size_t groups,
                           int16_t *packed);
    /* The units (units x stride bytes) whose activations can move in lanes of a block where
     * `mask` is 255, not 0; returns how many. */
    size_t (*find_moving)(const uint8_t *activation, size_t stride, size_t units, const uint8_t *mask,
                          uint16_t *moving);
    /* By how many bits errors of units with these sums of squares, over `seen` pixels, are reduced. */
    void (*reduce_errors)(const double *squares, size_t count, double seen, int32_t *shifts);
    /* Of the units of a block that can move: their errors, in the lanes where `mask` is -1 and the activation (units x
     * stride bytes) is neither 0 nor 255, to by how much they should move, after the `shifts`; the errors' squares are
     * added to `squares`. The moves of other units are not written. */
    void (*settle)(const nlc_lanes *errors, const uint16_t *moving, size_t count, const uint8_t *activation,
                   size_t stride, const int32_t *mask, const int32_t *shifts, double *squares, nlc_lanes *moves);
    /* Move four units of a layer by their sums, and averages at this pace; what is used of both, packed. To wide ones
     * `own`, if not NULL, is added, packed likewise. */
    void (*move_units)(const int32_t *const *sums, const int32_t *reduction, int32_t gain, int32_t pace, size_t vectors,
                       size_t groups, int32_t *learned, int32_t *average, const int16_t *own, void *used,
                       void *used_average);
    /* The weights of a unit of the last layer, as errors go back through them. */
    void (*lead_back)(const int32_t *learned, const int16_t *own, size_t outputs, int16_t *back);
    /* Of one pixel of a block, on a lattice, the mass of each green, given the rows of its red, and how much of it is
     * expected on the lattice; returns the share of all, in 1/2^16. */
    int32_t (*weigh_green)(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *rows,
                           nlc_spread *spread);
    /* Keep what is expected on the lattice if the pixel is on it, else the rest. */
    void (*choose_green)(nlc_spread *spread, int on);
    /* The mass of each blue, given the row of its red and green and whether it is on the lattice. */
    void (*weigh_blue)(const nlc_model *model, const nlc_block *block, int lane, const uint64_t *row, int on,
                       nlc_spread *spread);
};

/* Inputs of a group of a layer's products. */
static inline size_t nlc_group(const nlc_kernels *kernels, enum nlc_products products) {
    return products == NLC_NARROW ? 4 : products == NLC_WIDE ? (size_t)kernels->wide_group : 1;
}

/* Where the weight of an input stands in what is packed, for groups of `group`, `groups` for each output. */
static inline size_t nlc_place(size_t group, size_t groups, size_t output, size_t input) {
    if (group == NLC_ROW)
        return output * groups * NLC_ROW + input;
    return ((output / NLC_LANES * groups + input / group) * NLC_LANES + output % NLC_LANES) * group + input % group;
}

/* block.c: how many nlc_lanes a block takes for its outputs and components, with what `learns` needs if that is not 0,
 * and where in `storage` each of them is. */
size_t nlc_block_size(const nlc_model *model, int learns);
void nlc_block_lay_out(const nlc_model *model, int learns, nlc_lanes *storage, nlc_block *block);

/* The kernels of a level that is available, else NULL. */
const nlc_kernels *nlc_kernels_of(int level);

/* network.c: activations and outputs of `pixels` pixels, at most NLC_CHUNK of them. */
#define NLC_CHUNK 48
typedef struct {
    uint8_t *activations; /* of each layer but the last: layer_count - 1 times NLC_CHUNK * narrow_stride */
    int16_t *wide;        /* NLC_CHUNK * wide_stride */
    int32_t *sums;        /* NLC_CHUNK * the widest layer */
} nlc_network_space;

int nlc_network_space_new(const nlc_model *model, nlc_network_space *space);
void nlc_network_space_free(nlc_network_space *space);
/* `inputs` has wide_stride between pixels, `outputs` output_stride; `last`, if not NULL, gets what the last layer
 * saw. */
void nlc_network_run(const nlc_model *model, nlc_network_space *space, const int16_t *inputs, size_t pixels,
                     int32_t *outputs, uint8_t *last);

/* Activations alone, of the first `count` layers, which are not the last: in space->activations. */
void nlc_network_layers(const nlc_model *model, nlc_network_space *space, const int16_t *inputs, size_t pixels,
                        int count);

/* unit_order.c: what stands in `order`, for a model whose units are in the model's order. */
int nlc_order_units(const nlc_model *model, int32_t *order);

static inline size_t nlc_round_up(size_t number, size_t multiple) {
    return (number + multiple - 1) / multiple * multiple;
}

/* Memory aligned to 64 bytes and zeroed, or NULL; freed by nlc_release. */
void *nlc_allocate(size_t count, size_t size);
void nlc_release(void *memory);

#endif
