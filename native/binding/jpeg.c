/* JPEG files: to coefficients and back, and coefficients to streams. Loops run without the interpreter's lock. */
#include "binding.h"

#include "../include/nelloc_jpeg.h"

#include <string.h>

static const char IMAGE[] = "nelloc._native.jpeg";

static void free_image(PyObject *capsule) {
    nlc_jpeg_image *image = PyCapsule_GetPointer(capsule, IMAGE);
    nlc_jpeg_image_free(image);
    PyMem_Free(image);
}

/* A capsule that owns the image, which is moved into it; frees its coefficients if that fails. */
static PyObject *own(nlc_jpeg_image *image) {
    nlc_jpeg_image *owned = PyMem_Malloc(sizeof *owned);
    PyObject *capsule = owned ? PyCapsule_New(owned, IMAGE, free_image) : PyErr_NoMemory();
    if (capsule) {
        *owned = *image;
    } else {
        nlc_jpeg_image_free(image);
        PyMem_Free(owned);
    }
    return capsule;
}

/* jpeg_read(data, max_pixels): (image, skeleton, corrections), or None for a file that is not kept as coefficients. */
static PyObject *read_file(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer data;
    unsigned long long max_pixels;
    if (!PyArg_ParseTuple(arguments, "y*K", &data, &max_pixels))
        return NULL;
    nlc_jpeg_image image;
    nlc_jpeg_rest rest;
    int status;
    Py_BEGIN_ALLOW_THREADS status = nlc_jpeg_read(data.buf, (size_t)data.len, max_pixels, &image, &rest);
    Py_END_ALLOW_THREADS PyBuffer_Release(&data);
    if (status == NLC_JPEG_UNSUPPORTED)
        Py_RETURN_NONE;
    if (status != NLC_JPEG_OK)
        return nlc_error(status);
    PyObject *capsule = own(&image), *made = NULL;
    if (capsule)
        made = Py_BuildValue("(Oy#y#)", capsule, (const char *)rest.skeleton, (Py_ssize_t)rest.skeleton_size,
                             (const char *)rest.corrections, (Py_ssize_t)rest.corrections_size);
    Py_XDECREF(capsule);
    nlc_jpeg_rest_free(&rest);
    return made;
}

/* jpeg_prepare(skeleton, max_pixels): an image without content, or None for a damaged skeleton. */
static PyObject *prepare(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer skeleton;
    unsigned long long max_pixels;
    if (!PyArg_ParseTuple(arguments, "y*K", &skeleton, &max_pixels))
        return NULL;
    nlc_jpeg_image image;
    const int status = nlc_jpeg_prepare(skeleton.buf, (size_t)skeleton.len, max_pixels, &image);
    PyBuffer_Release(&skeleton);
    if (status == NLC_JPEG_DAMAGED)
        Py_RETURN_NONE;
    return status == NLC_JPEG_OK ? own(&image) : nlc_error(status);
}

/* Take one component of jpeg_make(): (h, v, quantisation, coefficients); returns 0 with an exception. */
static int read_component(PyObject *given, nlc_jpeg_component *component, Py_buffer *coefficients) {
    Py_buffer quantisation;
    PyObject *numbers;
    if (!PyArg_ParseTuple(given, "iiy*O", &component->h, &component->v, &quantisation, &numbers))
        return 0;
    const int good = quantisation.len == sizeof component->quantisation;
    if (good)
        memcpy(component->quantisation, quantisation.buf, sizeof component->quantisation);
    else
        PyErr_SetString(PyExc_ValueError, "a quantisation table has 64 numbers of 16 bits");
    PyBuffer_Release(&quantisation);
    return good && PyObject_GetBuffer(numbers, coefficients, PyBUF_C_CONTIGUOUS) == 0;
}

