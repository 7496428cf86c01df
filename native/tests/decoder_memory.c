/* The decoder without memory: each allocation fails in turn, and limits of all sizes are kept.
 *
 *     decoder_memory [-m MODEL.nlm]... FILE.nlc...
 *
 * native/lib/memory.c is compiled with -Dmalloc=failing_malloc -Dfree=counting_free, as tests/native/test_decoder.py
 * does. Whatever fails must say so, leave nothing allocated, and not spoil what is done afterwards.
 */
#include "decoder_files.h"

static long left_before_failure = -1; /* allocations; -1: none fails */
static long allocated, failures;
static size_t bytes, most_bytes;

void *failing_malloc(size_t size);
void counting_free(void *memory);

/* The size stands before what is given, in room that keeps it aligned. */
#define ROOM 64

void *failing_malloc(size_t size) {
    if (left_before_failure >= 0 && left_before_failure-- == 0) {
        failures++;
        return NULL;
    }
    unsigned char *memory = malloc(size + ROOM);
    if (!memory)
        return NULL;
    memcpy(memory, &size, sizeof size);
    allocated++;
    bytes += size;
    most_bytes = bytes > most_bytes ? bytes : most_bytes;
    return memory + ROOM;
}

void counting_free(void *memory) {
    if (!memory)
        return;
    size_t size;
    memcpy(&size, (unsigned char *)memory - ROOM, sizeof size);
    bytes -= size;
    allocated--;
    free((unsigned char *)memory - ROOM);
}

/* Decode a file from the beginning to the end; the hash of its pixels if that goes well. */
static int decode(const file_bytes *file, size_t limit, uint32_t *hash) {
    const nelloc_options options = options_of("plain", limit);
    nelloc_decoder *decoder = NULL;
    int status = nelloc_new(&options, &decoder);
    if (status == NELLOC_OK)
        status = nelloc_open(decoder, file->data, file->size);
    if (status == NELLOC_OK) {
        const nelloc_image *image = nelloc_image_of(decoder);
        uint8_t *pixels = malloc(stride_of(image) * image->height);
        require(pixels != NULL, "malloc", "no memory");
        status = nelloc_decode(decoder, NULL, NELLOC_AS_STORED, 0, pixels, stride_of(image));
        if (status == NELLOC_OK)
            *hash = hash_of(image, pixels);
        if (status == NELLOC_OK && image->jpeg_bytes)
            status = hash_jpeg(decoder, 0, hash);
        free(pixels);
    }
    if (status != NELLOC_OK && decoder)
        require(strstr(nelloc_error(decoder), "memory") != NULL, "decode", nelloc_error(decoder));
    nelloc_free(decoder);
    return status;
}

static void fail_in_turn(const char *name, const file_bytes *file, uint32_t right) {
    for (long turn = 0;; turn++) {
        const long before = failures;
        uint32_t hash = 0;
        left_before_failure = turn;
        const int status = decode(file, 0, &hash);
        left_before_failure = -1;
        require(allocated == 0 && bytes == 0, name, "memory is still allocated");
        require(status == (failures > before ? NELLOC_NO_MEMORY : NELLOC_OK), name, "a failure is not told");
        if (status == NELLOC_OK) {
            require(turn > 4 && hash == right, name, "other pixels came back");
            return;
        }
    }
}

static void limit_memory(const char *name, const file_bytes *file, uint32_t right) {
    most_bytes = 0;
    uint32_t hash = 0;
    require(decode(file, 0, &hash) == NELLOC_OK && hash == right, name, "cannot be decoded");
    const size_t needed = most_bytes;
    for (size_t limit = 1; limit < needed; limit += 1 + needed / 40) {
        most_bytes = 0;
        const int status = decode(file, limit, &hash); /* with less memory it may be decoded in smaller parts */
        require(status == NELLOC_NO_MEMORY || (status == NELLOC_OK && hash == right), name, "a limit is not told");
        require(most_bytes <= limit, name, "more memory is taken than allowed");
        require(allocated == 0, name, "memory is still allocated");
    }
    require(decode(file, needed, &hash) == NELLOC_OK, name, "cannot be decoded in what it needs");
}

int main(int count, char **arguments) {
    for (int k = 1; k < count; k++) {
        if (!strcmp(arguments[k], "-m") && k + 1 < count && model_count < MOST_MODELS) {
            models[model_count++] = read_all(arguments[++k]);
            continue;
        }
        const file_bytes file = read_all(arguments[k]);
        uint32_t right = 0;
        require(decode(&file, 0, &right) == NELLOC_OK, arguments[k], "cannot be decoded");
        limit_memory(arguments[k], &file, right);
        fail_in_turn(arguments[k], &file, right);
        free(file.data);
    }
    free_models();
    printf("%ld allocations failed\n", failures);
    return 0;
}
