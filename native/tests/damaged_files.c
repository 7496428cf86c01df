/* Files that are cut short at each byte, and changed in each bit: an error each time, or the right pixels.
 *
 *     damaged_files [-m MODEL.nlm]... FILE.nlc...
 */
#include "decoder_files.h"

/* What a file decodes to; pixels of `image` are hashed. */
typedef struct {
    int status;
    uint32_t hash, width, height;
    int kind;
} outcome;

/* Memory of just the file's size, so that a sanitizer sees what reads further. */
static outcome decode(nelloc_decoder *decoder, const uint8_t *data, size_t size, unsigned flags) {
    outcome found;
    memset(&found, 0, sizeof found);
    uint8_t *own = malloc(size ? size : 1);
    require(own != NULL, "malloc", "no memory");
    memcpy(own, data, size);
    found.status = nelloc_open(decoder, own, size);
    if (found.status == NELLOC_OK) {
        const nelloc_image *image = nelloc_image_of(decoder);
        const size_t stride = stride_of(image);
        uint8_t *pixels = calloc(stride, image->height);
        require(pixels != NULL, "malloc", "no memory");
        found.status = nelloc_decode(decoder, NULL, NELLOC_AS_STORED, flags, pixels, stride);
        found.width = image->width;
        found.height = image->height;
        found.kind = image->kind;
        found.hash = found.status == NELLOC_OK ? hash_of(image, pixels) : 0;
        if (found.status == NELLOC_OK && image->jpeg_bytes)
            found.status = hash_jpeg(decoder, flags, &found.hash);
        require(flags || found.status != NELLOC_OK || !image->damaged_tiles, "decode", "damage is not told");
        free(pixels);
    }
    require(found.status == NELLOC_OK || nelloc_error(decoder)[0], "decode", "an error without a sentence");
    free(own);
    return found;
}

static void spoil(nelloc_decoder *decoder, const char *name) {
    const file_bytes file = read_all(name);
    uint8_t *changed = malloc(file.size);
    require(changed != NULL, name, "no memory");
    const outcome right = decode(decoder, file.data, file.size, 0);
    long refused = 0, kept = 0;
    require(right.status == NELLOC_OK, name, nelloc_error(decoder));
    for (size_t size = 0; size < file.size; size++) {
        require(decode(decoder, file.data, size, 0).status != NELLOC_OK, name, "cut short, and yet decoded");
        decode(decoder, file.data, size, NELLOC_ALLOW_DAMAGED);
    }
    for (size_t bit = 0; bit < 8 * file.size; bit++) {
        memcpy(changed, file.data, file.size);
        changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const outcome found = decode(decoder, changed, file.size, 0);
        if (found.status == NELLOC_OK) {
            require(found.hash == right.hash && found.width == right.width && found.height == right.height &&
                        found.kind == right.kind,
                    name, "other pixels from a changed file");
            kept++;
        } else {
            refused++;
            decode(decoder, changed, file.size, NELLOC_ALLOW_DAMAGED);
        }
    }
    printf("%s %zu bytes, %ld changes refused, %ld of no consequence\n", name, file.size, refused, kept);
    free(changed);
    free(file.data);
}

int main(int count, char **arguments) {
    const nelloc_options options = options_of(NULL, (size_t)64 << 20);
    nelloc_decoder *decoder;
    require(nelloc_new(&options, &decoder) == NELLOC_OK, "nelloc_new", "failed");
    for (int k = 1; k < count; k++) {
        if (!strcmp(arguments[k], "-m") && k + 1 < count && model_count < MOST_MODELS)
            models[model_count++] = read_all(arguments[++k]);
        else
            spoil(decoder, arguments[k]);
    }
    nelloc_free(decoder);
    free_models();
    return 0;
}
