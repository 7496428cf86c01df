/* Pictures that were JPEGs. Its loops run without the interpreter's lock. */
#include "binding.h"
#include "sizes.h"

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
static void *hold(PyObject *object, int writable, uint64_t count, size_t size, Py_buffer *view) {
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0)
        return NULL;
    if ((size_t)view->itemsize == size && (size_t)view->len % size == 0 && (size_t)view->len / size == count)
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
    const uint64_t blocks = (uint64_t)own->block_rows * (uint64_t)own->block_columns;
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
    if (good && hold(pixels, 1, (uint64_t)all.count * (uint64_t)height * (uint64_t)width, 1, &out)) {
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

/* past_detect(pixels, looked_at): pixels (3, count) of RGB to (tried, found). */
static PyObject *detect(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer pixels;
    Py_ssize_t looked_at;
    size_t tried = 0, found = 0;
    if (!PyArg_ParseTuple(arguments, "y*n", &pixels, &looked_at))
        return NULL;
    int status = NLC_PAST_BAD_ARGUMENT;
    if (looked_at > 0 && pixels.len % 3 == 0)
        status = nlc_past_detect(pixels.buf, (size_t)pixels.len / 3, (size_t)looked_at, &tried, &found);
    PyBuffer_Release(&pixels);
    return status == NLC_PAST_OK ? Py_BuildValue("nn", (Py_ssize_t)tried, (Py_ssize_t)found) : nlc_error(status);
}

/* past_separate(pixels, low, high): fills low and high (3, count) of RGB pixels (3, count); returns how many have
 * none. */
static PyObject *separate(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer pixels, low, high;
    if (!PyArg_ParseTuple(arguments, "y*w*w*", &pixels, &low, &high))
        return NULL;
    int status = NLC_PAST_BAD_ARGUMENT;
    size_t without = 0;
    if (pixels.len % 3 == 0 && low.len == pixels.len && high.len == pixels.len) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_past_separate(pixels.buf, (size_t)pixels.len / 3, low.buf, high.buf, &without);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&pixels);
    PyBuffer_Release(&low);
    PyBuffer_Release(&high);
    return status == NLC_PAST_OK ? PyLong_FromSize_t(without) : nlc_error(status);
}

/* past_narrow(pixels, cb, cr, low, high): narrows low and high of Y (count). */
static PyObject *narrow(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer pixels, cb, cr, low, high;
    if (!PyArg_ParseTuple(arguments, "y*y*y*w*w*", &pixels, &cb, &cr, &low, &high))
        return NULL;
    int status = NLC_PAST_BAD_ARGUMENT;
    if (pixels.len % 3 == 0 && pixels.len / 3 == low.len && low.len == high.len && cb.len == low.len &&
        cr.len == low.len) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_past_narrow(pixels.buf, (size_t)low.len, cb.buf, cr.buf, low.buf, high.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&pixels);
    PyBuffer_Release(&cb);
    PyBuffer_Release(&cr);
    PyBuffer_Release(&low);
    PyBuffer_Release(&high);
    if (status != NLC_PAST_OK)
        return nlc_error(status);
    Py_RETURN_NONE;
}

static int is_plane(const Py_buffer *view, int rows, int columns, size_t size) {
    return rows < 1 << 14 && columns < 1 << 14 &&
           nlc_is_area(view->len, rows, columns, (int32_t)(NLC_PAST_BLOCK * size));
}

/* past_solve(guess, low, high, block_rows, block_columns, table, limit, budget, coefficients, solved): the budget
 * left. */
