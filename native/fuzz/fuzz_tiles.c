/* libFuzzer: decode streams of any bytes with small random models, learning or not, on a lattice or not, of 8 to 16
 * bits.
 *
 * The levels must decode the same, and what was decoded must encode to a stream that decodes to it.
 */
#include "../tests/random_model.h"

#include <stdio.h>

static void require(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* The lattice of the tiles, if they are on one. Those of the first rule and the last are made once, since that takes
 * long. */
static nlc_lattice *lattices[2];
static const nlc_lattice *on_lattice;

static nlc_walk *walked(const nlc_model *model, int mode, int planes, int learns, const nlc_tile *tiles, size_t count) {
    nlc_walk *walk = NULL;
    require(nlc_walk_new(model, mode, planes, learns, 1, on_lattice, tiles, count, &walk) == NLC_OK,
            "a walk was refused");
    size_t done;
    do
        require(nlc_walk_run(walk, 30, &done) == NLC_OK, "a walk failed");
    while (done);
    return walk;
}

static nlc_model *new_model(const random_model *made, int level) {
    nlc_model *model = NULL;
    require(nlc_model_new(&made->source, made->bits, level, &model) == NLC_OK, "a legal model was refused");
    return model;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* The first bytes choose; the rest are streams. */
    const size_t chosen = size < 32 ? size : 32;
    choices from = {data, chosen, 0x9e3779b97f4a7c15u};
    int levels[NLC_LEVELS], level_count = 0;
    for (int level = 0; level < NLC_LEVELS; level++)
        if (nlc_level_available(level))
            levels[level_count++] = level;
    const int level = levels[choose(&from, 0, level_count - 1)], what = choose(&from, 0, 255);
    const size_t count = what & 1 ? 2 : 1;
    nlc_tile tiles[2];
    memset(tiles, 0, sizeof tiles);
    for (size_t k = 0; k < count; k++) {
        tiles[k].height = choose(&from, 1, 4);
        tiles[k].width = choose(&from, 1, what & 2 ? 4 : 12);
    }
    from.state ^= (uint64_t)choose(&from, 0, 255) << 32;
    random_model made;
    make_random_model(&made, &from, 8);
    for (size_t k = 0; made.bits > 8 && k < count; k++) /* deep samples take longer */
        tiles[k].width = (tiles[k].width + 3) / 4;
    nlc_model *model = new_model(&made, level);
    const int channels = made.source.channels, planes = what & 4 ? 1 : channels;
    const int learns = what & 8 ? nlc_model_can_learn(model) : 0, bytes = made.bits > 8 ? 2 : 1;
    for (int k = 0; k < 2; k++)
        require(lattices[k] || nlc_lattice_new(k ? nlc_lattice_rules() : 1, &lattices[k]) == NLC_OK,
                "there is no lattice");
    on_lattice = (what & 128) && planes == 3 && made.bits == 8 ? lattices[what >> 6 & 1] : NULL;
    const size_t rest = size - chosen;
    size_t sizes[2];
    for (size_t k = 0; k < count; k++) {
        sizes[k] = (size_t)planes * (size_t)tiles[k].height * (size_t)tiles[k].width * (size_t)bytes;
        tiles[k].samples = calloc(sizes[k], 1);
        require(tiles[k].samples != NULL, "no memory");
        tiles[k].data = data + chosen + (k ? rest / 2 : 0);
        tiles[k].size = count == 1 ? rest : k ? rest - rest / 2 : rest / 2;
    }
    nlc_walk *walk = walked(model, NLC_DECODE, planes, learns, tiles, count);
    int ends[2] = {0, 0};
    for (size_t k = 0; k < count; k++)
        ends[k] = nlc_walk_ends_with(walk, k, 7);
    nlc_walk_free(walk);
    if ((what & 48) == 16) { /* the plain level decodes the same, tile by tile */
        nlc_model *plain = new_model(&made, NLC_PLAIN);
        for (size_t k = 0; k < count; k++) {
            nlc_tile tile = tiles[k];
            tile.samples = calloc(sizes[k], 1);
            require(tile.samples != NULL, "no memory");
            walk = walked(plain, NLC_DECODE, planes, learns, &tile, 1);
            require(nlc_walk_ends_with(walk, 0, 7) == ends[k] && memcmp(tile.samples, tiles[k].samples, sizes[k]) == 0,
                    "the levels differ");
            nlc_walk_free(walk);
            free(tile.samples);
        }
        nlc_model_free(plain);
    }
    if ((what & 48) == 32) { /* what was decoded can be encoded */
        walk = walked(model, NLC_ENCODE, planes, learns, tiles, count);
        for (size_t k = 0; k < count; k++) {
            nlc_tile tile = tiles[k];
            double bits;
            require(nlc_walk_stream(walk, k, &tile.data, &tile.size, &bits) == NLC_OK, "there is no stream");
            tile.samples = calloc(sizes[k], 1);
            require(tile.samples != NULL, "no memory");
            nlc_walk *other = walked(model, NLC_DECODE, planes, learns, &tile, 1);
            require(nlc_walk_ends_with(other, 0, tile.seed) && memcmp(tile.samples, tiles[k].samples, sizes[k]) == 0,
                    "a stream does not decode to what was encoded");
            nlc_walk_free(other);
            free(tile.samples);
        }
        nlc_walk_free(walk);
    }
    for (size_t k = 0; k < count; k++)
        free(tiles[k].samples);
    nlc_model_free(model);
    free_random_model(&made);
    return 0;
}
