"""Coding whole tiles, in the compiled core or by the decoders' walks in NumPy or torch.

All give the same bytes; ``backends`` chooses between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nelloc.exact import backends, wide_samples
from nelloc.exact.callbacks import Advance
from nelloc.exact.coder import DigitDecoder, pixel_checksum
from nelloc.exact.decoders import DECODERS, DEFAULT_DECODER
from nelloc.exact.decoders.interface import EncodedTile
from nelloc.exact.encode_tile import TileCode, encode_learning, encode_tile
from nelloc.exact.engine import Engine
from nelloc.exact.lattice import Rule
from nelloc.exact.mixture import FREQUENCY_BITS
from nelloc.exact.model import ExactModel
from nelloc.exact.native import Core

# Samples that NumPy encodes at once while it learns: their digits' frequencies are kept until the last is known.
_LEARNING_AT_ONCE = 1 << 19


class TileCoder(Protocol):
    """A model that codes tiles (planes, height, width) of one depth, 1 or as many planes as the model has channels."""

    def encode(self, images: Sequence[NDArray[Any]], progress: Advance, *, measure: bool = False) -> list[TileCode]:
        """Code tiles; with ``measure`` their information content under the model too."""
        ...

    def decode(self, tiles: Sequence[tuple[tuple[int, ...], bytes]], progress: Advance) -> list[NDArray[Any] | None]:
        """Samples of tiles, given by their shapes and data; None for one that does not match its checksum."""
        ...

    def draw(
        self, shape: tuple[int, int, int], numbers: Sequence[Callable[[int], NDArray[np.uint32]]], progress: Advance
    ) -> list[NDArray[Any]]:
        """Draw tiles of one shape; each function in ``numbers`` gives random numbers of FREQUENCY_BITS bits."""
        ...


def tile_coder(
    model: ExactModel,
    bits: int = 8,
    *,
    learns: int = 0,
    rule: Rule | None = None,
    backend: str | None = None,
    decoder: str | None = None,
) -> TileCoder:
    """Prepare a model to code tiles of samples of ``bits`` bits.

    Parameters
    ----------
    learns : int
        How many layers learn from each tile: 0, 1 or 2 (docs/methods/learning.md, sections 13 and 14).
    rule : Rule, optional
        The colour lattice that tiles are on (section 15): those of three planes of 8 bits.
    backend : str, optional
        Compute backend; by default the fastest that works here.
    decoder : str, optional
        One of the thesis's three decoding algorithms, which run on NumPy. By default as suits the backend.

    Raises
    ------
    NellocError
        If the backend cannot be used here, or the model does not code samples of ``bits`` bits.
    """
    if bits > 8:
        wide_samples.check(model)
    name = backends.chosen(model, backend)
    if backends.is_native(name) and decoder is None:
        return _CoreCoder(Core(model, bits, backends.level_of(model, name), learns=learns, rule=rule), bits)
    if learns > 1 and backends.is_native(name):
        name = "numpy"  # the core evaluates whole networks
    evaluator = backends.prepare(Engine.evaluated(model, learns), name)
    engine = Engine.of(model, evaluator, bits, learns=learns, rule=rule)
    return _SteppedCoder(engine, learns > 0 or rule is not None, decoder or DEFAULT_DECODER)


@dataclass(frozen=True)
class _CoreCoder:
    core: Core
    bits: int

    def encode(self, images: Sequence[NDArray[Any]], progress: Advance, *, measure: bool = False) -> list[TileCode]:
        coded = self.core.encode(images, [pixel_checksum(image) for image in images], progress, measure)
        return [TileCode(data, bits if measure else None) for data, bits in coded]

    def decode(self, tiles: Sequence[tuple[tuple[int, ...], bytes]], progress: Advance) -> list[NDArray[Any] | None]:
        return self.core.decode(tiles, pixel_checksum, progress)

    def draw(
        self, shape: tuple[int, int, int], numbers: Sequence[Callable[[int], NDArray[np.uint32]]], progress: Advance
    ) -> list[NDArray[Any]]:
        digits = shape[0] * shape[1] * shape[2] * (self.bits // 2)
        return self.core.draw(shape, [draw(digits) for draw in numbers], progress)


@dataclass(frozen=True)
class _SteppedCoder:
    """The walks in Python."""

    engine: Engine
    changes: bool  # what it expects, as it codes a tile
    decoder: str

    def encode(self, images: Sequence[NDArray[Any]], progress: Advance, *, measure: bool = False) -> list[TileCode]:
        images = [np.ascontiguousarray(image) for image in images]
        seeds = [pixel_checksum(image) for image in images]
        if not self.changes:
            pairs = zip(images, seeds, strict=True)
            return [encode_tile(self.engine, image, seed, progress=progress, measure=measure) for image, seed in pairs]
        found: list[TileCode] = []
        while len(found) < len(images):
            stop = len(found) + 1
            while stop < len(images) and sum(i[0].size for i in images[len(found) : stop]) < _LEARNING_AT_ONCE:
                stop += 1
            part = slice(len(found), stop)
            found += encode_learning(self.engine, images[part], seeds[part], progress=progress, measure=measure)
        return found

    def decode(self, tiles: Sequence[tuple[tuple[int, ...], bytes]], progress: Advance) -> list[NDArray[Any] | None]:
        walks = [EncodedTile(height, width, planes, DigitDecoder(data)) for (planes, height, width), data in tiles]
        decoded = DECODERS[self.decoder](self.engine, walks, progress)
        checked = zip(walks, decoded, strict=True)
        return [samples if walk.digits.ends_with(pixel_checksum(samples)) else None for walk, samples in checked]

    def draw(
        self, shape: tuple[int, int, int], numbers: Sequence[Callable[[int], NDArray[np.uint32]]], progress: Advance
    ) -> list[NDArray[Any]]:
        planes, height, width = shape
        walks = [EncodedTile(height, width, planes, DrawnDigits(draw)) for draw in numbers]
        return DECODERS[self.decoder](self.engine, walks, progress)


class DrawnDigits:
    """Digits drawn with the frequencies that a decoder would decode them by."""

    def __init__(self, draw: Callable[[int], NDArray[np.uint32]]):
        self._draw = draw

    def decode(self, frequencies: NDArray[np.float64]) -> NDArray[np.int32]:
        """Digits (N,), given their frequencies (N, RADIX) as the entropy coder takes them: less one each."""
        numbers = self._draw(len(frequencies)).astype(np.float64)
        upper = np.cumsum(frequencies + 1, axis=1)
        return (numbers[:, None] >= upper[:, :-1]).sum(axis=1, dtype=np.int32)


assert FREQUENCY_BITS == 24, "the core draws digits by numbers of 24 bits"
