#include "model_file.h"

#include "json.h"

#include <stdio.h>
#include <string.h>

#define HEAD 8
#define MOST_NAME 64

static const char *const part_names[NLC_PARTS_OF_LAYER] = {"weight", "bias", "shift"};
static const char *const table_names[NLC_TABLES] = {
    "context.thresholds",   "context.input_scale", "context.activity_input", "context.mean_scale",
    "context.scale_offset", "mixture.logistic",    "mixture.exponential",    "mixture.inverse_scale",
};

static int fail(nelloc_decoder *d, const char *problem) {
    return nlc_fail(d, NELLOC_DAMAGED, "its model is not a usable nelloc model (%s); use a file made by nelloc",
                    problem);
}

/* The place of the tensor of this name, or NULL. */
static nlc_tensor *tensor_of(nlc_model_file *file, const char *name) {
    char expected[MOST_NAME];
    for (int k = 0; k < NLC_TABLES; k++)
        if (!strcmp(name, table_names[k]))
            return &file->tables[k];
    if (strncmp(name, "layer.", 6) != 0)
        return NULL;
    for (int layer = 0; layer < NLC_MOST_LAYERS; layer++)
        for (int part = 0; part < NLC_PARTS_OF_LAYER; part++) {
            snprintf(expected, sizeof expected, "layer.%d.%s", layer, part_names[part]);
            if (!strcmp(name, expected))
                return &file->layers[layer][part];
        }
    return NULL;
}

/* Two numbers, or as many as `most`; returns how many, or -1. */
static int read_numbers(nlc_json *json, int64_t *numbers, int most) {
    size_t count = 0;
    if (!nlc_json_begin(json, '['))
        return -1;
    while (nlc_json_more(json, ']', &count))
        if (count > (size_t)most || !nlc_json_integer(json, &numbers[count - 1]) || numbers[count - 1] < 0)
            return -1;
    return json->bad ? -1 : (int)count;
}

static int read_type(const char *name, nlc_tensor *tensor) {
    static const char *const names[] = {"I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64"};
    for (int k = 0; k < 8; k++)
        if (!strcmp(name, names[k])) {
            tensor->bytes = 1 << k % 4;
            tensor->is_signed = k < 4;
            return 1;
        }
    return 0;
}

/* The entry of a tensor in the header; its data begins at `body` of the file. */
static int read_tensor(nlc_json *json, nlc_tensor *tensor, size_t body, size_t size) {
    char name[MOST_NAME];
    int64_t shape[2], places[2];
    int dimensions = 0, ends = 0, typed = 0;
    size_t count = 0;
    if (!nlc_json_begin(json, '{'))
        return 0;
    while (nlc_json_more(json, '}', &count)) {
        if (!nlc_json_name(json, name, sizeof name))
            return 0;
        if (!strcmp(name, "dtype") && !typed)
            typed = nlc_json_string(json, name, sizeof name) && read_type(name, tensor);
        else if (!strcmp(name, "shape") && !dimensions)
            dimensions = read_numbers(json, shape, 2);
        else if (!strcmp(name, "data_offsets") && !ends)
            ends = read_numbers(json, places, 2);
        else
            return 0;
        if (json->bad)
            return 0;
    }
    if (json->bad || !typed || dimensions < 1 || ends != 2 || places[0] > places[1] ||
        (uint64_t)places[1] > size - body || shape[0] < 1 || (dimensions == 2 && shape[1] < 1))
        return 0;
    const uint64_t rows = (uint64_t)shape[0], columns = dimensions == 2 ? (uint64_t)shape[1] : 1;
    const uint64_t bytes = (uint64_t)(places[1] - places[0]);
    /* A file has no more than 2^26 bytes. */
    if (rows > NLC_MOST_MODEL_BYTES || columns > NLC_MOST_MODEL_BYTES ||
        rows * columns * (uint64_t)tensor->bytes != bytes)
        return 0;
    tensor->present = 1;
    tensor->dimensions = dimensions;
    tensor->rows = (size_t)rows;
    tensor->columns = (size_t)columns;
    tensor->at = body + (size_t)places[0];
    return 1;
}

