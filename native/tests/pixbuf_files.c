/* The loader of gdk-pixbuf asked as gdk-pixbuf asks it: prints the sentence of its error, or the image's size.
 *
 * "load FILE" reads a file; "pieces FILE" hands on its bytes, and then as many again, and stops after a refusal too.
 */
#define GDK_PIXBUF_ENABLE_BACKEND
#include <gdk-pixbuf/gdk-pixbuf.h>

#include <stdio.h>
#include <string.h>

void fill_vtable(GdkPixbufModule *module);

static void prepared(GdkPixbuf *pixbuf, GdkPixbufAnimation *animation, gpointer context) {
    (void)animation;
    (void)context;
    printf("shows %d x %d\n", gdk_pixbuf_get_width(pixbuf), gdk_pixbuf_get_height(pixbuf));
}

static void updated(GdkPixbuf *pixbuf, int x, int y, int width, int height, gpointer context) {
    (void)pixbuf;
    (void)x;
    (void)y;
    (void)width;
    (void)height;
    (void)context;
}

static void tell(const char *what, gboolean good, GError *error) {
    printf("%s: %s\n", what, good ? "good" : error ? error->message : "no sentence");
    g_clear_error(&error);
}

int main(int count, char **arguments) {
    GdkPixbufModule module;
    GError *error = NULL;
    memset(&module, 0, sizeof module);
    fill_vtable(&module);
    FILE *file = count == 3 ? fopen(arguments[2], "rb") : NULL;
    if (!file)
        return 2;
    if (!strcmp(arguments[1], "load")) {
        GdkPixbuf *made = module.load(file, &error);
        tell("load", made != NULL, error);
        g_clear_object(&made);
    } else {
        static guchar data[1 << 16];
        const size_t size = fread(data, 1, sizeof data, file);
        gpointer context = module.begin_load(NULL, prepared, updated, NULL, &error);
        for (int piece = 0; piece < 2; piece++) {
            error = NULL;
            const gboolean good = module.load_increment(context, data, (guint)size, &error);
            tell("piece", good, error);
        }
        error = NULL;
        const gboolean good = module.stop_load(context, &error);
        tell("stop", good, error);
    }
    fclose(file);
    return 0;
}
