/* Models of digits 0 to 3 that learn while they code: counts in several contexts, mixed by learned weights.
 *
 * A digit is up to three decisions: is it 0; if not, is it 1; if not, is it 2. The counts of each context give a
 * probability for each, and these are mixed in the logistic domain.
 *
 * Ranges: if `most` digits are coded at once, a sum S of counts, halved above the limit, grows by 32 * most at most, so
 * that it stays below limit + 32 * most and 64 * most + 4. With `most` up to 1366 that is below 2^21, and with the
 * limit of models that are not steady and `most` up to 1023 below 2^16. Inputs are -3327 to 3327, weights -2^19 to
 * 2^19, errors -4096 to 4096.
 */
#include "adaptive.h"

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
#define MOST_NARROW 1023
#define AHEAD 6 /* digits whose counts are fetched before they are needed */

/* A number's context, plus this for each node of its tree, is the context of a digit, modulo the table's size. Tables
 * have contexts at that times the inverse modulo 2^32, so that those of a number's nodes lie side by side.
 */
#define NODE_STEP_INVERSE 1650947975u

#define CERTAIN ((int32_t)1 << NLC_CHANCE_BITS)
#define FREE_FREQUENCY (RANS_TOTAL - 4)

/* Shifts of negative numbers round down everywhere that nelloc is built. */
_Static_assert((-3 >> 1) == -2, "right shifts must be arithmetic");

static int is_wide(nlc_digit_shape shape) { return shape.steady || shape.most > MOST_NARROW; }

static size_t counts_size(nlc_digit_shape shape) {
    return ((size_t)shape.tables << shape.bits) * 4 * (is_wide(shape) ? sizeof(uint32_t) : sizeof(uint16_t));
}

static size_t weights_of(nlc_digit_shape shape) { return (size_t)shape.tables * NLC_DECISIONS * shape.sets; }

size_t nlc_digit_model_size(nlc_digit_shape shape) {
    return counts_size(shape) + nlc_whole_lines(weights_of(shape) * sizeof(int32_t));
}

void nlc_digit_model_make(nlc_digit_model *model, nlc_digit_shape shape, void *memory) {
    const int32_t tenths = shape.steady ? STEADY_FIRST_WEIGHTS : FIRST_WEIGHTS;
    model->tables = shape.tables;
    model->bits = shape.bits;
    model->wide = is_wide(shape);
    model->limit = shape.steady ? STEADY_COUNT_LIMIT : COUNT_LIMIT;
    model->counts = memory;
    model->weights = (int32_t *)((uint8_t *)memory + counts_size(shape));
    for (size_t k = 0; k < weights_of(shape); k++)
        model->weights[k] = tenths * (1 << WEIGHT_BITS) / (10 * shape.tables);
}

static inline int32_t *weights_at(const nlc_digit_model *model, uint32_t set, const int count) {
    return model->weights + (size_t)set * (size_t)(count * NLC_DECISIONS);
}

/* Where the counts of a plan's context in table `t` are, by the number of them before it. */
static inline size_t counts_at(const nlc_digit_model *model, const nlc_plan *plan, int t) {
    return 4 * (((size_t)t << model->bits) + plan->at[t]);
}

NLC_INLINE void prefetch(const nlc_digit_model *model, const nlc_plan *plan, const int count, const int wide) {
    for (int t = 0; t < count; t++)
        if (wide)
            NLC_PREFETCH((const uint32_t *)model->counts + counts_at(model, plan, t));
        else
            NLC_PREFETCH((const uint16_t *)model->counts + counts_at(model, plan, t));
}

