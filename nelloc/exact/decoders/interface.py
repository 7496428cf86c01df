"""Interface of decoders: ways to walk the wavefront. All decode the same stream to the same pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from numpy.typing import NDArray

from nelloc.exact.callbacks import Advance
from nelloc.exact.coder import DigitSource
from nelloc.exact.engine import Engine

Source = TypeVar("Source", bound=DigitSource)


@dataclass(frozen=True)
class EncodedTile(Generic[Source]):
    """A tile to decode: ``height`` x ``width`` pixels of ``planes`` (1 or 3) from ``digits``."""

    height: int
    width: int
    planes: int
    digits: Source


class Decoder(Protocol):
    """Decodes tiles of one image or of many. Returns arrays (planes, height, width), uint8 or uint16."""

    def __call__(self, engine: Engine, tiles: Sequence[EncodedTile], progress: Advance) -> list[NDArray]:
        """Decode ``tiles``; ``progress`` receives the number of pixels decoded since its last call."""
        ...


# Pixels that a step may have over all tiles: wide products are fast, and this bounds the memory.
STEP_PIXELS = 4096


def batches(shapes: Sequence[tuple[int, int]], engine: Engine) -> list[tuple[int, int]]:
    """Ranges [start, stop) of tiles, by their (height, width), whose steps fit STEP_PIXELS and the engine."""
    ranges, start, width = [], 0, 0
    for index, (rows, columns) in enumerate(shapes):
        step = min(rows, -(-columns // (engine.horizon + 1)))
        if index > start and (width + step > STEP_PIXELS or index - start == engine.most_tiles):
            ranges.append((start, index))
            start, width = index, 0
        width += step
    return [*ranges, (start, len(shapes))] if shapes else []
