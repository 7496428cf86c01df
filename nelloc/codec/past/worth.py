"""An estimate, before a long search, of whether a picture will be smaller as a JPEG than as pixels.

A picture whose colours were changed a little after decoding has many blocks that are nearly a JPEG's. To search for
them takes longer than to code pixels, and is in vain if what is wrong takes as many bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelloc.codec import plain_tiles
from nelloc.codec.adaptive.coder import Form
from nelloc.codec.adaptive.stream import AdaptiveSetting
from nelloc.codec.format import Method
from nelloc.codec.past.coefficients import JpegCoefficients
from nelloc.codec.past.samples import SIDE, Plane, in_whole_blocks, over_blocks

_LEAST, _MOST = -512, 511
# The side of tiles that may be coded as pixels, and the mean error from which on they count as such.
_TILE, _FAR = 64, 2
# Share of a tile's pixels from which on it is mostly wrong; such tiles that are coded on trial; and the factor by which
# they are dearer as a JPEG with corrections than by the adaptive coder, if they are dearer than by a model.
_MOSTLY, _CODED, _DEARER = 0.5, 6, 1.3
# Bits of coefficients are coded; entropies are those of pixels, of which a model codes 0.5 to 0.8.
OF_CODED = 1.8
# Share of the entropy of pixels up to which a JPEG mostly takes fewer bytes.
WORTH = 0.95
# Share after a search up to which it may: both are coded then.
SEARCHED = 1.0
# Share from which on a search cannot lower it as far; below, parts tell if it does.
DOUBTFUL = 1.05
# Share of luma alone up to which a search may lower a small one as far.
LIKELY = 0.85
# Parts of a large picture that are looked at or searched before all of it: their side, and where they lie.
PART, _PLACES = 128, ((0, 0), (4, 4), (2, 2))


class PlacedBlocks(NamedTuple):
    """Blocks of luma: coefficients (rows, columns, frequencies), and the picture's first line and column in them."""

    coefficients: NDArray[np.int16]
    top: int
    left: int


