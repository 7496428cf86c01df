/* The adaptive coder: tiles to records and back. Its loops run without the interpreter's lock. */
#include "binding.h"

#include "../include/nelloc_adaptive.h"

static const char TABLES[] = "nelloc._native.adaptive_tables";

static void free_tables(PyObject *capsule) { nlc_adaptive_tables_free(PyCapsule_GetPointer(capsule, TABLES)); }

static PyObject *new_tables(PyObject *self, PyObject *arguments) {
    (void)self;
    (void)arguments;
    nlc_adaptive_tables *tables = nlc_adaptive_tables_new();
    if (!tables)
        return PyErr_NoMemory();
    PyObject *capsule = PyCapsule_New(tables, TABLES, free_tables);
    if (!capsule)
        nlc_adaptive_tables_free(tables);
    return capsule;
}

/* Whether a buffer has the samples of a tile of this shape, one that can be coded here. */
static int is_of_shape(const nlc_adaptive_shape *shape, const Py_buffer *samples) {
    if (!nlc_adaptive_fits(shape))
        return 0;
    const Py_ssize_t bytes = shape->bits > 8 ? 2 : 1;
    return samples->itemsize == bytes &&
           samples->len == (Py_ssize_t)shape->planes * shape->height * shape->width * bytes;
}

/* fits(planes, height, width, bits) */
static PyObject *fits(PyObject *self, PyObject *arguments) {
    (void)self;
    nlc_adaptive_shape shape;
    if (!PyArg_ParseTuple(arguments, "iiii", &shape.planes, &shape.height, &shape.width, &shape.bits))
        return NULL;
    return PyBool_FromLong(nlc_adaptive_fits(&shape));
}

/* Take (planes, height, width, bits) and the samples of that shape; returns 0 with an exception. */
static int read_samples(PyObject *object, int writable, const nlc_adaptive_shape *shape, Py_buffer *samples) {
    const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, samples, flags) < 0)
        return 0;
    if (is_of_shape(shape, samples))
        return 1;
    PyBuffer_Release(samples);
    PyErr_SetString(PyExc_ValueError, "samples do not fit the shape of their tile");
    return 0;
}

/* colours((planes, height, width, bits), samples) */
static PyObject *count_colours(PyObject *self, PyObject *arguments) {
    (void)self;
    nlc_adaptive_shape shape;
    PyObject *object;
    Py_buffer samples;
    if (!PyArg_ParseTuple(arguments, "(iiii)O", &shape.planes, &shape.height, &shape.width, &shape.bits, &object) ||
        !read_samples(object, 0, &shape, &samples))
        return NULL;
    int32_t colours;
    Py_BEGIN_ALLOW_THREADS
    colours = nlc_adaptive_colours(&shape, samples.buf);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&samples);
    return PyLong_FromLong(colours);
}

/* encode(tables, (planes, height, width, bits), form, order, samples, watch): the record. */
static PyObject *encode(PyObject *self, PyObject *arguments) {
    (void)self;
    nlc_adaptive_shape shape;
    int form, order, status;
    PyObject *capsule, *object;
    Py_buffer samples;
    nlc_watcher watch;
    if (!PyArg_ParseTuple(arguments, "O(iiii)iiOO", &capsule, &shape.planes, &shape.height, &shape.width, &shape.bits,
                          &form, &order, &object, &watch.function))
        return NULL;
    const nlc_adaptive_tables *tables = PyCapsule_GetPointer(capsule, TABLES);
    if (!tables || !read_samples(object, 0, &shape, &samples))
        return NULL;
    const nlc_adaptive_watch asked = {nlc_ask, &watch};
    uint8_t *record = NULL;
    size_t size = 0;
    watch.state = PyEval_SaveThread();
    status = nlc_adaptive_encode(tables, &shape, form, order, samples.buf, &asked, &record, &size);
    PyEval_RestoreThread(watch.state);
    PyBuffer_Release(&samples);
    if (status == NLC_ADAPTIVE_STOPPED)
        return NULL;
    if (status != NLC_ADAPTIVE_OK)
        return nlc_error(status);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)record, (Py_ssize_t)size);
    nlc_adaptive_release(record);
    return bytes;
}

/* decode(tables, (planes, height, width, bits), record, samples, watch): whether samples are those of the record. */
static PyObject *decode(PyObject *self, PyObject *arguments) {
    (void)self;
    nlc_adaptive_shape shape;
    int status;
    PyObject *capsule, *object;
    Py_buffer record, samples;
    nlc_watcher watch;
    if (!PyArg_ParseTuple(arguments, "O(iiii)y*OO", &capsule, &shape.planes, &shape.height, &shape.width, &shape.bits,
                          &record, &object, &watch.function))
        return NULL;
    const nlc_adaptive_tables *tables = PyCapsule_GetPointer(capsule, TABLES);
    if (!tables || !read_samples(object, 1, &shape, &samples)) {
        PyBuffer_Release(&record);
        return NULL;
    }
    const nlc_adaptive_watch asked = {nlc_ask, &watch};
    watch.state = PyEval_SaveThread();
    status = nlc_adaptive_decode(tables, &shape, record.buf, (size_t)record.len, samples.buf, &asked);
    PyEval_RestoreThread(watch.state);
    PyBuffer_Release(&record);
    PyBuffer_Release(&samples);
    if (status == NLC_ADAPTIVE_STOPPED)
        return NULL;
    if (status != NLC_ADAPTIVE_OK && status != NLC_ADAPTIVE_DAMAGED)
        return nlc_error(status);
    return PyBool_FromLong(status == NLC_ADAPTIVE_OK);
}

PyMethodDef nlc_adaptive_methods[] = {
    {"adaptive_tables", new_tables, METH_NOARGS, "Make the adaptive coder's tables of constants."},
    {"adaptive_fits", fits, METH_VARARGS, "Whether the adaptive coder takes tiles of a shape."},
    {"adaptive_colours", count_colours, METH_VARARGS, "The number of colours of a tile, up to 257."},
    {"adaptive_encode", encode, METH_VARARGS, "Code a tile adaptively."},
    {"adaptive_decode", decode, METH_VARARGS, "Decode a tile; returns whether its record is whole."},
    {NULL, NULL, 0, NULL},
};
