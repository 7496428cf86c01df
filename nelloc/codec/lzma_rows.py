"""Filtered rows packed by LZMA, for repeats over long distances and exactly regular patterns.

The samples of a tile less their prediction, in one of several orders, as PNG filters rows before it deflates them.
docs/FORMAT.md, section 10, is the specification.
"""

from __future__ import annotations

import enum
import lzma
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.parallel import stop_if_not_wanted
from nelloc.exact.native import _native, missing
from nelloc.varint import MalformedError

Samples = NDArray[np.uint8]
_DICTIONARY = 1 << 22
# Parameters of LZMA that are tried: few bytes teach one context of literals at most.
_LITERAL_CONTEXT_BITS = (3, 0)
_FEW_BYTES = 1 << 13
# The last byte of every LZMA2 stream, which is not written.
_END = b"\0"
# Filters are ranked on about this number of bytes.
_RANKED_BYTES = 1 << 15
# The core counts the bytes that deflate makes of this number at most (NLC_DEFLATED_MOST).
_COUNTED_BYTES = 16382
# LZMA hardly ever packs a few bytes into less than this share of what deflate needs.
_LEAST_OF_DEFLATED = 2 / 3
# Nor any into less than this share of what its fastest form needs, unless that is less than this share of the samples.
_LEAST_OF_FAST, _VERY_FEW = 0.55, 1 / 64


class Predictor(enum.IntEnum):
    """Prediction that is subtracted from a sample, of its west, north and northwest neighbours; 0 outside the tile."""

    NOTHING = 0
    WEST = 1
    NORTH = 2
    PLANE = 3  # W + N - NW
    MEDIAN = 4  # the median of W, N and W + N - NW


@dataclass(frozen=True)
class Filter:
    """Filter that turns samples into bytes: ``planar`` plane after plane, else pixel after pixel.

    With ``green`` the planes 0 and 2 of three or more are less plane 1 too.
    """

    predictor: Predictor
    planar: bool = False
    green: bool = False

    @property
    def number(self) -> int:
        """Number of the filter in the file."""
        return self.predictor | self.planar << 3 | self.green << 4

    @classmethod
    def of(cls, number: int, planes: int) -> Filter:
        """Filter of this number, for a number of planes. Raises MalformedError if there is none."""
        for filter_ in filters(planes):
            if filter_.number == number:
                return filter_
        raise MalformedError("filter")


@cache
def filters(planes: int) -> tuple[Filter, ...]:
    """List all filters for a number of planes."""
    return tuple(
        Filter(predictor, planar, green)
        for predictor in Predictor
        for planar in ((False, True) if planes > 1 else (False,))
        for green in ((False, True) if planes > 2 else (False,))
    )


