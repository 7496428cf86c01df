/* Filters of rows (docs/FORMAT.md, section 10) in the Python module: the bytes that deflate makes of a tile after
 * each. */
#include "binding.h"

#include "deflated.h"

#include <stdlib.h>

#define PREDICTORS 5
#define MOST_PLANES 4

typedef struct {
    nlc_deflated_memory deflated;
    uint8_t residuals[NLC_DEFLATED_MOST], ordered[NLC_DEFLATED_MOST];
} working;

static int lesser(int one, int other) { return one < other ? one : other; }

static int greater(int one, int other) { return one > other ? one : other; }

/* The prediction of a sample by its west, north and northwest neighbours, modulo 256. */
static int prediction(int predictor, int west, int north, int northwest) {
    const int low = lesser(west, north), high = greater(west, north);
    switch (predictor) {
    case 0:
        return 0;
    case 1:
        return west;
    case 2:
        return north;
    case 3:
        return west + north - northwest;
    default: /* the median of W, N and W + N - NW */
        return west + north - lesser(greater(northwest, low), high);
    }
}

static void subtract(uint8_t *residuals, const uint8_t *samples, size_t rows, size_t width, int predictor) {
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < width; x++) {
            const size_t at = y * width + x;
            const int west = x ? samples[at - 1] : 0, north = y ? samples[at - width] : 0;
            const int northwest = x && y ? samples[at - width - 1] : 0;
            residuals[at] = (uint8_t)(samples[at] - prediction(predictor, west, north, northwest));
        }
}

/* Order residuals by planes or by pixels; with `green` the planes 0 and 2 are less plane 1. */
static void order(working *work, size_t planes, size_t area, int planar, int green) {
    for (size_t plane = 0; plane < planes; plane++) {
        const uint8_t *own = work->residuals + plane * area, *other = work->residuals + area;
        uint8_t *out = work->ordered + (planar ? plane * area : plane);
        const size_t step = planar ? 1 : planes;
        if (green && (plane == 0 || plane == 2))
            for (size_t k = 0; k < area; k++)
                out[k * step] = (uint8_t)(own[k] - other[k]);
        else
            for (size_t k = 0; k < area; k++)
                out[k * step] = own[k];
    }
}

/* Write the sizes for all filters, by predictor, order and green; returns how many.
 *
 * Unless `all` are wanted, those that are not among the two smallest may be too small, but no smaller than these.
 */
static size_t find_sizes(working *work, const uint8_t *samples, size_t planes, size_t rows, size_t width, int all,
                         uint32_t *sizes) {
    const size_t area = rows * width;
    size_t count = 0, first = SIZE_MAX, second = SIZE_MAX;
    for (int predictor = 0; predictor < PREDICTORS; predictor++) {
        for (size_t plane = 0; plane < planes; plane++)
            subtract(work->residuals + plane * area, samples + plane * area, rows, width, predictor);
        for (int planar = 0; planar <= (planes > 1); planar++)
            for (int green = 0; green <= (planes > 2); green++) {
                order(work, planes, area, planar, green);
                const size_t enough = all ? SIZE_MAX : second;
                const size_t size = nlc_deflated_size(&work->deflated, work->ordered, planes * area, enough);
                second = size < first ? first : size < second ? size : second;
                first = size < first ? size : first;
                sizes[count++] = (uint32_t)size;
            }
    }
    return count;
}

/* filtered_sizes(planes, rows, width, samples, all): uint8 (planes, rows, width) to the list of sizes. */
static PyObject *filtered_sizes(PyObject *self, PyObject *arguments) {
    (void)self;
    int planes, rows, width, all;
    Py_buffer samples;
    uint32_t sizes[4 * PREDICTORS];
    size_t count = 0;
    if (!PyArg_ParseTuple(arguments, "iiiy*p", &planes, &rows, &width, &samples, &all))
        return NULL;
    const int good = planes >= 1 && planes <= MOST_PLANES && rows >= 1 && rows <= NLC_DEFLATED_MOST && width >= 1 &&
                     width <= NLC_DEFLATED_MOST / rows && samples.len == (Py_ssize_t)planes * rows * width &&
                     samples.len <= NLC_DEFLATED_MOST;
    working *work = good ? malloc(sizeof *work) : NULL;
    if (work) {
        Py_BEGIN_ALLOW_THREADS
        count = find_sizes(work, samples.buf, (size_t)planes, (size_t)rows, (size_t)width, all, sizes);
        Py_END_ALLOW_THREADS
        free(work);
    }
    PyBuffer_Release(&samples);
    if (!work)
        return nlc_error(good ? NLC_NO_MEMORY : NLC_BAD_ARGUMENT);
    PyObject *found = PyList_New(0);
    for (size_t k = 0; found && k < count; k++) {
        PyObject *size = PyLong_FromUnsignedLong(sizes[k]);
        if (!size || PyList_Append(found, size) < 0)
            Py_CLEAR(found);
        Py_XDECREF(size);
    }
    return found;
}

PyMethodDef nlc_filter_methods[] = {
    {"filtered_sizes", filtered_sizes, METH_VARARGS, "How many bytes deflate makes of a tile after each filter."},
    {NULL, NULL, 0, NULL},
};
