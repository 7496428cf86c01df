/* The Python module nelloc._native: the core's functions over buffers, with Python's stable ABI.
 *
 * It checks what would make the core read or write outside of a buffer, and nothing else: policy is Python's. Loops
 * over pixels run without the interpreter's lock.
 */
#include "binding.h"

#include <string.h>

static const char MODEL[] = "nelloc._native.model", WALK[] = "nelloc._native.walk", LATTICE[] = "nelloc._native.lattice";

PyObject *nlc_error(int status) {
    if (status == NLC_NO_MEMORY)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, "an argument is outside of its range");
    return NULL;
}

int nlc_ask(void *context) {
    nlc_watcher *watch = context;
    if (watch->function == Py_None)
        return 0;
    PyEval_RestoreThread(watch->state);
    PyObject *answer = PyObject_CallNoArgs(watch->function);
    const int stopped = answer == NULL;
    Py_XDECREF(answer);
    watch->state = PyEval_SaveThread();
    return stopped;
}

/* --- levels ------------------------------------------------------------------------------------------------- */

static PyObject *levels(PyObject *self, PyObject *arguments) {
    (void)self;
    (void)arguments;
    PyObject *found = PyList_New(0);
    for (int level = 0; found && level < NLC_LEVELS; level++) {
        PyObject *entry = Py_BuildValue("(sO)", nlc_level_name(level), nlc_level_available(level) ? Py_True : Py_False);
        if (!entry || PyList_Append(found, entry) < 0)
            Py_CLEAR(found);
        Py_XDECREF(entry);
    }
    return found;
}

/* --- models ------------------------------------------------------------------------------------------------- */

static void free_model(PyObject *capsule) { nlc_model_free(PyCapsule_GetPointer(capsule, MODEL)); }

/* The integers of a buffer of int32, or of one of `count` if that is not 0; released with the others. */
typedef struct {
    Py_buffer views[4 * NLC_BINDING_LAYERS];
    int count;
} buffers;

static const int32_t *integers(buffers *all, PyObject *object, int32_t *count) {
    if (all->count == (int)(sizeof all->views / sizeof *all->views)) {
        PyErr_SetString(PyExc_ValueError, "too many arrays");
        return NULL;
    }
    Py_buffer *view = &all->views[all->count];
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        return NULL;
    all->count++;
    if (view->itemsize != sizeof(int32_t) || view->len / view->itemsize > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "an array is not of 32-bit integers");
        return NULL;
    }
    *count = (int32_t)(view->len / view->itemsize);
    return view->buf;
}

static int read_layer(buffers *all, PyObject *given, nlc_layer_source *layer) {
    PyObject *weight, *bias, *shift;
    int32_t weights, biases, shifts;
    if (!PyArg_ParseTuple(given, "OOOiii", &weight, &bias, &shift, &layer->rows, &layer->columns, &layer->skip))
        return -1;
    layer->weight = integers(all, weight, &weights);
    layer->bias = layer->weight ? integers(all, bias, &biases) : NULL;
    layer->shift = layer->bias ? integers(all, shift, &shifts) : NULL;
    if (!layer->shift)
        return -1;
    if (layer->rows < 1 || layer->columns < 1 || biases != layer->rows || shifts != layer->rows ||
        weights != (int64_t)layer->rows * layer->columns) {
        PyErr_SetString(PyExc_ValueError, "a layer's arrays do not fit together");
        return -1;
    }
    return 0;
}

