/* Memory of a decoder, which its caller may bound.
 *
 * The core allocates by malloc, calloc and free. In this library it is compiled with these names defined as the
 * functions of this file so that what it takes is counted too, whatever methods are added.
 */
#ifndef NLC_MEMORY_H
#define NLC_MEMORY_H

#include <stddef.h>

/* What may be allocated, and what is. */
typedef struct {
    size_t limit, used;
    int refused; /* 1 if an allocation failed because of the limit */
} nlc_budget;

/* Zeroed memory for `count` things of `size` bytes, or NULL; given back by nlc_put, which takes NULL too. */
void *nlc_get(nlc_budget *budget, size_t count, size_t size);
void nlc_put(void *memory);

/* Let another budget, which takes over the numbers of the one before, pay for memory. */
void nlc_move_budget(void *memory, nlc_budget *to);

/* Let a budget pay for what the core allocates in this thread, until it is put back; returns the one before. */
nlc_budget *nlc_pay(nlc_budget *budget);

void *nlc_core_malloc(size_t size);
void *nlc_core_calloc(size_t count, size_t size);
void nlc_core_free(void *memory);

#endif
