"""Pictures that were JPEGs until they were stretched: the numbers of their levels that give the JPEG's colours back.

A stretch to the full range says how many levels there were, but not where they began. Where RGB samples begin at the
right numbers, nearly all of their colours are such as a JPEG decoder makes; elsewhere few are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.detect import LOOKED_AT, SIDE, find_grid, was_jpeg
from nelloc.exact import native
from nelloc.image.levels import Levels, is_bright, reduce_planes

_LEVELS, _CHANNELS = 256, 3
# Colours that are tested at first, and the least share that must be a JPEG's.
_COLOURS, _LEAST_SHARE = 64, 0.9
# The largest step of luma's means that is looked for, and how nearly all of them must be its multiples.
_MOST_STEP, _CLEAR = 40, 0.6
# Levels that a picture may lack by chance, besides those that its stretch left out.
_LACKING = 24

Plane = NDArray[np.uint8]
Lists = Sequence[Levels | None]


def levels_of_jpeg(samples: Plane, found: Lists) -> Lists | None:
    """The levels of an RGB picture (3, H, W), with numbers that are a JPEG's samples; None if there are none.

    ``found`` are the lists of planes that lack levels.
    """
    if len(samples) != _CHANNELS or not any(found) or native.missing() is not None:
        return None
    alike = _same_stretch(samples, found)
    placed = None if alike is None else _placed(samples, alike, together=True)
    return placed or _placed(samples, [own and _all_of_stretch(own) for own in found], together=False)


def _same_stretch(samples: Plane, found: Lists) -> Lists | None:
    """One list for all planes, if they were stretched alike: together they lack levels too."""
    values = np.unique(np.concatenate([np.unique(plane) for plane in samples])).astype(np.uint16)
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
        for values in _stretches(count):
            if np.isin(own.values, values, assume_unique=True).all():
                return Levels(values)
    return own


def _stretches(count: int) -> Iterator[NDArray[np.uint16]]:
    """Yield what ``count`` levels may become."""
    steps = np.arange(count)
    yield np.rint(steps * (_LEVELS - 1) / (count - 1)).astype(np.uint16)
    yield (steps * (_LEVELS - 1) // (count - 1)).astype(np.uint16)
    scale = (_LEVELS - 1) / (count - 1)
    for low in range(_LEVELS - count + 1):
        # ImageOps.autocontrast, with its rounding errors.
        yield np.clip(((steps + low) * scale - low * scale).astype(np.int64), 0, _LEVELS - 1).astype(np.uint16)


def _placed(samples: Plane, lists: Lists, *, together: bool) -> Lists | None:
    """The lists with the numbers that most colours of a JPEG have; planes that are ``together`` begin alike.

    Colours that are all brighter are a JPEG's too; how bright they were, the blocks tell.
    """
    sizes = [_LEVELS if own is None else len(own.values) for own in lists]
    colours = _some_colours(reduce_planes(samples, lists, np.uint8), sizes)
    if colours.shape[1] < _COLOURS // 2:
        return None
    few = colours[:, :: -(-colours.shape[1] // _COLOURS)]
    likely = [one for one in ([(0, 0, 0)] if together else _beginnings(sizes)) if _share(few, one) > _LEAST_SHARE]
    if not likely:
        return None
    right = max(likely, key=lambda firsts: _share(colours, firsts))
    lowest = [own and own.numbered(first) for own, first in zip(lists, right, strict=True)]
    darkest = reduce_planes(samples, lowest, np.uint8)
    if not was_jpeg(darkest):
        return None
    room = min(_LEVELS - size - first for size, first in zip(sizes, right, strict=True))
    brighter = _brighter(darkest, room, at_top=is_bright(samples, lists))
    return [own and own.numbered(first + brighter) for own, first in zip(lists, right, strict=True)]


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


def _beginnings(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield numbers of the planes' first levels, the lowest of which is 0, for all differences between them."""
    room = [_LEVELS - size for size in sizes]
    for green, blue in itertools.product(range(-room[0], room[1] + 1), range(-room[0], room[2] + 1)):
        lowest = min(0, green, blue)
        firsts = (-lowest, green - lowest, blue - lowest)
        if all(first <= most for first, most in zip(firsts, room, strict=True)):
            yield firsts


def _brighter(colours: Plane, room: int, *, at_top: bool) -> int:
    """Number, at most ``room``, to add to all samples so that luma has means in blocks that are multiples of a step.

    Of several that do, the highest or the lowest.
    """
    low, high = np.empty_like(colours), np.empty_like(colours)
    native._native.past_separate(colours, low, high)
    top, left, _ = find_grid(low[0], high[0])
    skipped = -top % SIDE, -left % SIDE
    rows, columns = ((size - skip) // SIDE for size, skip in zip(low.shape[1:], skipped, strict=True))
    part = np.s_[skipped[0] : skipped[0] + SIDE * rows, skipped[1] : skipped[1] + SIDE * columns]
    known = (low[0] == high[0])[part].reshape(rows, SIDE, columns, SIDE).all(axis=(1, 3))
    sums = low[0][part].astype(np.int64).reshape(rows, SIDE, columns, SIDE).sum(axis=(1, 3))[known]
    order = range(room, -1, -1) if at_top else range(room + 1)
    if not len(sums):
        return order[0]
    # A block's mean of luma is a step's multiple in eighths; rounding of 64 samples moves it by a third of one.
    for step in range(_MOST_STEP, 1, -1):
        turns = [np.cos(2 * np.pi * (sums / SIDE + SIDE * more - 1024) / step).mean() for more in order]
        if max(turns) > _CLEAR:
            return order[int(np.argmax(np.round(turns, 6)))]
    return order[0]