/* Code the digit of a plan; returns whether a sum of counts is above the limit. */
NLC_INLINE int code_digit(const nlc_adaptive_tables *tables, const nlc_digit_model *model, nlc_digits *coder,
                             nlc_plan *plan, const int count, const int wide) {
    const int32_t *weights = weights_at(model, plan->set, count);
    double counts[4][NLC_MAX_TABLES], rest[NLC_MAX_TABLES];
    int full = 0;
    for (int t = 0; t < count; t++) {
        const size_t at = counts_at(model, plan, t);
        int32_t c[4];
        for (int k = 0; k < 4; k++)
            c[k] = wide ? (int32_t)((const uint32_t *)model->counts)[at + (size_t)k]
                        : ((const uint16_t *)model->counts)[at + (size_t)k];
        const int32_t sum = c[0] + c[1] + c[2] + c[3];
        plan->sums[t] = (uint32_t)sum;
        full |= (uint32_t)sum > model->limit;
        rest[t] = sum + 2 * COUNT_PRIOR;
        for (int k = 0; k < NLC_DECISIONS; k++)
            counts[k][t] = c[k];
    }
    const int writes = coder->pairs != NULL;
    const uint32_t known = writes ? plan->digit : 0, place = writes ? 0 : rans_peek(&coder->reader);
    int32_t below = 0;
    uint32_t left = 0, next = RANS_TOTAL, digit = 0;
    for (; digit < NLC_DECISIONS; digit++) {
        int32_t share[NLC_MAX_TABLES];
        for (int t = 0; t < count; t++) {
            /* Of integers below 2^33 the quotient rounds to an integer from below only if it is one. */
            share[t] = (int32_t)((counts[digit][t] + COUNT_PRIOR) * (1 << STRETCH_BITS) / rest[t]);
            rest[t] -= counts[digit][t];
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

/* Halve each of the contexts that were above the limit, once: a halved sum is below the one that was seen. */
static void halve(nlc_digit_model *model, const nlc_plan *plans, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (int t = 0; t < model->tables; t++) {
            const uint32_t sum = plans[i].sums[t];
            if (sum <= model->limit)
                continue;
            if (model->wide) {
                uint32_t *c = (uint32_t *)model->counts + counts_at(model, &plans[i], t);
                if (c[0] + c[1] + c[2] + c[3] == sum)
                    for (int k = 0; k < 4; k++)
                        c[k] = (c[k] + 1) >> 1;
            } else {
                uint16_t *c = (uint16_t *)model->counts + counts_at(model, &plans[i], t);
                if ((uint32_t)c[0] + c[1] + c[2] + c[3] == sum)
                    for (int k = 0; k < 4; k++)
                        c[k] = (uint16_t)((c[k] + 1) >> 1);
            }
        }
}

/* Add what the digit of a plan teaches; weights are clamped when all of a step are added. */
NLC_INLINE void learn_digit(nlc_digit_model *model, const nlc_plan *plan, const int count, const int wide) {
    int32_t *weights = weights_at(model, plan->set, count);
    for (int t = 0; t < count; t++) {
        const size_t at = counts_at(model, plan, t) + plan->digit;
        if (wide)
            ((uint32_t *)model->counts)[at] += COUNT_STEP;
        else
            ((uint16_t *)model->counts)[at] = (uint16_t)(((uint16_t *)model->counts)[at] + COUNT_STEP);
    }
    for (uint32_t k = 0; k < NLC_DECISIONS && k <= plan->digit; k++) {
        const int32_t error = ((plan->digit == k ? CERTAIN : 0) - plan->chances[k]) >> (NLC_CHANCE_BITS - ERROR_BITS);
        for (int t = 0; t < count; t++)
            weights[(int)k * count + t] +=
                (plan->inputs[k][t] * error + (1 << (GRADIENT_SHIFT - 1))) >> GRADIENT_SHIFT;
    }
}

NLC_INLINE void clamp_weights(nlc_digit_model *model, uint32_t set, const int count) {
    int32_t *weights = weights_at(model, set, count);
    for (int k = 0; k < count * NLC_DECISIONS; k++)
        weights[k] = weights[k] < -WEIGHT_LIMIT ? -WEIGHT_LIMIT : weights[k] > WEIGHT_LIMIT ? WEIGHT_LIMIT : weights[k];
}

/* With a constant `count` of tables, and `wide`, the compiler makes straight code of the loops. */
NLC_INLINE void code_digits(const nlc_adaptive_tables *tables, nlc_digit_model *model, nlc_digits *coder,
                               nlc_plan *plans, size_t n, const int count, const int wide) {
    int full = 0;
    for (size_t i = 0; i < n && i < AHEAD; i++)
        prefetch(model, &plans[i], count, wide);
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            prefetch(model, &plans[i + AHEAD], count, wide);
        full |= code_digit(tables, model, coder, &plans[i], count, wide);
    }
    if (full)
        halve(model, plans, n);
    for (size_t i = 0; i < n; i++)
        learn_digit(model, &plans[i], count, wide);
    for (size_t i = 0; i < n; i++)
        if (!i || plans[i].set != plans[i - 1].set)
            clamp_weights(model, plans[i].set, count);
}

void nlc_code_digits(const nlc_adaptive_tables *tables, nlc_digit_model *model, nlc_digits *coder, nlc_plan *plans,
                     size_t count) {
    if (model->wide)
        code_digits(tables, model, coder, plans, count, model->tables, 1);
    else if (model->tables == 8) /* samples */
        code_digits(tables, model, coder, plans, count, 8, 0);
    else if (model->tables == 7) /* choices */
        code_digits(tables, model, coder, plans, count, 7, 0);
    else if (model->tables == 6) /* places in a palette */
        code_digits(tables, model, coder, plans, count, 6, 0);
    else /* palettes */
        code_digits(tables, model, coder, plans, count, model->tables, 0);
}

static uint32_t nodes_of(int digits) {
    uint32_t nodes = 0;
    for (int k = 0; k < digits; k++)
        nodes += k < 4 ? 1u << 2 * k : 1;
    return nodes;
}

static int digits_of(int bits) { return bits > 2 ? (bits + 1) / 2 : 1; }

static nlc_digit_shape of_digits(nlc_digit_shape shape, int bits) {
    shape.sets *= nodes_of(digits_of(bits));
    return shape;
}

size_t nlc_tree_size(nlc_digit_shape shape, int bits) { return nlc_digit_model_size(of_digits(shape, bits)); }

void nlc_tree_make(nlc_tree *tree, nlc_digit_shape shape, int bits, void *memory) {
    tree->digits = digits_of(bits);
    tree->nodes = nodes_of(tree->digits);
    nlc_digit_model_make(&tree->model, of_digits(shape, bits), memory);
}

void nlc_code_numbers(const nlc_adaptive_tables *tables, nlc_tree *tree, nlc_digits *coder, nlc_number *numbers,
                      nlc_plan *plans, size_t count) {
    const uint32_t mask = (1u << tree->model.bits) - 1;
    uint32_t first = 0; /* the node of the first digit at this place */
    for (int k = 0; k < tree->digits; k++) {
        const int below = 2 * (tree->digits - k); /* bits of this digit and those after it */
        for (size_t i = 0; i < count; i++) {
            const nlc_number *number = &numbers[i];
            /* When writing the whole is known, when reading what came before. */
            const uint32_t node = first + (coder->pairs ? number->value >> below : number->value);
            for (int t = 0; t < tree->model.tables; t++)
                plans[i].at[t] = (number->hashes[t] * NODE_STEP_INVERSE + node) & mask;
            plans[i].set = number->set * tree->nodes + (k < 4 ? node : 81u + (uint32_t)k);
            plans[i].digit = number->value >> (below - 2) & 3;
        }
        nlc_code_digits(tables, &tree->model, coder, plans, count);
        if (!coder->pairs)
            for (size_t i = 0; i < count; i++)
                numbers[i].value = numbers[i].value << 2 | plans[i].digit;
        first += 1u << 2 * k;
    }
}