static int read_truth(nlc_json *json, int32_t *value) {
    if (nlc_json_word(json, "true"))
        *value = 1;
    else if (nlc_json_word(json, "false"))
        *value = 0;
    else
        json->bad = 1;
    return !json->bad;
}

static int read_int(nlc_json *json, int32_t *value) {
    int64_t number;
    if (!nlc_json_integer(json, &number) || number < -1000000 || number > 1000000) {
        json->bad = 1;
        return 0;
    }
    *value = (int32_t)number;
    return 1;
}

static int read_skips(nlc_json *json, nlc_model_file *file) {
    size_t count = 0;
    if (!nlc_json_begin(json, '['))
        return 0;
    while (nlc_json_more(json, ']', &count)) {
        if (count > NLC_MOST_LAYERS)
            return 0;
        int32_t *skip = &file->skips[count - 1];
        *skip = -1;
        if (!nlc_json_word(json, "null") && (!read_int(json, skip) || *skip < 0))
            return 0;
    }
    file->layer_count = (int32_t)count;
    return !json->bad;
}

/* The description of the model: what the text of `about` says. */
static int read_about(const char *text, nlc_model_file *file, const char **problem) {
    nlc_json json = {text, text + strlen(text), 0};
    char name[MOST_NAME], word[MOST_NAME];
    int32_t version = 0;
    unsigned found = 0;
    size_t count = 0;
    static const char *const names[] = {"format", "version", "horizon", "components", "joint", "skips", "channels",
                                        "inputs", "borders"};
    *problem = "its description is malformed";
    file->channels = 3;
    if (!nlc_json_begin(&json, '{'))
        return 0;
    while (nlc_json_more(&json, '}', &count)) {
        if (!nlc_json_name(&json, name, sizeof name))
            return 0;
        unsigned which = 0;
        while (which < sizeof names / sizeof *names && strcmp(name, names[which]) != 0)
            which++;
        if (found >> which & 1)
            return 0;
        int good;
        switch (which) {
        case 0: good = nlc_json_string(&json, word, sizeof word) && !strcmp(word, "nelloc-model"); break;
        case 1: good = read_int(&json, &version); break;
        case 2: good = read_int(&json, &file->horizon); break;
        case 3: good = read_int(&json, &file->components); break;
        case 4: good = read_truth(&json, &file->joint); break;
        case 5: good = read_skips(&json, file); break;
        case 6: good = read_int(&json, &file->channels); break;
        case 7:
            good = nlc_json_string(&json, word, sizeof word) && (!strcmp(word, "raw") || !strcmp(word, "normalised"));
            file->raw = good && !strcmp(word, "raw");
            break;
        case 8: good = read_truth(&json, &file->borders); break;
        default: good = nlc_json_skip(&json); break;
        }
        if (!good)
            return 0;
        if (which < sizeof names / sizeof *names)
            found |= 1u << which;
    }
    if (json.bad || nlc_json_peek(&json) || (found & 0x3f) != 0x3f)
        return 0;
    *problem = "its version is not supported here; a newer nelloc may read it";
    return version == 1;
}

/* The members of `__metadata__`, which are strings; `about` gets the text of that name, if there is one. */
static int read_metadata(nlc_json *json, char *about, size_t room) {
    char name[MOST_NAME];
    size_t count = 0;
    if (!nlc_json_begin(json, '{'))
        return 0;
    while (nlc_json_more(json, '}', &count)) {
        if (!nlc_json_name(json, name, sizeof name))
            return 0;
        const int wanted = !strcmp(name, "about");
        if (!nlc_json_string(json, wanted ? about : NULL, wanted ? room : 0))
            return 0;
    }
    return !json->bad;
}

