"""Tiles for a picture that was a JPEG: small ones, where edited parts are apart from others, or large ones.

In a tile that is mostly wrong, pixels are coded, by a model that codes them in less than corrections take, but all of
them. The bits are estimated from differences and errors.
"""

from __future__ import annotations

from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.effort import LARGE_TILE
from nelloc.codec.past.samples import Plane

# Sides of tiles, each a multiple of the one before.
_SIDES = (64, 128, 256, LARGE_TILE)
_SMALLEST = _SIDES[0]
# Bits, in 16ths, of numbers of a magnitude: 0.6, and the logarithm of one more than it.
_UNIT = 16
_BITS = (10 + np.rint(_UNIT * np.log2(1 + np.arange(1024)))).astype(np.int32)
# Bits of pixels by a model as a share of those here, in percent; and bits of a tile besides: learning again, a record
# with corrections, and one without.
_BY_MODEL, _TILE, _RECORD, _EMPTY = 72, 640 * _UNIT, 240 * _UNIT, 32 * _UNIT


def bits_by_side(samples: Plane, made: Plane) -> dict[int, int]:
    """Estimate the bits of a picture that a JPEG ``made`` other samples (planes, H, W) of, by the sides of tiles.

    The least comes first; of sides that are larger than the picture there is the largest.
    """
    sums = np.stack([_sums(samples, made, top) for top in range(0, samples.shape[1], _SMALLEST)], axis=1)
    sides = [LARGE_TILE, *(side for side in reversed(_SIDES[:-1]) if side < max(samples.shape[1:]))]
    bits = {side: _bits_of_tiles(*_joined(sums, side // _SMALLEST)) for side in sides}
    return dict(sorted(bits.items(), key=itemgetter(1)))


def _bits_of_tiles(
    area: NDArray[np.int64], wrong: NDArray[np.int64], of_pixels: NDArray[np.int64], of_wrong: NDArray[np.int64]
) -> int:
    """Estimate the bits of tiles: all (rows, columns) by their pixels, wrong ones, and bits of pixels and of these."""
    corrected = np.where(wrong > 0, of_wrong + _RECORD, _EMPTY)
    as_pixels = of_pixels * _BY_MODEL // 100 + _TILE
    return int(np.where(2 * wrong > area, np.minimum(corrected, as_pixels), corrected).sum())


def _joined(sums: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The sums (kinds, rows, columns) of tiles, in tiles of ``count`` x ``count`` of them."""
    _, rows, columns = sums.shape
    padded = np.pad(sums, ((0, 0), (0, -rows % count), (0, -columns % count)))
    joined: NDArray[np.int64] = padded.reshape(len(sums), -(-rows // count), count, -1, count).sum(axis=(2, 4))
    return joined


def _sums(samples: Plane, made: Plane, top: int) -> NDArray[np.int64]:
    """Sums (4, columns) of the smallest tiles from line ``top`` on, as ``_bits_of_tiles`` takes them."""
    lines = np.s_[:, max(0, top - 1) : top + _SMALLEST]
    own, other = _unmixed(samples[lines]), _unmixed(made[lines])
    expected = own.copy()
    expected[:, 1:, 1:] = (own[:, 1:, :-1] + own[:, :-1, 1:]) >> 1
    expected[:, 0, 1:], expected[:, 1:, 0] = own[:, 0, :-1], own[:, :-1, 0]
    of_pixels, of_errors = (_BITS[np.abs(own - guess)].sum(axis=0) for guess in (expected, other))
    wrong = (samples[lines] != made[lines]).any(axis=0)
    of_wrong = np.where(wrong, np.minimum(of_pixels, of_errors), 0)
    found = (
        np.stack([np.ones_like(of_wrong), wrong, of_pixels, of_wrong]).astype(np.int64)[:, min(1, top) :].sum(axis=1)
    )
    after = -found.shape[1] % _SMALLEST
    sums: NDArray[np.int64] = np.pad(found, ((0, 0), (0, after))).reshape(len(found), -1, _SMALLEST).sum(axis=2)
    return sums


def _unmixed(samples: Plane) -> NDArray[np.int16]:
    """Samples (planes, H, W), red and blue less green."""
    planes = samples.astype(np.int16)
    if len(planes) == 3:
        planes[0] -= planes[1]
        planes[2] -= planes[1]
    return planes
