/* The coefficients of an image, part by part, to streams and back. */
#include "jpeg_block.h"

#include <stdlib.h>
#include <string.h>

#define PART_BLOCKS 131072
/* First weights of regressions, in 1/65536. */
#define BORDER_WEIGHT 26000
#define NEIGHBOUR_WEIGHT 3000
#define INNER_WEIGHT 6000
#define EDGE_COLOUR_WEIGHT (-12000)
#define INNER_COLOUR_WEIGHT (-6000)
#define STEP_LIMIT 32767
#define KEPT_COUNT 2   /* of spreads, for the next component */
#define ROWS_AT_ONCE 4 /* of blocks, between two questions whether to stop */

int32_t nlc_jpeg_rows_of_part(const nlc_jpeg_image *image) {
    int32_t rows, columns, blocks = 0;
    nlc_jpeg_mcus(image, &rows, &columns);
    for (int c = 0; c < image->components; c++)
        blocks += columns * image->component[c].h * image->component[c].v;
    return blocks >= PART_BLOCKS ? 1 : PART_BLOCKS / blocks;
}

int32_t nlc_jpeg_parts(const nlc_jpeg_image *image) {
    int32_t rows, columns;
    nlc_jpeg_mcus(image, &rows, &columns);
    const int32_t step = nlc_jpeg_rows_of_part(image);
    return (rows + step - 1) / step;
}

static uint64_t blocks_of_part(const nlc_jpeg_image *image, int32_t number) {
    int32_t rows, columns;
    nlc_jpeg_mcus(image, &rows, &columns);
    const int32_t step = nlc_jpeg_rows_of_part(image), left = rows - number * step;
    uint64_t blocks = 0;
    for (int c = 0; c < image->components; c++)
        blocks += (uint64_t)columns * (uint64_t)(image->component[c].h * image->component[c].v);
    return blocks * (uint64_t)(left < step ? left : step);
}

/* The first weights of sets, what they mostly come to: of values, by the kinds of coefficient and of decision, and of
 * counts.
 */
static void begin_sets(nlc_mix *mix) {
    static const nlc_mix_set of_values[3][4] = {{{{4000, 1250, 3700, -100}},
                                                 {{300, 150, 5500, -500}},
                                                 {{1900, 1650, 5900, -800}},
                                                 {{1300, 700, 5900, -300}}},
                                                {{{6000, -400, 1400, 2200, -800}},
                                                 {{900, 2400, 3400, 2300, -350}},
                                                 {{2500, 100, 2800, 3600, -3800}},
                                                 {{1100, 1650, 4300, 3500, -600}}},
                                                {{{300, 150, 6000, -500}},
                                                 {{350, -300, 8500, -1000}},
                                                 {{1300, 1300, 4600, -800}},
                                                 {{500, 1000, 5600, -300}}}};
    static const nlc_mix_set of_counts = {{4000, 4000, 4000, 4000}};
    for (int k = 0; k < NLC_JPEG_FIRST_SETS; k++) {
        const int node = k % 16, decision = node < 2 ? node : node < 9 ? 2 : 3;
        const int kind = k < NLC_JPEG_EDGE_1 ? 0 : k < NLC_JPEG_DC_1 ? 1 : 2;
        mix->first_sets[k] = k < NLC_JPEG_COUNTS_1 ? of_values[kind][decision] : of_counts;
    }
    for (int k = 0; k < NLC_JPEG_SECOND_SETS; k++) {
        const int node = k % 16, decision = node < 2 ? node : node < 9 ? 2 : 3;
        const int kind = k < NLC_JPEG_EDGE_2 ? 0 : k < NLC_JPEG_DC_2 ? 1 : 2;
        mix->second_sets[k] = k < NLC_JPEG_COUNTS_2 ? of_values[kind][decision] : of_counts;
    }
}

/* The first weights of regressions: what they mostly come to. */
static void begin_regressions(nlc_mix_regression regressions[64]) {
    for (int k = 1; k < 64; k++) {
        const int is_row = k < 8, is_column = k % 8 == 0;
        if (is_row || is_column) {
            regressions[k].weights[4] = BORDER_WEIGHT;
            regressions[k].weights[is_row ? 0 : 1] = NEIGHBOUR_WEIGHT;
        } else {
            regressions[k].weights[4] = regressions[k].weights[5] = INNER_WEIGHT;
        }
    }
}

/* Begin a component where the one before it ended, and the third with what mostly holds between it and the second. */
static void learn_from_before(nlc_jpeg_part *part, int c) {
    memcpy(part->regressions[c], part->regressions[c - 1], sizeof part->regressions[c]);
    for (int k = 1; c == 2 && k < 64; k++) {
        const int is_edge = k < 8 || k % 8 == 0;
        part->regressions[c][k].weights[3] = is_edge ? EDGE_COLOUR_WEIGHT : INNER_COLOUR_WEIGHT;
    }
    memcpy(part->spreads[c], part->spreads[c - 1], sizeof part->spreads[c]);
    nlc_mix_spread *spread = &part->spreads[c][0][0][0];
    for (size_t k = 0; k < sizeof part->spreads[c] / sizeof *spread; k++)
        if ((spread[k] & NLC_MIX_SPREAD_COUNTS) > KEPT_COUNT)
            spread[k] = (spread[k] & ~(nlc_mix_spread)NLC_MIX_SPREAD_COUNTS) | KEPT_COUNT;
}

