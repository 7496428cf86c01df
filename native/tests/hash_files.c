/* What libnelloc makes of files, a line each, to compare with what others make of them.
 *
 *     hash_files CPU [-m MODEL.nlm]... [-b BYTES] [-r X,Y,W,H] FILE.nlc...
 *
 * decodes on the CPU level (the fastest of "") and prints for each file its name, width, height, kind, and the CRC-32
 * of its samples as they are stored; or its name, "error", the status, and the sentence of the error. With CPU "levels"
 * it prints the levels that this machine has. -b bounds the memory, -r decodes a part.
 */
#include "decoder_files.h"

static nelloc_region part;
static int has_part;

static void fail(nelloc_decoder *decoder, const char *name, int status) {
    printf("%s error %d %s\n", name, status, nelloc_error(decoder));
}

static void show(nelloc_decoder *decoder, const char *name) {
    const file_bytes file = read_all(name);
    int status = nelloc_open(decoder, file.data, file.size);
    if (status != NELLOC_OK) {
        fail(decoder, name, status);
        free(file.data);
        return;
    }
    nelloc_image image = *nelloc_image_of(decoder);
    if (has_part) {
        image.width = part.width;
        image.height = part.height;
    }
    const size_t stride = stride_of(&image);
    uint8_t *pixels = malloc(stride * image.height);
    require(pixels != NULL, name, "no memory");
    status = nelloc_decode(decoder, has_part ? &part : NULL, NELLOC_AS_STORED, 0, pixels, stride);
    if (status != NELLOC_OK)
        fail(decoder, name, status);
    else
        printf("%s %u %u %d %08x\n", name, (unsigned)image.width, (unsigned)image.height, image.kind,
               (unsigned)hash_of(&image, pixels));
    free(pixels);
    free(file.data);
}

static void show_levels(void) {
    for (int level = 0; nelloc_name(NELLOC_NAME_OF_CPU, level); level++) {
        const nelloc_options options = options_of(nelloc_name(NELLOC_NAME_OF_CPU, level), 0);
        nelloc_decoder *decoder;
        if (nelloc_new(&options, &decoder) == NELLOC_OK)
            printf("%s\n", options.cpu);
        nelloc_free(decoder);
    }
}

int main(int count, char **arguments) {
    nelloc_options options = options_of(count > 1 ? arguments[1] : NULL, 0);
    if (count > 1 && !strcmp(arguments[1], "levels")) {
        show_levels();
        return 0;
    }
    nelloc_decoder *decoder = NULL;
    for (int k = 2; k < count; k++) {
        const char *value = k + 1 < count ? arguments[k + 1] : "";
        if (!strcmp(arguments[k], "-m") && model_count < MOST_MODELS) {
            models[model_count++] = read_all(value);
            k++;
        } else if (!strcmp(arguments[k], "-b")) {
            options.memory_limit = (size_t)strtoull(value, NULL, 10);
            k++;
        } else if (!strcmp(arguments[k], "-r")) {
            has_part = sscanf(value, "%u,%u,%u,%u", &part.left, &part.top, &part.width, &part.height) == 4;
            k++;
        } else {
            if (!decoder && nelloc_new(&options, &decoder) != NELLOC_OK) {
                fprintf(stderr, "this machine does not have %s, or there is no memory\n", options.cpu);
                return 3;
            }
            show(decoder, arguments[k]);
        }
    }
    nelloc_free(decoder);
    free_models();
    return 0;
}
