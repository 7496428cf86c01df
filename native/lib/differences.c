/* Models as differences to others: the same file with other weights and biases (docs/FORMAT.md, section 8). */
#include "model_file.h"

#include "../src/rans.h"

#include <string.h>

#define VERSION 1
#define MOST_WEIGHT_SHIFT 15
#define MOST_BIAS_BITS 23
#define RADIX 4
#define FREE_FREQUENCY (RANS_TOTAL - RADIX)
#define LEVELS 8
#define PLAIN_DIGITS 13
#define FIRST_COUNT 16
#define STEP 32
#define LARGEST_SUM 65536
/* Contexts: one of the first digit of a class, one for each first digit of the second, and those of magnitudes. */
#define FIRST 0
#define SECOND(a) (1 + (a))
#define MAGNITUDE(a, b, level) (1 + RADIX + 4 * (RADIX * (a) + (b)) + (level))
#define CONTEXTS MAGNITUDE(RADIX, 0, 0)

static const uint8_t signature[4] = {0x8e, 'N', 'L', 'D'};

/* How often each digit was seen in a context. */
typedef struct {
    uint32_t of[RADIX];
} counts;

typedef struct {
    rans_reader digits;
    counts contexts[CONTEXTS];
    int64_t *vector; /* as long as the longest one */
    size_t *unknown;
} reader;

static int fail(nelloc_decoder *d, const char *problem) {
    return nlc_fail_damaged(d, "its model's differences make no usable model (%s)", problem);
}

int nlc_is_differences(const uint8_t *data, size_t size) {
    return size >= sizeof signature && memcmp(data, signature, sizeof signature) == 0;
}

int nlc_differences_read(nelloc_decoder *d, const uint8_t *data, size_t size, const uint8_t **base_id,
                         const uint8_t **model_id) {
    if (!nlc_is_differences(data, size) || size < NLC_DIFFERENCES_HEAD + 4)
        return fail(d, "they are cut short");
    if (data[4] != VERSION)
        return nlc_fail(d, NELLOC_UNSUPPORTED,
                        "its model has differences of version %d, unknown here; use a newer nelloc", data[4]);
    if (nlc_crc32(&d->checksums, 0, data, size - 4) != nlc_number32(data + size - 4))
        return fail(d, "their checksum does not match");
    *base_id = data + 5;
    *model_id = data + 9;
    return NELLOC_OK;
}

/* The digit that lies on top, given the sums of frequencies before each. */
static unsigned next_digit(rans_reader *digits, const uint32_t bounds[RADIX + 1]) {
    const uint32_t place = rans_peek(digits);
    unsigned digit = 0;
    while (place >= bounds[digit + 1])
        digit++;
    rans_pop(digits, bounds[digit], bounds[digit + 1] - bounds[digit]);
    return digit;
}

/* The bounds of the digits that a context codes at once. */
static void bounds_of(const counts *context, uint32_t bounds[RADIX + 1]) {
    uint64_t sum = 0, before = 0;
    for (int k = 0; k < RADIX; k++)
        sum += context->of[k];
    for (unsigned k = 0; k <= RADIX; k++) {
        bounds[k] = (uint32_t)(before * FREE_FREQUENCY / sum) + k;
        before += k < RADIX ? context->of[k] : 0;
    }
}

/* Count what was coded at once. */
static void count(counts *context, const size_t seen[RADIX]) {
    uint64_t sum = 0, all[RADIX];
    for (int k = 0; k < RADIX; k++)
        sum += all[k] = context->of[k] + (uint64_t)STEP * seen[k];
    while (sum > LARGEST_SUM) {
        sum = 0;
        for (int k = 0; k < RADIX; k++)
            sum += all[k] = (all[k] + 1) >> 1;
    }
    for (int k = 0; k < RADIX; k++)
        context->of[k] = (uint32_t)all[k];
}

static unsigned single_digit(reader *r, counts *context) {
    uint32_t bounds[RADIX + 1];
    size_t seen[RADIX] = {0};
    bounds_of(context, bounds);
    const unsigned digit = next_digit(&r->digits, bounds);
    seen[digit] = 1;
    count(context, seen);
    return digit;
}

