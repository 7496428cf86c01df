/* Models of digits 0 to 3 that learn while they code: counts in several contexts, mixed by learned weights.
 *
 * A digit is up to three decisions: is it 0; if not, is it 1; if not, is it 2. The counts of each context give a
 * probability for each, and these are mixed in the logistic domain.
 *
 * Ranges: a context gets at most 32 a pixel of a step, and a step has at most 1366 pixels, so a sum of counts is below
 * 2^20 + 2^17. Inputs are -3327 to 3327, weights -2^19 to 2^19, errors -4096 to 4096.
 */
#include "adaptive.h"

#include <string.h>

#define COUNT_STEP 32
#define COUNT_PRIOR 12
#define COUNT_LIMIT (1u << 14)
#define STEADY_COUNT_LIMIT (1u << 20)
#define STRETCH_BITS 12
#define WEIGHT_BITS 16
#define WEIGHT_LIMIT (1 << 19)
#define FIRST_WEIGHTS 16 /* the sum of a set's, in 1/10 */
#define STEADY_FIRST_WEIGHTS 10
#define GRADIENT_SHIFT 14
#define ERROR_BITS 12
#define NODE_STEP 40503u /* spreads the nodes of a tree over a table */

#define CERTAIN ((int32_t)1 << NLC_CHANCE_BITS)
#define FREE_FREQUENCY (RANS_TOTAL - 4)

/* Shifts of negative numbers round down everywhere that nelloc is built. */
_Static_assert((-3 >> 1) == -2, "right shifts must be arithmetic");

size_t nlc_digit_model_size(int tables, int bits, uint32_t sets) {
    const size_t counts = ((size_t)tables << bits) * sizeof(nlc_counts);
    return counts + nlc_whole_lines((size_t)tables * NLC_DECISIONS * sets * sizeof(int32_t));
}

void nlc_digit_model_make(nlc_digit_model *model, void *memory, int tables, int bits, uint32_t sets, int steady) {
    const int32_t first = (steady ? STEADY_FIRST_WEIGHTS : FIRST_WEIGHTS) * (1 << WEIGHT_BITS) / (10 * tables);
    model->tables = tables;
    model->bits = bits;
    model->limit = steady ? STEADY_COUNT_LIMIT : COUNT_LIMIT;
    model->counts = memory;
    model->weights = (int32_t *)(model->counts + ((size_t)tables << bits));
    for (size_t k = 0; k < (size_t)tables * NLC_DECISIONS * sets; k++)
        model->weights[k] = first;
}

/* Code the digit of a plan; returns whether a sum of counts is above the limit. */
static inline int code_digit(const nlc_adaptive_tables *tables, const nlc_digit_model *model, nlc_digits *coder,
                             nlc_plan *plan, const int count) {
    const int32_t *weights = model->weights + (size_t)plan->set * (size_t)(count * NLC_DECISIONS);
    const nlc_counts *seen[NLC_MAX_TABLES];
    double rest[NLC_MAX_TABLES];
    int full = 0;
    for (int t = 0; t < count; t++) {
        seen[t] = &model->counts[((size_t)t << model->bits) + plan->at[t]];
        const uint32_t *c = seen[t]->counts;
        plan->sums[t] = c[0] + c[1] + c[2] + c[3];
        full |= plan->sums[t] > model->limit;
        rest[t] = (double)(int32_t)(plan->sums[t] + 2 * COUNT_PRIOR);
    }
    const int writes = coder->pairs != NULL;
    const uint32_t known = writes ? plan->digit : 0, place = writes ? 0 : rans_peek(&coder->reader);
    int32_t below = 0;
    uint32_t left = 0, next = RANS_TOTAL, digit = 0;
    for (; digit < NLC_DECISIONS; digit++) {
        int32_t share[NLC_MAX_TABLES];
        for (int t = 0; t < count; t++) {
            /* The quotient of integers below 2^33 rounds to no other integer than the exact one does. */
            const double counted = (double)(int32_t)seen[t]->counts[digit];
            share[t] = (int32_t)((counted + COUNT_PRIOR) * (1 << STRETCH_BITS) / rest[t]);
            rest[t] -= counted;
        }
        int64_t mixed = 0;
        for (int t = 0; t < count; t++) {
            const int16_t input = tables->stretch[share[t]];
            plan->inputs[digit][t] = input;
            mixed += (int64_t)input * weights[(int)digit * count + t];
        }
        mixed >>= WEIGHT_BITS;
        mixed = mixed < -NLC_SQUASH_LIMIT ? -NLC_SQUASH_LIMIT : mixed > NLC_SQUASH_LIMIT ? NLC_SQUASH_LIMIT : mixed;
        const int32_t chance = tables->squash[mixed + NLC_SQUASH_LIMIT];
        plan->chances[digit] = chance;
        below += (int32_t)((int64_t)(CERTAIN - below) * chance >> NLC_CHANCE_BITS);
        next = (uint32_t)((uint64_t)below * FREE_FREQUENCY >> NLC_CHANCE_BITS) + digit + 1;
        if (writes ? known == digit : place < next)
            break;
        left = next;
        next = RANS_TOTAL;
    }
    if (writes) {
        coder->pairs[2 * coder->count] = left;
        coder->pairs[2 * coder->count + 1] = next - left;
        coder->count++;
    } else {
        rans_pop(&coder->reader, left, next - left);
        plan->digit = digit;
    }
    return full;
}

