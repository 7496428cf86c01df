"""An estimate, before a long search, of whether a picture will be smaller as a JPEG than as pixels.

A picture whose colours were changed a little after decoding has many blocks that are nearly a JPEG's. To search for
them takes longer than to code pixels, and is in vain if what is wrong takes as many bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.coefficients import JpegCoefficients

_LEAST, _MOST = -512, 511


def is_worth_it(image: JpegCoefficients, made: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> bool:
    """True if a JPEG and what is wrong of the pixels that it ``made`` have less entropy than ``pixels``.

    Each frequency of a component has a distribution, and each plane (planes, H, W) of errors and of differences from
    the mean of the two neighbours before. Red and blue are taken less green.
    """
    whole = _planes(pixels.astype(np.int16))
    if len(image.components) == 1:
        whole = whole[:1]
    before = [own[1:, 1:] - ((own[1:, :-1] + own[:-1, 1:]) >> 1) for own in whole]
    errors = _planes(pixels.astype(np.int16) - made)[: len(whole)]
    frequencies = [one.coefficients[..., k] for one in image.components for k in range(one.coefficients.shape[2])]
    return entropy(errors) + entropy(frequencies) < entropy(before)


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