static int begin_component(nlc_jpeg_part *part, int c, int32_t first, int32_t end) {
    const nlc_jpeg_component *own = &part->image->component[c];
    part->component = c;
    nlc_jpeg_list_lines(part);
    part->first_row[c] = first * own->v;
    part->end_row[c] = end * own->v;
    free(part->bottoms);
    part->bottoms = calloc((size_t)own->columns, sizeof *part->bottoms);
    part->notes[c] =
        calloc((size_t)(part->end_row[c] - part->first_row[c]) * (size_t)own->columns, sizeof *part->notes[c]);
    for (int k = 0; k < 64; k++) {
        const int step = own->quantisation[k] < STEP_LIMIT ? own->quantisation[k] : STEP_LIMIT;
        part->steps[k] = (int16_t)step;
        part->inverses[k] = (1 << 20) / step;
    }
    if (c)
        learn_from_before(part, c);
    return part->bottoms && part->notes[c];
}

static int code_component(nlc_jpeg_part *part, const nlc_jpeg_watch *watch) {
    const int c = part->component;
    for (int32_t row = part->first_row[c]; row < part->end_row[c]; row++) {
        if (watch && row % ROWS_AT_ONCE == 0 && watch->stop(watch->context))
            return NLC_JPEG_STOPPED;
        for (int32_t column = 0; column < part->image->component[c].columns; column++)
            nlc_jpeg_code_block(part, row, column);
    }
    return NLC_JPEG_OK;
}

static int code_part(const nlc_jpeg_image *image, int32_t number, const nlc_jpeg_watch *watch,
                     const nlc_value_functions *code, nlc_jpeg_bytes *out, const uint8_t *data, size_t size) {
    int32_t rows, columns;
    nlc_jpeg_mcus(image, &rows, &columns);
    const int32_t step = nlc_jpeg_rows_of_part(image), first = number * step;
    if (number < 0 || number >= nlc_jpeg_parts(image))
        return NLC_JPEG_BAD_ARGUMENT;
    if (!out && blocks_of_part(image, number) > NLC_JPEG_BLOCKS_OF_A_BYTE * ((uint64_t)size + NLC_JPEG_CODER_BYTES))
        return NLC_JPEG_DAMAGED;
    nlc_jpeg_part *part = calloc(1, sizeof *part);
    nlc_adaptive_tables *tables = nlc_adaptive_tables_new();
    int status = NLC_JPEG_NO_MEMORY;
    if (part && tables &&
        nlc_mix_begin(&part->mix, tables, NLC_JPEG_FIRST_SETS, NLC_JPEG_SECOND_SETS, out, data, size)) {
        status = NLC_JPEG_OK;
        part->code = code;
        part->image = image;
        begin_sets(&part->mix);
        for (int x = 0; x < 256; x++)
            part->classes[x] = (uint8_t)nlc_jpeg_class(x);
        nlc_mix_spread *spread = &part->spreads[0][0][0][0];
        for (size_t k = 0; k < sizeof part->spreads / sizeof *spread; k++)
            spread[k] = NLC_MIX_FINE << 14;
        for (int c = 0; c < image->components; c++)
            begin_regressions(part->regressions[c]);
        for (int c = 0; c < image->components && status == NLC_JPEG_OK; c++)
            status = begin_component(part, c, first, first + step < rows ? first + step : rows)
                         ? code_component(part, watch)
                         : NLC_JPEG_NO_MEMORY;
        if (status == NLC_JPEG_OK && out)
            nlc_coder_end(&part->mix.coder);
        if (status == NLC_JPEG_OK && out && out->failed)
            status = NLC_JPEG_NO_MEMORY;
        if (status == NLC_JPEG_OK && !out && !nlc_coder_is_whole(&part->mix.coder))
            status = NLC_JPEG_DAMAGED;
    }
    if (part) {
        nlc_mix_free(&part->mix);
        free(part->bottoms);
        for (int c = 0; c < NLC_JPEG_MAX_COMPONENTS; c++)
            free(part->notes[c]);
    }
    free(part);
    nlc_adaptive_tables_free(tables);
    return status;
}

int nlc_jpeg_encode_part(const nlc_jpeg_image *image, int32_t part, const nlc_jpeg_watch *watch, uint8_t **stream,
                         size_t *size) {
    nlc_jpeg_bytes out = {0};
    const int status = code_part(image, part, watch, &nlc_value_writer, &out, NULL, 0);
    if (status != NLC_JPEG_OK) {
        free(out.data);
        out = (nlc_jpeg_bytes){0};
    }
    *stream = out.data;
    *size = out.size;
    return status;
}

int nlc_jpeg_decode_part(nlc_jpeg_image *image, int32_t part, const uint8_t *stream, size_t size,
                         const nlc_jpeg_watch *watch) {
    return code_part(image, part, watch, &nlc_value_reader, NULL, stream, size);
}