def likely_filters(samples: Samples, *, alike: bool = False) -> dict[Filter, int | None]:
    """The two filters after which some rows in the middle of samples (planes, H, W) are smallest.

    The rows are packed by deflate. That ranks filters as well as LZMA on all of the samples does, which takes seconds.

    Parameters
    ----------
    samples : array
        Samples (planes, H, W) of a tile.
    alike : bool
        The rows are like each other, and few of them repeat others far away.

    Returns
    -------
    dict of Filter to int or None
        With each filter the fewest bytes to be expected of a record of it; None if that is not known, since not all of
        the rows were packed and they may not be alike.
    """
    planes, height, width = samples.shape
    rows = min(height, max(1, _RANKED_BYTES // (planes * width)))
    top = (height - rows) // 2
    found = zip(filters(planes), _deflated(samples[:, top : top + rows]), strict=True)
    sizes = sorted(found, key=itemgetter(1))
    known = alike or rows == height
    return {filter_: int(_LEAST_OF_DEFLATED * height / rows * size) if known else None for filter_, size in sizes[:2]}


def fewest_bytes(samples: Samples, filter_: Filter) -> int:
    """Estimate the fewest bytes of a record of samples (planes, H, W), in a tenth of the time that it takes to make."""
    data = _ordered(_residuals(samples, filter_.predictor), filter_)
    size = len(_packed(data, preset=0))
    return int(_LEAST_OF_FAST * size) if size > _VERY_FEW * samples.size else 0


def _deflated(samples: Samples) -> Sequence[int]:
    """Number of bytes that deflate makes of samples (planes, H, W) after each of ``filters``.

    Of all but the first two of the smallest it may be a number between theirs and the right one.
    """
    if samples.size <= _COUNTED_BYTES and missing() is None and _core_counts_as_zlib():
        return _native.filtered_sizes(*samples.shape, np.ascontiguousarray(samples), False)
    return _deflated_by_zlib(samples)


@cache
def _core_counts_as_zlib() -> bool:
    """Check that the core finds the numbers of this Python's zlib, which need not be those of every zlib."""
    row, column = np.indices((32, 48))
    noise = (row * 48 + column) ** 2 * 40503 >> 7
    few = np.where((row // 4 + column // 6) % 3, 200, row // 8 * 40)
    plane = np.select([column < 16, row < 12, row < 24], [few, row * 5 + column * 3, noise], few[::-1, ::-1])
    samples = np.stack([plane, plane // 2, noise & 3]).astype(np.uint8)
    return _native.filtered_sizes(*samples.shape, samples, True) == _deflated_by_zlib(samples)


def _deflated_by_zlib(samples: Samples) -> list[int]:
    planes = len(samples)
    every = np.stack([_residuals(samples, predictor) for predictor in Predictor])
    pixels = np.empty((*every.shape[:1], *every.shape[2:], planes), np.uint8)
    sizes = {}
    for green in (False, True) if planes > 2 else (False,):
        if green:
            every[:, 0] -= every[:, 1]
            every[:, 2] -= every[:, 1]
        for planar in (False, True) if planes > 1 else (False,):
            if not planar:
                for plane in range(planes):  # sooner than a copy of a transposed array
                    pixels[..., plane] = every[:, plane]
            for predictor, residuals in zip(Predictor, every if planar else pixels, strict=True):
                sizes[Filter(predictor, planar, green)] = len(zlib.compress(residuals, 1))
    return [sizes[filter_] for filter_ in filters(planes)]


def encode(samples: Samples, filter_: Filter) -> bytes:
    """The data of a record of samples (planes, H, W)."""
    stop_if_not_wanted()  # packing may take seconds
    data = _ordered(_residuals(samples, filter_.predictor), filter_)
    contexts = (0,) if len(data) < _FEW_BYTES else _LITERAL_CONTEXT_BITS
    packed = min((_packed(data, preset=9, lc=bits, lp=0, pb=0) for bits in contexts), key=len)
    return bytes([filter_.number]) + packed.removesuffix(_END)


def decode(data: bytes, shape: tuple[int, int, int]) -> Samples:
    """The samples of ``shape`` (planes, H, W) of a record's data. Raises MalformedError if it is damaged."""
    planes, height, width = shape
    if not data:
        raise MalformedError("filter")
    filter_ = Filter.of(data[0], planes)
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_lzma(_DICTIONARY)])
    size = planes * height * width
    try:
        values = decoder.decompress(data[1:] + _END, size + 1)
    except lzma.LZMAError:
        raise MalformedError("LZMA") from None
    if len(values) != size or not decoder.eof or decoder.unused_data:
        raise MalformedError("LZMA")
    numbers = np.frombuffer(values, np.uint8)
    residuals = numbers.reshape(shape) if filter_.planar else numbers.reshape(height, width, planes).transpose(2, 0, 1)
    return _unfiltered(residuals.copy(), filter_)


def _lzma(dictionary: int, **settings: int) -> dict[str, int]:
    return {"id": lzma.FILTER_LZMA2, "dict_size": dictionary} | settings


def _packed(data: bytes, **settings: int) -> bytes:
    # A dictionary larger than the data changes nothing but the time that it takes to clear it.
    dictionary = min(max(len(data), 1 << 12), _DICTIONARY)
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[_lzma(dictionary, **settings)])


def _residuals(samples: Samples, predictor: Predictor) -> Samples:
    """Samples (planes, H, W) less their prediction, modulo 256."""
    if predictor is Predictor.NOTHING:
        return samples
    planes, height, width = samples.shape
    padded = np.zeros((planes, height + 1, width + 1), np.uint8)
    padded[:, 1:, 1:] = samples
    west, north, northwest = padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, :-1, :-1]
    if predictor is Predictor.WEST:
        return samples - west
    if predictor is Predictor.NORTH:
        return samples - north
    if predictor is Predictor.PLANE:
        return samples - (west + north - northwest)
    return samples - _median(west, north, northwest)


def _ordered(residuals: Samples, filter_: Filter) -> bytes:
    """The bytes of residuals (planes, H, W); all arithmetic is modulo 256."""
    if filter_.green:
        residuals = residuals.copy()
        residuals[[0, 2]] -= residuals[1]
    return residuals.tobytes() if filter_.planar else residuals.transpose(1, 2, 0).tobytes()


def _unfiltered(residuals: Samples, filter_: Filter) -> Samples:
    if filter_.green:
        residuals[[0, 2]] += residuals[1]
    if filter_.predictor in (Predictor.WEST, Predictor.PLANE):
        residuals = residuals.cumsum(axis=2, dtype=np.uint8)
    if filter_.predictor in (Predictor.NORTH, Predictor.PLANE):
        residuals = residuals.cumsum(axis=1, dtype=np.uint8)
    return _median_restored(residuals) if filter_.predictor is Predictor.MEDIAN else residuals


def _median(west: Samples, north: Samples, northwest: Samples) -> Samples:
    """The median of W, N and W + N - NW, which is W + N less what of W to N is nearest to NW, modulo 256."""
    lowest, highest = np.minimum(west, north), np.maximum(west, north)
    return west + north - np.clip(northwest, lowest, highest)


def _median_restored(residuals: Samples) -> Samples:
    """Samples whose residuals these are, diagonal by diagonal: what lies on one depends on the two before it only."""
    planes, height, width = residuals.shape
    # A diagonal is a row here, with one more for each border.
    skewed = np.zeros((height + width + 1, planes, height + 1), np.uint8)
    rows, columns = np.indices((height, width)).reshape(2, -1)
    skewed[rows + columns + 2, :, rows + 1] = residuals.reshape(planes, -1).T
    for d in range(2, height + width + 1):
        first, last = max(d - 1 - width, 0) + 1, min(d - 2, height - 1) + 2
        west, north = skewed[d - 1, :, first:last], skewed[d - 1, :, first - 1 : last - 1]
        skewed[d, :, first:last] += _median(west, north, skewed[d - 2, :, first - 1 : last - 1])
    return np.ascontiguousarray(skewed[rows + columns + 2, :, rows + 1].T.reshape(planes, height, width))
