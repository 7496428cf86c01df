"""Parts of a former JPEG that were edited, or are of another picture: left out of the search, and coded as pixels.

One colour in four is such as a JPEG decoder makes, so that one edited pixel in four looks right, and would ask for
coefficients that explain it beside its neighbours. They are as many as those of noise, and help nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.coefficients import Component, JpegCoefficients
from nelloc.codec.past.samples import SIDE, Plane, framed, in_whole_blocks, over_blocks

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
    tile = _TILE, _TILE
    told: list[Mask] = [waves, waves & right]
    counts, good = (over_blocks(np.add, in_whole_blocks(mask, *tile), *tile) for mask in told)
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
    all_round = framed(chosen.astype(np.uint8), (1, 1, 1, 1))
    rows = all_round[:-2] + all_round[1:-1] + all_round[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def flattened(
    image: JpegCoefficients, pixels: Plane, made: Plane, top: int, left: int, apart: Mask | None = None
) -> JpegCoefficients | None:
    """The JPEG with only means in blocks that are not worth their coefficients; None if there are no such blocks.

    Those are far from a picture's ``pixels``, or wrong in the part (H, W) that will be coded ``apart``. It ``made``
    pixels (planes, H, W) from its line ``top`` and column ``left`` on. Chroma that is enlarged is flat where all blocks
    around it are such too, because they share samples.
    """
    luma, wrong = image.components[0], np.logical_or.reduce(pixels != made, axis=0)
    units = [_Units.of(one, luma, (top, left), wrong.shape) for one in image.components]
    shown = [own.sums(np.ones(wrong.shape, np.uint8)) for own in units]
    wrongs = [own.sums(wrong) for own in units]
    mostly = [own * (SIDE * SIDE) > _WRONG * all_of_it for own, all_of_it in zip(wrongs, shown, strict=True)]
    if apart is None and not any(own.any() for own in mostly):
        return None
    off = np.abs(pixels.astype(np.int16) - made).sum(axis=0, dtype=np.int16)
    components, changed = [], False
    for k, (own, mean) in enumerate(zip(units, _means(pixels, len(units)), strict=True)):
        far = mostly[k] & (own.sums(off) > _OFF * len(pixels) * shown[k])
        if apart is not None:
            far |= (own.sums(~apart) == 0) & (wrongs[k] > 0)
        if own.is_enlarged:
            far &= _around(~far) == 0
        components.append(_flat(image.components[k], far, own.sums(mean) / np.maximum(shown[k], 1)))
        changed |= bool(far.any())
    return replace(image, components=tuple(components)) if changed else None


class _Units(NamedTuple):
    """The parts of a picture that the blocks of a component are of: the sides of one, and the lines around all of it.

    Lines of the picture that are in no block are negative.
    """

    down: int
    across: int
    frame: tuple[int, int, int, int]

    @classmethod
    def of(cls, one: Component, luma: Component, origin: tuple[int, int], shape: tuple[int, ...]) -> _Units:
        """The units of a component of a picture (H, W) that begins at a line and column of it."""
        down, across = SIDE * luma.v // one.v, SIDE * luma.h // one.h
        rows, columns, _ = one.coefficients.shape
        (top, left), (height, width) = origin, shape
        return cls(down, across, (top, rows * down - top - height, left, columns * across - left - width))

    @property
    def is_enlarged(self) -> bool:
        """True if samples are decoded to more than one pixel."""
        return (self.down, self.across) != (SIDE, SIDE)

    def sums(self, plane: NDArray[Any]) -> NDArray[Any]:
        """The sums of a plane (H, W) in each unit."""
        above, below, before, after = self.frame
        inside = plane[: plane.shape[0] + min(0, below), : plane.shape[1] + min(0, after)]
        whole = framed(inside, (above, max(0, below), before, max(0, after)))
        return over_blocks(np.add, whole, self.down, self.across)


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
