/* The two layers that learn, for the files pair*.c. */
#ifndef NLC_PAIR_LAYERS_H
#define NLC_PAIR_LAYERS_H

#include "pair.h"

static inline const nlc_layer *last_layer(const nlc_model *model) { return &model->layers[model->layer_count - 1]; }
static inline const nlc_layer *hidden_layer(const nlc_model *model) { return &model->layers[model->layer_count - 2]; }
static inline size_t width_of(const nlc_layer *layer) { return (size_t)layer->vectors * NLC_LANES; }

/* Units that a layer is given and the constant one, rounded up to lanes. */
static inline size_t units_of(const nlc_layer *layer) { return (size_t)layer->columns + 1; }
static inline size_t rounded_units(const nlc_layer *layer) { return nlc_round_up(units_of(layer), NLC_LANES); }
static inline size_t groups_of(const nlc_model *model, const nlc_layer *layer) {
    return nlc_learned_groups(model, nlc_round_up(units_of(layer), 4));
}
static inline size_t used_bytes(const nlc_model *model, const nlc_layer *layer) {
    return rounded_units(layer) * width_of(layer) * (model->kernels->narrow ? 1 : 2);
}
/* Groups of outputs, in the products that take errors back. */
static inline size_t back_groups(const nlc_model *model) {
    const size_t group = (size_t)model->kernels->wide_group;
    return ((size_t)model->outputs + group - 1) / group;
}
static inline size_t back_size(const nlc_model *model) {
    return back_groups(model) * (size_t)model->kernels->wide_group * NLC_LANES;
}

#endif
