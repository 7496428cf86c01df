"""Pictures that were JPEGs until they were stretched: the numbers of their levels that give the JPEG's colours back.

A stretch to the full range says how many levels there were, but not where they began. Where RGB samples begin at the
right numbers, nearly all of their colours are such as a JPEG decoder makes; elsewhere few are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.detect import FEW, LOOKED_AT, find_grid, was_jpeg
from nelloc.codec.past.invert import GRAY_CLEAR
from nelloc.codec.past.samples import SIDE, Plane, over_blocks
from nelloc.exact import native
from nelloc.exact.lattice import Rule, conversion
from nelloc.image.levels import Levels, is_bright, occurring, reduce_planes

_LEVELS, _CHANNELS = 256, 3
# Colours that are tested at first, and the least share that must be a JPEG's.
_COLOURS, _LEAST_SHARE = 64, 0.9
# The largest step of luma's means that is looked for, and how nearly all of them must be its multiples.
_MOST_STEP, _CLEAR = 40, 0.6
# Cosines in whole numbers, by which sums are exact.
_COSINE_ONE = 1 << 20
# Most that the first levels of green and blue may differ from red's.
_MOST_APART = 40
# Levels that a picture may lack by chance, besides those that its stretch left out.
_LACKING = 24
# Share of pixels that a stretch changes at least, nearly.
_SAME = 0.5

Lists = Sequence[Levels | None]


def levels_of_jpeg(samples: Plane, found: Lists) -> Lists | None:
    """The levels of a picture (1 or 3 planes, H, W), with numbers that are a JPEG's samples; None if there are none.

    ``found`` are the lists of planes that lack levels.
    """
    if not any(found) or native.missing() is not None:
        return None
    if len(samples) == 1:
        placed = _placed_gray(samples, [own and _all_of_stretch(own) for own in found])
    else:
        alike = _same_stretch(samples, found)
        placed = None if alike is None else _placed(samples, alike, together=True)
        placed = placed or _placed(samples, [own and _all_of_stretch(own) for own in found], together=False)
    return None if placed is None or _changes_little(samples, placed) else placed


def _changes_little(samples: Plane, placed: Lists) -> bool:
    """True if most pixels have their samples for numbers: levels are missing for another reason than a stretch."""
    return bool((reduce_planes(samples, placed, np.uint8) == samples).all(axis=0).mean() > _SAME)


def _same_stretch(samples: Plane, found: Lists) -> Lists | None:
    """One list for all planes, if they were stretched alike: together they lack levels too."""
    values = np.unique(np.concatenate([occurring(plane).values for plane in samples]))
    most = max(len(own.values) for own in found if own is not None)
    return [Levels(values)] * _CHANNELS if len(values) <= min(most + _LACKING, _LEVELS - 1) else None


def _all_of_stretch(own: Levels) -> Levels:
    """The levels of a linear stretch to 0 to 255, as Pillow or others round it, that has those that are given.

    So levels that no pixel happens to have keep their numbers.
    """
    if own.values[0] != 0 or own.values[-1] < _LEVELS - 2:
        return own
    least = len(own.values)
    for count in range(least, min(least + _LACKING, _LEVELS - 1) + 1):
        stretches = _stretches(count)
        has = np.zeros((len(stretches), _LEVELS), bool)
        np.put_along_axis(has, stretches, True, axis=1)
        fitting = np.flatnonzero(has[:, own.values].all(axis=1))
        if fitting.size:
            return Levels(stretches[fitting[0]].astype(np.uint16))
    return own


def _stretches(count: int) -> NDArray[np.int64]:
    """Levels that ``count`` of them may become, one row for each way."""
    steps, scale = np.arange(count), (_LEVELS - 1) / (count - 1)
    rounded = np.rint(steps * (_LEVELS - 1) / (count - 1)).astype(np.int64)
    # ImageOps.autocontrast, with its rounding errors.
    low = np.arange(_LEVELS - count + 1)[:, None]
    contrasts = np.clip(((steps + low) * scale - low * scale).astype(np.int64), 0, _LEVELS - 1)
    return np.concatenate([[rounded, steps * (_LEVELS - 1) // (count - 1)], contrasts])


def _placed(samples: Plane, lists: Lists, *, together: bool) -> Lists | None:
    """The lists with the numbers that most colours of a JPEG have; planes that are ``together`` begin alike.

    Colours that are all brighter are a JPEG's too; how bright they were, the blocks tell.
    """
    sizes = [_LEVELS if own is None else len(own.values) for own in lists]
    colours = _some_colours(reduce_planes(samples, lists, np.uint8), sizes)
    if np.unique(colours[0] << 16 | colours[1] << 8 | colours[2]).size < FEW:
        return None
    few = colours[:, :: -(-colours.shape[1] // _COLOURS)]
    beginnings = [(0, 0, 0)] if together else _beginnings(sizes, few)
    likely = [one for one in beginnings if _share(few, one) > _LEAST_SHARE]
    if not likely:
        return None
    right = max(likely, key=lambda firsts: _share(colours, firsts))
    lowest = [own and own.numbered(first) for own, first in zip(lists, right, strict=True)]
    darkest = reduce_planes(samples, lowest, np.uint8)
    if not was_jpeg(darkest):
        return None
    room = min(_LEVELS - size - first for size, first in zip(sizes, right, strict=True))
    low, high = np.empty_like(darkest), np.empty_like(darkest)
    native._native.past_separate(darkest, low, high)
    brighter = _brighter(low[0], high[0], room, at_top=is_bright(samples, lists))
    return [own and own.numbered(first + brighter) for own, first in zip(lists, right, strict=True)]


def _placed_gray(samples: Plane, lists: Lists) -> Lists | None:
    """The list of a gray picture, with numbers that are a JPEG's by its blocks."""
    numbers = reduce_planes(samples, lists, np.uint8)
    if find_grid(numbers[0], numbers[0])[2] < GRAY_CLEAR:
        return None
    room = _LEVELS - sum(len(own.values) for own in lists if own is not None)
    brighter = _brighter(numbers[0], numbers[0], room, at_top=is_bright(samples, lists))
    return [own and own.numbered(brighter) for own in lists]


