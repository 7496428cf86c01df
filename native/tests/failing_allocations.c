/* The core without memory: each allocation fails in turn, while tiles are encoded and decoded on every CPU level.
 *
 * All sources are compiled with -Dcalloc=failing_calloc -Dmalloc=failing_malloc -Dfree=counting_free, as
 * tests/native/test_allocations.py does.
 *
 * Whatever fails must say so, go on failing, leave nothing allocated, and not spoil what is done afterwards.
 */
#include "../include/nelloc_adaptive.h"
#include "../include/nelloc_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef calloc
#undef malloc
#undef free
void *calloc(size_t count, size_t size);
void *malloc(size_t size);
void free(void *memory);

static long left_before_failure = -1; /* allocations; -1: none fails */
static long allocated, failures;

static int fails(void) {
    if (left_before_failure < 0 || left_before_failure-- > 0)
        return 0;
    left_before_failure = -1; /* one fails: what is tried again then would work, but must not */
    failures++;
    return 1;
}

void *failing_calloc(size_t count, size_t size);
void *failing_malloc(size_t size);
void counting_free(void *memory);

void *failing_calloc(size_t count, size_t size) {
    void *memory = fails() ? NULL : calloc(count, size);
    allocated += memory != NULL;
    return memory;
}

void *failing_malloc(size_t size) {
    void *memory = fails() ? NULL : malloc(size);
    allocated += memory != NULL;
    return memory;
}

void counting_free(void *memory) {
    allocated -= memory != NULL;
    free(memory);
}

static void require(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "failing_allocations: %s\n", what);
        exit(1);
    }
}

/* A network of one hidden layer, which learns. */
#define CHANNELS 3
#define HORIZON 2
#define COMPONENTS 2
#define INPUTS (CHANNELS * 2 * HORIZON * (HORIZON + 1) + CHANNELS + 1)
#define UNITS 6
#define OUTPUTS (COMPONENTS * (1 + 2 * CHANNELS + 3))
#define LEVELS 2
#define SCALES 40

static int32_t first_weight[UNITS * INPUTS], last_weight[OUTPUTS * UNITS];
static int32_t bias[OUTPUTS], first_shift[UNITS], last_shift[OUTPUTS], scales[SCALES];
static const int32_t thresholds[LEVELS] = {0, 100}, input_scale[LEVELS] = {3000, 400}, activity_input[LEVELS] = {0, 90};
static const int32_t mean_scale[LEVELS] = {64, 700}, scale_offset[LEVELS] = {0, 20};
static const int32_t logistic[3] = {1 << 19, 900000, 1 << 20}, exponential[3] = {1 << 16, 30000, 9000};

static nlc_layer_source layers[2];
static nlc_model_source source;

static void make_source(void) {
    for (int k = 0; k < UNITS * INPUTS; k++)
        first_weight[k] = k * 37 % 201 - 100;
    for (int k = 0; k < OUTPUTS * UNITS; k++)
        last_weight[k] = k * 53 % 121 - 60;
    for (int k = 0; k < OUTPUTS; k++) {
        bias[k] = k * 91 % 2001 - 1000;
        last_shift[k] = 5;
    }
    for (int k = 0; k < UNITS; k++)
        first_shift[k] = 9;
    for (int k = 0; k < SCALES; k++)
        scales[k] = 40000 - 900 * k;
    layers[0] = (nlc_layer_source){UNITS, INPUTS, -1, first_weight, bias, first_shift};
    layers[1] = (nlc_layer_source){OUTPUTS, UNITS, -1, last_weight, bias, last_shift};
    source = (nlc_model_source){.horizon = HORIZON, .components = COMPONENTS, .channels = CHANNELS, .joint = 1,
                                .layer_count = 2, .layers = layers, .activity_levels = LEVELS, .thresholds = thresholds,
                                .input_scale = input_scale, .activity_input = activity_input, .mean_scale = mean_scale,
                                .scale_offset = scale_offset, .logistic_count = 3, .exponential_count = 3,
                                .inverse_scale_count = SCALES, .logistic = logistic, .exponential = exponential,
                                .inverse_scale = scales};
}

/* Tiles of which the first ends long before the others, so that they begin and end at different steps. */
#define TILES 4
#define MOST_SAMPLES (CHANNELS * 5 * 7)
#define MOST_BYTES (4 * MOST_SAMPLES + 64)
static const int32_t heights[TILES] = {1, 5, 2, 4}, widths[TILES] = {1, 7, 3, 1};

typedef struct {
    uint8_t samples[TILES][MOST_SAMPLES], stream[TILES][MOST_BYTES];
    size_t sizes[TILES];
} coded;

/* Run a walk to its end, or to its failure, after which nothing can be had of it. */
static int finish(nlc_walk *walk, int mode) {
    size_t done;
    int status;
    while ((status = nlc_walk_run(walk, 3, &done)) == NLC_OK && done)
        continue;
    if (status == NLC_OK)
        return NLC_OK;
    for (int again = 0; again < 3; again++)
        require(nlc_walk_run(walk, 1000, &done) == status && !done, "a walk goes on after a failure");
    const uint8_t *data;
    size_t size;
    double bits;
    int whole = 0;
    for (size_t tile = 0; tile < TILES; tile++)
        whole += mode == NLC_ENCODE ? nlc_walk_stream(walk, tile, &data, &size, &bits) == NLC_OK
                                    : nlc_walk_ends_with(walk, tile, 7);
    require(whole < TILES, "a walk that failed has coded all tiles");
    return status;
}

/* Those of section 15's first rule and its last, and what they have allocated. */
static nlc_lattice *lattices[2];
static long allocated_by_lattices;

