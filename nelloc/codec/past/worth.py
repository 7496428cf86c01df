"""An estimate, before a long search, of whether a picture will be smaller as a JPEG than as pixels.

A picture whose colours were changed a little after decoding has many blocks that are nearly a JPEG's. To search for
them takes longer than to code pixels, and is in vain if what is wrong takes as many bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.coefficients import JpegCoefficients
from nelloc.codec.past.samples import SIDE

_LEAST, _MOST = -512, 511
# The side of tiles that may be coded as pixels, and the mean error from which on they count as such.
_TILE, _FAR = 64, 2
# Share of the entropy of pixels up to which a JPEG mostly takes fewer bytes.
WORTH = 0.95
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
    """True if a JPEG is likely to take fewer bytes, by what `entropies` are."""
    return as_jpeg < WORTH * as_pixels


def entropies(image: JpegCoefficients, made: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """The entropy of a JPEG and of what is wrong of the pixels that it ``made``, and that of ``pixels``.

    Each frequency of a component has a distribution, and each plane (planes, H, W) as in ``entropies_of_pixels``.
    """
    planes = len(image.components)
    wrong, as_pixels = entropies_of_pixels(made[:planes], pixels[:planes])
    return sum(entropy_of_frequencies(one.coefficients) for one in image.components) + wrong, as_pixels


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


def share_of_luma(
    luma: NDArray[np.uint8], made: NDArray[np.uint8], found: PlacedBlocks, pixels: NDArray[np.uint8]
) -> float:
    """The entropy of a JPEG's luma alone, and of what is wrong of it, as a share of that of RGB ``pixels``.

    It ``made`` samples (H, W), which ``luma`` should be. Tiles that are far off count as pixels, as in
    ``entropies_of_pixels``, and have no coefficients.
    """
    off = luma.astype(np.int16) - made
    far = _far_off(off[None])
    rows, columns, frequencies = found.coefficients.shape
    middles = (
        np.clip(SIDE * np.arange(count) + SIDE // 2 - lost, 0, size - 1)
        for count, lost, size in zip((rows, columns), (found.top, found.left), far.shape, strict=True)
    )
    near = found.coefficients[~far[np.ix_(*middles)]]
    far = far[1:, 1:]
    before = [_differences(own) for own in _planes(pixels.astype(np.int16))]
    as_luma = entropy_of_frequencies(near.reshape(1, -1, frequencies)) + entropy([off[1:, 1:][~far]])
    return (as_luma + entropy([own[far] for own in before])) / max(1.0, entropy(before))


def _differences(plane: NDArray[np.int16]) -> NDArray[np.int16]:
    """The differences of samples (H, W) from the mean of those to the left and above."""
    found: NDArray[np.int16] = plane[1:, 1:] - ((plane[1:, :-1] + plane[:-1, 1:]) >> 1)
    return found


def _far_off(off: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Mask (H, W) of the tiles whose samples have large errors ``off`` (planes, H, W), on average."""
    height, width = off.shape[1:]
    padded = np.pad(np.abs(off).sum(axis=0), ((0, -height % _TILE), (0, -width % _TILE)))
    tiles = padded.reshape(len(padded) // _TILE, _TILE, -1, _TILE).mean(axis=(1, 3)) > _FAR * len(off)
    return tiles.repeat(_TILE, axis=0).repeat(_TILE, axis=1)[:height, :width]


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
