"""Encoding tiles: every pixel is known, so a whole tile goes through the network at once.

The same normaliser, network and mixture as in decoding give the frequencies; only the digits
are looked up instead of decoded. If the network learns while it codes, the steps are walked as in decoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.callbacks import Advance
from nelloc.exact.coder import DigitWriter, encode_digits
from nelloc.exact.context import border_distances, context_sources
from nelloc.exact.decoders import sheared
from nelloc.exact.decoders.interface import EncodedTile
from nelloc.exact.engine import Engine
from nelloc.exact.mixture import FREQUENCY_BITS, RADIX, run
from nelloc.exact.wavefront import wavefront_order

# Pixels per pass: wide enough for fast products, narrow enough for the cache.
PIXELS_PER_PASS = 4096


@dataclass(frozen=True)
class TileCode:
    """A coded tile: its bytes and, if measured, the information content under the model (-log2 p) in bits."""

    data: bytes
    model_bits: float | None


def encode_tile(
    engine: Engine,
    image: NDArray,
    seed: int,
    *,
    progress: Advance = lambda _: None,
    measure: bool = False,
) -> TileCode:
    """Code one tile.

    Parameters
    ----------
    engine : Engine
        The prepared model.
    image : ndarray (planes, height, width) of uint8 or uint16
        The tile, of one plane or of as many as the model has channels.
    seed : int
        As in ``encode_digits``.
    progress : callable
        Receives the number of pixels coded since its last call.
    measure : bool
        Compute the information content under the model too.
    """
    planes, height, width = image.shape
    order = _tile_order(height, width, engine.horizon)
    pixels = image.reshape(planes, -1)
    channels = np.broadcast_to(pixels, (engine.channels, height * width))
    first = np.full((engine.channels, 1), engine.first_pixel)
    quarters = np.concatenate([channels, first], axis=1).astype(np.float32) * np.float32(4)
    digits = _digits(engine, image)
    count = planes * len(engine.mixture.strides)
    frequencies = np.empty((len(digits), RADIX), np.float64)
    for start in range(0, height * width, PIXELS_PER_PASS):
        part = slice(start, start + PIXELS_PER_PASS)
        context = np.ascontiguousarray(quarters[:, order.sources[:, part]].transpose(1, 0, 2))
        normalised = engine.normaliser(context, order.distances[:, part])
        outputs, _ = engine.evaluate(normalised.inputs)
        coding = engine.mixture.code(outputs, normalised.base, normalised.level, planes)
        places = order.places(part, count)

        def choose(rows: NDArray[np.float64], places=places) -> NDArray[np.int32]:
            at = next(places)
            frequencies[at] = rows
            return digits[at]

        run(coding, choose)
        progress(len(order.pixels[part]))
    model_bits = _bits(digits, frequencies) if measure else None
    return TileCode(encode_digits(digits, frequencies, seed), model_bits)


class _KnownDigits:
    """Source of known digits. A decoder that reads from it encodes."""

    def __init__(self, digits: NDArray[np.int32], measure: bool):
        self._digits, self._measure = digits, measure
        self._place, self._writer, self.bits = 0, DigitWriter(), 0.0

    def decode(self, frequencies: NDArray[np.float64]) -> NDArray[np.int32]:
        """The next digits (N,); their ``frequencies`` (N, RADIX) are recorded."""
        known = self._digits[self._place : self._place + len(frequencies)]
        self._place += len(known)
        if self._measure:
            self.bits += _bits(known, frequencies)
        return self._writer.digits(known, frequencies)

    def bytes(self, seed: int) -> bytes:
        """Stream of all digits; ``seed`` as in ``encode_digits``."""
        return self._writer.bytes(seed)


def encode_learning(
    engine: Engine,
    images: Sequence[NDArray],
    seeds: Sequence[int],
    *,
    progress: Advance = lambda _: None,
    measure: bool = False,
) -> list[TileCode]:
    """Code tiles of equal numbers of planes side by side, with an engine that learns or for tiles on a lattice.

    Parameters and result are those of ``encode_tile``. Learning changes the digits' frequencies from step to step, so
    the steps are walked as in decoding.
    """
    known = [_KnownDigits(_digits(engine, image), measure) for image in images]
    tiles = [EncodedTile(i.shape[1], i.shape[2], len(i), digits) for i, digits in zip(images, known, strict=True)]
    sheared.decode(engine, tiles, progress)
    coded = zip(known, seeds, strict=True)
    return [TileCode(digits.bytes(seed), digits.bits if measure else None) for digits, seed in coded]


def _digits(engine: Engine, image: NDArray) -> NDArray[np.int32]:
    """All digits of a tile (planes, height, width) in the order of the stream."""
    planes, height, width = image.shape
    order = _tile_order(height, width, engine.horizon)
    values = image.reshape(planes, -1)[:, order.pixels].astype(np.int64)
    strides = engine.mixture.strides
    known = [value // stride % RADIX for value in values for stride in strides]
    if engine.lattice is not None:  # before green: 1 if a pixel is on the lattice
        known.insert(len(strides), engine.lattice.coded(values, order.step_start).astype(np.int64))
    count = len(known)
    digits = np.empty(count * height * width, np.int32)
    for place, digit in zip(order.places(slice(None), count), known, strict=True):
        digits[place] = digit
    return digits


def _bits(digits: NDArray[np.int32], frequencies: NDArray[np.float64]) -> float:
    """-log2 of the probability of all digits."""
    chosen = frequencies[np.arange(len(digits)), digits]
    return float((FREQUENCY_BITS - np.log2(chosen + 1)).sum())


class _TileOrder:
    """Coding order of one tile shape.

    ``pixels`` (N,) has the raster indices of the pixels in coding order. In the stream, digit k of n of each pixel is
    at ``n * step_start + k * step_size + rank``.
    """

    def __init__(self, height: int, width: int, horizon: int):
        self._shape = height, width, horizon
        self.pixels, starts = wavefront_order(height, width, horizon)
        sizes = np.diff(starts)
        self.step_size = np.repeat(sizes, sizes)
        self.step_start = np.repeat(starts[:-1], sizes)
        self.rank = np.arange(height * width) - self.step_start

    @cached_property
    def sources(self) -> NDArray[np.int32]:
        """Raster indices of each pixel's context, (window, N), from ``context_sources``."""
        return context_sources(*self._shape)[1].astype(np.int32)

    @cached_property
    def distances(self) -> NDArray[np.float32]:
        """Distances of each pixel to the tile's borders, (3, N)."""
        _, width, horizon = self._shape
        return border_distances(*np.divmod(self.pixels, width), width, horizon)

    def places(self, part: slice, count: int) -> Iterator[NDArray[np.int64]]:
        """Places in the stream of the first, second, ... digits of the pixels ``part``, if each pixel has ``count``."""
        first = count * self.step_start[part] + self.rank[part]
        return (first + k * self.step_size[part] for k in range(count))


_tile_order = lru_cache(maxsize=8)(_TileOrder)