def parts(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield parts of a picture (planes, H, W), but none of a small one.

    They begin where blocks do, unless it was cropped.
    """
    _, height, width = pixels.shape
    if min(height, width) < 2 * PART:
        return
    for place in _PLACES:
        top, left = ((size - PART) * at // 4 // 16 * 16 for size, at in zip((height, width), place, strict=True))
        yield np.ascontiguousarray(pixels[:, top : top + PART, left : left + PART])


def is_less(as_jpeg: float, as_pixels: float) -> bool:
    """True if a JPEG that was searched for may take fewer bytes, by what `entropies` are."""
    return as_jpeg < SEARCHED * as_pixels


def entropies(image: JpegCoefficients, made: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """The entropy of a JPEG and of what is wrong of the pixels that it ``made``, and that of ``pixels``.

    Each frequency of a component has a distribution, and each plane (planes, H, W) as in ``entropies_of_pixels``.
    """
    planes = len(image.components)
    wrong, as_pixels = entropies_of_pixels(made[:planes], pixels[:planes])
    return sum(entropy_of_frequencies(one.coefficients) for one in image.components) + wrong, as_pixels


def likely_bits(image: JpegCoefficients, made: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> float:
    """The entropy of a JPEG, which counts for more than others, and of what is wrong of the pixels that it ``made``."""
    planes = len(image.components)
    coded = sum(entropy_of_frequencies(one.coefficients) for one in image.components)
    return OF_CODED * coded + entropies_of_pixels(made[:planes], pixels[:planes])[0]


def entropies_of_pixels(made: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """The entropy of what is wrong of the pixels that a JPEG ``made``, and that of ``pixels``.

    Each plane (planes, H, W) has a distribution of errors, and one of differences from the mean of the two neighbours
    before. Red and blue are taken less green. Tiles that are far off count as pixels.
    """
    before = [_differences(own) for own in _planes(pixels.astype(np.int16))]
    off = pixels.astype(np.int16) - made
    far = _far_off(off)[1:, 1:]
    errors = [own[1:, 1:][~far] for own in _planes(off)]
    return entropy(errors) + entropy([own[far] for own in before]), entropy(before)


def entropy_of_pixels(pixels: NDArray[np.uint8]) -> float:
    """The entropy of ``pixels`` (planes, H, W), as ``entropies_of_pixels`` has it."""
    return entropy([_differences(own) for own in _planes(pixels.astype(np.int16))])


def better_as_pixels(
    image: JpegCoefficients, made: NDArray[np.uint8], pixels: NDArray[np.uint8], top: int, left: int
) -> NDArray[np.bool_]:
    """Mask (H, W) of the tiles that are mostly wrong, if their coefficients cost more than they save of pixels.

    The JPEG ``made`` pixels (planes, H, W) from its line ``top`` and column ``left`` on. Some of the tiles are coded by
    the adaptive coder, as what is wrong of them and as pixels.
    """
    chosen = _in_tiles((pixels != made).any(axis=0)) > _MOSTLY
    rows, columns = (size // _TILE * _TILE for size in chosen.shape)
    corners = np.argwhere(chosen[:rows:_TILE, :columns:_TILE]) * _TILE
    if not len(corners):
        return np.zeros_like(chosen)
    some = corners[:: -(-len(corners) // _CODED)].tolist()

    def coded(plane: NDArray[np.uint8]) -> float:
        sheet = np.concatenate([plane[:, y : y + _TILE, x : x + _TILE] for y, x in some], axis=2)
        data = plain_tiles.encode(Method.ADAPTIVE, sheet, 8, AdaptiveSetting(Form.PREDICTED))
        return 8 * len(data) * np.count_nonzero(chosen) / sheet[0].size

    luma, coefficients = image.components[0], 0.0
    for one in image.components:
        unit = SIDE * luma.v // one.v, SIDE * luma.h // one.h
        own = one.coefficients[chosen[_middles(one.coefficients, unit, (top, left), chosen)]]
        coefficients += entropy_of_frequencies(own[None]) if len(own) else 0
    as_jpeg, as_pixels = coefficients + coded(pixels - made), coded(pixels)
    return chosen if as_jpeg > _DEARER * as_pixels else np.zeros_like(chosen)


def share_of_luma(
    luma: NDArray[np.uint8], made: NDArray[np.uint8], found: PlacedBlocks, pixels: NDArray[np.uint8]
) -> float:
    """The entropy of a JPEG's luma alone, and of what is wrong of it, as a share of that of RGB ``pixels``.

    It ``made`` samples (H, W), which ``luma`` should be. Tiles that are far off count as pixels, as in
    ``entropies_of_pixels``, and have no coefficients.
    """
    off = luma.astype(np.int16) - made
    far = _far_off(off[None])
    near = found.coefficients[~far[_middles(found.coefficients, (SIDE, SIDE), (found.top, found.left), far)]]
    far = far[1:, 1:]
    before = [_differences(own) for own in _planes(pixels.astype(np.int16))]
    as_luma = entropy_of_frequencies(near[None]) + entropy([off[1:, 1:][~far]])
    return (as_luma + entropy([own[far] for own in before])) / max(1.0, entropy(before))


def _differences(plane: NDArray[np.int16]) -> NDArray[np.int16]:
    """The differences of samples (H, W) from the mean of those to the left and above."""
    found: NDArray[np.int16] = plane[1:, 1:] - ((plane[1:, :-1] + plane[:-1, 1:]) >> 1)
    return found


def _far_off(off: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Mask (H, W) of the tiles whose samples have large errors ``off`` (planes, H, W), on average."""
    return _in_tiles(np.abs(off).sum(axis=0)) > _FAR * len(off)


def _in_tiles(plane: NDArray[Any]) -> NDArray[np.float64]:
    """The mean (H, W) of each tile of a plane, which is filled up with zeros, at all of its places."""
    height, width = plane.shape
    means = over_blocks(np.add, in_whole_blocks(plane, _TILE, _TILE), _TILE, _TILE) / _TILE**2
    return means.repeat(_TILE, axis=0).repeat(_TILE, axis=1)[:height, :width]


def _middles(
    coefficients: NDArray[np.int16], unit: tuple[int, int], origin: tuple[int, int], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], ...]:
    """Index of the places in a picture's ``mask`` that are in the middle of blocks, or nearest to it."""
    places = (
        np.clip(side * np.arange(count) + side // 2 - lost, 0, size - 1)
        for side, count, lost, size in zip(unit, coefficients.shape, origin, mask.shape, strict=False)
    )
    return np.ix_(*places)


def _planes(samples: NDArray[np.int16]) -> list[NDArray[np.int16]]:
    if len(samples) == 1:
        return [samples[0]]
    red, green, blue = samples
    return [green, red - green, blue - green]


def entropy(parts: Sequence[NDArray[np.int16]]) -> float:
    """The entropy of numbers, each part by its own distribution."""
    total = 0.0
    for part in parts:
        counts = np.bincount((np.clip(part, _LEAST, _MOST) - _LEAST).ravel())
        counts = counts[counts > 0]
        total += float((counts * np.log2(part.size / counts)).sum())
    return total


def entropy_of_frequencies(coefficients: NDArray[np.int16]) -> float:
    """The entropy of coefficients (rows, columns, frequencies), each frequency by its own distribution."""
    whole = coefficients.reshape(-1, coefficients.shape[2])
    values = np.clip(whole, _LEAST, _MOST) - _LEAST + np.arange(whole.shape[1], dtype=np.int32) * (_MOST - _LEAST + 1)
    counts = np.bincount(values.ravel())
    counts = counts[counts > 0]
    return float((counts * np.log2(len(whole) / counts)).sum())


def exact_blocks(pixels: Plane, made: Plane) -> Sequence[float]:
    """The share of 8 x 8 blocks of a picture whose pixels are all right, and of those in which nothing is clipped."""
    wrong, clipped = (
        over_blocks(np.logical_or, in_whole_blocks(np.logical_or.reduce(planes, axis=0)))
        for planes in (pixels != made, (pixels == 0) | (pixels == 255))
    )
    return 1 - wrong.mean(), 1 - wrong[~clipped].mean() if not clipped.all() else 1.0
