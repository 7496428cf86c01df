/* Tables of stretched and squashed probabilities, from 256th roots of powers of 2; docs/methods/adaptive.md. */
#include "adaptive.h"

#include <stdlib.h>

#define STEPS 256
#define ROOT_BITS 16
#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

/* For k = 0 to 255, the largest r with r^256 <= 2^(4096 + k). */
static const uint32_t roots[STEPS] = {
    65536, 65713, 65891, 66070, 66249, 66429, 66609, 66789, 66971, 67152, 67334, 67517,
    67700, 67883, 68067, 68252, 68437, 68623, 68809, 68995, 69182, 69370, 69558, 69747,
    69936, 70125, 70315, 70506, 70697, 70889, 71081, 71274, 71467, 71661, 71855, 72050,
    72245, 72441, 72638, 72834, 73032, 73230, 73429, 73628, 73827, 74027, 74228, 74429,
    74631, 74833, 75036, 75240, 75444, 75648, 75853, 76059, 76265, 76472, 76679, 76887,
    77096, 77305, 77514, 77725, 77935, 78147, 78359, 78571, 78784, 78998, 79212, 79427,
    79642, 79858, 80074, 80292, 80509, 80727, 80946, 81166, 81386, 81607, 81828, 82050,
    82272, 82495, 82719, 82943, 83168, 83394, 83620, 83846, 84074, 84302, 84530, 84759,
    84989, 85220, 85451, 85682, 85915, 86148, 86381, 86615, 86850, 87086, 87322, 87559,
    87796, 88034, 88273, 88512, 88752, 88993, 89234, 89476, 89718, 89962, 90206, 90450,
    90695, 90941, 91188, 91435, 91683, 91932, 92181, 92431, 92681, 92933, 93185, 93437,
    93691, 93945, 94199, 94455, 94711, 94968, 95225, 95483, 95742, 96002, 96262, 96523,
    96785, 97047, 97310, 97574, 97839, 98104, 98370, 98637, 98904, 99172, 99441, 99711,
    99981, 100252, 100524, 100797, 101070, 101344, 101619, 101894, 102170, 102447, 102725, 103004,
    103283, 103563, 103844, 104125, 104408, 104691, 104975, 105259, 105545, 105831, 106118, 106405,
    106694, 106983, 107273, 107564, 107856, 108148, 108441, 108735, 109030, 109326, 109622, 109919,
    110217, 110516, 110816, 111116, 111418, 111720, 112023, 112326, 112631, 112936, 113243, 113550,
    113857, 114166, 114476, 114786, 115097, 115409, 115722, 116036, 116351, 116666, 116982, 117300,
    117618, 117936, 118256, 118577, 118898, 119221, 119544, 119868, 120193, 120519, 120846, 121173,
    121502, 121831, 122162, 122493, 122825, 123158, 123492, 123827, 124162, 124499, 124837, 125175,
    125514, 125855, 126196, 126538, 126881, 127225, 127570, 127916, 128263, 128611, 128959, 129309,
    129660, 130011, 130364, 130717,
};

/* The number of binary digits of m^256, less 1, for m = 1 to 131071: the largest L with 2^L <= m^256.
 *
 * With m * 2^s between 2^16 and 2^17, L is 256 * (16 - s) + k, k being the largest with 2^(4096 + k) <= (m * 2^s)^256.
 */
int nlc_logarithm(uint32_t m) {
    const int shift = ROOT_BITS + 1 - nlc_bit_length(m);
    const uint32_t scaled = m << shift;
    int low = 0;
    for (int step = STEPS / 2; step; step /= 2) /* without a branch, which would be hard to guess */
        /* A power of 2 that is not the 256th one of an integer lies above that of its root. */
        low += step & -(roots[low + step] < scaled);
    return STEPS * (ROOT_BITS - shift) + low;
}

nlc_adaptive_tables *nlc_adaptive_tables_new(void) {
    nlc_adaptive_tables *tables = malloc(sizeof *tables);
    if (!tables)
        return NULL;
    for (uint32_t n = 0; n < NLC_STRETCHED; n++) /* those of odd numbers */
        tables->stretch[n] = (int16_t)nlc_logarithm(2 * n + 1);
    for (uint32_t n = 0; n < NLC_STRETCHED / 2; n++) {
        const int16_t odds = (int16_t)(tables->stretch[n] - tables->stretch[NLC_STRETCHED - 1 - n]);
        tables->stretch[n] = odds;
        tables->stretch[NLC_STRETCHED - 1 - n] = (int16_t)-odds;
    }
    for (int x = 0; x <= NLC_SQUASH_LIMIT; x++) {
        const uint64_t odds = (uint64_t)roots[x % STEPS] << x / STEPS; /* below 2^32 */
        const int32_t chance = (int32_t)((odds << NLC_CHANCE_BITS) / (odds + (1 << ROOT_BITS)));
        tables->squash[NLC_SQUASH_LIMIT - x] = (1 << NLC_CHANCE_BITS) - chance;
        tables->squash[NLC_SQUASH_LIMIT + x] = chance;
    }
    uint64_t power = 1;
    for (int k = 0; k < NLC_HASH_PARTS; k++)
        tables->multipliers[k] = power *= GOLDEN;
    nlc_crc32_prepare(&tables->crc32);
    return tables;
}

void nlc_adaptive_tables_free(nlc_adaptive_tables *tables) { free(tables); }
