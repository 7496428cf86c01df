/* What mixing begins with: tables, and the memory of contexts and weights. */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* for madvise() */
#endif
#include "jpeg_mix.h"

#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#if defined(__linux__) && defined(MADV_HUGEPAGE)
#define ALIGNED (UINT32_C(1) << 21) /* a large page */
#else
#define ALIGNED 64 /* a line of the processor's cache */
#endif
#define LEAST_CHANCE 32

static void make_tables(nlc_mix *mix, const nlc_adaptive_tables *tables) {
    const int32_t *squash = tables->squash + NLC_SQUASH_LIMIT;
    for (int k = 0; k < NLC_STRETCHED; k++) /* slots hold numbers with a sign */
        mix->stretch[k ^ NLC_STRETCHED / 2] =
            (int16_t)nlc_clamp(tables->stretch[k], -NLC_VECTOR_ODDS, NLC_VECTOR_ODDS);
    for (int32_t x = -NLC_VECTOR_ODDS; x <= NLC_VECTOR_ODDS; x++)
        mix->squash[x + NLC_VECTOR_ODDS] = (uint16_t)nlc_clamp(squash[x] >> 6, LEAST_CHANCE, 65536 - LEAST_CHANCE);
    for (int32_t x = 0; x <= NLC_MIX_SOFT; x += 2) {
        const int32_t soft = 17 * 256 - nlc_logarithm((uint32_t)squash[x] >> 5);
        for (int32_t same = x; same < x + 2; same++) { /* what is added depends on even numbers alone */
            mix->soft[NLC_MIX_SOFT - same] = (int16_t)soft;
            mix->soft[NLC_MIX_SOFT + same] = (int16_t)(same + soft);
        }
    }
    for (int32_t x = 1; x <= NLC_MIX_GAPS; x++)
        mix->gaps[x] = (int16_t)(nlc_logarithm((uint32_t)(2 * squash[x] - (1 << NLC_CHANCE_BITS)) >> 5) -
                                 nlc_logarithm((uint32_t)squash[x] >> 5));
    mix->gaps[0] = mix->gaps[1];
    for (int n = 0; n <= NLC_MIX_SLOT_COUNTS; n++)
        mix->slot_paces[n] = (nlc_mix_pace){(1 << 14) / (2 * n + 5), n < NLC_MIX_SLOT_COUNTS};
    for (int n = 0; n <= NLC_MIX_SPREAD_COUNTS; n++)
        mix->spread_paces[n] = (nlc_mix_pace){2 * 65536 / (2 * n + 3), (uint32_t)(n < 30 ? n + 1 : n)};
}

/* Slots that are 0; a system that can is asked for few large pages: thousands of small ones take as long as to code a
 * small picture.
 */
static nlc_mix_slot *empty_slots(uint8_t **memory) {
    const size_t size = sizeof(nlc_mix_slot) << NLC_MIX_SLOT_BITS;
    *memory = calloc(size + ALIGNED, 1);
    if (!*memory)
        return NULL;
    uint8_t *first = *memory + (0 - (uintptr_t)*memory) % ALIGNED;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    (void)madvise(first, size, MADV_HUGEPAGE);
#endif
    return (nlc_mix_slot *)first;
}

int nlc_mix_begin(nlc_mix *mix, const nlc_adaptive_tables *tables, uint32_t first_sets, uint32_t second_sets,
                  nlc_jpeg_bytes *out, const uint8_t *data, size_t size) {
    mix->slots = empty_slots(&mix->memory);
    mix->first_sets = malloc(first_sets * sizeof *mix->first_sets);
    mix->second_sets = malloc(second_sets * sizeof *mix->second_sets);
    if (!mix->memory || !mix->first_sets || !mix->second_sets)
        return 0;
    make_tables(mix, tables);
    nlc_coder_begin(&mix->coder, out, data, size);
    return 1;
}

void nlc_mix_free(nlc_mix *mix) {
    free(mix->memory);
    free(mix->first_sets);
    free(mix->second_sets);
}
