"""Colours of tiles: counted, and as places in a palette."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.adaptive import native

MAX_COLOURS = 256  # of a palette
# Pixels whose colours are counted in one step.
_COUNTED_AT_ONCE = 1 << 16


def count_colours(samples: NDArray, bits: int) -> int:
    """The number of colours of samples (planes, H, W); a larger one than MAX_COLOURS is a lower bound."""
    if native.codes(samples, bits):
        return native.count_colours(samples, bits)
    _, height, width = samples.shape
    rows = max(1, _COUNTED_AT_ONCE // width)
    found = np.zeros(0, np.int64)
    for top in range(0, height, rows):
        found = np.union1d(found, packed(list(samples[:, top : top + rows]), bits))
        if len(found) > MAX_COLOURS:
            break
    return len(found)


def packed(samples: Sequence[NDArray], bits: int) -> NDArray[np.int64]:
    """One number for each colour: the first plane in the lowest bits."""
    return sum((plane.astype(np.int64) << bits * k for k, plane in enumerate(samples)), np.int64(0))  # type: ignore


def indexed(samples: NDArray, bits: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The colours (planes, n), in the order of their numbers, and each pixel's place among them (1, H, W)."""
    colours, places = np.unique(packed(list(samples), bits), return_inverse=True)
    planes = np.arange(len(samples))[:, None] * bits
    return colours >> planes & (1 << bits) - 1, places.reshape(1, *samples.shape[1:])
