/* Write model files as C: the models that are built into libnelloc.
 *
 *     embed OUT.c MODEL.nlm...
 *
 * is run while the library is built, on the machine that builds it.
 */
#include "sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MODELS 256

static void fail(const char *name, const char *problem) {
    fprintf(stderr, "embed: %s: %s\n", name, problem);
    exit(1);
}

/* The name of a model: that of its file, without folders and ending. */
static void put_name(FILE *out, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    fprintf(out, "%.*s", (int)(dot ? (size_t)(dot - name) : strlen(name)), name);
}

int main(int count, char **arguments) {
    if (count < 2 || count - 2 > MOST_MODELS)
        fail("usage", "embed OUT.c MODEL.nlm...");
    FILE *out = fopen(arguments[1], "w");
    if (!out)
        fail(arguments[1], "cannot be written");
    uint8_t ids[MOST_MODELS][NLC_ID_BYTES];
    size_t sizes[MOST_MODELS];
    fprintf(out, "/* Made by embed.c from model files. */\n#include \"model_file.h\"\n");
    for (int k = 2; k < count; k++) {
        FILE *file = fopen(arguments[k], "rb");
        if (!file || fseek(file, 0, SEEK_END))
            fail(arguments[k], "cannot be read");
        const long size = ftell(file);
        uint8_t *data = size > 0 ? malloc((size_t)size) : NULL;
        rewind(file);
        if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
            fail(arguments[k], "cannot be read");
        fclose(file);
        nlc_model_id(data, (size_t)size, ids[k - 2]);
        sizes[k - 2] = (size_t)size;
        fprintf(out, "static const uint8_t model%d[] = {", k - 2);
        for (long at = 0; at < size; at++)
            fprintf(out, "%s%d,", at % 32 ? "" : "\n", data[at]);
        fprintf(out, "\n};\n");
        free(data);
    }
    /* An array has at least an entry; the last one counts for none. */
    fprintf(out, "const nlc_shipped_model nlc_shipped_models[] = {\n");
    for (int k = 0; k < count - 2; k++) {
        fprintf(out, "    {\"");
        put_name(out, arguments[k + 2]);
        fprintf(out, "\", {%d, %d, %d, %d}, model%d, %zu},\n", ids[k][0], ids[k][1], ids[k][2], ids[k][3], k, sizes[k]);
    }
    fprintf(out, "    {0, {0, 0, 0, 0}, 0, 0},\n};\nconst size_t nlc_shipped_count = %d;\n", count - 2);
    if (fclose(out))
        fail(arguments[1], "cannot be written");
    return 0;
}
