/* Give a harness the files that are named, one by one, where there is no libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int count, char **arguments) {
    for (int k = 1; k < count; k++) {
        FILE *file = fopen(arguments[k], "rb");
        if (!file || fseek(file, 0, SEEK_END) || ftell(file) < 0) {
            fprintf(stderr, "%s cannot be read\n", arguments[k]);
            return 2;
        }
        const size_t size = (size_t)ftell(file);
        uint8_t *data = malloc(size ? size : 1); /* of just its size, so that a sanitizer sees what reads further */
        rewind(file);
        if (!data || fread(data, 1, size, file) != size) {
            fprintf(stderr, "%s cannot be read\n", arguments[k]);
            return 2;
        }
        fclose(file);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    printf("%d files\n", count - 1);
    return 0;
}
