/* Decode and encode tiles from a file, on every CPU level that the machine has.
 *
 *   golden_tiles FILE
 *
 * FILE has models and tiles as 32-bit little-endian integers (streams as bytes), as tests/native/golden_tiles.py writes
 * them. For each level and tile a line tells the level, the tile's number, the CRC-32 of the samples that the stream
 * decodes to (16-bit little-endian integers), and that of the stream that these samples encode to. A stream that does
 * not end with the seed of its tile is told as "damaged".
 */
#include "../include/nelloc_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file's bytes, and how far they are read. */
typedef struct {
    uint8_t *bytes;
    size_t size, at;
} reader;

typedef struct {
    nlc_model_source source;
    nlc_layer_source layers[64];
    int bits;
} stored_model;

static void fail(const char *why) {
    fprintf(stderr, "golden_tiles: %s\n", why);
    exit(2);
}

static void *allocate(size_t count, size_t size) {
    void *made = calloc(count ? count : 1, size);
    if (!made)
        fail("no memory");
    return made;
}

static int32_t integer(reader *from) {
    if (from->size - from->at < 4)
        fail("the file ends early");
    const uint8_t *at = from->bytes + from->at;
    const uint32_t number = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    from->at += 4;
    int32_t found;
    memcpy(&found, &number, sizeof found);
    return found;
}

static int32_t *integers(reader *from, int32_t count) {
    int32_t *made = allocate((size_t)count, sizeof *made);
    for (int32_t k = 0; k < count; k++)
        made[k] = integer(from);
    return made;
}

static const int32_t *counted(reader *from, int32_t *count) {
    *count = integer(from);
    return integers(from, *count);
}

static void read_model(reader *from, stored_model *model) {
    nlc_model_source *s = &model->source;
    int32_t *about[] = {&s->horizon, &s->components, &s->channels, &s->joint, &s->raw, &s->borders, &s->layer_count};
    model->bits = integer(from);
    for (size_t k = 0; k < sizeof about / sizeof *about; k++)
        *about[k] = integer(from);
    if (s->layer_count > 64)
        fail("too many layers");
    s->layers = model->layers;
    for (int32_t k = 0; k < s->layer_count; k++) {
        nlc_layer_source *layer = &model->layers[k];
        layer->rows = integer(from);
        layer->columns = integer(from);
        layer->skip = integer(from);
        layer->weight = integers(from, layer->rows * layer->columns);
        layer->bias = integers(from, layer->rows);
        layer->shift = integers(from, layer->rows);
    }
    const int32_t **activity[] = {&s->thresholds, &s->input_scale, &s->activity_input, &s->mean_scale,
                                  &s->scale_offset};
    for (size_t k = 0; k < sizeof activity / sizeof *activity; k++)
        *activity[k] = counted(from, &s->activity_levels);
    s->logistic = counted(from, &s->logistic_count);
    s->exponential = counted(from, &s->exponential_count);
    s->inverse_scale = counted(from, &s->inverse_scale_count);
}

static uint32_t crc32_of(uint32_t crc, const uint8_t *bytes, size_t size) {
    crc = ~crc;
    for (size_t k = 0; k < size; k++) {
        crc ^= bytes[k];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static nlc_walk *walked(const nlc_model *model, int mode, int planes, int learns, const nlc_lattice *lattice,
                        const nlc_tile *tile) {
    nlc_walk *walk;
    if (nlc_walk_new(model, mode, planes, learns, 0, lattice, tile, 1, &walk) != NLC_OK)
        fail("a walk was refused");
    size_t done;
    do {
        if (nlc_walk_run(walk, 1000, &done) != NLC_OK)
            fail("a walk failed");
    } while (done);
    return walk;
}

#define MOST_RULES 16

/* The lattice of a rule, or NULL for none: made once, because an emulated machine takes long over its table. */
static const nlc_lattice *lattice_of(int rule) {
    static nlc_lattice *made[MOST_RULES];
    if (rule < 0 || rule >= MOST_RULES)
        fail("an unknown rule");
    if (rule && !made[rule] && nlc_lattice_new(rule, &made[rule]) != NLC_OK)
        fail("no lattice");
    return made[rule];
}

/* Decode and encode one tile, and tell what came out. */
static void code_tile(const nlc_model *model, int level, int number, int planes, int learns, int rule, nlc_tile tile) {
    const size_t samples = (size_t)planes * (size_t)tile.height * (size_t)tile.width;
    const int wide = nlc_model_bits(model) > 8;
    tile.samples = allocate(samples, sizeof(uint16_t));
    const nlc_lattice *lattice = lattice_of(rule);
    nlc_walk *walk = walked(model, NLC_DECODE, planes, learns, lattice, &tile);
    const int good = nlc_walk_ends_with(walk, 0, tile.seed);
    nlc_walk_free(walk);
    uint32_t crc = 0;
    for (size_t k = 0; k < samples; k++) {
        const unsigned sample = wide ? ((const uint16_t *)tile.samples)[k] : ((const uint8_t *)tile.samples)[k];
        const uint8_t bytes[2] = {(uint8_t)sample, (uint8_t)(sample >> 8)};
        crc = crc32_of(crc, bytes, sizeof bytes);
    }
    walk = walked(model, NLC_ENCODE, planes, learns, lattice, &tile);
    const uint8_t *data;
    size_t size;
    double bits;
    if (nlc_walk_stream(walk, 0, &data, &size, &bits) != NLC_OK)
        fail("no stream");
    printf("%s %d %08x %08x%s\n", nlc_level_name(level), number, (unsigned)crc, (unsigned)crc32_of(0, data, size),
           good ? "" : " damaged");
    nlc_walk_free(walk);
    free(tile.samples);
}

static reader read_file(const char *path) {
    reader made = {NULL, 0, 0};
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) || ftell(file) < 0)
        fail("the file cannot be read");
    made.size = (size_t)ftell(file);
    made.bytes = allocate(made.size, 1);
    rewind(file);
    if (fread(made.bytes, 1, made.size, file) != made.size)
        fail("the file cannot be read");
    fclose(file);
    return made;
}

int main(int count, char **arguments) {
    if (count != 2)
        fail("give one file");
    reader from = read_file(arguments[1]);
    const int32_t models = integer(&from);
    stored_model *stored = allocate((size_t)models, sizeof *stored);
    for (int32_t k = 0; k < models; k++)
        read_model(&from, &stored[k]);
    const size_t tiles_at = from.at;
    for (int level = 0; level < NLC_LEVELS; level++) {
        if (!nlc_level_available(level))
            continue;
        nlc_model **made = allocate((size_t)models, sizeof *made);
        for (int32_t k = 0; k < models; k++)
            if (nlc_model_new(&stored[k].source, stored[k].bits, level, &made[k]) != NLC_OK)
                fail("a model was refused");
        from.at = tiles_at;
        const int32_t tiles = integer(&from);
        for (int32_t k = 0; k < tiles; k++) {
            const int32_t model = integer(&from), learns = integer(&from), rule = integer(&from);
            const int32_t planes = integer(&from);
            nlc_tile tile = {0};
            tile.height = integer(&from);
            tile.width = integer(&from);
            tile.seed = (uint32_t)integer(&from);
            tile.size = (size_t)integer(&from);
            if (model < 0 || model >= models || tile.size > from.size - from.at)
                fail("the file is damaged");
            tile.data = from.bytes + from.at;
            from.at += tile.size;
            code_tile(made[model], level, k, planes, learns, rule, tile);
        }
        for (int32_t k = 0; k < models; k++)
            nlc_model_free(made[k]);
        free(made);
    }
    return 0;
}
