/* A loader of gdk-pixbuf on libnelloc: .nlc files in Eye of GNOME, Thunar, GIMP's file chooser and others.
 *
 * It shows what is to be seen: red, green, blue and alpha of 8 bits. Of metadata it hands on the ICC profile. What it
 * may take is bounded, as files of unknown origin are shown as thumbnails. native/viewers/CMakeLists.txt builds it, and
 * docs/EMBEDDING.md says how it is installed.
 */
#define GDK_PIXBUF_ENABLE_BACKEND
#include <gdk-pixbuf/gdk-pixbuf.h>

#include <nelloc.h>

#include <errno.h>
#include <string.h>

#define MOST_PIXELS (UINT64_C(1) << 28)
#define MOST_MEMORY ((size_t)1 << 30)
#ifndef MOST_FILE /* tests have less */
#define MOST_FILE ((guint)1 << 30)
#endif

G_MODULE_EXPORT void fill_vtable(GdkPixbufModule *module);
G_MODULE_EXPORT void fill_info(GdkPixbufFormat *info);

/* A file that comes piece by piece. */
typedef struct {
    GByteArray *bytes;
    gboolean too_large; /* a piece was refused */
    GdkPixbufModuleSizeFunc size_func;
    GdkPixbufModulePreparedFunc prepared_func;
    GdkPixbufModuleUpdatedFunc updated_func;
    gpointer user_data;
} progressive;

static int code_of(int status) {
    switch (status) {
    case NELLOC_NO_MEMORY: return GDK_PIXBUF_ERROR_INSUFFICIENT_MEMORY;
    case NELLOC_UNSUPPORTED: return GDK_PIXBUF_ERROR_UNSUPPORTED_OPERATION;
    default: return GDK_PIXBUF_ERROR_CORRUPT_IMAGE;
    }
}

static void set_error(GError **error, int status, const char *sentence) {
    g_set_error_literal(error, GDK_PIXBUF_ERROR, code_of(status), sentence);
}

static void hand_on_profile(const nelloc_decoder *decoder, GdkPixbuf *pixbuf) {
    nelloc_item item;
    for (uint32_t k = 0; nelloc_item_at(decoder, k, &item) == NELLOC_OK; k++)
        if (item.type == NELLOC_ICC) {
            gchar *text = g_base64_encode(item.data, item.size);
            gdk_pixbuf_set_option(pixbuf, "icc-profile", text);
            g_free(text);
            return;
        }
}

/* The image of a file in memory, or NULL and an error. */
static GdkPixbuf *decode(const guint8 *data, gsize size, const progressive *from, GError **error) {
    nelloc_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.max_pixels = MOST_PIXELS;
    options.memory_limit = MOST_MEMORY;
    nelloc_decoder *decoder = NULL;
    GdkPixbuf *pixbuf = NULL;
    int status = nelloc_new(&options, &decoder);
    if (status != NELLOC_OK) {
        set_error(error, status, "there is not enough memory");
        return NULL;
    }
    status = nelloc_open(decoder, data, size);
    const nelloc_image *image = status == NELLOC_OK ? nelloc_image_of(decoder) : NULL;
    if (image && (image->width > G_MAXINT || image->height > G_MAXINT)) {
        set_error(error, NELLOC_UNSUPPORTED, "it has more pixels than gdk-pixbuf can hold");
        nelloc_free(decoder);
        return NULL;
    }
    if (image && from && from->size_func) { /* a size of 0 asks for nothing but the size */
        gint width = (gint)image->width, height = (gint)image->height;
        from->size_func(&width, &height, from->user_data);
        if (!width || !height) {
            nelloc_free(decoder);
            return NULL;
        }
    }
    if (image) {
        pixbuf = gdk_pixbuf_new(GDK_COLORSPACE_RGB, TRUE, 8, (int)image->width, (int)image->height);
        if (!pixbuf)
            set_error(error, NELLOC_NO_MEMORY, "there is not enough memory for its pixels");
    }
    if (pixbuf)
        status = nelloc_decode(decoder, NULL, NELLOC_RGBA8, 0, gdk_pixbuf_get_pixels(pixbuf),
                               (size_t)gdk_pixbuf_get_rowstride(pixbuf));
    if (status != NELLOC_OK) {
        set_error(error, status, nelloc_error(decoder));
        g_clear_object(&pixbuf);
    } else if (pixbuf) {
        hand_on_profile(decoder, pixbuf);
    }
    nelloc_free(decoder);
    return pixbuf;
}