static PyObject *solve(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer guess, low, high, table, coefficients, solved;
    int rows, columns, limit;
    long long budget;
    if (!PyArg_ParseTuple(arguments, "y*y*y*iiy*iLw*w*", &guess, &low, &high, &rows, &columns, &table, &limit, &budget,
                          &coefficients, &solved))
        return NULL;
    int status = NLC_PAST_BAD_ARGUMENT;
    int64_t left = budget;
    if (is_plane(&guess, rows, columns, sizeof(float)) && is_plane(&low, rows, columns, 1) &&
        is_plane(&high, rows, columns, 1) && is_plane(&coefficients, rows, columns, sizeof(int16_t)) &&
        table.len == NLC_PAST_BLOCK * (Py_ssize_t)sizeof(uint16_t) && nlc_is_area(solved.len, rows, columns, 1)) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_past_solve(guess.buf, low.buf, high.buf, rows, columns, table.buf, limit, &left, coefficients.buf,
                                solved.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&guess);
    PyBuffer_Release(&low);
    PyBuffer_Release(&high);
    PyBuffer_Release(&table);
    PyBuffer_Release(&coefficients);
    PyBuffer_Release(&solved);
    return status == NLC_PAST_OK ? PyLong_FromLongLong(left) : nlc_error(status);
}

/* past_solve_cut(samples, above, below, before, after, block_rows, block_columns, table, noise, coefficients,
 * solved) */
static PyObject *solve_cut(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer samples, table, coefficients, solved;
    int above, below, before, after, rows, columns;
    float noise;
    if (!PyArg_ParseTuple(arguments, "y*iiiiiiy*fw*y*", &samples, &above, &below, &before, &after, &rows, &columns,
                          &table, &noise, &coefficients, &solved))
        return NULL;
    int status = NLC_PAST_BAD_ARGUMENT;
    if (is_plane(&samples, rows, columns, sizeof(float)) && is_plane(&coefficients, rows, columns, sizeof(int16_t)) &&
        table.len == NLC_PAST_BLOCK * (Py_ssize_t)sizeof(uint16_t) && nlc_is_area(solved.len, rows, columns, 1)) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_past_solve_cut(samples.buf, above, below, before, after, rows, columns, table.buf, noise,
                                    coefficients.buf, solved.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&samples);
    PyBuffer_Release(&table);
    PyBuffer_Release(&coefficients);
    PyBuffer_Release(&solved);
    if (status != NLC_PAST_OK)
        return nlc_error(status);
    Py_RETURN_NONE;
}

/* past_scores(samples, chosen, block_rows, block_columns, spread, least, scores, counts) */
static PyObject *scores(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer samples, chosen, spread, least, found, counts;
    int rows, columns;
    if (!PyArg_ParseTuple(arguments, "y*y*iiy*y*w*w*", &samples, &chosen, &rows, &columns, &spread, &least, &found,
                          &counts))
        return NULL;
    int status = NLC_PAST_BAD_ARGUMENT;
    if (is_plane(&samples, rows, columns, sizeof(float)) && nlc_is_area(chosen.len, rows, columns, 1) &&
        spread.len == 64 * (Py_ssize_t)sizeof(float) && least.len == spread.len &&
        found.len == 64 * 256 * (Py_ssize_t)sizeof(float) && counts.len == 64 * (Py_ssize_t)sizeof(int32_t)) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_past_scores(samples.buf, chosen.buf, rows, columns, spread.buf, least.buf, found.buf, counts.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&samples);
    PyBuffer_Release(&chosen);
    PyBuffer_Release(&spread);
    PyBuffer_Release(&least);
    PyBuffer_Release(&found);
    PyBuffer_Release(&counts);
    if (status != NLC_PAST_OK)
        return nlc_error(status);
    Py_RETURN_NONE;
}

/* A component's enlargement and blocks: sides that go together. */
static int is_enlarged(int height, int width, int across, int down, int rows, int columns) {
    return height > 0 && width > 0 && height < 1 << 16 && width < 1 << 16 && (across == 1 || across == 2) &&
           (down == 1 || down == 2) && rows > 0 && columns > 0 && rows < 1 << 14 && columns < 1 << 14 &&
           NLC_PAST_SIDE * rows >= (height + down - 1) / down &&
           NLC_PAST_SIDE * columns >= (width + across - 1) / across;
}

