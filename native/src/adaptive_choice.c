/* Candidates: colours that followed the same neighbourhood before, and neighbours; and which of them a pixel is. */
#include "adaptive_walk.h"

#define LONGEST_RUN 40
#define MOST_CONFIDENT 15
#define TRUSTED 2 /* a colour that was right more often than this outlives an error */
#define COLOUR_BITS NLC_ADAPTIVE_MAX_BITS
#define COLOUR_MASK ((UINT64_C(1) << COLOUR_BITS) - 1)

/* How many of the neighbours each memory knows, from the largest. */
static const int sizes[NLC_MEMORIES] = {11, 6, 2};
/* Rows down and columns to the right: W, N, NW, NE and so on. */
static const int neighbours[NLC_NEIGHBOURS][2] = {{0, -1}, {-1, 0}, {-1, -1}, {-1, 1}, {0, -2}, {-2, 0},
                                                  {-1, 2}, {-1, -2}, {-2, 1}, {-2, -1}, {0, -3}};
enum { WEST, NORTH, NORTHWEST, NORTHEAST };

static const uint8_t confidence_class[MOST_CONFIDENT + 1] = {0, 1, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4};

static void recall(const nlc_adaptive_state *walk, const int64_t *seen, nlc_recalled *recalled) {
    uint64_t sum = 0;
    int known = 0;
    for (int m = NLC_MEMORIES - 1; m >= 0; m--) {
        for (; known < sizes[m]; known++)
            sum += nlc_hash_part(walk->tables, known, seen[known]);
        recalled[m].at = nlc_hash_of_sum(walk->tables, sum, walk->memory_bits);
        const nlc_memory_slot *slot = &walk->memories[m][recalled[m].at];
        recalled[m].first = (int64_t)(slot->first & COLOUR_MASK);
        recalled[m].second = (int64_t)slot->second;
        recalled[m].confidence = (int)(slot->first >> COLOUR_BITS);
    }
}

static void learn(nlc_memory_slot *slot, const nlc_recalled *recalled, int64_t colour) {
    int64_t first = recalled->first, second = recalled->second;
    int confidence = recalled->confidence;
    if (colour == first) {
        confidence += confidence < MOST_CONFIDENT;
    } else if (confidence > TRUSTED) {
        second = colour;
        confidence >>= 1;
    } else {
        second = first;
        first = colour;
        confidence = 1;
    }
    slot->first = (uint64_t)first | (uint64_t)confidence << COLOUR_BITS;
    slot->second = (uint64_t)second;
}

static void find_candidates(const nlc_adaptive_state *walk, nlc_pixel *pixel, const int64_t *seen) {
    const nlc_recalled *a = &pixel->recalled[0], *b = &pixel->recalled[1], *c = &pixel->recalled[2];
    const int64_t west = seen[WEST];
    int64_t likely[10], extra = c->second;
    if (walk->tile->form != NLC_ADAPTIVE_PALETTE) {
        extra = 0;
        for (int p = 0; p < walk->tile->shape.planes; p++)
            extra |= (int64_t)pixel->straight[p] << walk->tile->shape.bits * p;
    }
    likely[0] = a->confidence ? a->first : b->confidence ? b->first : c->confidence ? c->first : west;
    likely[1] = b->confidence ? b->first : west;
    likely[2] = c->confidence ? c->first : west;
    likely[3] = a->second;
    likely[4] = b->second;
    likely[5] = extra;
    likely[6] = west;
    likely[7] = seen[NORTH];
    likely[8] = seen[NORTHEAST];
    likely[9] = seen[NORTHWEST];
    int64_t *found = pixel->candidates;
    found[0] = likely[0];
    found[1] = found[2] = -1;
    for (int k = 1, count = 1; k < 10 && count < NLC_NONE_OF_THEM; k++)
        if (likely[k] != found[0] && likely[k] != found[1])
            found[count++] = likely[k];
}

/* The hash of up to five numbers. */
static uint32_t hash5(const nlc_adaptive_state *walk, int count, int64_t a, int64_t b, int64_t c, int64_t d,
                      int64_t e) {
    const int64_t numbers[5] = {a, b, c, d, e};
    uint64_t sum = 0;
    for (int k = 0; k < count; k++)
        sum += nlc_hash_part(walk->tables, k, numbers[k]);
    return nlc_hash_of_sum(walk->tables, sum, walk->choice_model.bits);
}

