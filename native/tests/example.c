/* Print the pixels of a .nlc file: docs/EMBEDDING.md explains this program.
 *
 *     cc example.c $(pkg-config --cflags --libs nelloc) -o example && ./example photograph.nlc
 */
#include <nelloc.h>

#include <stdio.h>
#include <stdlib.h>

static void *read_file(const char *name, size_t *size) {
    FILE *file = fopen(name, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    *size = (size_t)ftell(file);
    rewind(file);
    void *data = malloc(*size + 1);
    if (data && fread(data, 1, *size, file) != *size) {
        free(data);
        data = NULL;
    }
    fclose(file);
    return data;
}

static int print_pixels(nelloc_decoder *decoder) {
    const nelloc_image *image = nelloc_image_of(decoder);
    const size_t stride = (size_t)image->width * 4;
    unsigned char *pixels = malloc(stride * image->height);
    if (!pixels || nelloc_decode(decoder, NULL, NELLOC_RGBA8, 0, pixels, stride) != NELLOC_OK) {
        fprintf(stderr, "%s\n", pixels ? nelloc_error(decoder) : "there is not enough memory");
        free(pixels);
        return 1;
    }
    printf("%u x %u\n", (unsigned)image->width, (unsigned)image->height);
    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++) {
            const unsigned char *p = pixels + y * stride + 4 * x;
            printf("%zu %zu: %d %d %d %d\n", x, y, p[0], p[1], p[2], p[3]);
        }
    free(pixels);
    return 0;
}

int main(int count, char **arguments) {
    nelloc_options options = {.struct_size = sizeof options, .memory_limit = (size_t)512 << 20};
    nelloc_decoder *decoder = NULL;
    size_t size = 0;
    void *data = count == 2 ? read_file(arguments[1], &size) : NULL;
    int failed = 1;
    if (!data || nelloc_new(&options, &decoder) != NELLOC_OK)
        fprintf(stderr, "usage: example FILE.nlc\n");
    else if (nelloc_open(decoder, data, size) != NELLOC_OK)
        fprintf(stderr, "%s: %s\n", arguments[1], nelloc_error(decoder));
    else
        failed = print_pixels(decoder);
    nelloc_free(decoder);
    free(data);
    return failed;
}