/* Halve each of the contexts that were above the limit, once. */
static void halve(nlc_digit_model *model, const nlc_plan *plans, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (int t = 0; t < model->tables; t++) {
            uint32_t *c = model->counts[((size_t)t << model->bits) + plans[i].at[t]].counts;
            /* A halved sum is below the one that was seen. */
            if (plans[i].sums[t] > model->limit && c[0] + c[1] + c[2] + c[3] == plans[i].sums[t])
                for (int k = 0; k < 4; k++)
                    c[k] = (c[k] + 1) >> 1;
        }
}

/* Add what the digit of a plan teaches; weights are clamped when all of a step are added. */
static inline void learn_digit(nlc_digit_model *model, const nlc_plan *plan, const int count) {
    int32_t *weights = model->weights + (size_t)plan->set * (size_t)(count * NLC_DECISIONS);
    for (int t = 0; t < count; t++)
        model->counts[((size_t)t << model->bits) + plan->at[t]].counts[plan->digit] += COUNT_STEP;
    for (uint32_t k = 0; k < NLC_DECISIONS && k <= plan->digit; k++) {
        const int32_t error = ((plan->digit == k ? CERTAIN : 0) - plan->chances[k]) >> (NLC_CHANCE_BITS - ERROR_BITS);
        for (int t = 0; t < count; t++)
            weights[(int)k * count + t] +=
                (plan->inputs[k][t] * error + (1 << (GRADIENT_SHIFT - 1))) >> GRADIENT_SHIFT;
    }
}

static inline void clamp_weights(nlc_digit_model *model, uint32_t set, const int count) {
    int32_t *weights = model->weights + (size_t)set * (size_t)(count * NLC_DECISIONS);
    for (int k = 0; k < count * NLC_DECISIONS; k++)
        weights[k] = weights[k] < -WEIGHT_LIMIT ? -WEIGHT_LIMIT : weights[k] > WEIGHT_LIMIT ? WEIGHT_LIMIT : weights[k];
}

/* With a constant `count` of tables the compiler makes straight code of its loops. */
static inline void code_digits(const nlc_adaptive_tables *tables, nlc_digit_model *model, nlc_digits *coder,
                               nlc_plan *plans, size_t n, const int count) {
    int full = 0;
    for (size_t i = 0; i < n; i++)
        full |= code_digit(tables, model, coder, &plans[i], count);
    if (full)
        halve(model, plans, n);
    for (size_t i = 0; i < n; i++)
        learn_digit(model, &plans[i], count);
    for (size_t i = 0; i < n; i++)
        if (!i || plans[i].set != plans[i - 1].set)
            clamp_weights(model, plans[i].set, count);
}

void nlc_code_digits(const nlc_adaptive_tables *tables, nlc_digit_model *model, nlc_digits *coder, nlc_plan *plans,
                     size_t count) {
    switch (model->tables) {
    case 8: /* samples */
        code_digits(tables, model, coder, plans, count, 8);
        break;
    case 7: /* choices */
        code_digits(tables, model, coder, plans, count, 7);
        break;
    case 6: /* places in a palette */
        code_digits(tables, model, coder, plans, count, 6);
        break;
    default: /* palettes, and what depends on nothing */
        code_digits(tables, model, coder, plans, count, model->tables);
    }
}

static uint32_t nodes_of(int digits) {
    uint32_t nodes = 0;
    for (int k = 0; k < digits; k++)
        nodes += k < 4 ? 1u << 2 * k : 1;
    return nodes;
}

static int digits_of(int bits) { return bits > 2 ? (bits + 1) / 2 : 1; }

size_t nlc_tree_size(int tables, int table_bits, uint32_t sets, int bits) {
    return nlc_digit_model_size(tables, table_bits, sets * nodes_of(digits_of(bits)));
}

void nlc_tree_make(nlc_tree *tree, void *memory, int tables, int table_bits, uint32_t sets, int bits, int steady) {
    tree->digits = digits_of(bits);
    tree->nodes = nodes_of(tree->digits);
    nlc_digit_model_make(&tree->model, memory, tables, table_bits, sets * tree->nodes, steady);
}

void nlc_code_numbers(const nlc_adaptive_tables *tables, nlc_tree *tree, nlc_digits *coder, nlc_number *numbers,
                      nlc_plan *plans, size_t count) {
    const uint32_t mask = (1u << tree->model.bits) - 1;
    uint32_t first = 0; /* the node of the first digit at this place */
    for (int k = 0; k < tree->digits; k++) {
        const int below = 2 * (tree->digits - k); /* bits of this digit and those after it */
        for (size_t i = 0; i < count; i++) {
            const nlc_number *number = &numbers[i];
            nlc_plan *plan = &plans[i];
            /* When writing the whole is known, when reading what came before. */
            const uint32_t before = coder->pairs ? number->value >> below : number->value;
            const uint32_t node = first + before;
            for (int t = 0; t < tree->model.tables; t++)
                plan->at[t] = (number->hashes[t] + node * NODE_STEP) & mask;
            plan->set = number->set * tree->nodes + (k < 4 ? node : 81u + (uint32_t)k);
            plan->digit = number->value >> (below - 2) & 3;
        }
        nlc_code_digits(tables, &tree->model, coder, plans, count);
        if (!coder->pairs)
            for (size_t i = 0; i < count; i++)
                numbers[i].value = numbers[i].value << 2 | plans[i].digit;
        first += 1u << 2 * k;
    }
}