/* past_enlarge(samples, stride, across, down, height, width, enlarged) */
static PyObject *enlarge(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer samples, enlarged;
    int stride, across, down, height, width;
    if (!PyArg_ParseTuple(arguments, "y*iiiiiw*", &samples, &stride, &across, &down, &height, &width, &enlarged))
        return NULL;
    int status = NLC_PAST_BAD_ARGUMENT;
    if (is_enlarged(height, width, across, down, 1 << 13, 1 << 13) && stride >= (width + across - 1) / across &&
        samples.len / stride >= (height + down - 1) / down && nlc_is_area(enlarged.len, height, width, 1))
        status = nlc_past_enlarge(samples.buf, (size_t)stride, across, down, height, width, enlarged.buf);
    PyBuffer_Release(&samples);
    PyBuffer_Release(&enlarged);
    if (status != NLC_PAST_OK)
        return nlc_error(status);
    Py_RETURN_NONE;
}

/* past_reduce(enlarged, across, down, height, width, samples) */
static PyObject *reduce(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer enlarged, samples;
    int across, down, height, width;
    if (!PyArg_ParseTuple(arguments, "y*iiiiw*", &enlarged, &across, &down, &height, &width, &samples))
        return NULL;
    int status = NLC_PAST_BAD_ARGUMENT;
    if (is_enlarged(height, width, across, down, 1 << 13, 1 << 13) &&
        nlc_is_area(enlarged.len, height, width, sizeof(float)) &&
        nlc_is_area(samples.len, (height + down - 1) / down, (width + across - 1) / across, sizeof(float))) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_past_reduce(enlarged.buf, across, down, height, width, samples.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&enlarged);
    PyBuffer_Release(&samples);
    if (status != NLC_PAST_OK)
        return nlc_error(status);
    Py_RETURN_NONE;
}

/* past_repair(low, high, height, width, across, down, block_rows, block_columns, table, limit, budget, coefficients,
 * samples, solved): the budget left. */
static PyObject *repair(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer low, high, table, coefficients, samples, solved;
    int height, width, across, down, rows, columns, limit;
    long long budget;
    if (!PyArg_ParseTuple(arguments, "y*y*iiiiiiy*iLw*w*w*", &low, &high, &height, &width, &across, &down, &rows,
                          &columns, &table, &limit, &budget, &coefficients, &samples, &solved))
        return NULL;
    int status = NLC_PAST_BAD_ARGUMENT;
    int64_t left = budget;
    if (is_enlarged(height, width, across, down, rows, columns) && nlc_is_area(low.len, height, width, 1) &&
        high.len == low.len && is_plane(&samples, rows, columns, 1) &&
        is_plane(&coefficients, rows, columns, sizeof(int16_t)) &&
        table.len == NLC_PAST_BLOCK * (Py_ssize_t)sizeof(uint16_t) && nlc_is_area(solved.len, rows, columns, 1)) {
        Py_BEGIN_ALLOW_THREADS
        status = nlc_past_repair(low.buf, high.buf, height, width, across, down, rows, columns, table.buf, limit, &left,
                                 coefficients.buf, samples.buf, solved.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&low);
    PyBuffer_Release(&high);
    PyBuffer_Release(&table);
    PyBuffer_Release(&coefficients);
    PyBuffer_Release(&samples);
    PyBuffer_Release(&solved);
    return status == NLC_PAST_OK ? PyLong_FromLongLong(left) : nlc_error(status);
}

PyMethodDef nlc_past_methods[] = {
    {"past_decode", decode, METH_VARARGS, "Decode coefficients of a JPEG to pixels."},
    {"past_detect", detect, METH_VARARGS, "Count the pixels that Y, Cb and Cr make."},
    {"past_separate", separate, METH_VARARGS, "Find the bounds of Y, Cb and Cr of RGB pixels."},
    {"past_narrow", narrow, METH_VARARGS, "Narrow the bounds of Y to what goes with Cb and Cr."},
    {"past_solve", solve, METH_VARARGS, "Find coefficients of blocks from bounds of samples."},
    {"past_solve_cut", solve_cut, METH_VARARGS, "Find coefficients of blocks that the picture's edge cuts."},
    {"past_enlarge", enlarge, METH_VARARGS, "Enlarge a component to the picture's size."},
    {"past_reduce", reduce, METH_VARARGS, "Undo the enlargement of a component by least squares."},
    {"past_repair", repair, METH_VARARGS, "Search for coefficients of an enlarged component."},
    {"past_scores", scores, METH_VARARGS, "Score the entries of a table of quantisation."},
    {NULL, NULL, 0, NULL},
};