/* model(about, layers, context, mixture, bits, level): about is (horizon, components, channels, joint, raw, borders). */
static PyObject *new_model(PyObject *self, PyObject *arguments) {
    (void)self;
    nlc_model_source source;
    nlc_layer_source layers[NLC_BINDING_LAYERS];
    PyObject *layer_list, *context[5], *mixture[3];
    int bits, level;
    if (!PyArg_ParseTuple(arguments, "(iiippp)O!(OOOOO)(OOO)ii", &source.horizon, &source.components, &source.channels,
                          &source.joint, &source.raw, &source.borders, &PyList_Type, &layer_list, &context[0],
                          &context[1], &context[2], &context[3], &context[4], &mixture[0], &mixture[1], &mixture[2],
                          &bits, &level))
        return NULL;
    const Py_ssize_t count = PyList_Size(layer_list);
    if (count < 1 || count > NLC_BINDING_LAYERS)
        return nlc_error(NLC_BAD_ARGUMENT);
    buffers *all = PyMem_Calloc(1, sizeof *all);
    if (!all)
        return PyErr_NoMemory();
    source.layers = layers;
    source.layer_count = (int32_t)count;
    int good = 1;
    for (Py_ssize_t k = 0; good && k < count; k++)
        good = read_layer(all, PyList_GetItem(layer_list, k), &layers[k]) == 0;
    const int32_t **tables[] = {&source.thresholds, &source.input_scale, &source.activity_input,
                                &source.mean_scale, &source.scale_offset};
    for (int k = 0; good && k < 5; k++) {
        int32_t entries;
        *tables[k] = integers(all, context[k], &entries);
        good = *tables[k] != NULL;
        if (good && k && entries != source.activity_levels) {
            PyErr_SetString(PyExc_ValueError, "the activity tables differ in length");
            good = 0;
        }
        source.activity_levels = good ? entries : 0;
    }
    good = good && (source.logistic = integers(all, mixture[0], &source.logistic_count)) &&
           (source.exponential = integers(all, mixture[1], &source.exponential_count)) &&
           (source.inverse_scale = integers(all, mixture[2], &source.inverse_scale_count));
    PyObject *made = NULL;
    if (good) {
        nlc_model *model;
        const int status = nlc_model_new(&source, bits, level, &model);
        made = status == NLC_OK ? PyCapsule_New(model, MODEL, free_model) : nlc_error(status);
        if (status == NLC_OK && !made)
            nlc_model_free(model);
    }
    for (int k = 0; k < all->count; k++)
        PyBuffer_Release(&all->views[k]);
    PyMem_Free(all);
    return made;
}

/* evaluate(model, inputs, outputs, hidden, pixels): int16 (pixels, inputs) to int32 (pixels, outputs) and uint8. */
static PyObject *evaluate(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule;
    Py_buffer inputs, outputs, hidden;
    Py_ssize_t pixels;
    if (!PyArg_ParseTuple(arguments, "Oy*w*w*n", &capsule, &inputs, &outputs, &hidden, &pixels))
        return NULL;
    const nlc_model *model = PyCapsule_GetPointer(capsule, MODEL);
    int status = NLC_BAD_ARGUMENT;
    int in_width = 0, out_width = 0, units = 0;
    if (model)
        nlc_model_shape(model, &in_width, &out_width, &units);
    if (model && pixels >= 0 && pixels < PY_SSIZE_T_MAX >> 20 &&
        inputs.len == pixels * in_width * (Py_ssize_t)sizeof(int16_t) &&
        outputs.len == pixels * out_width * (Py_ssize_t)sizeof(int32_t) && hidden.len == pixels * units) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_model_evaluate(model, inputs.buf, (size_t)pixels, outputs.buf, hidden.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&inputs);
    PyBuffer_Release(&outputs);
    PyBuffer_Release(&hidden);
    if (!model)
        return NULL;
    if (status != NLC_OK)
        return nlc_error(status);
    Py_RETURN_NONE;
}

/* --- colour lattices ---------------------------------------------------------------------------------------- */

static void free_lattice(PyObject *capsule) { nlc_lattice_free(PyCapsule_GetPointer(capsule, LATTICE)); }

/* lattice(rule) */
static PyObject *new_lattice(PyObject *self, PyObject *arguments) {
    (void)self;
    int rule, status;
    nlc_lattice *lattice;
    if (!PyArg_ParseTuple(arguments, "i", &rule))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = nlc_lattice_new(rule, &lattice);
    Py_END_ALLOW_THREADS
    if (status != NLC_OK)
        return nlc_error(status);
    PyObject *made = PyCapsule_New(lattice, LATTICE, free_lattice);
    if (!made)
        nlc_lattice_free(lattice);
    return made;
}

