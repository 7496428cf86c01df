"""Candidates of pixels, and contexts that their digits are coded in. docs/methods/adaptive.md, section 12.

All functions are of N pixels that are coded at once. A context is a tuple of numbers (N,) each, which are hashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nelloc.codec.adaptive.memory import Recalled
from nelloc.codec.adaptive.neighbourhood import Field, Numbers, median

Contexts = list[tuple[Numbers, ...]]

# Neighbours in the order in which neighbourhoods grow.
NEIGHBOURS = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, 2), (-1, -2), (-2, 1), (-2, -1), (0, -3))
WEST, NORTH = NEIGHBOURS[:2]
# Numbers of contexts of the functions below.
CHOICE_CONTEXTS, SAMPLE_CONTEXTS, SYMBOL_CONTEXTS = 7, 8, 6
# Classes of a memory's confidence; the choice has a set of weights for each pair of them.
_CONFIDENCE_CLASS = np.array([0, 1, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4])
_CLASSES = 5
CHOICE_SETS = _CLASSES * _CLASSES
MISSING = -1  # in place of a candidate


class Around(NamedTuple):
    """Numbers (N,) of the four nearest neighbours."""

    west: Numbers
    north: Numbers
    northwest: Numbers
    northeast: Numbers

    @classmethod
    def of(cls, field: Field, others: Numbers | slice = slice(None)) -> Around:
        """Neighbours of the pixels ``others`` of the present step."""
        return cls(*(field[offset][others] for offset in NEIGHBOURS[:4]))

    @property
    def prediction(self) -> Numbers:
        """The plain prediction of samples."""
        return median(self.west, self.north, self.northwest)

    @property
    def activity(self) -> Numbers:
        """The activity of samples."""
        west, north, northwest, northeast = self
        return np.abs(west - northwest) + np.abs(north - northwest) + np.abs(north - northeast)


def likely_colours(recalled: Sequence[Recalled], colours: Around, extra: Numbers) -> list[Numbers]:
    """Colours that pixels may have, the likeliest first, many of them alike.

    They are those of the three memories, the ``extra`` one, and the neighbours.
    """
    a, b, c = recalled
    of_b, of_c = (np.where(memory.confidence > 0, memory.first, colours.west) for memory in (b, c))
    likeliest = np.where(a.confidence > 0, a.first, np.where(b.confidence > 0, b.first, of_c))
    west, north, northwest, northeast = colours
    return [likeliest, of_b, of_c, a.second, b.second, extra, west, north, northeast, northwest]


def first_three(colours: Sequence[Numbers]) -> list[Numbers]:
    """The first three different ones of each pixel's colours; MISSING where there are fewer."""
    first, *rest = colours
    second = np.full(len(first), MISSING)
    third = np.full(len(first), MISSING)
    for colour in rest:
        new = colour != first
        fill = new & (second == MISSING)
        third = np.where(new & ~fill & (third == MISSING) & (colour != second), colour, third)
        second = np.where(fill, colour, second)
    return [first, second, third]


def choice_contexts(
    candidates: Sequence[Numbers], recalled: Sequence[Recalled], colours: Around, choices: Around, runs: Sequence[Field]
) -> tuple[Contexts, Numbers]:
    """Contexts of the choice among ``candidates``, and its sets of weights.

    ``choices`` are the neighbours', ``runs`` the fields of runs to the left and above.
    """
    first, second, third = candidates
    west, north, northwest, northeast = colours
    a, b, c = (_CONFIDENCE_CLASS[memory.confidence] for memory in recalled)
    in_a, in_b, in_c = recalled
    is_west, is_north = first == west, first == north
    agree = (in_a.first == in_b.first) + 2 * (in_b.first == in_c.first) + 4 * is_west + 8 * is_north
    flat = (west == north) + 2 * (north == northeast) + 4 * (west == northwest)
    left, above = runs
    contexts = [
        (a, b, c, agree, flat),
        (*choices, a, agree),
        (first, second, third, agree),
        (first, west, north, choices.west),
        (in_b.at, first, a),
        (is_west, is_north, left[WEST], left[NORTH], above[NORTH]),
        (is_west, second == west, above[NORTH], above[WEST], left[WEST]),
    ]
    return contexts, a * _CLASSES + b


def symbol_contexts(places: Around, first: Numbers, second: Numbers) -> Contexts:
    """Contexts of a place in the palette, given those of the neighbours and of the first two candidates."""
    west, north, northwest, northeast = places
    nothing = np.zeros_like(west)
    contexts = ((nothing,), (west,), (west, north), (first, second), (north, northeast), (west, northwest))
    return [(np.full_like(west, k), *parts) for k, parts in enumerate(contexts)]


def sample_contexts(
    number: int,
    around: Around,
    residuals: tuple[Numbers, Numbers],
    plain: Numbers,
    levels: tuple[Numbers, Numbers],
    samples: Sequence[Numbers],
    deviations: Sequence[Numbers],
) -> Contexts:
    """Contexts of the samples of a plane, the one of this ``number`` in the order in which planes are coded.

    ``around`` are the samples around them, ``residuals`` those of the neighbours west and north, ``plain`` the plain
    predictions, ``levels`` the bits of the activity, and of all planes' activities together. ``samples`` are those of
    the same pixels in the planes before; ``deviations`` their differences to predictions, of which the last two count.
    """
    west, north, northwest, _ = around
    error_west, error_north = residuals
    *_, before_last, last = deviations
    level, total = levels
    place = np.full_like(plain, number)
    seen = (plain, *samples) if number else (west, north, northwest)
    return [
        (place,),
        (place, total, bit_length(np.abs(last))),
        (place, np.clip(error_west, -6, 6), np.clip(error_north, -6, 6)),
        (place, last, before_last, level >> 1),
        (place, *seen),
        (place, level, np.clip(error_west + error_north, -20, 20) >> 1),
        (place, west, *samples),
        (place, west, north),
    ]


def bit_length(numbers: Numbers) -> Numbers:
    """The number of bits of numbers below 2**53."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64)


def zigzag(differences: Numbers, bits: int) -> Numbers:
    """Numbers of differences modulo 2**bits: 0, -1, 1, -2, 2, ... become 0, 1, 2, 3, 4, ..."""
    modulus = 1 << bits
    rest = differences % modulus
    return np.where(rest < modulus >> 1, 2 * rest, 2 * (modulus - rest) - 1)


def unzigzag(numbers: Numbers) -> Numbers:
    """Differences of the numbers that ``zigzag`` gives them."""
    return np.where(numbers & 1, -(numbers + 1 >> 1), numbers >> 1)
