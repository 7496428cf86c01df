"""Sections 4 and 5, with section 9: what a pixel sees, and what the network makes of it."""

from __future__ import annotations

import operator
from typing import Any

from independent.learning import LastLayer
from independent.mixture import Pixel, octaves
from independent.model_file import Layer, Model
from independent.notation import clamp
from independent.two_layers import TwoLayers


def predict(
    model: Model,
    known: dict[tuple[int, int], list[int]],
    i: int,
    j: int,
    width: int,
    depth: int,
    learned: LastLayer | TwoLayers | None,
) -> tuple[Pixel, Any]:
    """Section 4: what pixel (i, j) sees, its inputs, and with the network's outputs its distribution.

    Beside it, what the last layer was given."""
    h, tables = model.horizon, model.tables
    offsets = [(di, dj) for di in range(-h, 0) for dj in range(-h, h + 1)] + [(0, dj) for dj in range(-h, 0)]
    seen = {offset: [1 << depth - 1] * model.channels for offset in offsets}
    for di, dj in offsets if (i, j) != (0, 0) else ():
        r, c = max(i + di, 0), clamp(j + dj, 0, width - 1)
        if r == i and c >= j:
            r, c = (i, j - 1) if j > 0 else (i - 1, 0)
        seen[di, dj] = known[r, c]
    m, levels = depth - 8, len(tables["context.thresholds"])
    base, level = ([510] * model.channels, 0) if model.raw else base_and_level(model, seen, m)
    e = octaves(level, levels, 8)
    gain = tables["context.input_scale"][level - 8 * e]
    values = [4 * x - b >> e for pixel in seen.values() for x, b in zip(pixel, base, strict=True)]
    x = [clamp(value * gain + 512 >> 10, -384, 384) for value in values]
    if not model.raw:
        x += [(b >> 2 + m) - 128 for b in base]
        told = clamp(level - 8 * m, min(16, levels - 1), levels - 1) if m else level
        x.append(tables["context.activity_input"][told])
    if model.borders:
        x += [64 * min(distance, h) for distance in (i, j, width - 1 - j)]
    hidden: Any
    if isinstance(learned, TwoLayers):
        outputs, hidden = learned.evaluated(x)
    else:
        outputs, hidden = network(model.layers, x)
        if learned is not None:
            outputs = learned.corrected(outputs, hidden)
    pixel = Pixel(model, base, level, outputs, depth)
    pixel.near = [seen[0, -1], seen[-1, 0]]
    return pixel, hidden


def base_and_level(model: Model, seen: dict[tuple[int, int], list[int]], m: int) -> tuple[list[int], int]:
    """Sections 4 and 9: the base of each channel and the level of what a pixel sees, if the inputs are normalised."""
    w, n, ne = seen[0, -1], seen[-1, 0], seen[-1, 1]
    base = [2 * a + b + c for a, b, c in zip(w, n, ne, strict=True)]
    near = (w, n, ne, seen[-1, -1], seen[0, -2], seen[-2, 0])
    activity = sum(abs(4 * x - b) for pixel in near for x, b in zip(pixel, base, strict=True))
    thresholds = list(model.tables["context.thresholds"])
    for _ in range(8 * m):
        thresholds.append(2 * thresholds[-8] + 18 * model.channels)
    return base, max(k for k, threshold in enumerate(thresholds) if threshold <= activity)


def network(layers: list[Layer], x: list[int]) -> tuple[list[int], list[int]]:
    """Section 5: the outputs of the last layer, and what it was given."""
    outputs: list[list[int]] = []
    for layer in layers:
        rows = zip(layer.weight, layer.bias, layer.shift, strict=True)
        x = [(sum(map(operator.mul, weight, x)) + bias) >> shift for weight, bias, shift in rows]
        if layer.skip is not None:
            x = [a + b for a, b in zip(x, outputs[layer.skip], strict=True)]
        if layer is not layers[-1]:
            x = [clamp(y, 0, 255) for y in x]
        outputs.append(x)
    return outputs[-1], outputs[-2]
