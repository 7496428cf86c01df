"""Parts of a former JPEG that were edited, or are of another picture: left out of the search, and coded as pixels.

One colour in four is such as a JPEG decoder makes, so that one edited pixel in four looks right, and would ask for
coefficients that explain it beside its neighbours. They are as many as those of noise, and help nobody.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.coefficients import Component, JpegCoefficients
from nelloc.codec.past.samples import SIDE, Plane

# A pixel is edited if at least this many of the nine around it are; first of those whose colours no decoder makes.
_NEIGHBOURS = (3, 6)
# Blocks with more wrong pixels, and a larger mean error of all samples, are not worth their coefficients.
_WRONG, _OFF = SIDE * SIDE // 2, 2

# Blocks along the side of a tile that may be foreign, and the share of right ones, of those that are not flat, below
# which it is; if in some tiles more than another share is right, and as many as that were to be expected in it.
_TILE, _HARDLY, _SOME, _OFTEN, _EXPECTED = 8, 0.04, 2, 0.4, 6
# Share of right ones in these from which on a block beside foreign ones that is wrong is foreign too.
_NEARLY_ALWAYS = 0.9

Mask = NDArray[np.bool_]


def distrust(low: Plane, high: Plane) -> None:
    """Make bounds (3, H, W) of pixels unknown that lie among those whose colours no JPEG decoder makes."""
    unknown = (low[0] == 0) & (high[0] == 255)
    for least in _NEIGHBOURS:
        unknown |= _around(unknown) >= least
    low[:, unknown] = 0
    high[:, unknown] = 255


def foreign_blocks(waves: Mask, right: Mask) -> Mask:
    """Mask of the blocks (rows, columns) that were never of a JPEG, of which others are: they are not searched.

    They have ``waves``, and lie in a tile where hardly such a block is ``right``; or, where wrong ones are rare, they
    are wrong and go on from there. There are none if blocks are not often right in some tiles.
    """
    rows, columns = waves.shape
    after = (0, -rows % _TILE), (0, -columns % _TILE)
    told: list[Mask] = [waves, waves & right]
    counts, good = (np.pad(mask, after).reshape(-(-rows // _TILE), _TILE, -1, _TILE).sum(axis=(1, 3)) for mask in told)
    share = good / np.maximum(1, counts)
    often = np.sort(share[counts >= _EXPECTED])[-_SOME:]
    if len(often) < _SOME or often[0] < _OFTEN:
        return np.zeros_like(waves)
    tiles = (counts * often[0] >= _EXPECTED) & (share < _HARDLY)
    foreign: Mask = tiles.repeat(_TILE, axis=0).repeat(_TILE, axis=1)[:rows, :columns]
    wrong = waves & ~right
    for _ in range(_TILE if often[0] > _NEARLY_ALWAYS else 0):
        foreign = foreign | (wrong & (_around(foreign) > 0))
    return foreign


def _around(chosen: Mask) -> NDArray[np.uint8]:
    """Count the chosen ones of the nine pixels around each one of a plane."""
    rows = np.pad(chosen.astype(np.uint8), ((1, 1), (0, 0)))
    rows = rows[:-2] + rows[1:-1] + rows[2:]
    rows = np.pad(rows, ((0, 0), (1, 1)))
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def flattened(
    image: JpegCoefficients, pixels: Plane, made: Plane, top: int, left: int, apart: Mask | None = None
) -> JpegCoefficients | None:
    """The JPEG with only means in blocks that are not worth their coefficients; None if there are no such blocks.

    Those are far from a picture's ``pixels``, or wrong in the part (H, W) that will be coded ``apart``. It ``made``
    pixels (planes, H, W) from its line ``top`` and column ``left`` on. Chroma that is enlarged is flat where all blocks
    around it are such too, because they share samples.
    """
    off = np.abs(pixels.astype(np.int16) - made).sum(axis=0, dtype=np.int16)
    inside = np.ones(off.shape, bool) if apart is None else ~apart
    luma, components, changed = image.components[0], [], False
    for one, mean in zip(image.components, _means(pixels, len(image.components)), strict=True):
        unit = SIDE * luma.v // one.v, SIDE * luma.h // one.h
        rows, columns = one.coefficients.shape[:2]
        frame = (top, rows * unit[0] - top - off.shape[0]), (left, columns * unit[1] - left - off.shape[1])
        sums, wrong, means, inner = (_by_blocks(plane, frame, unit) for plane in (off, off > 0, mean, inside))
        shown = _by_blocks(np.ones(off.shape), frame, unit)
        far = (wrong * (SIDE * SIDE) > _WRONG * shown) & (sums > _OFF * len(pixels) * shown)
        far |= (inner == 0) & (wrong > 0)
        if unit != (SIDE, SIDE):
            far &= _around(~far) == 0
        components.append(_flat(one, far, means / np.maximum(shown, 1)))
        changed |= bool(far.any())
    return replace(image, components=tuple(components)) if changed else None


def _flat(one: Component, far: Mask, means: NDArray[np.float64]) -> Component:
    coefficients = one.coefficients.copy()
    coefficients[far] = 0
    coefficients[far, 0] = np.rint((means[far] - 128) * SIDE / one.quantisation[0])
    return replace(one, coefficients=coefficients)


def _means(pixels: Plane, components: int) -> list[NDArray[np.int64]]:
    """About the Y, Cb and Cr of pixels, in whole numbers."""
    if components == 1:
        return [pixels[0].astype(np.int64)]
    red, _, blue = pixels.astype(np.int64)
    luma = about_luma(pixels)
    return [luma, 128 + ((144 * (blue - luma) + 128) >> 8), 128 + ((183 * (red - luma) + 128) >> 8)]


def about_luma(pixels: Plane) -> NDArray[np.int64]:
    """About the Y of RGB pixels (3, H, W)."""
    red, green, blue = pixels.astype(np.int64)
    luma: NDArray[np.int64] = (77 * red + 150 * green + 29 * blue + 128) >> 8
    return luma


def _by_blocks(plane: NDArray, frame: tuple[tuple[int, int], tuple[int, int]], unit: tuple[int, int]) -> NDArray:
    """Sums of a plane's blocks; ``frame`` are lines before and after it, and if negative lines of it to leave out."""
    (above, below), (before, after) = frame
    plane = plane[: plane.shape[0] + min(0, below), : plane.shape[1] + min(0, after)]
    padded = np.pad(plane, ((above, max(0, below)), (before, max(0, after))))
    shape = padded.shape[0] // unit[0], unit[0], padded.shape[1] // unit[1], unit[1]
    sums: NDArray = padded.reshape(shape).sum(axis=(1, 3))
    return sums