/* jpeg_make(width, height, [(h, v, quantisation, coefficients or b""), ...]): an image; without them they are 0. */
static PyObject *make(PyObject *self, PyObject *arguments) {
    (void)self;
    nlc_jpeg_image image = {0};
    PyObject *components;
    if (!PyArg_ParseTuple(arguments, "iiO!", &image.width, &image.height, &PyList_Type, &components))
        return NULL;
    const Py_ssize_t count = PyList_Size(components);
    if (count != 1 && count != 3)
        return nlc_error(NLC_JPEG_BAD_ARGUMENT);
    image.components = (int32_t)count;
    Py_buffer held[NLC_JPEG_MAX_COMPONENTS];
    int c = 0, good = 1;
    for (; good && c < count; c++)
        good = read_component(PyList_GetItem(components, c), &image.component[c], &held[c]);
    c -= !good;
    PyObject *made = NULL;
    if (good) {
        const int status = nlc_jpeg_make(&image);
        for (int k = 0; status == NLC_JPEG_OK && k < count; k++) {
            nlc_jpeg_component *to = &image.component[k];
            const size_t size = (size_t)to->rows * (size_t)to->columns * 64 * sizeof *to->coefficients;
            if ((size_t)held[k].len == size)
                memcpy(to->coefficients, held[k].buf, size);
            else if (held[k].len)
                good = 0;
        }
        if (status != NLC_JPEG_OK) {
            nlc_error(status);
        } else if (good) {
            made = own(&image);
        } else {
            nlc_jpeg_image_free(&image);
            PyErr_SetString(PyExc_ValueError, "coefficients do not fill whole MCUs");
        }
    }
    for (int k = 0; k < c; k++)
        PyBuffer_Release(&held[k]);
    return made;
}

/* jpeg_content(image): (width, height, [(h, v, rows, columns, quantisation, coefficients), ...]). */
static PyObject *content(PyObject *self, PyObject *capsule) {
    (void)self;
    const nlc_jpeg_image *image = PyCapsule_GetPointer(capsule, IMAGE);
    PyObject *components = image ? PyList_New(0) : NULL;
    for (int c = 0; components && c < image->components; c++) {
        const nlc_jpeg_component *from = &image->component[c];
        PyObject *entry =
            Py_BuildValue("(iiiiy#y#)", from->h, from->v, from->rows, from->columns, (const char *)from->quantisation,
                          (Py_ssize_t)sizeof from->quantisation, (const char *)from->coefficients,
                          (Py_ssize_t)from->rows * from->columns * 64 * (Py_ssize_t)sizeof *from->coefficients);
        if (!entry || PyList_Append(components, entry) < 0)
            Py_CLEAR(components);
        Py_XDECREF(entry);
    }
    return components ? Py_BuildValue("(iiN)", image->width, image->height, components) : NULL;
}

/* jpeg_shape(image): (width, height, number of components). */
static PyObject *shape(PyObject *self, PyObject *capsule) {
    (void)self;
    const nlc_jpeg_image *image = PyCapsule_GetPointer(capsule, IMAGE);
    return image ? Py_BuildValue("(iii)", image->width, image->height, image->components) : NULL;
}

/* jpeg_parts(image): how many parts the coefficients are coded in. */
static PyObject *parts(PyObject *self, PyObject *capsule) {
    (void)self;
    const nlc_jpeg_image *image = PyCapsule_GetPointer(capsule, IMAGE);
    return image ? PyLong_FromLong(nlc_jpeg_parts(image)) : NULL;
}

/* jpeg_encode(image, part, watch): the stream of a part. */
static PyObject *encode(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule;
    int part;
    nlc_watcher watch;
    if (!PyArg_ParseTuple(arguments, "OiO", &capsule, &part, &watch.function))
        return NULL;
    const nlc_jpeg_image *image = PyCapsule_GetPointer(capsule, IMAGE);
    if (!image)
        return NULL;
    const nlc_jpeg_watch asked = {nlc_ask, &watch};
    uint8_t *stream = NULL;
    size_t size = 0;
    watch.state = PyEval_SaveThread();
    const int status = nlc_jpeg_encode_part(image, part, &asked, &stream, &size);
    PyEval_RestoreThread(watch.state);
    if (status == NLC_JPEG_STOPPED)
        return NULL;
    if (status != NLC_JPEG_OK)
        return nlc_error(status);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)stream, (Py_ssize_t)size);
    nlc_jpeg_release(stream);
    return bytes;
}

/* jpeg_decode(image, part, stream, watch): whether the stream is whole; the image then has the part. */
static PyObject *decode(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule;
    int part;
    Py_buffer stream;
    nlc_watcher watch;
    if (!PyArg_ParseTuple(arguments, "Oiy*O", &capsule, &part, &stream, &watch.function))
        return NULL;
    nlc_jpeg_image *image = PyCapsule_GetPointer(capsule, IMAGE);
    int status = NLC_JPEG_BAD_ARGUMENT;
    if (image) {
        const nlc_jpeg_watch asked = {nlc_ask, &watch};
        watch.state = PyEval_SaveThread();
        status = nlc_jpeg_decode_part(image, part, stream.buf, (size_t)stream.len, &asked);
        PyEval_RestoreThread(watch.state);
    }
    PyBuffer_Release(&stream);
    if (!image || status == NLC_JPEG_STOPPED)
        return NULL;
    if (status != NLC_JPEG_OK && status != NLC_JPEG_DAMAGED)
        return nlc_error(status);
    return PyBool_FromLong(status == NLC_JPEG_OK);
}