/* Whether the tensors fill the file from `body` on, one after the other. */
static int fill_file(const nlc_model_file *file, size_t body) {
    const nlc_tensor *tensors[NLC_MOST_LAYERS * NLC_PARTS_OF_LAYER + NLC_TABLES];
    size_t count = 0, at = body;
    for (int k = 0; k < NLC_TABLES; k++)
        tensors[count++] = &file->tables[k];
    for (int layer = 0; layer < file->layer_count; layer++)
        for (int part = 0; part < NLC_PARTS_OF_LAYER; part++)
            tensors[count++] = &file->layers[layer][part];
    for (size_t k = 0; k < count; k++) {
        size_t next = k; /* the one that is the first of those left */
        for (size_t n = k + 1; n < count; n++)
            if (tensors[n]->at < tensors[next]->at)
                next = n;
        const nlc_tensor *tensor = tensors[next];
        tensors[next] = tensors[k];
        if (tensor->at != at)
            return 0;
        at += tensor->rows * tensor->columns * (size_t)tensor->bytes;
    }
    return at == file->size;
}

/* Whether the tensors are those of a model of these layers, and of the shapes that belong together. */
static int good_tensors(const nlc_model_file *file, const char **problem) {
    for (int k = 0; k < NLC_TABLES; k++) {
        *problem = "a table is missing or malformed";
        if (!file->tables[k].present || file->tables[k].dimensions != 1 || file->tables[k].rows > 4096)
            return 0;
        if (k < 5 && file->tables[k].rows != file->tables[0].rows)
            return 0;
    }
    for (int layer = 0; layer < NLC_MOST_LAYERS; layer++) {
        const nlc_tensor *parts = file->layers[layer];
        *problem = "a layer is missing, malformed, or not described";
        for (int part = 0; part < NLC_PARTS_OF_LAYER; part++)
            if (parts[part].present != (layer < file->layer_count))
                return 0;
        if (layer >= file->layer_count)
            continue;
        if (parts[NLC_WEIGHT].dimensions != 2 || parts[NLC_BIAS].dimensions != 1 || parts[NLC_SHIFT].dimensions != 1 ||
            parts[NLC_BIAS].rows != parts[NLC_WEIGHT].rows || parts[NLC_SHIFT].rows != parts[NLC_WEIGHT].rows)
            return 0;
    }
    return 1;
}

int nlc_model_file_read(nelloc_decoder *d, const uint8_t *data, size_t size, nlc_model_file *file) {
    memset(file, 0, sizeof *file);
    file->data = data;
    file->size = size;
    if (size > NLC_MOST_MODEL_BYTES)
        return fail(d, "it is larger than 64 MiB");
    if (size < HEAD + 2 || nlc_number32(data + 4) || nlc_number32(data) > size - HEAD)
        return fail(d, "it is cut short");
    const size_t length = nlc_number32(data), body = HEAD + length;
    const char *problem = "its header is malformed";
    char *about = nlc_get(&d->budget, length + 1, 1), name[MOST_NAME];
    if (!about)
        return nlc_fail_for_memory(d);
    nlc_json json = {(const char *)data + HEAD, (const char *)data + body, 0};
    size_t count = 0;
    int described = 0;
    /* The first character stands at the very beginning, as in every safetensors file. */
    int good = data[HEAD] == '{' && nlc_json_begin(&json, '{');
    while (good && nlc_json_more(&json, '}', &count)) {
        good = nlc_json_name(&json, name, sizeof name);
        if (good && !strcmp(name, "__metadata__")) {
            good = !described && read_metadata(&json, about, length + 1);
            described = 1;
        } else if (good) {
            nlc_tensor *tensor = tensor_of(file, name);
            if (!tensor)
                problem = "it has an unknown tensor";
            good = tensor && !tensor->present && read_tensor(&json, tensor, body, size);
        }
    }
    good = good && !json.bad && !nlc_json_peek(&json) && described && read_about(about, file, &problem) &&
           good_tensors(file, &problem);
    if (good && !fill_file(file, body)) {
        problem = "its tensors do not fill it";
        good = 0;
    }
    nlc_put(about);
    return good ? NELLOC_OK : fail(d, problem);
}

int64_t nlc_tensor_number(const nlc_model_file *file, const nlc_tensor *tensor, size_t place) {
    const int bytes = tensor->bytes;
    const uint8_t *at = file->data + tensor->at + place * (size_t)bytes;
    uint64_t number = 0;
    for (int k = 0; k < bytes; k++)
        number |= (uint64_t)at[k] << 8 * k;
    if (bytes == 8) /* as far as it fits; 2^63 and more is out of every range */
        return !tensor->is_signed && number >> 63 ? INT64_MAX : (int64_t)number;
    if (tensor->is_signed && number >> (8 * bytes - 1))
        return (int64_t)number - ((int64_t)1 << 8 * bytes);
    return (int64_t)number;
}

