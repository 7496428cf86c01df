"""The quick looks at a picture: are its colours those of a decoded JPEG, and where does the grid of blocks lie."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import isqrt

import numpy as np

from nelloc.codec.adaptive.colours import count_colours
from nelloc.codec.past import tables
from nelloc.codec.past.samples import SIDE, Plane
from nelloc.exact import native

# Number of coloured pixels that are tested, and the least share of them that a JPEG decoder can make.
LOOKED_AT = 4096
LEAST_SHARE = 0.6
FEW = 64  # coloured pixels that are no proof
# The number of parts along a side that are looked at, their least side, and the share of the colours of one that tells
# that it was a JPEG.
_PARTS, _LEAST_SIDE, _NEARLY_ALL = 4, 32, 0.9
# Blocks of a picture that are considered for its grid, and of these the ones that are looked into; another grid than
# that of the first pixel must be better by this factor.
_SPREAD, _LOOKED_INTO, _BETTER = 192, 96, 1.1
# The number of parts along a side whose grids are found, their least side, and the grids that are tried.
_THIRDS, _LEAST_THIRD, _GRIDS = 3, 96, 4
# Coefficients below this are 0 but for the rounding of samples, whose deviation is 0.29.
_NOTHING = 0.6
# Waves in whole numbers, by which sums are exact whatever adds them.
_WAVE_ONE = 1 << 20
_HIGH_WAVES = np.rint(tables.WAVES[tables.HIGH].astype(np.float64) * _WAVE_ONE)


def was_jpeg(pixels: Plane) -> bool:
    """True if the colours of an RGB picture (3, H, W) are mostly such as a JPEG decoder makes. Takes microseconds."""
    return share_of_colours(pixels) >= LEAST_SHARE


def share_of_colours(pixels: Plane) -> float:
    """The share of the colours of an RGB picture (3, H, W) that a JPEG decoder makes; 0 if not most, or of few."""
    flat = np.ascontiguousarray(pixels)
    tried, found = native._native.past_detect(flat, LOOKED_AT // 16)
    if found < LEAST_SHARE * tried:
        return 0.0
    if count_colours(flat, 8) < FEW:
        return 0.0
    # Each colour once: a drawing has few, and they may happen to be such.
    some = flat.reshape(3, -1)[:, :: max(1, flat[0].size // LOOKED_AT)].astype(np.int32)
    colours = np.unique(some[0] << 16 | some[1] << 8 | some[2])
    each = np.stack([colours >> 16, colours >> 8 & 255, colours & 255]).astype(np.uint8)
    tried, found = native._native.past_detect(np.ascontiguousarray(each), LOOKED_AT)
    return float(found / tried) if tried >= FEW else 0.0


def has_part_of_jpeg(pixels: Plane) -> bool:
    """True if a sixteenth of an RGB picture (3, H, W) has colours of which a JPEG decoder makes nearly all."""
    sides = [size // _PARTS for size in pixels.shape[1:]]
    if min(sides) < _LEAST_SIDE:
        return False
    down, across = (max(1, side // isqrt(LOOKED_AT)) for side in sides)
    for y, x in product(range(_PARTS), repeat=2):
        rows, columns = (slice(at * side, (at + 1) * side) for at, side in zip((y, x), sides, strict=True))
        if share_of_colours(pixels[:, rows, columns][:, ::down, ::across]) >= _NEARLY_ALL:
            return True
    return False


def grids_of_parts(low: Plane, high: Plane, pixels: Plane) -> list[tuple[int, int]]:
    """Grids of parts of a luma plane, as ``find_grid`` has them, the ones that most parts have first.

    In a page with a photograph, text has most waves, and hides the grid of the whole.
    """
    sides = [size // _THIRDS // SIDE * SIDE for size in low.shape]
    if min(sides) < _LEAST_THIRD:
        return []
    found = []
    for y, x in product(range(_THIRDS), repeat=2):
        part = np.s_[..., y * sides[0] : (y + 1) * sides[0], x * sides[1] : (x + 1) * sides[1]]
        found.append(find_grid(low[part], high[part], pixels[part])[:2])
    return [grid for grid, _ in Counter(found).most_common(_GRIDS)]


def find_grid(low: Plane, high: Plane, pixels: Plane | None = None) -> tuple[int, int, float]:
    """Find the grid of 8 x 8 blocks of a luma plane: the numbers of missing rows and columns of its first block.

    Where luma is not known it is about that of ``pixels`` (3, H, W), if they are given. The third number is the excess
    of coefficients that are 0 over other grids, in standard deviations.
    """
    span = 2 * SIDE - 1
    rows, columns = low.shape[0] // SIDE - 1, low.shape[1] // SIDE - 1
    if rows < 2 or columns < 2:
        return 0, 0, 0.0
    # Take blocks that are spread evenly, and of these the ones that vary most by column and are not clipped.
    count = rows * columns
    y, x = np.divmod(np.arange(0, count, max(1, count // _SPREAD)), columns)
    lines = np.arange(span)
    places = (y[:, None, None] * SIDE + lines[:, None]), (x[:, None, None] * SIDE + lines)
    squares = low[places].astype(np.float64)
    unknown = ((squares == 0) | (squares == 255)).any(axis=(1, 2))
    if high is not low:
        uncertain = high[places] != squares
        unknown |= uncertain.any(axis=(1, 2))
        if pixels is not None:
            red, green, blue = (own[places].astype(np.int64) for own in pixels)
            squares = np.where(uncertain, (77 * red + 150 * green + 29 * blue + 128) >> 8, squares)
    busy = np.abs(np.diff(squares, axis=2)).sum(axis=(1, 2)) - 1e6 * unknown
    squares = squares[np.argsort(-busy, kind="stable")[:_LOOKED_INTO]]
    blocks = np.lib.stride_tricks.sliding_window_view(squares, (SIDE, SIDE), axis=(1, 2)).reshape(-1, 64)
    found = blocks @ _HIGH_WAVES.T
    small = (np.abs(found) < _NOTHING * _WAVE_ONE).sum(axis=1).reshape(len(squares), 64).sum(axis=0)
    best = small[0] if small.max() <= _BETTER * small[0] else small.max()
    top, left = divmod(int(np.flatnonzero(small == best)[0]), SIDE)
    usual = float(np.median(small))
    return -top % SIDE, -left % SIDE, float((best - usual) / np.sqrt(usual + 1))
