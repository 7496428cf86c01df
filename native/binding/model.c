/* Models of the Python module: capsules made of arrays. */
#include "binding.h"

static void free_model(PyObject *capsule) { nlc_model_free(PyCapsule_GetPointer(capsule, NLC_MODEL_CAPSULE)); }

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

/* model(about, layers, context, mixture, bits, level): about is (horizon, components, channels, joint, raw,
 * borders). */
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
        made = status == NLC_OK ? PyCapsule_New(model, NLC_MODEL_CAPSULE, free_model) : nlc_error(status);
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
    const nlc_model *model = PyCapsule_GetPointer(capsule, NLC_MODEL_CAPSULE);
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

PyMethodDef nlc_model_methods[] = {
    {"model", new_model, METH_VARARGS, "Prepare a model for samples of some bits and a CPU level."},
    {"evaluate", evaluate, METH_VARARGS, "Evaluate a model's network."},
    {NULL, NULL, 0, NULL},
};
