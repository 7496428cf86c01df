/* Pictures that were JPEGs. Its loops run without the interpreter's lock. */
#include "binding.h"

#include "../include/nelloc_past.h"

/* The components of a picture, and the buffers that they point into. */
typedef struct {
    nlc_past_component components[NLC_PAST_MAX_COMPONENTS];
    Py_buffer views[2 * NLC_PAST_MAX_COMPONENTS];
    int32_t count;
    int held;
} picture;

static void release(picture *all) {
    while (all->held)
        PyBuffer_Release(&all->views[--all->held]);
}

static PyObject *mismatch(void) {
    PyErr_SetString(PyExc_ValueError, "an array does not fit the picture");
    return NULL;
}

/* A buffer of `count` items of `size` bytes. */
static void *hold(PyObject *object, int writable, size_t count, size_t size, Py_buffer *view) {
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0)
        return NULL;
    if ((size_t)view->itemsize == size && (size_t)view->len == count * size)
        return view->buf;
    PyBuffer_Release(view);
    return mismatch();
}

/* One component: (horizontal, vertical, block_rows, block_columns, table, coefficients). */
static int read_component(picture *all, PyObject *given) {
    PyObject *table, *coefficients;
    nlc_past_component *own = &all->components[all->count];
    if (!PyArg_ParseTuple(given, "iiiiOO", &own->horizontal, &own->vertical, &own->block_rows, &own->block_columns,
                          &table, &coefficients))
        return 0;
    if (own->block_rows < 1 || own->block_columns < 1 || own->block_rows > NLC_PAST_MAX_SIDE ||
        own->block_columns > NLC_PAST_MAX_SIDE)
        return mismatch() != NULL;
    own->table = hold(table, 0, NLC_PAST_BLOCK, sizeof(uint16_t), &all->views[all->held]);
    all->held += own->table != NULL;
    if (!own->table)
        return 0;
    const size_t blocks = (size_t)own->block_rows * (size_t)own->block_columns;
    own->coefficients = hold(coefficients, 0, blocks * NLC_PAST_BLOCK, sizeof(int16_t), &all->views[all->held]);
    all->held += own->coefficients != NULL;
    all->count++;
    return own->coefficients != NULL;
}

static int read_components(picture *all, PyObject *list) {
    const Py_ssize_t count = PyList_Size(list);
    if (count < 1 || count > NLC_PAST_MAX_COMPONENTS)
        return mismatch() != NULL;
    for (Py_ssize_t k = 0; k < count; k++)
        if (!read_component(all, PyList_GetItem(list, k)))
            return 0;
    return 1;
}

/* past_decode(height, width, components, pixels): fills pixels (components, height, width). */
static PyObject *decode(PyObject *self, PyObject *arguments) {
    (void)self;
    int height, width;
    PyObject *list, *pixels;
    if (!PyArg_ParseTuple(arguments, "iiO!O", &height, &width, &PyList_Type, &list, &pixels))
        return NULL;
    picture all = {.count = 0, .held = 0};
    Py_buffer out;
    int status = NLC_PAST_BAD_ARGUMENT;
    int good = height > 0 && width > 0 && read_components(&all, list);
    if (good && hold(pixels, 1, (size_t)all.count * (size_t)height * (size_t)width, 1, &out)) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_past_decode(height, width, all.count, all.components, out.buf);
        Py_END_ALLOW_THREADS
        PyBuffer_Release(&out);
    }
    release(&all);
    if (PyErr_Occurred())
        return NULL;
    if (status != NLC_PAST_OK)
        return nlc_error(status);
    Py_RETURN_NONE;
}

PyMethodDef nlc_past_methods[] = {
    {"past_decode", decode, METH_VARARGS, "Decode coefficients of a JPEG to pixels."},
    {NULL, NULL, 0, NULL},
};
