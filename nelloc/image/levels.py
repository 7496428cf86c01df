"""Levels of the samples of a plane: those that occur, of an image that was stretched, and their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.image import mapped_array
from nelloc.image.pixels import Samples

_PIXELS_AT_ONCE = 1 << 20
# Fewer levels than this are a drawing's; fewer pixels tell nothing.
LEAST_LEVELS, LEAST_PIXELS = 8, 4096
# Levels are counted in blocks of this many, for samples of 8 bits and of more: photographs have the levels of a block
# about equally often.
_BLOCK, _DEEP_BLOCK = 4, 64
# Least share of missing levels that is worth a trial, in 1/256: more for deep samples, of which many are few by chance.
LEAST_MISSING, LEAST_DEEP_MISSING = 1, 12
_ONE = 1 << 20


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels of a plane, ``values`` (n,) uint16 in increasing order; the coded number of the first is ``offset``."""

    values: NDArray[np.uint16]
    offset: int = 0

    @property
    def end(self) -> int:
        """One more than the largest coded number."""
        return self.offset + len(self.values)

    def numbered(self, first: int) -> Levels:
        """The same levels, the first with this number."""
        return Levels(self.values, first)

    def reduce(self, plane: NDArray[Any], coded: NDArray[Any]) -> None:
        """Write the coded numbers of samples (H, W), all of which must be levels."""
        table = np.zeros(int(self.values[-1]) + 1, coded.dtype)
        table[self.values] = np.arange(self.offset, self.end)
        for rows in _slices(plane):
            coded[rows] = table[plane[rows]]

    def restore(self, coded: NDArray[Any], kind: type[np.unsignedinteger]) -> NDArray[Any]:
        """Samples of type ``kind`` from coded ones; numbers beyond the levels give the nearest."""
        numbers = np.arange(1 << 8 * coded.dtype.itemsize) - self.offset
        return self.values[np.clip(numbers, 0, len(self.values) - 1)].astype(kind)[coded]

    def hold(self, coded: NDArray[Any]) -> bool:
        """True if all of the coded samples are numbers of levels."""
        return int(coded.min()) >= self.offset and int(coded.max()) < self.end


def restore_planes(samples: Samples, levels: Sequence[Levels | None]) -> Samples:
    """Samples (planes, H, W) from coded ones, each plane by its levels, if it has a list of them."""
    if not any(levels):
        return samples
    pairs = zip(samples, levels, strict=True)
    kind = samples.dtype.type
    return np.stack([plane if own is None else own.restore(plane, kind) for plane, own in pairs])


def reduce_planes(samples: Samples, levels: Sequence[Levels | None], kind: type[np.unsignedinteger]) -> Samples:
    """Coded samples of type ``kind`` of planes (planes, H, W), each by its levels, if it has a list of them."""
    coded = mapped_array.empty(samples.shape, kind)
    for plane, target, own in zip(samples, coded, levels, strict=True):
        if own is None:
            target[:] = plane
        else:
            own.reduce(plane, target)
    return coded


def occurring(plane: NDArray[Any]) -> Levels:
    """The levels that occur in samples (H, W)."""
    return Levels(np.flatnonzero(_counts(plane)).astype(np.uint16))


def find(plane: NDArray[Any]) -> Levels | None:
    """The levels that occur in samples (H, W), if more are missing than can be by chance; otherwise None."""
    if plane.size < LEAST_PIXELS or _seems_full(plane):
        return None
    counts = _counts(plane)
    values = np.flatnonzero(counts).astype(np.uint16)
    if len(values) < LEAST_LEVELS:
        return None
    within, deep = counts[values[0] : int(values[-1]) + 1], int(values[-1]) > 255
    least, block = (LEAST_DEEP_MISSING, _DEEP_BLOCK) if deep else (LEAST_MISSING, _BLOCK)
    return Levels(values) if missing(within, block) >= least else None


def is_bright(samples: Samples, own: Sequence[Levels | None]) -> bool:
    """True if samples (planes, H, W) have their highest level at least as often as their lowest, of planes with lists.

    Over-exposed pixels are then many, and numbers should end where the samples that models know end; else begin there.
    """
    highest = lowest = 0
    for plane, levels in zip(samples, own, strict=True):
        if levels is not None:
            for rows in _slices(plane):
                highest += int(np.count_nonzero(plane[rows] == levels.values[-1]))
                lowest += int(np.count_nonzero(plane[rows] == levels.values[0]))
    return highest >= lowest


def _counts(plane: NDArray[Any]) -> NDArray[np.int64]:
    """Number of samples (H, W) of each level."""
    counts = np.zeros(1 << 8 * plane.dtype.itemsize, np.int64)
    for rows in _slices(plane):
        counts += np.bincount(plane[rows].ravel(), minlength=len(counts))
    return counts


def missing(counts: NDArray[np.int64], block: int) -> int:
    """Share of levels, in 1/256, that do not occur though a picture of as many pixels would have them.

    ``counts`` are of the levels between two that occur. In each block of levels those that occur are compared with as
    many as its pixels would have by chance if all levels were equally likely; a block counts by its pixels.
    """
    lost = total = 0
    for start in range(0, len(counts), block):
        part = counts[start : start + block]
        pixels, seen = int(part.sum()), int(np.count_nonzero(part))
        expected = _expected(len(part), pixels)
        lost += pixels * max(0, expected - seen * _ONE) // expected if pixels else 0
        total += pixels
    return 256 * lost // total


def _seems_full(plane: NDArray[Any]) -> bool:
    """True if a few rows of samples (H, W) have all levels between their extremes."""
    rows = plane[:: max(1, plane.shape[0] // 16)]
    seen = np.unique(rows)
    return len(seen) == int(seen[-1]) - int(seen[0]) + 1


def _expected(levels: int, pixels: int) -> int:
    """Mean number of ``levels``, in 1/_ONE, that are seen of equally likely ones in as many pixels."""
    table = _unseen(levels)
    return levels * (_ONE - table[min(pixels, len(table) - 1)])


@cache
def _unseen(levels: int) -> list[int]:
    """Chance, in 1/_ONE, that one of ``levels`` is not among 0, 1, ... pixels."""
    chance, found = _ONE << 20, []
    for _ in range(14 * levels + 1):
        found.append(chance >> 20)
        chance -= chance // levels
    return found


def _slices(plane: NDArray[Any]) -> Iterator[slice]:
    """Yield rows of samples (H, W), few enough at a time to need little memory."""
    height, width = plane.shape
    step = max(1, _PIXELS_AT_ONCE // width)
    return (slice(top, top + step) for top in range(0, height, step))
