"""Larger networks made of trained ones, as better starting points than random weights."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from nelloc.errors import NellocError
from nelloc.training.networks.local import LocalNetwork


def merge(first: LocalNetwork, second: LocalNetwork) -> LocalNetwork:
    """Combine two networks into one of both widths and all components, whose outputs are those of the two.

    The hidden layers stand side by side; the shallower network's last one is passed on unchanged, and the mixtures'
    components become one mixture. Weights that connect the two are zero. Raises NellocError for networks whose inputs
    or outputs are of different kinds, or that have residual blocks.
    """
    if first.config.depth > second.config.depth:
        first, second = second, first
    config = replace(
        second.config,
        width=first.config.width + second.config.width,
        components=first.config.components + second.config.components,
    )
    same = replace(second.config, width=first.config.width, depth=first.config.depth, components=0)
    if same != replace(first.config, components=0) or config.blocks:
        raise NellocError("these networks differ in the kind of their inputs or outputs, or have residual blocks")
    merged = LocalNetwork(config)
    own, width = list(first.linear), first.config.width
    with torch.no_grad():
        for index, (layer, other) in enumerate(zip(merged.linear, second.linear, strict=True)):
            layer.weight.zero_()
            if layer is merged.linear[-1]:
                layer.weight.copy_(_interleave(own[-1].weight, other.weight, config.channels, across=True))
                layer.bias.copy_(_interleave(own[-1].bias, other.bias, config.channels))
                break
            below = 0 if index == 0 else width  # where the second network's inputs begin
            layer.weight[width:, below:] = other.weight
            layer.bias[width:] = other.bias
            if index < len(own) - 1:
                layer.weight[:width, : own[index].weight.shape[1]] = own[index].weight
                layer.bias[:width] = own[index].bias
            else:
                layer.weight[:width, :width] = torch.eye(width)
                layer.bias[:width] = 0
    return merged


def with_borders(network: LocalNetwork) -> LocalNetwork:
    """Add inputs for the distances to the tile's borders, with zero weights, so that outputs do not change."""
    config = replace(network.config, borders=True)
    grown = LocalNetwork(config)
    added = config.layer_sizes[0][0] - network.linear[0].in_features
    with torch.no_grad():
        for layer, own in zip(grown.linear, network.linear, strict=True):
            layer.weight.copy_(nn.functional.pad(own.weight, (0, added)) if layer is grown.linear[0] else own.weight)
            layer.bias.copy_(own.bias)
    return grown


def _interleave(first: Tensor, second: Tensor, channels: int, *, across: bool = False) -> Tensor:
    """Outputs of both: of each kind (logits, means, ...) the first network's components, then the second's."""
    kinds = 10 if channels == 3 else 3
    parts = [part.reshape(kinds, -1, *part.shape[1:]) for part in (first, second)]
    if across:
        a, b = parts
        parts = [
            torch.cat([a, a.new_zeros(*a.shape[:2], b.shape[2])], 2),
            torch.cat([b.new_zeros(*b.shape[:2], a.shape[2]), b], 2),
        ]
    return torch.cat(parts, 1).flatten(0, 1)