/* Read a vector of `n` differences; returns 0 if a sign is neither plus nor minus. */
static int read_vector(reader *r, size_t n) {
    static const uint32_t equal[RADIX + 1] = {0, 1u << 22, 2u << 22, 3u << 22, RANS_TOTAL};
    static const uint32_t signs[RADIX + 1] = {0, (1u << 23) - 1, RANS_TOTAL - 2, RANS_TOTAL - 1, RANS_TOTAL};
    const unsigned a = single_digit(r, &r->contexts[FIRST]), b = single_digit(r, &r->contexts[SECOND(a)]);
    memset(r->vector, 0, n * sizeof *r->vector);
    if (!a && !b)
        return 1;
    size_t left = n;
    for (size_t k = 0; k < n; k++)
        r->unknown[k] = k;
    for (int level = 0; level < LEVELS && left; level++) {
        counts *context = &r->contexts[MAGNITUDE(a, b, level < 3 ? (unsigned)level : 3)];
        uint32_t bounds[RADIX + 1];
        size_t seen[RADIX] = {0}, still = 0;
        bounds_of(context, bounds);
        for (size_t k = 0; k < left; k++) {
            const unsigned digit = next_digit(&r->digits, bounds);
            seen[digit]++;
            r->vector[r->unknown[k]] += digit;
            if (digit == RADIX - 1)
                r->unknown[still++] = r->unknown[k];
        }
        count(context, seen);
        left = still;
    }
    for (size_t k = 0; k < left; k++) {
        int64_t number = 0;
        for (int place = 0; place < PLAIN_DIGITS; place++)
            number = RADIX * number + next_digit(&r->digits, equal);
        r->vector[r->unknown[k]] += number;
    }
    for (size_t k = 0; k < n; k++)
        if (r->vector[k]) {
            const unsigned sign = next_digit(&r->digits, signs);
            if (sign > 1)
                return 0;
            r->vector[k] = sign ? -r->vector[k] : r->vector[k];
        }
    return 1;
}

/* Change a number of a tensor in `made`; returns 0 if it does not fit there. */
static int change(const nlc_model_file *base, const nlc_tensor *tensor, size_t place, int64_t by, uint8_t *made) {
    const int bits = 8 * tensor->bytes;
    const int64_t old = nlc_tensor_number(base, tensor, place);
    /* What a base holds fits 32 bits, and `by` 50. */
    const int64_t least = tensor->is_signed ? -((int64_t)1 << (bits < 60 ? bits - 1 : 60)) : 0;
    const int64_t most = bits < 60 ? ((int64_t)1 << (bits - tensor->is_signed)) - 1 : (int64_t)1 << 60;
    const int64_t found = old + by;
    if (found < least || found > most)
        return 0;
    for (int k = 0; k < tensor->bytes; k++)
        made[tensor->at + place * (size_t)tensor->bytes + (size_t)k] = (uint8_t)((uint64_t)found >> 8 * k);
    return 1;
}

static int apply_layer(reader *r, const nlc_model_file *base, int layer, const uint8_t *steps, uint8_t *made) {
    const nlc_tensor *weight = &base->layers[layer][NLC_WEIGHT], *bias = &base->layers[layer][NLC_BIAS];
    for (size_t row = 0; row < weight->rows; row++) {
        if (!read_vector(r, weight->columns))
            return 0;
        for (size_t k = 0; k < weight->columns; k++)
            if (!change(base, weight, row * weight->columns + k, r->vector[k] * ((int64_t)1 << steps[0]), made))
                return 0;
    }
    if (!read_vector(r, bias->rows))
        return 0;
    for (size_t row = 0; row < bias->rows; row++) {
        const int64_t shift = nlc_tensor_number(base, &base->layers[layer][NLC_SHIFT], row) - steps[1];
        if (!change(base, bias, row, r->vector[row] * ((int64_t)1 << (shift > 0 ? shift : 0)), made))
            return 0;
    }
    return 1;
}

int nlc_differences_apply(nelloc_decoder *d, const uint8_t *data, size_t size, const nlc_model_file *base,
                          uint8_t *made) {
    const size_t layers = (size_t)base->layer_count, before = NLC_DIFFERENCES_HEAD + 2 * layers;
    if (size < before + 4 || (size > before + 4 && !data[size - 5]))
        return fail(d, "they are cut short");
    size_t longest = 1;
    for (size_t k = 0; k < layers; k++) {
        const nlc_tensor *weight = &base->layers[k][NLC_WEIGHT];
        longest = weight->rows > longest ? weight->rows : longest;
        longest = weight->columns > longest ? weight->columns : longest;
    }
    reader *r = nlc_get(&d->budget, 1, sizeof *r);
    int64_t *vector = nlc_get(&d->budget, longest, sizeof *vector);
    size_t *unknown = nlc_get(&d->budget, longest, sizeof *unknown);
    int status = r && vector && unknown ? NELLOC_OK : nlc_fail_for_memory(d);
    if (status == NELLOC_OK) {
        for (size_t k = 0; k < CONTEXTS; k++)
            for (int digit = 0; digit < RADIX; digit++)
                r->contexts[k].of[digit] = FIRST_COUNT;
        r->vector = vector;
        r->unknown = unknown;
        rans_open(&r->digits, data + before, size - 4 - before);
        for (int k = 0; status == NELLOC_OK && k < base->layer_count; k++) {
            const uint8_t *steps = data + NLC_DIFFERENCES_HEAD + 2 * k;
            if (steps[0] > MOST_WEIGHT_SHIFT || steps[1] > MOST_BIAS_BITS)
                status = fail(d, "a step is out of range");
            else if (!apply_layer(r, base, k, steps, made))
                status = fail(d, "a value does not fit its tensor, or a sign is none");
        }
        if (status == NELLOC_OK && !rans_ends_with(&r->digits, 0))
            status = fail(d, "they do not end where they should");
    }
    nlc_put(unknown);
    nlc_put(vector);
    nlc_put(r);
    return status;
}
