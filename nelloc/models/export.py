"""From a trained network to an integer model file."""

from __future__ import annotations

import math

import numpy as np

from nelloc.exact.context import SCALE_ORIGIN, SCALE_STEPS, ContextTables
from nelloc.exact.model import (
    COARSE_BITS,
    COARSE_STEPS,
    LOGISTIC_STEPS,
    LOGIT_STEPS,
    SCALE_FRACTION_BITS,
    Layer,
    MixtureTables,
    load_model,
    save_model,
)
from nelloc.models.local import FIRST_WEIGHT_MAX, WEIGHT_MAX, LocalNetwork, weight_fraction_bits
from nelloc.models.mixture import MAX_LOG2_SCALE, output_bits

_INPUT_BITS = 6  # inputs are in steps of 1/64
_ACTIVATION_BITS = 5  # activations are in steps of 1/32
# Beyond this the logistic CDF rounds to 0 or 1 at 15 bits.
_LOGISTIC_END = 11.0
_LOGIT_END = 10.0


def export(network: LocalNetwork) -> bytes:
    """The integer model file of ``network``: the same network gives the same bytes."""
    config = network.config
    layers = []
    final = len(network.linear) - 1
    for index, (linear, skip) in enumerate(zip(network.linear, config.skips, strict=True)):
        limit = FIRST_WEIGHT_MAX if index == 0 else WEIGHT_MAX
        fraction = weight_fraction_bits(linear.weight, limit).numpy()
        steps = linear.weight.detach().double().numpy() * 2.0 ** fraction[:, None]
        weight = np.clip(np.floor(steps + 0.5), -limit, limit)
        sum_bits = fraction + (_INPUT_BITS if index == 0 else _ACTIVATION_BITS)
        shift = sum_bits - (output_bits(config.components) if index == final else _ACTIVATION_BITS)
        bias = np.floor(linear.bias.detach().double().numpy() * 2.0**sum_bits + 0.5)
        # Half of the step that is shifted out, so that the shift rounds to nearest.
        bias += np.where(shift > 0, 2.0 ** (shift - 1), 0)
        layers.append(Layer(weight.astype(np.int32), bias.astype(np.int32), shift.astype(np.int32), skip))
    data = save_model(
        horizon=config.horizon,
        components=config.components,
        joint=True,
        layers=tuple(layers),
        context=ContextTables.standard(),
        mixture=mixture_tables(),
    )
    load_model(data, "exported model")
    return data


def mixture_tables() -> MixtureTables:
    """The standard tables of the logistic CDF, the exponential and the inverse scales."""
    positions = np.arange(round(_LOGISTIC_END * COARSE_STEPS) + 1) / COARSE_STEPS
    logistic = [round(2**COARSE_BITS / (1 + math.exp(-x))) for x in positions]
    exponential = [round(2**16 * math.exp(-n / LOGIT_STEPS)) for n in range(round(_LOGIT_END * LOGIT_STEPS) + 1)]
    count = round((SCALE_ORIGIN + MAX_LOG2_SCALE) * SCALE_STEPS) + 1
    scales = [2 ** (index / SCALE_STEPS - SCALE_ORIGIN) for index in range(count)]
    per_step = 2**SCALE_FRACTION_BITS * LOGISTIC_STEPS / 64
    inverse = [round(per_step / scale) for scale in scales]
    return MixtureTables(*(np.array(table, np.int32) for table in (logistic, exponential, inverse)))