static void plan_choice(const nlc_adaptive_state *walk, const nlc_pixel *pixel, const int64_t *seen, nlc_plan *plan) {
    const nlc_recalled *known = pixel->recalled;
    const int64_t first = pixel->candidates[0], second = pixel->candidates[1], third = pixel->candidates[2];
    const int64_t west = seen[WEST], north = seen[NORTH], northwest = seen[NORTHWEST], northeast = seen[NORTHEAST];
    const int a = confidence_class[known[0].confidence], b = confidence_class[known[1].confidence],
              c = confidence_class[known[2].confidence];
    const int agree = (known[0].first == known[1].first) + 2 * (known[1].first == known[2].first) +
                      4 * (first == west) + 8 * (first == north);
    const int flat = (west == north) + 2 * (north == northeast) + 4 * (west == northwest);
    uint8_t choices[4];
    for (int k = 0; k < 4; k++)
        choices[k] = walk->choices[nlc_place(walk, pixel->row, neighbours[k][0], neighbours[k][1])];
    const size_t at_west = nlc_place(walk, pixel->row, 0, -1), at_north = nlc_place(walk, pixel->row, -1, 0);
    const int left_west = walk->left[at_west], left_north = walk->left[at_north];
    const int above_west = walk->above[at_west], above_north = walk->above[at_north];
    uint64_t sum = nlc_hash_part(walk->tables, 5, agree) + nlc_hash_part(walk->tables, 4, a);
    for (int k = 0; k < 4; k++)
        sum += nlc_hash_part(walk->tables, k, choices[k]);
    plan->at[0] = hash5(walk, 5, a, b, c, agree, flat);
    plan->at[1] = nlc_hash_of_sum(walk->tables, sum, walk->choice_model.bits);
    plan->at[2] = hash5(walk, 4, first, second, third, agree, 0);
    plan->at[3] = hash5(walk, 4, first, west, north, choices[0], 0);
    plan->at[4] = hash5(walk, 3, known[1].at, first, a, 0, 0);
    plan->at[5] = hash5(walk, 5, first == west, first == north, left_west, left_north, above_north);
    plan->at[6] = hash5(walk, 5, first == west, second == west, above_north, above_west, left_west);
    plan->set = (uint32_t)(a * 5 + b);
}

/* The colour of a pixel whose samples are known. */
static int64_t colour_in_tile(const nlc_adaptive_tile *tile, const nlc_pixel *pixel) {
    int64_t colour = 0;
    for (int p = 0; p < tile->shape.planes; p++)
        colour |= (int64_t)nlc_tile_sample(tile, p, pixel->row, pixel->column) << tile->shape.bits * p;
    return colour;
}

int nlc_code_choices(nlc_adaptive_state *walk) {
    const nlc_adaptive_tile *tile = walk->tile;
    const size_t count = (size_t)(walk->bottom - walk->top);
    for (size_t i = 0; i < count; i++) {
        nlc_pixel *pixel = &walk->pixels[i];
        int64_t seen[NLC_NEIGHBOURS];
        for (int k = 0; k < NLC_NEIGHBOURS; k++)
            seen[k] = walk->colours[nlc_place(walk, pixel->row, neighbours[k][0], neighbours[k][1])];
        recall(walk, seen, pixel->recalled);
        find_candidates(walk, pixel, seen);
        plan_choice(walk, pixel, seen, &walk->plans[i]);
        if (walk->coder->pairs) {
            const int64_t colour = colour_in_tile(tile, pixel);
            uint32_t choice = 0;
            while (choice < NLC_NONE_OF_THEM && pixel->candidates[choice] != colour)
                choice++;
            walk->plans[i].digit = choice;
        }
    }
    nlc_code_digits(walk->tables, &walk->choice_model, walk->coder, walk->plans, count);
    for (size_t i = 0; i < count; i++) {
        const nlc_pixel *pixel = &walk->pixels[i];
        const uint32_t choice = walk->plans[i].digit;
        walk->choices[nlc_place(walk, pixel->row, 0, 0)] = (uint8_t)choice;
        if (choice == NLC_NONE_OF_THEM)
            continue;
        const int64_t colour = pixel->candidates[choice];
        if (colour < 0)
            return 0;
        for (int p = 0; p < tile->shape.planes; p++)
            nlc_found_sample(walk, p, pixel, (int32_t)(colour >> tile->shape.bits * p & ((1 << tile->shape.bits) - 1)));
    }
    return 1;
}

static uint8_t run(uint8_t before, int equal) {
    return (uint8_t)(!equal ? 0 : before < LONGEST_RUN ? before + 1 : LONGEST_RUN);
}

void nlc_settle(nlc_adaptive_state *walk) {
    const nlc_adaptive_tile *tile = walk->tile;
    const size_t count = (size_t)(walk->bottom - walk->top);
    for (size_t i = 0; i < count; i++) {
        const nlc_pixel *pixel = &walk->pixels[i];
        const size_t at = nlc_place(walk, pixel->row, 0, 0);
        const size_t west = nlc_place(walk, pixel->row, 0, -1), north = nlc_place(walk, pixel->row, -1, 0);
        int64_t colour = 0;
        for (int p = 0; p < tile->shape.planes; p++) {
            const int32_t sample = nlc_samples_of(walk, p)[at];
            colour |= (int64_t)sample << tile->shape.bits * p;
            if (tile->form != NLC_ADAPTIVE_PALETTE)
                nlc_residuals_of(walk, p)[at] = sample - pixel->straight[p];
        }
        walk->colours[at] = colour;
        walk->left[at] = run(walk->left[west], colour == walk->colours[west]);
        walk->above[at] = run(walk->above[north], colour == walk->colours[north]);
        /* Of several pixels of one place the last is learned, from what was known before the step. */
        for (int m = 0; m < NLC_MEMORIES; m++)
            learn(&walk->memories[m][pixel->recalled[m].at], &pixel->recalled[m], colour);
    }
}