def _share(colours: NDArray[np.int64], firsts: tuple[int, ...]) -> float:
    """The share of colours (3, N) that are a JPEG's when the levels of the planes begin at these numbers."""
    shifted = np.ascontiguousarray(colours + np.array(firsts)[:, None], np.uint8)
    tried, made = native._native.past_detect(shifted, shifted.shape[1])
    return float(made / max(1, tried))


def _some_colours(numbers: Plane, sizes: Sequence[int]) -> NDArray[np.int64]:
    """Colours (3, N) of a picture, evenly spread over it; none is at an end of its levels, where it may be cut off."""
    step = max(1, numbers[0].size // LOOKED_AT)
    flat: NDArray[np.int64] = numbers.reshape(_CHANNELS, -1)[:, ::step].astype(np.int64)
    inside = (flat[0] != flat[1]) | (flat[1] != flat[2])
    for plane, size in zip(flat, sizes, strict=True):
        inside &= (plane > 0) & (plane < size - 1)
    return flat[:, inside]


def _beginnings(sizes: Sequence[int], colours: NDArray[np.int64]) -> Iterator[tuple[int, ...]]:
    """Yield numbers of the planes' first levels, the lowest of which is 0, for all differences from red's.

    With others too few of the ``colours`` (3, N) have differences of channels that a JPEG decoder makes.
    """
    room = [_LEVELS - size for size in sizes]
    least = -min(room[0], _MOST_APART)
    greens, blues = (np.arange(least, min(most, _MOST_APART) + 1) for most in room[1:])
    red, green, blue = colours
    for own in greens:
        of_blue = np.clip(blue - green + blues[:, None] - own, -_LEVELS, _LEVELS - 1)
        made = _differences()[red - green - own + _LEVELS, of_blue + _LEVELS].mean(axis=1) > _LEAST_SHARE
        for other in blues[made]:
            lowest = min(0, int(own), int(other))
            firsts = (-lowest, int(own) - lowest, int(other) - lowest)
            if all(first <= most for first, most in zip(firsts, room, strict=True)):
                yield firsts


@cache
def _differences() -> NDArray[np.bool_]:
    """Mask of the pairs R - G and B - G, 256 added, that a JPEG decoder makes where no channel is clipped."""
    convert = conversion(Rule.JFIF)
    cb, cr = np.arange(_LEVELS)[:, None], np.arange(_LEVELS)
    red, green, blue = ((of[0][0] + of[1][cb] + of[2][cr]) // convert.divisor for of in convert.terms)
    of_red, of_blue = red - green + _LEVELS, blue - green + _LEVELS
    inside = (of_red >= 0) & (of_red < 2 * _LEVELS) & (of_blue >= 0) & (of_blue < 2 * _LEVELS)
    made = np.zeros((2 * _LEVELS, 2 * _LEVELS), bool)
    made[of_red[inside], of_blue[inside]] = True
    return made


def _brighter(low: NDArray[np.uint8], high: NDArray[np.uint8], room: int, *, at_top: bool) -> int:
    """Number, at most ``room``, to add to all samples so that luma has means in blocks that are multiples of a step.

    Of several that do, the highest or the lowest. Luma (H, W) is known where ``low`` is ``high``.
    """
    top, left, _ = find_grid(low, high)
    skipped = -top % SIDE, -left % SIDE
    rows, columns = ((size - skip) // SIDE for size, skip in zip(low.shape, skipped, strict=True))
    part = np.s_[skipped[0] : skipped[0] + SIDE * rows, skipped[1] : skipped[1] + SIDE * columns]
    known = over_blocks(np.logical_and, (low == high)[part])
    sums = over_blocks(np.add, low[part].astype(np.int64))[known]
    order = range(room, -1, -1) if at_top else range(room + 1)
    if not len(sums):
        return order[0]
    # A block's mean of luma is a step's multiple in eighths; rounding of 64 samples moves it by a third of one.
    for step in range(_MOST_STEP, 1, -1):
        turn = SIDE * step
        cosines = np.rint(np.cos(2 * np.pi * np.arange(turn) / turn) * _COSINE_ONE).astype(np.int64)
        found = [int(cosines[(sums + SIDE * SIDE * (more - _LEVELS // 2)) % turn].sum()) for more in order]
        if max(found) > _CLEAR * _COSINE_ONE * len(sums):
            return order[found.index(max(found))]
    return order[0]
