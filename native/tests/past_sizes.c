/* Sizes whose products 32 bits do not hold are refused, and costs do not wrap: prints what fails. */
#include "../include/nelloc_past.h"

#include "../binding/sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int require(int good, const char *what) {
    if (!good)
        printf("%s\n", what);
    return good;
}

/* Samples of 255 where all are bounded to 0: the largest cost there is. */
static int costs_are_bounded(void) {
    enum { SIDE = 24, BLOCKS = 9 };
    static uint8_t low[4 * SIDE * SIDE], high[4 * SIDE * SIDE], samples[SIDE * SIDE], solved[BLOCKS];
    static int16_t coefficients[BLOCKS * NLC_PAST_BLOCK];
    uint16_t table[NLC_PAST_BLOCK];
    int64_t budget = 1000;
    for (int k = 0; k < NLC_PAST_BLOCK; k++)
        table[k] = 64;
    for (int k = 0; k < BLOCKS; k++)
        coefficients[k * NLC_PAST_BLOCK] = 16;
    memset(samples, 255, sizeof samples);
    const int status = nlc_past_repair(low, high, 2 * SIDE, 2 * SIDE, 2, 2, 3, 3, table, 10, &budget, coefficients,
                                       samples, solved);
    int good = status == NLC_PAST_OK;
    for (int k = 0; k < BLOCKS; k++) /* what is tried is nearer to the bounds, or what was there */
        good = good && solved[k] == NLC_PAST_UNSOLVED && coefficients[k * NLC_PAST_BLOCK] <= 16;
    return require(good, "a cost wraps");
}

int main(void) {
    int good = costs_are_bounded();
    good &= require(nlc_is_area(65535 * 4, 65535, 1, 4), "an area is not itself");
    good &= require(!nlc_is_area(0, 1 << 15, 1 << 15, 4), "an area of 2^32 bytes wraps");
    good &= require(!nlc_is_area(0, 1 << 13, 1 << 13, 64 * 4), "an area of 2^34 bytes wraps");
    if (sizeof(size_t) == 4) {
        float none = 0;
        const int status = nlc_past_reduce(&none, 1, 1, 1 << 15, 1 << 15, &none);
        good &= require(status == NLC_PAST_NO_MEMORY, "nlc_past_reduce multiplies sizes that wrap");
    }
    return !good;
}
