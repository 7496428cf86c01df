/* Model files (docs/FORMAT.md, section 2): safetensors files of integers, read strictly. */
#ifndef NLC_MODEL_FILE_H
#define NLC_MODEL_FILE_H

#include "decoder.h"

#define NLC_MOST_LAYERS 64
#define NLC_PARTS_OF_LAYER 3 /* weight, bias, shift */
#define NLC_TABLES 8         /* five of the activity, three of the mixture */
#define NLC_MOST_MODEL_BYTES ((size_t)64 << 20)

/* A tensor: where it stands in the file, its integers' bytes and sign, and its shape; a vector has one column. */
typedef struct {
    size_t at, rows, columns;
    int present, bytes, is_signed, dimensions;
} nlc_tensor;

enum { NLC_WEIGHT, NLC_BIAS, NLC_SHIFT };

/* What a model file holds, as its header says. */
typedef struct {
    const uint8_t *data;
    size_t size;
    int32_t horizon, components, channels, joint, raw, borders, layer_count;
    int32_t skips[NLC_MOST_LAYERS]; /* -1 if there is none */
    nlc_tensor layers[NLC_MOST_LAYERS][NLC_PARTS_OF_LAYER];
    nlc_tensor tables[NLC_TABLES];
} nlc_model_file;

/* Read the header of a model file, and check that everything is there and of the right form. */
int nlc_model_file_read(nelloc_decoder *decoder, const uint8_t *data, size_t size, nlc_model_file *file);

/* Make it ready for samples of `bits` bits, within the limits of section 2. */
int nlc_model_file_prepare(nelloc_decoder *decoder, const nlc_model_file *file, int bits, nlc_model **made);

/* A tensor's number at `place`. */
int64_t nlc_tensor_number(const nlc_model_file *file, const nlc_tensor *tensor, size_t place);

/* differences.c (section 8) */
#define NLC_DIFFERENCES_HEAD 13

int nlc_is_differences(const uint8_t *data, size_t size);

/* The ids of the base and of the model that is made, if these are differences of a known version with a right
 * checksum. */
int nlc_differences_read(nelloc_decoder *decoder, const uint8_t *data, size_t size, const uint8_t **base_id,
                         const uint8_t **model_id);

/* Turn `made`, a copy of the base's file, into the model. */
int nlc_differences_apply(nelloc_decoder *decoder, const uint8_t *data, size_t size, const nlc_model_file *base,
                          uint8_t *made);

/* The models that are built into the library. */
typedef struct {
    const char *name;
    uint8_t id[NLC_ID_BYTES];
    const uint8_t *data;
    size_t size;
} nlc_shipped_model;

extern const nlc_shipped_model nlc_shipped_models[];
extern const size_t nlc_shipped_count;

#endif