/* `learns` is 0, 1, or 2 and 3 to learn on a lattice. */
static int code_tiles(const nlc_model *model, int learns, const coded *given, coded *found) {
    const nlc_lattice *on = learns > 1 ? lattices[learns - 2] : NULL;
    nlc_tile tiles[TILES];
    memset(tiles, 0, sizeof tiles);
    memcpy(found->samples, given->samples, sizeof found->samples);
    for (int k = 0; k < TILES; k++)
        tiles[k] = (nlc_tile){.height = heights[k], .width = widths[k], .samples = found->samples[k], .seed = 7};
    nlc_walk *walk;
    int status = nlc_walk_new(model, NLC_ENCODE, CHANNELS, learns > 0, 1, on, tiles, TILES, &walk);
    if (status == NLC_OK)
        status = finish(walk, NLC_ENCODE);
    for (size_t k = 0; status == NLC_OK && k < TILES; k++) {
        const uint8_t *data;
        double bits;
        require(nlc_walk_stream(walk, k, &data, &found->sizes[k], &bits) == NLC_OK && found->sizes[k] <= MOST_BYTES,
                "a tile has no stream");
        memcpy(found->stream[k], data, found->sizes[k]);
    }
    nlc_walk_free(walk);
    if (status != NLC_OK)
        return status;
    memset(found->samples, 0, sizeof found->samples);
    for (size_t k = 0; k < TILES; k++) {
        tiles[k].data = found->stream[k];
        tiles[k].size = found->sizes[k];
    }
    status = nlc_walk_new(model, NLC_DECODE, CHANNELS, learns > 0, 0, on, tiles, TILES, &walk);
    if (status == NLC_OK)
        status = finish(walk, NLC_DECODE);
    for (size_t k = 0; status == NLC_OK && k < TILES; k++)
        require(nlc_walk_ends_with(walk, k, 7), "a stream does not end with its seed");
    nlc_walk_free(walk);
    return status;
}

static int code_with_model(int level, int learns, const coded *given, coded *found) {
    nlc_model *model;
    int status = nlc_model_new(&source, 8, level, &model);
    if (status == NLC_OK) {
        static const int16_t inputs[3 * INPUTS];
        int32_t outputs[3 * OUTPUTS];
        uint8_t hidden[3 * UNITS];
        status = nlc_model_evaluate(model, inputs, 3, outputs, hidden);
    }
    if (status == NLC_OK)
        status = code_tiles(model, learns, given, found);
    nlc_model_free(model);
    return status;
}

static int code_adaptively(int form, const coded *given, coded *found) {
    const nlc_adaptive_shape shape = {CHANNELS, 5, 7, 8};
    nlc_adaptive_tables *tables = nlc_adaptive_tables_new();
    if (!tables)
        return NLC_NO_MEMORY;
    uint8_t *record = NULL;
    size_t size = 0;
    int status = nlc_adaptive_encode(tables, &shape, form, 0, given->samples[1], NULL, &record, &size);
    if (status == NLC_OK)
        status = nlc_adaptive_decode(tables, &shape, record, size, found->samples[1], NULL);
    nlc_adaptive_release(record);
    nlc_adaptive_tables_free(tables);
    return status;
}

/* Let each allocation of a job fail in turn, until there are no more; `job` below NLC_LEVELS is a level. */
static void fail_in_turn(int job, int learns, const coded *given) {
    static coded found;
    long turn = 0;
    for (int status = NLC_NO_MEMORY; status != NLC_OK; turn++) {
        const long before = failures;
        memset(&found, 0, sizeof found);
        left_before_failure = turn;
        status = job < NLC_LEVELS ? code_with_model(job, learns, given, &found)
                                  : code_adaptively(job - NLC_LEVELS, given, &found);
        left_before_failure = -1;
        require(allocated == allocated_by_lattices, "memory is still allocated");
        require(status == (failures > before ? NLC_NO_MEMORY : NLC_OK), "a failure is not told, or one that was none");
    }
    require(turn > 4, "there were no allocations to fail");
    if (job < NLC_LEVELS)
        require(memcmp(found.samples, given->samples, sizeof found.samples) == 0, "other samples came back");
    else
        require(memcmp(found.samples[1], given->samples[1], CHANNELS * 5 * 7) == 0, "other samples came back");
}

static void make_lattice(int rule, nlc_lattice **lattice) {
    for (long turn = 0; !*lattice; turn++) {
        left_before_failure = turn;
        const int status = nlc_lattice_new(rule, lattice);
        left_before_failure = -1;
        require(status == (*lattice ? NLC_OK : NLC_NO_MEMORY), "a failure is not told");
        require(*lattice || allocated == allocated_by_lattices, "memory is still allocated");
    }
    allocated_by_lattices = allocated;
}

int main(void) {
    static coded given;
    make_lattice(1, &lattices[0]);
    make_lattice(nlc_lattice_rules(), &lattices[1]);
    make_source();
    for (size_t k = 0; k < TILES; k++)
        for (size_t n = 0; n < (size_t)(CHANNELS * heights[k] * widths[k]); n++)
            given.samples[k][n] = (uint8_t)((n * n * 7 + 30 * k) % 251);
    for (int level = 0; level < NLC_LEVELS; level++)
        for (int learns = 0; nlc_level_available(level) && learns < 4; learns++)
            fail_in_turn(level, learns, &given);
    for (int form = NLC_ADAPTIVE_PALETTE; form <= NLC_ADAPTIVE_STEADY; form++)
        fail_in_turn(NLC_LEVELS + form, 0, &given);
    nlc_lattice_free(lattices[0]);
    nlc_lattice_free(lattices[1]);
    require(allocated == 0, "memory is still allocated");
    printf("%ld allocations failed\n", failures);
    return 0;
}