static void set_too_large(GError **error) {
    set_error(error, NELLOC_NO_MEMORY, "the file is larger than 1 GiB, which is more than is shown here");
}

/* Add to the bytes of a file, as far as is bearable. */
static gboolean add(GByteArray *bytes, const guchar *data, guint size, GError **error) {
    if (size > MOST_FILE - bytes->len) {
        set_too_large(error);
        return FALSE;
    }
    g_byte_array_append(bytes, data, size);
    return TRUE;
}

static GdkPixbuf *load(FILE *file, GError **error) {
    GByteArray *bytes = g_byte_array_new();
    guchar part[1 << 14];
    size_t count;
    gboolean good = TRUE;
    errno = 0;
    while (good && (count = fread(part, 1, sizeof part, file)) > 0)
        good = add(bytes, part, (guint)count, error);
    if (good && ferror(file)) {
        const int reason = errno;
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(reason), "it cannot be read (%s); check its disk",
                    g_strerror(reason));
        good = FALSE;
    }
    GdkPixbuf *pixbuf = good ? decode(bytes->data, bytes->len, NULL, error) : NULL;
    g_byte_array_unref(bytes);
    return pixbuf;
}

static gpointer begin_load(GdkPixbufModuleSizeFunc size_func, GdkPixbufModulePreparedFunc prepared_func,
                           GdkPixbufModuleUpdatedFunc updated_func, gpointer user_data, GError **error) {
    (void)error;
    progressive *made = g_new0(progressive, 1);
    made->bytes = g_byte_array_new();
    made->size_func = size_func;
    made->prepared_func = prepared_func;
    made->updated_func = updated_func;
    made->user_data = user_data;
    return made;
}

static gboolean load_increment(gpointer context, const guchar *data, guint size, GError **error) {
    progressive *to = context;
    if (!to->too_large && add(to->bytes, data, size, error))
        return TRUE;
    if (to->too_large)
        set_too_large(error);
    to->too_large = TRUE;
    return FALSE;
}

static gboolean stop_load(gpointer context, GError **error) {
    progressive *from = context;
    GError *own = NULL;
    GdkPixbuf *pixbuf = NULL;
    if (from->too_large) /* gdk-pixbuf stops also after a piece was refused: what came before is no whole file */
        set_too_large(&own);
    else
        pixbuf = decode(from->bytes->data, from->bytes->len, from, &own);
    if (pixbuf) {
        from->prepared_func(pixbuf, NULL, from->user_data);
        from->updated_func(pixbuf, 0, 0, gdk_pixbuf_get_width(pixbuf), gdk_pixbuf_get_height(pixbuf), from->user_data);
        g_object_unref(pixbuf);
    }
    g_byte_array_unref(from->bytes);
    g_free(from);
    if (!own)
        return TRUE;
    g_propagate_error(error, own);
    return FALSE;
}

void fill_vtable(GdkPixbufModule *module) {
    module->load = load;
    module->begin_load = begin_load;
    module->load_increment = load_increment;
    module->stop_load = stop_load;
}

void fill_info(GdkPixbufFormat *info) {
    static GdkPixbufModulePattern signature[] = {{(char *)"\x8eNL\n", NULL, 100}, {NULL, NULL, 0}};
    static gchar *types[] = {(gchar *)"image/x-nelloc", NULL}, *endings[] = {(gchar *)"nlc", NULL};
    info->name = (gchar *)"nlc";
    info->signature = signature;
    info->description = (gchar *)"nelloc lossless image";
    info->mime_types = types;
    info->extensions = endings;
    info->flags = GDK_PIXBUF_FORMAT_THREADSAFE;
    info->license = (gchar *)"MIT";
}
