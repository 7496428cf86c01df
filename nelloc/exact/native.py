"""The compiled core, where it is built: tiles to streams and back, with the same integers as NumPy.

The core walks whole tiles and lets go of Python's lock meanwhile; Python is asked between some ten thousand pixels. The
environment variable ``NELLOC_CPU`` forces a lower CPU level (``plain``, ``avx2``, ``vnni``, ...), or ``numpy`` to leave
the core out. Section numbers are those of docs/FORMAT.md and docs/methods.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.exact.callbacks import Advance
from nelloc.exact.lattice import Rule
from nelloc.exact.model import ExactModel

try:
    from nelloc import _native
except ImportError:  # nelloc was installed where there was no C compiler
    _native = None

VARIABLE = "NELLOC_CPU"
NO_CORE = "numpy"
_DECODE, _ENCODE, _DRAW = range(3)
# Pixels between two calls of the progress function, which may stop the work by raising.
_PIXELS_AT_ONCE = 1 << 15


def missing() -> str | None:
    """Reason why the core cannot be used here, as a sentence, or None if it can."""
    if os.environ.get(VARIABLE) == NO_CORE:
        return f"{VARIABLE}={NO_CORE} leaves the compiled core out"
    if _native is None:
        return "the compiled core is not built; install nelloc again where there is a C compiler"
    return None


def levels() -> list[str]:
    """The CPU levels that may be used, the fastest first: those of this machine, from the one that is forced on.

    Raises
    ------
    NellocError
        If ``NELLOC_CPU`` names an unknown level, or one that this machine does not have.
    """
    if missing() is not None:
        return []
    known = _native.levels()
    here = [name for name, available in known if available]
    forced = os.environ.get(VARIABLE)
    if not forced:
        return here[::-1]
    if forced not in dict(known):
        choices = ", ".join([*dict(known), NO_CORE])
        raise NellocError(f"{VARIABLE}={forced}: unknown CPU level; choose one of {choices}")
    if forced not in here:
        raise NellocError(f"{VARIABLE}={forced}: this machine does not have it; choose one of {', '.join(here)}")
    return here[: here.index(forced) + 1][::-1]


def compiled(model: ExactModel, bits: int, level: str) -> Any:
    """``model`` prepared in the core for samples of ``bits`` bits; read only, so that threads share it."""
    key = id(model), bits, level
    if key not in _compiled:
        _compiled[key] = _compile(model, bits, level)
        weakref.finalize(model, _compiled.pop, key, None)
    return _compiled[key]


_compiled: dict[tuple[int, int, str], Any] = {}


def _compile(model: ExactModel, bits: int, level: str) -> Any:
    def integers(array: NDArray[Any]) -> NDArray[np.int32]:
        return np.ascontiguousarray(array, np.int32)

    about = (model.horizon, model.components, model.channels, model.joint, model.inputs == "raw", model.borders)
    layers = [
        (
            *map(integers, (layer.weight, layer.bias, layer.shift)),
            *layer.weight.shape,
            -1 if layer.skip is None else layer.skip,
        )
        for layer in model.layers
    ]
    context, mixture = model.context, model.mixture
    activity = (
        context.thresholds,
        context.input_scale,
        context.activity_input,
        context.mean_scale,
        context.scale_offset,
    )
    curves = (mixture.logistic, mixture.exponential, mixture.inverse_scale)
    tables = tuple(map(integers, activity)), tuple(map(integers, curves))
    return _native.model(about, layers, *tables, bits, _numbers()[level])


@cache
def _numbers() -> dict[str, int]:
    return {name: number for number, (name, _) in enumerate(_native.levels())}


@cache
def lattice(rule: Rule) -> Any:
    """The colour lattice of a rule; read only, so that threads share it."""
    return _native.lattice(int(rule))


def evaluate(model: ExactModel, level: str, inputs: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Evaluate the network alone.

    ``inputs`` (N, features), integers within 16 bits; returns outputs (N, outputs) and the last layer's input (N,
    width).
    """
    outputs, width = model.layers[-1].weight.shape
    given = np.ascontiguousarray(inputs, np.int16)
    found, hidden = np.empty((len(given), outputs), np.int32), np.empty((len(given), width), np.uint8)
    _native.evaluate(compiled(model, 8, level), given, found, hidden, len(given))
    return found, hidden


class Core:
    """A model on a CPU level, for tiles of ``bits`` bits; ``learns`` layers learn, on the lattice of ``rule``."""

    def __init__(self, model: ExactModel, bits: int, level: str, *, learns: int, rule: Rule | None = None):
        self._model, self._learns = compiled(model, bits, level), learns
        self._lattice = None if rule is None else lattice(rule)
        self._type = np.dtype(np.uint16 if bits > 8 else np.uint8)
        self._digits = bits // 2

    def encode(
        self,
        images: Sequence[NDArray[Any]],
        seeds: Sequence[int],
        progress: Advance,
        measure: bool = False,
    ) -> list[tuple[bytes, float]]:
        """Code tiles (planes, height, width) of equal numbers of planes; returns their streams, and the bits measured.

        ``seeds`` are the decoders' stacks after the last digit.
        """
        if not images:
            return []
        tiles = [
            (*image.shape[1:], np.ascontiguousarray(image, self._type), None, seed)
            for image, seed in zip(images, seeds, strict=True)
        ]
        walk = self._walk(_ENCODE, len(images[0]), tiles, progress, measure)
        return [_native.stream(walk, number) for number in range(len(tiles))]

    def decode(
        self,
        tiles: Sequence[tuple[tuple[int, ...], bytes]],
        seed_of: Callable[[NDArray[Any]], int],
        progress: Advance,
    ) -> list[NDArray[Any] | None]:
        """Decode tiles of shapes (planes, height, width) from their streams; None if the final stack is wrong.

        ``seed_of`` computes the stack that is expected after the last digit.
        """
        if not tiles:
            return []
        images = [np.empty(shape, self._type) for shape, _ in tiles]
        given = [(*image.shape[1:], image, data, 0) for image, (_, data) in zip(images, tiles, strict=True)]
        walk = self._walk(_DECODE, len(images[0]), given, progress)
        return [
            image if _native.ends_with(walk, number, seed_of(image)) else None for number, image in enumerate(images)
        ]

    def draw(
        self, shape: tuple[int, int, int], numbers: Sequence[NDArray[np.uint32]], progress: Advance
    ) -> list[NDArray[Any]]:
        """Draw tiles of ``shape`` (planes, height, width), each from ``numbers`` of 24 bits, one for each digit."""
        images = [np.empty(shape, self._type) for _ in numbers]
        tiles = [(*shape[1:], image, own, 0) for image, own in zip(images, numbers, strict=True)]
        self._walk(_DRAW, shape[0], tiles, progress)
        return images

    def _walk(self, mode: int, planes: int, tiles: list[tuple[Any, ...]], progress: Advance, measure=False) -> Any:
        walk = _native.walk(self._model, mode, planes, self._learns, measure, self._lattice, tiles)
        while done := _native.run(walk, _PIXELS_AT_ONCE):
            progress(done)
        return walk
