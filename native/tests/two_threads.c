/* Decoders in several threads at once: the same pixels as one after the other. Compiled with ThreadSanitizer.
 *
 *     two_threads [-m MODEL.nlm]... FILE.nlc...
 */
#include "decoder_files.h"

#include <pthread.h>

#define THREADS 4
#define MOST_FILES 64

static const char *names[MOST_FILES];
static file_bytes files[MOST_FILES];
static int file_count;

/* A thread, the file that it begins with, and the hash of what each file decodes to. */
typedef struct {
    pthread_t thread;
    int first;
    uint32_t hashes[MOST_FILES];
} worker;

static void *work(void *given) {
    worker *own = given;
    const nelloc_options options = options_of(NULL, (size_t)64 << 20);
    nelloc_decoder *decoder;
    require(nelloc_new(&options, &decoder) == NELLOC_OK, "nelloc_new", "failed");
    for (int k = 0; k < file_count; k++) {
        const int file = (own->first + k) % file_count;
        require(nelloc_open(decoder, files[file].data, files[file].size) == NELLOC_OK, names[file],
                nelloc_error(decoder));
        const nelloc_image *image = nelloc_image_of(decoder);
        uint8_t *pixels = malloc(stride_of(image) * image->height);
        require(pixels != NULL, "malloc", "no memory");
        require(nelloc_decode(decoder, NULL, NELLOC_AS_STORED, 0, pixels, stride_of(image)) == NELLOC_OK, names[file],
                nelloc_error(decoder));
        own->hashes[file] = hash_of(image, pixels);
        if (image->jpeg_bytes)
            require(hash_jpeg(decoder, 0, &own->hashes[file]) == NELLOC_OK, names[file], nelloc_error(decoder));
        free(pixels);
    }
    nelloc_free(decoder);
    return NULL;
}

int main(int count, char **arguments) {
    static worker alone, workers[THREADS];
    for (int k = 1; k < count; k++) {
        if (!strcmp(arguments[k], "-m") && k + 1 < count && model_count < MOST_MODELS) {
            models[model_count++] = read_all(arguments[++k]);
        } else if (file_count < MOST_FILES) {
            names[file_count] = arguments[k];
            files[file_count++] = read_all(arguments[k]);
        }
    }
    work(&alone);
    for (int k = 0; k < THREADS; k++) {
        workers[k].first = k;
        require(pthread_create(&workers[k].thread, NULL, work, &workers[k]) == 0, "pthread_create", "failed");
    }
    for (int k = 0; k < THREADS; k++) {
        require(pthread_join(workers[k].thread, NULL) == 0, "pthread_join", "failed");
        require(memcmp(workers[k].hashes, alone.hashes, sizeof alone.hashes) == 0, "a thread", "other pixels");
    }
    for (int k = 0; k < file_count; k++)
        free(files[k].data);
    free_models();
    printf("%d files in %d threads\n", file_count, THREADS);
    return 0;
}
