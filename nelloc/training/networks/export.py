"""Conversion of a trained network to an integer model file, and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.exact.context import ContextTables
from nelloc.exact.model import (
    ACTIVATION_BITS,
    ExactModel,
    Layer,
    MixtureTables,
    load_model,
    output_bits,
    save_model,
)
from nelloc.training.networks.local import LocalConfig, LocalNetwork, weight_fraction_bits, weight_limit
from nelloc.training.networks.tables import mixture_tables

_INPUT_BITS = 6  # inputs are in steps of 1/64


def export(network: LocalNetwork) -> bytes:
    """Serialise ``network`` as an integer model file; equal networks give equal bytes."""
    config = network.config
    layers = []
    for index, (linear, skip) in enumerate(zip(network.linear, config.skips, strict=True)):
        limit = weight_limit(index)
        fixed = network.fraction_bits
        fraction = (weight_fraction_bits(linear.weight, limit) if fixed is None else fixed[index]).numpy()
        steps = linear.weight.detach().double().numpy() * 2.0 ** fraction[:, None]
        weight = np.clip(np.floor(steps + 0.5), -limit, limit)
        sum_bits, output = sum_fraction_bits(config, index, fraction)
        shift = sum_bits - output
        bias = np.floor(linear.bias.detach().double().numpy() * 2.0**sum_bits + 0.5)
        # Half of the step that is shifted out, so that the shift rounds to nearest.
        bias += np.where(shift > 0, 2.0 ** (shift - 1), 0)
        layers.append(Layer(weight.astype(np.int32), bias.astype(np.int32), shift.astype(np.int32), skip))
    data = save_model(
        horizon=config.horizon,
        components=config.components,
        joint=config.joint,
        layers=tuple(layers),
        context=ContextTables.of(config.channels, config.inputs),
        mixture=mixture_tables(),
        channels=config.channels,
        inputs=config.inputs,
        borders=config.borders,
    )
    load_model(data, "exported model")
    return data


def restore(model: ExactModel, source: str = "model", *, fixed_steps: bool = False) -> LocalNetwork:
    """Restore the network whose ``export`` gives the integers of ``model``.

    With ``fixed_steps`` its weights keep the model's step sizes however they change; otherwise the steps follow the
    weights. Raises NellocError naming ``source`` for a model that ``export`` does not make.
    """
    blocks = sum(layer.skip is not None for layer in model.layers)
    config = LocalConfig(
        horizon=model.horizon,
        width=len(model.layers[0].bias),
        blocks=blocks,
        components=model.components,
        channels=model.channels,
        inputs=model.inputs,
        joint=model.joint,
        depth=max(0, len(model.layers) - 2 - 3 * blocks),
        borders=model.borders,
    )
    usual = [layer.weight.shape[::-1] for layer in model.layers] == config.layer_sizes
    if not usual or [layer.skip for layer in model.layers] != config.skips:
        raise NellocError(f"{source}: its layers are not those of a local network; use a model trained by nelloc")
    context = ContextTables.of(model.channels, model.inputs)
    if not (_same(model.context, context) and _same(model.mixture, mixture_tables())):
        raise NellocError(f"{source}: its tables are not those of this nelloc; use a model trained by it")
    network = LocalNetwork(config)
    fractions = []
    with torch.no_grad():
        for index, (linear, layer) in enumerate(zip(network.linear, model.layers, strict=True)):
            sum_bits = layer.shift + _bits_after(config, index)
            fraction = sum_bits - _bits_before(index)
            half = np.where(layer.shift > 0, 2.0 ** (layer.shift - 1), 0)
            if np.abs(layer.weight).max() > weight_limit(index):
                raise NellocError(f"{source}: a weight of layer {index} is too large; use a model trained by nelloc")
            linear.weight.copy_(torch.from_numpy(layer.weight * 2.0 ** -fraction[:, None]))
            linear.bias.copy_(torch.from_numpy((layer.bias - half) * 2.0**-sum_bits))
            fractions.append(torch.from_numpy(fraction.astype(np.int32)))
    if fixed_steps:
        network.fraction_bits = fractions
    return network


def sum_fraction_bits(
    config: LocalConfig, layer: int, fraction: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64] | int]:
    """Fractional bits of the sums of a layer's rows, from those of the weights and of the layer's output."""
    return fraction + _bits_before(layer), _bits_after(config, layer)


def _bits_before(layer: int) -> int:
    """Fractional bits of a layer's input."""
    return _INPUT_BITS if layer == 0 else ACTIVATION_BITS


def _bits_after(config: LocalConfig, layer: int) -> NDArray[np.int64] | int:
    """Fractional bits of each row of a layer's output."""
    if layer == len(config.layer_sizes) - 1:
        return np.array(output_bits(config.components, config.channels))
    return ACTIVATION_BITS


def _same(tables: ContextTables | MixtureTables, others: ContextTables | MixtureTables) -> bool:
    return all(
        np.array_equal(getattr(tables, name), getattr(others, name)) for name in type(tables).__dataclass_fields__
    )
