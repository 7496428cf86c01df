"""From coefficients of a JPEG to pixels, in the integers of docs/methods/jpeg.md, section 17: those of libjpeg-turbo.

The compiled core has the same; NumPy is its reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.coefficients import Component, JpegCoefficients
from nelloc.exact import native

# Eight samples of each frequency along a column or row, times 2^13 * sqrt(8): the accurate transform of the IJG.
WAVES = np.array(
    [
        [8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192],
        [11363, 9633, 6437, 2260, -2260, -6437, -9633, -11363],
        [10703, 4433, -4433, -10703, -10703, -4433, 4433, 10703],
        [9633, -2259, -11362, -6436, 6436, 11362, 2259, -9633],
        [8192, -8192, -8192, 8192, 8192, -8192, -8192, 8192],
        [6437, -11362, 2261, 9633, -9633, -2261, 11362, -6437],
        [4433, -10704, 10704, -4433, -4433, 10704, -10704, 4433],
        [2260, -6436, 9633, -11363, 11363, -9633, 6436, -2260],
    ],
    np.int64,
)
_FACTORS = (1, 2, 4)


def decode(image: JpegCoefficients) -> NDArray[np.uint8]:
    """The pixels (1 or 3 planes, height, width) of an image of coefficients.

    Raises ValueError for one that the format does not have.
    """
    if native.missing() is None:
        out = np.empty((len(image.components), image.height, image.width), np.uint8)
        given = [
            (one.h, one.v, *one.coefficients.shape[:2], one.quantisation, np.ascontiguousarray(one.coefficients))
            for one in image.components
        ]
        native._native.past_decode(image.height, image.width, given, out)
        return out
    return decode_in_numpy(image)


def decode_in_numpy(image: JpegCoefficients) -> NDArray[np.uint8]:
    """The same as ``decode``, without the core."""
    across, down = max(one.h for one in image.components), max(one.v for one in image.components)
    planes = []
    for one in image.components:
        if not {one.h, one.v, across // one.h, down // one.v} <= set(_FACTORS) or across % one.h or down % one.v:
            raise ValueError("sampling factors")
        planes.append(_enlarged(samples(one), across // one.h, down // one.v, image.height, image.width))
    return planes[0][None].astype(np.uint8) if len(planes) == 1 else _coloured(*planes)


def samples(one: Component) -> NDArray[np.int64]:
    """The samples (8 block rows, 8 block columns) of a component."""
    values = one.coefficients.astype(np.int64) * one.quantisation
    if np.abs(values).max() > 32767:
        raise ValueError("a coefficient beyond 16 bits")
    rows, columns, _ = values.shape
    blocks = values.reshape(rows, columns, 8, 8)
    first = (WAVES.T @ blocks + (1 << 10)) >> 11
    second = (first @ WAVES + (1 << 17)) >> 18
    return np.clip(second + 128, 0, 255).transpose(0, 2, 1, 3).reshape(8 * rows, 8 * columns)


def _enlarged(own: NDArray[np.int64], across: int, down: int, height: int, width: int) -> NDArray[np.int64]:
    own = own[: -(-height // down), : -(-width // across)]
    smooth = down == 2 if across == 1 else across == 2 and down <= 2 and own.shape[1] > 2
    if not smooth:
        return np.repeat(np.repeat(own, down, axis=0), across, axis=1)[:height, :width]
    mixed = own
    if down == 2:
        mixed = _mixed(mixed)
    if across == 2:
        mixed = _mixed(mixed.T).T
    if across == down == 2:
        half, shift = np.where(np.arange(mixed.shape[1]) % 2, 7, 8), 4
    elif across == 2:
        half, shift = np.where(np.arange(mixed.shape[1]) % 2, 2, 1), 2
    else:
        half, shift = np.where(np.arange(len(mixed)) % 2, 2, 1)[:, None], 2
    return ((mixed + half) >> shift)[:height, :width]


def _mixed(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each row as two: three times itself and the row before, and three times itself and the row after."""
    before, after = np.concatenate([rows[:1], rows[:-1]]), np.concatenate([rows[1:], rows[-1:]])
    return np.stack([3 * rows + before, 3 * rows + after], axis=1).reshape(2 * len(rows), -1)


def _coloured(y: NDArray[Any], cb: NDArray[Any], cr: NDArray[Any]) -> NDArray[np.uint8]:
    u, v = cb - 128, cr - 128
    red = y + ((91881 * v + 32768) >> 16)
    green = y + ((-22554 * u - 46802 * v + 32768) >> 16)
    blue = y + ((116130 * u + 32768) >> 16)
    return np.clip(np.stack([red, green, blue]), 0, 255).astype(np.uint8)
