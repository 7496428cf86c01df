/* Eight numbers of 16 bits at once, in plain C, which says what the functions do. */
#ifndef NLC_JPEG_VECTORS_PLAIN_H
#define NLC_JPEG_VECTORS_PLAIN_H

typedef struct {
    int16_t of[8];
} nlc_vector;

typedef struct {
    int32_t of[8];
} nlc_sums;

static inline int16_t nlc_vector_saturated(int32_t x) {
    return (int16_t)(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
}

static inline int32_t nlc_vector_limited(int32_t x, int32_t limit) {
    return x < -limit ? -limit : x > limit ? limit : x;
}

static inline nlc_vector nlc_vector_load(const int16_t from[8]) {
    nlc_vector x;
    for (int k = 0; k < 8; k++)
        x.of[k] = from[k];
    return x;
}

static inline void nlc_vector_store(int16_t to[8], nlc_vector x) {
    for (int k = 0; k < 8; k++)
        to[k] = x.of[k];
}

/* Eight numbers, in pairs of which the first is in the lower half. */
static inline nlc_vector nlc_vector_of(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    const uint32_t pairs[4] = {a, b, c, d};
    nlc_vector x;
    for (int k = 0; k < 8; k++)
        x.of[k] = (int16_t)(pairs[k / 2] >> k % 2 * 16);
    return x;
}

/* The numbers at six places, and between the fourth and the fifth two zeros. */
static inline nlc_vector nlc_vector_gather(const int16_t *const from[6]) {
    return (nlc_vector){{*from[0], *from[1], *from[2], *from[3], 0, 0, *from[4], *from[5]}};
}

/* Two numbers within +-32767, between zeros. */
static inline nlc_vector nlc_vector_of_middle(int32_t a, int32_t b) {
    return (nlc_vector){{0, 0, 0, 0, (int16_t)nlc_vector_limited(a, 32767), (int16_t)nlc_vector_limited(b, 32767)}};
}

/* A pair, two numbers within +-NLC_VECTOR_ODDS, and another pair. */
static inline nlc_vector nlc_vector_of_odds(uint32_t pair, int32_t a, int32_t b, uint32_t last) {
    const int32_t one = nlc_vector_limited(a, NLC_VECTOR_ODDS), other = nlc_vector_limited(b, NLC_VECTOR_ODDS);
    return nlc_vector_of(pair, (uint32_t)(uint16_t)one | (uint32_t)other << 16, last, 0);
}

/* The same, but of one number, after which the last is next. */
static inline nlc_vector nlc_vector_of_one_odds(uint32_t pair, int32_t a, uint32_t last) {
    return nlc_vector_of(pair, (uint32_t)(uint16_t)nlc_vector_limited(a, NLC_VECTOR_ODDS) | last << 16, 0, 0);
}

/* The sum of (a + b) * x. */
static inline int32_t nlc_vector_dot(nlc_vector a, nlc_vector b, nlc_vector x) {
    int32_t sum = 0;
    for (int k = 0; k < 8; k++)
        sum += (a.of[k] + b.of[k]) * x.of[k];
    return sum;
}

/* The same, if only the first four of x may be other than 0. */
static inline int32_t nlc_vector_dot_of_four(nlc_vector a, nlc_vector b, nlc_vector x) {
    return nlc_vector_dot(a, b, x);
}

/* x * by, in 1/65536. */
static inline nlc_vector nlc_vector_scaled(nlc_vector x, int32_t by) {
    for (int k = 0; k < 8; k++)
        x.of[k] = (int16_t)(x.of[k] * by >> 16);
    return x;
}

/* a + b, within 16 bits. */
static inline nlc_vector nlc_vector_add(nlc_vector a, nlc_vector b) {
    for (int k = 0; k < 8; k++)
        a.of[k] = nlc_vector_saturated(a.of[k] + b.of[k]);
    return a;
}

/* The sum of x with weights in 1/65536, which are taken in 1/8192: so is the sum. */
static inline int32_t nlc_vector_weighted(const int32_t weights[8], nlc_vector x) {
    uint32_t sum = 0;
    for (int k = 0; k < 8; k++)
        sum += (uint32_t)((weights[k] >> 3 > 32767 ? 32767 : weights[k] >> 3) * x.of[k]);
    return (int32_t)sum;
}

/* The sum of squares of quarters. */
static inline uint32_t nlc_vector_norm(nlc_vector x) {
    uint32_t sum = 0;
    for (int k = 0; k < 8; k++)
        sum += (uint32_t)((x.of[k] >> 2) * (x.of[k] >> 2));
    return sum;
}

/* Add x * by / 2^shift, rounded, to weights, which stay within +-2^18. */
static inline void nlc_vector_learn(int32_t weights[8], nlc_vector x, int32_t by, int shift) {
    for (int k = 0; k < 8; k++)
        weights[k] = nlc_vector_limited(weights[k] + ((x.of[k] * by + (1 << (shift - 1))) >> shift), 1 << 18);
}

/* a * b, within 16 bits. */
static inline nlc_vector nlc_vector_times(nlc_vector a, nlc_vector b) {
    for (int k = 0; k < 8; k++)
        a.of[k] = nlc_vector_saturated(a.of[k] * b.of[k]);
    return a;
}

/* 16 * x, within 16 bits. */
static inline nlc_vector nlc_vector_sixteenths(nlc_vector x) {
    for (int k = 0; k < 8; k++)
        x.of[k] = nlc_vector_saturated(x.of[k] * 16);
    return x;
}

/* The sum of two magnitudes, each at most 2047. */
static inline nlc_vector nlc_vector_magnitudes(nlc_vector a, nlc_vector b) {
    for (int k = 0; k < 8; k++) {
        const int x = a.of[k] < 0 ? -a.of[k] : a.of[k], y = b.of[k] < 0 ? -b.of[k] : b.of[k];
        a.of[k] = (int16_t)((x < 2047 ? x : 2047) + (y < 2047 ? y : 2047));
    }
    return a;
}

/* The numbers of x, each at most `most`. */
static inline nlc_vector nlc_vector_least(nlc_vector x, int most) {
    for (int k = 0; k < 8; k++)
        x.of[k] = (int16_t)(x.of[k] < most ? x.of[k] : most);
    return x;
}

/* The sum of the numbers before and after each, 0 at the ends. */
static inline nlc_vector nlc_vector_beside(nlc_vector x) {
    nlc_vector sum;
    for (int k = 0; k < 8; k++)
        sum.of[k] = nlc_vector_saturated((k ? x.of[k - 1] : 0) + (k < 7 ? x.of[k + 1] : 0));
    return sum;
}

/* Which of 64 numbers are not 0, the first in the lowest bit. */
static inline uint64_t nlc_vector_others(const int16_t from[64]) {
    uint64_t others = 0;
    for (int k = 0; k < 64; k++)
        others |= (uint64_t)(from[k] != 0) << k;
    return others;
}

/* The same of those whose magnitude is at least this, which is at most 2^14. */
static inline uint64_t nlc_vector_at_least(const int16_t from[64], int least) {
    uint64_t found = 0;
    for (int k = 0; k < 64; k++)
        found |= (uint64_t)(from[k] >= least || from[k] <= -least) << k;
    return found;
}

static inline void nlc_vector_zeros(int16_t to[64]) {
    for (int k = 0; k < 64; k++)
        to[k] = 0;
}

static inline nlc_sums nlc_sums_none(void) { return (nlc_sums){{0}}; }

/* Add a * of_a + b * of_b. */
static inline nlc_sums nlc_sums_add(nlc_sums sums, nlc_vector a, nlc_vector b, int of_a, int of_b) {
    for (int k = 0; k < 8; k++)
        sums.of[k] += a.of[k] * of_a + b.of[k] * of_b;
    return sums;
}

/* The product of a vector and a matrix, of which there are the rows. */
static inline nlc_sums nlc_sums_product(nlc_vector x, const int16_t rows[8][8]) {
    nlc_sums sums = nlc_sums_none();
    for (int k = 0; k < 8; k++)
        for (int j = 0; j < 8; j++)
            sums.of[j] += x.of[k] * rows[k][j];
    return sums;
}

/* Sums divided by a power of 2, within 16 bits. */
static inline nlc_vector nlc_sums_vector(nlc_sums sums, int shift) {
    nlc_vector x;
    for (int k = 0; k < 8; k++)
        x.of[k] = nlc_vector_saturated(sums.of[k] >> shift);
    return x;
}

static inline void nlc_sums_store(int32_t to[8], nlc_sums sums, int shift) {
    for (int k = 0; k < 8; k++)
        to[k] = sums.of[k] >> shift;
}

static inline void nlc_vector_transpose(nlc_vector x[8]) {
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < i; j++) {
            const int16_t kept = x[i].of[j];
            x[i].of[j] = x[j].of[i];
            x[j].of[i] = kept;
        }
}

#endif
