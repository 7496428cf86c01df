/* What the files of the Python module share. */
#ifndef NLC_BINDING_H
#define NLC_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../include/nelloc_core.h"

/* As many layers as a model may have. */
#define NLC_BINDING_LAYERS 64

/* Set the exception of a status that is not NLC_OK; returns NULL. */
PyObject *nlc_error(int status);

/* A function that is called now and then while the lock is free, and stops the work by an exception. */
typedef struct {
    PyObject *function; /* or None */
    PyThreadState *state;
} nlc_watcher;

/* Call the function of `context`, an nlc_watcher; returns 1 if it raised, else 0. */
int nlc_ask(void *context);

/* Names of the capsules that more than one file takes. */
#define NLC_MODEL_CAPSULE "nelloc._native.model"
#define NLC_LATTICE_CAPSULE "nelloc._native.lattice"

/* Functions of the other files, which the module has too. */
extern PyMethodDef nlc_model_methods[], nlc_lattice_methods[], nlc_walk_methods[];
extern PyMethodDef nlc_adaptive_methods[], nlc_filter_methods[], nlc_jpeg_methods[], nlc_past_methods[];

#endif
