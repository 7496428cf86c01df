/* Values and counts, coded with the contexts that were listed. */
#ifndef NLC_JPEG_VALUES_H
#define NLC_JPEG_VALUES_H

#include "jpeg_mix.h"

/* Each function codes with sets of weights from these two on, and gives back the value, which is known when it writes;
 * readers do not look at it. Writing and reading are compiled apart: a decision takes so little that it would be a
 * part of it to ask which one is meant.
 *
 * `number` codes three bits, most significant first, by four contexts. The others code a value of any sign by its
 * digits, by two contexts with 16 nodes and what is `expected` of it in one way, or in two.
 */
typedef struct {
    int (*number)(nlc_mix *mix, uint32_t first_set, uint32_t second_set, int value);
    int32_t (*value)(nlc_mix *mix, uint32_t first_set, uint32_t second_set, const nlc_mix_expectation *expected,
                     int32_t value);
    int32_t (*value_of_two)(nlc_mix *mix, uint32_t first_set, uint32_t second_set,
                            const nlc_mix_expectation expected[NLC_MIX_EXPECTATIONS], int32_t value);
} nlc_value_functions;

extern const nlc_value_functions nlc_value_writer, nlc_value_reader;

#endif
