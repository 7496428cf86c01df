/* Walks of the Python module: tiles that are encoded, decoded or drawn side by side. */
#include "binding.h"

static const char WALK[] = "nelloc._native.walk";

/* A walk, and what must live as long. */
typedef struct {
    nlc_walk *walk;
    PyObject *model, *lattice; /* lattice: or NULL */
    Py_buffer *views;
    Py_ssize_t count;
} owner;

static void free_owner(owner *own) {
    nlc_walk_free(own->walk);
    for (Py_ssize_t k = 0; k < own->count; k++)
        PyBuffer_Release(&own->views[k]);
    PyMem_Free(own->views);
    Py_XDECREF(own->model);
    Py_XDECREF(own->lattice);
    PyMem_Free(own);
}

static void free_walk(PyObject *capsule) { free_owner(PyCapsule_GetPointer(capsule, WALK)); }

static int hold(owner *own, PyObject *object, int writable, Py_buffer **held) {
    Py_buffer *view = &own->views[own->count];
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0)) < 0)
        return -1;
    own->count++;
    *held = view;
    return 0;
}

/* One tile of walk(): (height, width, samples, data or numbers or None, seed). */
static int read_tile(owner *own, PyObject *given, int mode, int planes, int bytes, int digits, nlc_tile *tile) {
    PyObject *samples, *source;
    Py_buffer *view;
    unsigned int seed;
    if (!PyArg_ParseTuple(given, "iiOOI", &tile->height, &tile->width, &samples, &source, &seed))
        return -1;
    tile->seed = seed;
    if (hold(own, samples, mode != NLC_ENCODE, &view) < 0)
        return -1;
    if (tile->height < 1 || tile->width < 1 || tile->height > NLC_MOST_TILE_PIXELS / tile->width)
        goto mismatch;
    const int64_t count = (int64_t)tile->height * tile->width * planes;
    if (view->len != count * bytes)
        goto mismatch;
    tile->samples = view->buf;
    if (mode == NLC_ENCODE)
        return 0;
    if (hold(own, source, 0, &view) < 0)
        return -1;
    if (mode == NLC_DECODE) {
        tile->data = view->buf;
        tile->size = (size_t)view->len;
    } else {
        if (view->len != count * digits * (int64_t)sizeof(uint32_t))
            goto mismatch;
        tile->numbers = view->buf;
    }
    return 0;
mismatch:
    PyErr_SetString(PyExc_ValueError, "a tile's arrays do not fit its size");
    return -1;
}

/* walk(model, mode, planes, learns, measure, lattice or None, tiles): a tile is (height, width, samples, data,
 * seed). */
static PyObject *new_walk(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule, *rule, *tile_list;
    int mode, planes, learns, measure;
    if (!PyArg_ParseTuple(arguments, "OiiipOO!", &capsule, &mode, &planes, &learns, &measure, &rule, &PyList_Type,
                          &tile_list))
        return NULL;
    const nlc_model *model = PyCapsule_GetPointer(capsule, NLC_MODEL_CAPSULE);
    const nlc_lattice *lattice = rule == Py_None ? NULL : PyCapsule_GetPointer(rule, NLC_LATTICE_CAPSULE);
    if (!model || (!lattice && rule != Py_None))
        return NULL;
    const Py_ssize_t count = PyList_Size(tile_list);
    const int bits = nlc_model_bits(model), bytes = bits > 8 ? 2 : 1;
    if (mode < NLC_DECODE || mode > NLC_DRAW || planes < 1 || planes > 3)
        return nlc_error(NLC_BAD_ARGUMENT);
    owner *own = PyMem_Calloc(1, sizeof *own);
    nlc_tile *tiles = PyMem_Calloc((size_t)count + 1, sizeof *tiles);
    if (own)
        own->views = PyMem_Calloc(2 * (size_t)count + 1, sizeof *own->views);
    PyObject *made = NULL;
    if (own && tiles && own->views) {
        Py_INCREF(capsule);
        own->model = capsule;
        if (lattice) {
            Py_INCREF(rule);
            own->lattice = rule;
        }
        int good = 1;
        for (Py_ssize_t k = 0; good && k < count; k++)
            good = read_tile(own, PyList_GetItem(tile_list, k), mode, planes, bytes, bits / 2, &tiles[k]) == 0;
        if (good) {
            const int status =
                nlc_walk_new(model, mode, planes, learns, measure, lattice, tiles, (size_t)count, &own->walk);
            made = status == NLC_OK ? PyCapsule_New(own, WALK, free_walk) : nlc_error(status);
        }
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(tiles);
    if (!made && own)
        free_owner(own);
    return made;
}

static PyObject *run(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule;
    Py_ssize_t pixels;
    if (!PyArg_ParseTuple(arguments, "On", &capsule, &pixels))
        return NULL;
    owner *own = PyCapsule_GetPointer(capsule, WALK);
    if (!own)
        return NULL;
    size_t done = 0;
    int status = NLC_BAD_ARGUMENT;
    if (pixels > 0) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_walk_run(own->walk, (size_t)pixels, &done);
        Py_END_ALLOW_THREADS
    }
    return status == NLC_OK ? PyLong_FromSize_t(done) : nlc_error(status);
}

static PyObject *stream(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule;
    Py_ssize_t tile;
    if (!PyArg_ParseTuple(arguments, "On", &capsule, &tile))
        return NULL;
    const owner *own = PyCapsule_GetPointer(capsule, WALK);
    const uint8_t *data;
    size_t size;
    double bits;
    if (!own)
        return NULL;
    const int status = tile < 0 ? NLC_BAD_ARGUMENT : nlc_walk_stream(own->walk, (size_t)tile, &data, &size, &bits);
    return status == NLC_OK ? Py_BuildValue("(y#d)", (const char *)data, (Py_ssize_t)size, bits) : nlc_error(status);
}

static PyObject *ends_with(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule;
    Py_ssize_t tile;
    unsigned int seed;
    if (!PyArg_ParseTuple(arguments, "OnI", &capsule, &tile, &seed))
        return NULL;
    const owner *own = PyCapsule_GetPointer(capsule, WALK);
    return own ? PyBool_FromLong(tile >= 0 && nlc_walk_ends_with(own->walk, (size_t)tile, seed)) : NULL;
}

PyMethodDef nlc_walk_methods[] = {
    {"walk", new_walk, METH_VARARGS, "Prepare to code tiles."},
    {"run", run, METH_VARARGS, "Code some pixels; returns how many, 0 at the end."},
    {"stream", stream, METH_VARARGS, "The stream of an encoded tile, and the bits that were measured."},
    {"ends_with", ends_with, METH_VARARGS, "Whether a decoded tile's stream ends with a seed."},
    {NULL, NULL, 0, NULL},
};
