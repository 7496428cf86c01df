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
    if (data && fread(data, 1, *size, file) != *size)
        *size = 0; /* which is no .nlc file */
    fclose(file);
    return data;
}

static void print_pixels(const unsigned char *pixels, unsigned width, unsigned height) {
    printf("%u x %u\n", width, height);
    for (unsigned y = 0; y < height; y++)
        for (unsigned x = 0; x < width; x++, pixels += 4)
            printf("%u %u: %d %d %d %d\n", x, y, pixels[0], pixels[1], pixels[2], pixels[3]);
}

static int decode(nelloc_decoder *decoder, const void *data, size_t size) {
    int status = nelloc_open(decoder, data, size);
    if (status != NELLOC_OK)
        return status;
    const nelloc_image *image = nelloc_image_of(decoder);
    const size_t stride = (size_t)image->width * 4;
    unsigned char *pixels = malloc(stride * image->height);
    status = pixels ? nelloc_decode(decoder, NULL, NELLOC_RGBA8, 0, pixels, stride) : NELLOC_NO_MEMORY;
    if (status == NELLOC_OK)
        print_pixels(pixels, image->width, image->height);
    free(pixels);
    return status;
}

int main(int count, char **arguments) {
    const nelloc_options options = {.struct_size = sizeof options, .memory_limit = (size_t)512 << 20};
    nelloc_decoder *decoder = NULL;
    size_t size = 0;
    void *data = count == 2 ? read_file(arguments[1], &size) : NULL;
    int status = data ? nelloc_new(&options, &decoder) : NELLOC_BAD_ARGUMENT;
    if (!data)
        fprintf(stderr, "usage: example FILE.nlc\n");
    if (status == NELLOC_OK)
        status = decode(decoder, data, size);
    if (data && status != NELLOC_OK) /* there is a sentence, unless memory was short here, not in the library */
        fprintf(stderr, "%s: %s\n", arguments[1], *nelloc_error(decoder) ? nelloc_error(decoder) : "not enough memory");
    nelloc_free(decoder);
    free(data);
    return status != NELLOC_OK;
}
