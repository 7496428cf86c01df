"""The compiled core, where it is built: tiles to streams and back, with the same integers as NumPy.

The core walks whole tiles, so that Python is only asked between some ten thousand pixels. ``NELLOC_CPU`` forces a CPU
level (``plain``, ``avx2``, ``vnni``, ...), or ``numpy`` to leave the core out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.exact.model import ExactModel

try:
    from nelloc import _native  # type: ignore[attr-defined]
except ImportError:  # built where there was no C compiler
    _native = None

DECODE, ENCODE, DRAW = range(3)
# Pixels between two calls of the progress function, which may also stop the work.
PIXELS_AT_ONCE = 1 << 15
NO_CORE = "numpy"


class CompiledModel:
    """A model in the core, for samples of ``bits`` bits."""

    def __init__(self, model: ExactModel, bits: int, level: str):
        def integers(array: NDArray[Any]) -> NDArray[np.int32]:
            return np.ascontiguousarray(array, np.int32)

        about = (model.horizon, model.components, model.channels, model.joint, model.inputs == "raw", model.borders)
        layers = [
            (*map(integers, (layer.weight, layer.bias, layer.shift)), *layer.weight.shape, skip_of(layer.skip))
            for layer in model.layers
        ]
        context, mixture = model.context, model.mixture
        tables = [context.thresholds, context.input_scale, context.activity_input]
        tables += [context.mean_scale, context.scale_offset]
        curves = [mixture.logistic, mixture.exponential, mixture.inverse_scale]
        self.bits, self.level = bits, level
        numbers = tuple(map(integers, tables)), tuple(map(integers, curves))
        self.handle = _native.model(about, layers, *numbers, bits, levels().index(level))


def skip_of(skip: int | None) -> int:
    return -1 if skip is None else skip


@cache
def levels() -> list[str]:
    return [name for name, _ in _native.levels()]