/* The numbers of a tensor as those of the core, at `to`; returns what follows them, or NULL. */
static int32_t *copy_numbers(const nlc_model_file *file, const nlc_tensor *tensor, int32_t *to) {
    const size_t count = tensor->rows * tensor->columns;
    for (size_t k = 0; k < count; k++) {
        const int64_t number = nlc_tensor_number(file, tensor, k);
        if (number < INT32_MIN || number > INT32_MAX)
            return NULL;
        to[k] = (int32_t)number;
    }
    return to + count;
}

static size_t count_numbers(const nlc_model_file *file) {
    size_t count = 0;
    for (int k = 0; k < NLC_TABLES; k++)
        count += file->tables[k].rows;
    for (int layer = 0; layer < file->layer_count; layer++)
        for (int part = 0; part < NLC_PARTS_OF_LAYER; part++)
            count += file->layers[layer][part].rows * file->layers[layer][part].columns;
    return count;
}

/* Fill in what the core reads; `numbers` has room for all. */
static int make_source(const nlc_model_file *file, int32_t *numbers, nlc_layer_source *layers,
                       nlc_model_source *source) {
    const int32_t **tables[NLC_TABLES] = {&source->thresholds,   &source->input_scale, &source->activity_input,
                                          &source->mean_scale,   &source->scale_offset, &source->logistic,
                                          &source->exponential, &source->inverse_scale};
    for (int k = 0; numbers && k < NLC_TABLES; k++) {
        *tables[k] = numbers;
        numbers = copy_numbers(file, &file->tables[k], numbers);
    }
    for (int k = 0; numbers && k < file->layer_count; k++) {
        const int32_t **parts[NLC_PARTS_OF_LAYER] = {&layers[k].weight, &layers[k].bias, &layers[k].shift};
        for (int part = 0; numbers && part < NLC_PARTS_OF_LAYER; part++) {
            *parts[part] = numbers;
            numbers = copy_numbers(file, &file->layers[k][part], numbers);
        }
        layers[k].rows = (int32_t)file->layers[k][NLC_WEIGHT].rows;
        layers[k].columns = (int32_t)file->layers[k][NLC_WEIGHT].columns;
        layers[k].skip = file->skips[k];
    }
    source->horizon = file->horizon;
    source->components = file->components;
    source->channels = file->channels;
    source->joint = file->joint;
    source->raw = file->raw;
    source->borders = file->borders;
    source->layer_count = file->layer_count;
    source->layers = layers;
    source->activity_levels = (int32_t)file->tables[0].rows;
    source->logistic_count = (int32_t)file->tables[5].rows;
    source->exponential_count = (int32_t)file->tables[6].rows;
    source->inverse_scale_count = (int32_t)file->tables[7].rows;
    return numbers != NULL;
}

int nlc_model_file_prepare(nelloc_decoder *d, const nlc_model_file *file, int bits, nlc_model **made) {
    nlc_model_source source;
    nlc_layer_source layers[NLC_MOST_LAYERS];
    *made = NULL;
    int32_t *numbers = nlc_get(&d->budget, count_numbers(file), sizeof *numbers);
    if (!numbers)
        return nlc_fail_for_memory(d);
    int status = make_source(file, numbers, layers, &source) ? nlc_model_new(&source, bits, d->level, made)
                                                             : NLC_BAD_ARGUMENT;
    if (status == NLC_BAD_ARGUMENT && bits > 8) /* a model of 8 bits only, or none at all */
        status = nlc_fail_damaged(d, "its model codes samples of 8 bits only, or is none");
    else if (status == NLC_BAD_ARGUMENT)
        status = fail(d, "a number is out of its range");
    else if (status == NLC_NO_MEMORY)
        status = nlc_fail_for_memory(d);
    nlc_put(numbers);
    return status;
}
