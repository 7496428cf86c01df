/* The Python module nelloc._native: the core's functions over buffers, with Python's stable ABI.
 *
 * It checks what would make the core read or write outside of a buffer, and nothing else: policy is Python's. Loops
 * over pixels run without the interpreter's lock.
 */
#include "binding.h"

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

static PyMethodDef methods[] = {
    {"levels", levels, METH_NOARGS, "List the CPU levels: (name, available)."},
    {NULL, NULL, 0, NULL},
};

static int add_functions(PyObject *module) {
    PyMethodDef *const others[] = {nlc_model_methods, nlc_lattice_methods, nlc_walk_methods,
                                   nlc_adaptive_methods, nlc_filter_methods, nlc_jpeg_methods, nlc_past_methods};
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