/* jpeg_write(image, skeleton, corrections): the file, or None if they do not go together. */
static PyObject *write_file(PyObject *self, PyObject *arguments) {
    (void)self;
    PyObject *capsule;
    Py_buffer skeleton, corrections;
    if (!PyArg_ParseTuple(arguments, "Oy*y*", &capsule, &skeleton, &corrections))
        return NULL;
    const nlc_jpeg_image *image = PyCapsule_GetPointer(capsule, IMAGE);
    int status = NLC_JPEG_BAD_ARGUMENT;
    uint8_t *data = NULL;
    size_t size = 0;
    if (image) {
        const nlc_jpeg_rest rest = {skeleton.buf, corrections.buf, (size_t)skeleton.len, (size_t)corrections.len};
        Py_BEGIN_ALLOW_THREADS status = nlc_jpeg_write(image, &rest, &data, &size);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&skeleton);
    PyBuffer_Release(&corrections);
    if (!image)
        return NULL;
    if (status == NLC_JPEG_DAMAGED)
        Py_RETURN_NONE;
    if (status != NLC_JPEG_OK)
        return nlc_error(status);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size);
    nlc_jpeg_release(data);
    return bytes;
}

/* jpeg_pack_bytes(data): a stream of bytes. */
static PyObject *pack_bytes(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer data;
    if (!PyArg_ParseTuple(arguments, "y*", &data))
        return NULL;
    uint8_t *stream = NULL;
    size_t size = 0;
    int status;
    Py_BEGIN_ALLOW_THREADS status = nlc_jpeg_pack_bytes(data.buf, (size_t)data.len, &stream, &size);
    Py_END_ALLOW_THREADS PyBuffer_Release(&data);
    if (status != NLC_JPEG_OK)
        return nlc_error(status);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)stream, (Py_ssize_t)size);
    nlc_jpeg_release(stream);
    return bytes;
}

/* jpeg_unpack_bytes(stream, size): the bytes of a stream, or None if it is damaged. */
static PyObject *unpack_bytes(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer stream;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(arguments, "y*n", &stream, &size))
        return NULL;
    uint8_t *data = size < 0 ? NULL : PyMem_Malloc((size_t)size + 1);
    int status = NLC_JPEG_NO_MEMORY;
    if (data) {
        Py_BEGIN_ALLOW_THREADS status = nlc_jpeg_unpack_bytes(stream.buf, (size_t)stream.len, data, (size_t)size);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&stream);
    PyObject *bytes = NULL;
    if (status == NLC_JPEG_OK) {
        bytes = PyBytes_FromStringAndSize((const char *)data, size);
    } else if (status == NLC_JPEG_DAMAGED) {
        bytes = Py_None;
        Py_INCREF(bytes);
    } else {
        nlc_error(status);
    }
    PyMem_Free(data);
    return bytes;
}

PyMethodDef nlc_jpeg_methods[] = {
    {"jpeg_read", read_file, METH_VARARGS, "Read a JPEG file: its image, and the rest."},
    {"jpeg_prepare", prepare, METH_VARARGS, "Make the image of a skeleton, without content."},
    {"jpeg_make", make, METH_VARARGS, "Make an image of coefficients."},
    {"jpeg_content", content, METH_O, "The sizes, tables and coefficients of an image."},
    {"jpeg_shape", shape, METH_O, "The width, height and number of components of an image."},
    {"jpeg_parts", parts, METH_O, "The number of parts that the coefficients are coded in."},
    {"jpeg_encode", encode, METH_VARARGS, "Code a part of the coefficients."},
    {"jpeg_decode", decode, METH_VARARGS, "Decode a part; returns whether its stream is whole."},
    {"jpeg_write", write_file, METH_VARARGS, "Write the JPEG file of an image and the rest."},
    {"jpeg_pack_bytes", pack_bytes, METH_VARARGS, "Code any bytes."},
    {"jpeg_unpack_bytes", unpack_bytes, METH_VARARGS, "Decode bytes whose number is known."},
    {NULL, NULL, 0, NULL},
};
