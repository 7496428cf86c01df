/* malloc, calloc and realloc of which one call fails: that of the number in the environment's FAILING, from 1 on.
 *
 * A program is compiled with these names in place of the usual ones. It says on standard error that the call fails.
 */
#undef malloc
#undef calloc
#undef realloc

#include <stdio.h>
#include <stdlib.h>

void *failing_malloc(size_t size);
void *failing_calloc(size_t count, size_t size);
void *failing_realloc(void *memory, size_t size);

static int fails(void) {
    static long calls;
    const char *number = getenv("FAILING");
    if (!number || ++calls != strtol(number, NULL, 10))
        return 0;
    fputs("an allocation fails\n", stderr);
    return 1;
}

void *failing_malloc(size_t size) { return fails() ? NULL : malloc(size); }

void *failing_calloc(size_t count, size_t size) { return fails() ? NULL : calloc(count, size); }

void *failing_realloc(void *memory, size_t size) { return fails() ? NULL : realloc(memory, size); }
