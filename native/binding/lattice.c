/* Colour lattices of the Python module. */
#include "binding.h"

static void free_lattice(PyObject *capsule) { nlc_lattice_free(PyCapsule_GetPointer(capsule, NLC_LATTICE_CAPSULE)); }

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
    PyObject *made = PyCapsule_New(lattice, NLC_LATTICE_CAPSULE, free_lattice);
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
    const nlc_lattice *lattice = PyCapsule_GetPointer(capsule, NLC_LATTICE_CAPSULE);
    const int good = lattice && colours.len % 3 == 0 && colours.len / 3 == found.len;
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

PyMethodDef nlc_lattice_methods[] = {
    {"lattice", new_lattice, METH_VARARGS, "The colour lattice of a rule."},
    {"on_lattice", on_lattice, METH_VARARGS, "Whether colours are on a lattice."},
    {NULL, NULL, 0, NULL},
};
