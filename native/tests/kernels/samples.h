/* Samples of calls for check_kernels.c: inputs, outputs between guards, and choices at random. */
#ifndef KERNEL_SAMPLES_H
#define KERNEL_SAMPLES_H

#include "../../src/core.h"
#include "../random_model.h"

#define GUARD 64
#define MOST_BUFFERS 8

/* A buffer between guards, which nothing may change. */
typedef struct {
    uint8_t *memory;
    size_t size;
    int compared; /* whether the twin must leave the same in it */
} buffer;

/* Inputs, outputs and arguments of one call. */
typedef struct {
    const nlc_kernels *kernels;
    nlc_model *model;
    random_model *source;
    choices *from;
    size_t size[6];
    int32_t number[2];
    buffer buffers[MOST_BUFFERS];
    void *at[MOST_BUFFERS]; /* their contents */
    size_t count;
    nlc_layer layer;
    nlc_block block;
    int32_t result;
} sample;

static uint8_t guard_byte(size_t k) { return (uint8_t)(0xa5 ^ (k * 37)); }

static void *new_buffer(sample *s, size_t size, int compared) {
    buffer *made = &s->buffers[s->count];
    made->memory = malloc(size + 2 * GUARD);
    if (!made->memory)
        abort();
    made->size = size;
    made->compared = compared;
    for (size_t k = 0; k < GUARD; k++)
        made->memory[k] = made->memory[GUARD + size + k] = guard_byte(k);
    memset(made->memory + GUARD, 0, size);
    return s->at[s->count++] = made->memory + GUARD;
}

/* The contents of a buffer that a kernel writes: what was there before is known, so that leaving it is compared too. */
static void *new_output(sample *s, size_t size) {
    uint8_t *made = new_buffer(s, size, 1);
    for (size_t k = 0; k < size; k++)
        made[k] = (uint8_t)draw(s->from, 0, 255);
    return made;
}

/* A buffer that kernels read. It ends where the memory does, so that a sanitizer sees what reads further. */
static void *new_input(sample *s, size_t size) {
    buffer *made = &s->buffers[s->count];
    made->memory = malloc(size ? size : 1);
    if (!made->memory)
        abort();
    made->size = 0;
    made->compared = -1;
    return s->at[s->count++] = made->memory;
}

static int guards_hold(const sample *s) {
    for (size_t k = 0; k < s->count; k++)
        for (size_t byte = 0; s->buffers[k].compared >= 0 && byte < GUARD; byte++)
            if (s->buffers[k].memory[byte] != guard_byte(byte) ||
                s->buffers[k].memory[GUARD + s->buffers[k].size + byte] != guard_byte(byte))
                return 0;
    return 1;
}

static void free_sample(sample *s) {
    for (size_t k = 0; k < s->count; k++)
        free(s->buffers[k].memory);
}

static size_t pick(sample *s, int32_t least, int32_t most) { return (size_t)draw(s->from, least, most); }

static int32_t any_integer(sample *s) {
    return extreme(s->from, -(1 << 24) + 1, (1 << 24) - 1) >> draw(s->from, 0, 20);
}

static void fill_integers(sample *s, int32_t *to, size_t count) {
    for (size_t k = 0; k < count; k++)
        to[k] = any_integer(s);
}

#endif