/* on_lattice(lattice, colours, found): uint8 (N, 3) to uint8 (N). */
static PyObject *on_lattice(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule;
    Py_buffer colours, found;
    if (!PyArg_ParseTuple(arguments, "Oy*w*", &capsule, &colours, &found))
        return NULL;
    const nlc_lattice *lattice = PyCapsule_GetPointer(capsule, LATTICE);
    const int good = lattice && colours.len == 3 * found.len;
    if (good) {
        const uint8_t *colour = colours.buf;
        for (Py_ssize_t k = 0; k < found.len; k++)
            ((uint8_t *)found.buf)[k] =
                (uint8_t)nlc_lattice_has(lattice, colour[3 * k], colour[3 * k + 1], colour[3 * k + 2]);
    }
    PyBuffer_Release(&colours);
    PyBuffer_Release(&found);
    if (!lattice)
        return NULL;
    if (!good)
        return nlc_error(NLC_BAD_ARGUMENT);
    Py_RETURN_NONE;
}

/* --- walks -------------------------------------------------------------------------------------------------- */

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
    if (tile->height < 1 || tile->width < 1 || tile->height > (1 << 28) / tile->width ||
        view->len != (Py_ssize_t)tile->height * tile->width * planes * bytes)
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
        if (view->len != (Py_ssize_t)tile->height * tile->width * planes * digits * (Py_ssize_t)sizeof(uint32_t))
            goto mismatch;
        tile->numbers = view->buf;
    }
    return 0;
mismatch:
    PyErr_SetString(PyExc_ValueError, "a tile's arrays do not fit its size");
    return -1;
}

/* walk(model, mode, planes, learns, measure, lattice or None, tiles): a tile is (height, width, samples, data, seed). */
static PyObject *new_walk(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule, *rule, *tile_list;
    int mode, planes, learns, measure;
    if (!PyArg_ParseTuple(arguments, "OiiipOO!", &capsule, &mode, &planes, &learns, &measure, &rule, &PyList_Type,
                          &tile_list))
        return NULL;
    const nlc_model *model = PyCapsule_GetPointer(capsule, MODEL);
    const nlc_lattice *lattice = rule == Py_None ? NULL : PyCapsule_GetPointer(rule, LATTICE);
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
            const int status = nlc_walk_new(model, mode, planes, learns, measure, lattice, tiles, (size_t)count, &own->walk);
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

static PyMethodDef methods[] = {
    {"levels", levels, METH_NOARGS, "List the CPU levels: (name, available)."},
    {"model", new_model, METH_VARARGS, "Prepare a model for samples of some bits and a CPU level."},
    {"evaluate", evaluate, METH_VARARGS, "Evaluate a model's network."},
    {"lattice", new_lattice, METH_VARARGS, "The colour lattice of a rule."},
    {"on_lattice", on_lattice, METH_VARARGS, "Whether colours are on a lattice."},
    {"walk", new_walk, METH_VARARGS, "Prepare to code tiles."},
    {"run", run, METH_VARARGS, "Code some pixels; returns how many, 0 at the end."},
    {"stream", stream, METH_VARARGS, "The stream of an encoded tile, and the bits that were measured."},
    {"ends_with", ends_with, METH_VARARGS, "Whether a decoded tile's stream ends with a seed."},
    {NULL, NULL, 0, NULL},
};

static int add_functions(PyObject *module) {
    PyMethodDef *const others[] = {nlc_adaptive_methods, nlc_jpeg_methods, nlc_past_methods};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (PyModule_AddFunctions(module, others[k]) < 0)
            return -1;
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)(uintptr_t)add_functions}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "nelloc._native", "The compiled core of nelloc.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *module = PyModuleDef_Init(&definition);
    return module;
}
