#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_MSC_VER)
#define NLC_OF_THIS_THREAD __declspec(thread)
#else
#define NLC_OF_THIS_THREAD _Thread_local
#endif

/* What stands before allocated memory, padded so that the memory is aligned for anything. */
typedef union {
    struct {
        nlc_budget *budget;
        size_t size;
    } of;
    long double number;
    void *pointer;
    uint64_t padding[2];
} head;

/* Who pays is set for the time of a call of the library, never between calls. */
static NLC_OF_THIS_THREAD nlc_budget *payer;

nlc_budget *nlc_pay(nlc_budget *budget) {
    nlc_budget *before = payer;
    payer = budget;
    return before;
}

static void *allocate(nlc_budget *budget, size_t size) {
    if (size > SIZE_MAX - sizeof(head))
        return NULL;
    const size_t whole = size + sizeof(head);
    if (budget->limit && whole > budget->limit - budget->used) {
        budget->refused = 1;
        return NULL;
    }
    head *made = malloc(whole);
    if (!made)
        return NULL;
    made->of.budget = budget;
    made->of.size = whole;
    budget->used += whole;
    return made + 1;
}

void *nlc_get(nlc_budget *budget, size_t count, size_t size) {
    if (size && count > SIZE_MAX / size)
        return NULL;
    void *made = allocate(budget, count * size);
    if (made)
        memset(made, 0, count * size);
    return made;
}

void nlc_put(void *memory) {
    if (!memory)
        return;
    head *made = (head *)memory - 1;
    made->of.budget->used -= made->of.size;
    free(made);
}

void nlc_move_budget(void *memory, nlc_budget *to) {
    head *made = (head *)memory - 1;
    *to = *made->of.budget;
    made->of.budget = to;
}

void *nlc_core_malloc(size_t size) { return payer ? allocate(payer, size) : NULL; }
void *nlc_core_calloc(size_t count, size_t size) { return payer ? nlc_get(payer, count, size) : NULL; }
void nlc_core_free(void *memory) { nlc_put(memory); }
