"""Colour lattices: images that were once luma and chroma in bytes have only some of all colours.

A conversion from 256 lumas and 256 x 256 chromas to RGB gives at most 2^24 colours, most of them several times and out
of range: a quarter of all colours, or less. Tiles whose colours are on such a *lattice* are coded with this knowledge.
A digit states whether a pixel is on the lattice; each green is weighted by the number of likely blues on the lattice
beside it; and only blues on the lattice remain possible. docs/methods/lattices.md states it in plain integers.
A lattice of no known conversion is that of the colours which a tile has seen.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.learning import Slices
from nelloc.exact.seen_colours import SeenColours

CHANNELS, LEVELS = 3, 256
# A digit's free frequency, of which 1 gets what 0 does not.
FREE = 2**24 - 4
# Shares of probability are in 1/2^16.
SHARE_BITS = 16
WHOLE_SHARE = 1 << SHARE_BITS
CONTEXTS, CLASSES = 4, 33
CELLS = CONTEXTS * CLASSES
MOST_PIXELS = 1023  # of a cell, above which it is halved
# Reach of windows to both sides of a mean: 5 units of the logistic, in the steps of its table and 1/2^14.
REACH = 5 << 23
# Least mass of a component at a green, in 1/2^28, for which blues are counted.
LEAST_MASS = 1 << 19
# Components of less weight, in 1/2^13, are left to the uniform part.
LEAST_WEIGHT = 16


class Rule(enum.IntEnum):
    """The known conversions, named after the formats or programs that use them; and the colours a tile has seen."""

    JFIF = 1
    PHOTO_CD = 2
    WEBP = 3
    HEIF = 4
    AVIF = 5
    AVIF_VIDEO = 6
    HD_VIDEO = 7
    SEEN = 8


# The rules that are a formula.
CONVERSIONS = tuple(rule for rule in Rule if rule is not Rule.SEEN)


@dataclass(frozen=True)
class Conversion:
    """A conversion of luma and two chromas to RGB.

    Channel c is ``clamp(sum // divisor, 0, 255)`` of a sum of ``terms[c, k, x]``: k = 0 with the luma as x, k = 1 and 2
    with the chromas.
    """

    terms: NDArray[np.int64]
    divisor: int

    @classmethod
    def of_terms(
        cls,
        divisor: int,
        luma: Sequence[NDArray[np.int64]],
        red: NDArray[np.int64],
        green: tuple[NDArray[np.int64], NDArray[np.int64]],
        blue: NDArray[np.int64],
    ) -> Conversion:
        """The terms of luma of each channel, and of chroma: red has the second, blue the first, green both."""
        terms = np.zeros((CHANNELS, 3, LEVELS), np.int64)
        terms[:, 0] = luma
        terms[0, 2], terms[2, 1], terms[1, 1:] = red, blue, green
        return cls(terms, divisor)

    def of(self, luma: NDArray[Any], first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.uint8]:
        """The colours (3, ...) of arrays of luma and chroma."""
        sums = (t[0][luma] + t[1][first] + t[2][second] for t in self.terms)
        return np.stack([np.clip(total // self.divisor, 0, LEVELS - 1).astype(np.uint8) for total in sums])


@cache
def conversion(rule: Rule) -> Conversion:
    """The conversion of one of CONVERSIONS."""
    x = np.arange(LEVELS, dtype=np.int64)
    chroma = x - 128
    if rule is Rule.PHOTO_CD:
        red, blue = 18215 * (x - 137), 22179 * (x - 156)
        green = (-1940 * (blue // 10000), -5090 * (red // 10000))
        return Conversion.of_terms(10000, [13584 * x] * 3, red, green, blue)
    if rule is Rule.WEBP:
        luma = 19077 * x >> 8
        green = (-(6419 * x >> 8), -(13320 * x >> 8))
        shifted = [luma - 14234, luma + 8708, luma - 17685]
        return Conversion.of_terms(1 << 6, shifted, 26149 * x >> 8, green, 33050 * x >> 8)
    divisor, luma, (red_by, first_by, second_by, blue_by) = {
        Rule.JFIF: (1 << 16, (x << 16) + (1 << 15), (91881, 22554, 46802, 116130)),
        Rule.HEIF: (1 << 8, (x << 8) + (1 << 7), (359, 88, 183, 454)),
        Rule.AVIF: (1 << 6, (257 * 16320 * x >> 16) + 32, (90, 22, 46, 113)),
        Rule.AVIF_VIDEO: (1 << 6, (257 * 18997 * x >> 16) - 1160, (102, 25, 52, 128)),
        Rule.HD_VIDEO: (1 << 16, 76309 * (x - 16) + (1 << 15), (117489, 13975, 34925, 138438)),
    }[rule]
    green = (-first_by * chroma, -second_by * chroma)
    return Conversion.of_terms(divisor, [luma] * 3, red_by * chroma, green, blue_by * chroma)


class Lattice:
    """The colours of a rule: ``has`` (2^24,) by the number ``red << 16 | green << 8 | blue``."""

    def __init__(self, rule: Rule):
        self.rule = rule
        convert = conversion(rule)
        self.has: NDArray[np.bool_] = np.zeros(1 << 24, np.bool_)
        luma, first = np.meshgrid(np.arange(LEVELS), np.arange(LEVELS))
        for second in range(LEVELS):
            self.has[numbers(convert.of(luma, first, np.full_like(luma, second)))] = True
        # Colours with less blue: of each red and green, and each blue from 0 to 256.
        self._below = np.zeros((1 << 16, LEVELS + 1), np.uint16)
        np.cumsum(self.has.reshape(-1, LEVELS), axis=1, out=self._below[:, 1:])

    @classmethod
    @cache
    def of(cls, rule: Rule) -> Lattice:
        """The lattice of one of CONVERSIONS, made once."""
        return cls(rule)

    def of_tiles(self, tiles: int) -> Lattice:
        """The same lattice, for ``tiles`` tiles."""
        return self

    def coded(self, colours: NDArray[Any], step: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask (N,) of the colours (3, N) of one tile, coded in these steps, that are on the lattice."""
        return self.has[numbers(colours)]

    def holds(self, tile: NDArray[np.int64], colours: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask (N,) of the colours (3, N) that are on the lattice."""
        return self.has[numbers(colours)]

    def row(self, tile: NDArray[np.int64], red: NDArray[Any], green: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask (256, N) of the blues that are on the lattice beside these reds and greens (N,)."""
        return self.has.reshape(-1, LEVELS)[_pair(red, green)].T

    def count(
        self, tile: NDArray[np.int64], red: NDArray[Any], green: NDArray[Any], first: NDArray[Any], size: NDArray[Any]
    ) -> NDArray[Any]:
        """Number of ``size`` blues from ``first`` that are on the lattice beside these reds and greens; all (N,)."""
        pair = _pair(red, green)
        return self._below[pair, first + size].astype(np.int64) - self._below[pair, first]

    def learn(self, tile: NDArray[np.int64], colours: NDArray[Any]) -> None:
        """Do nothing: a formula knows all of its colours."""


def lattice_of(rule: Rule) -> Lattice | SeenColours:
    """The lattice of a rule."""
    return SeenColours() if rule is Rule.SEEN else Lattice.of(rule)


def numbers(colours: NDArray[Any]) -> NDArray[np.int64]:
    """The numbers of colours (3, ...)."""
    red, green, blue = colours.astype(np.int64)
    return red << 16 | green << 8 | blue


def _pair(red: NDArray[Any], green: NDArray[Any]) -> NDArray[np.int64]:
    return red.astype(np.int64) << 8 | green.astype(np.int64)


@dataclass
class Spot:
    """N pixels of a step on a lattice.

    ``tile`` (N,) is the tile of each pixel, ``context`` (N,) tells which neighbours are on the lattice. The mixture
    fills in the predicted share ``foreseen`` of each pixel, whether it is ``on`` the lattice, and its
    ``colour`` (3, N).
    """

    lattice: Lattice | SeenColours
    memory: LatticeCounts
    tile: NDArray[np.int64]
    context: NDArray[np.int64]
    cell: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    foreseen: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    on: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    colour: NDArray[Any] = field(default_factory=lambda: np.empty((CHANNELS, 0), np.uint8))

    def foresee(self, held: NDArray[np.float64], mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """The frequencies (N, 4), less one, of the digit that states whether a pixel is on the lattice.

        ``held`` (N,) is the part of all ``mass`` (N,) that is expected there.
        """
        share = np.floor(held * WHOLE_SHARE / mass).astype(np.int64)
        self.foreseen = np.clip(share, 1, WHOLE_SHARE - 1)
        small = self.foreseen < WHOLE_SHARE // 2
        class_ = np.where(small, _digits(self.foreseen), 32 - _digits(WHOLE_SHARE - 1 - self.foreseen))
        self.cell = self.context * CLASSES + class_
        off = self.memory.off(self.tile, self.cell, self.foreseen)
        nothing = np.zeros_like(off)
        return np.stack([off, FREE - off, nothing, nothing], axis=1).astype(np.float64)


class LatticeCounts:
    """Statistics of several tiles: ``seen`` and ``foreseen`` (2, tiles, CELLS), pixels off and on the lattice."""

    def __init__(self, tiles: int):
        self.seen = np.zeros((2, tiles, CELLS), np.int64)
        self.foreseen = np.zeros((2, tiles, CELLS), np.int64)

    def off(self, tile: NDArray[np.int64], cell: NDArray[np.int64], foreseen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Frequency of the digit 0, as a part of FREE."""
        shares = np.stack([WHOLE_SHARE - foreseen, foreseen])
        more = (self.seen[:, tile, cell] + 1 << 32) // (self.foreseen[:, tile, cell] + WHOLE_SHARE)
        parts = shares * more
        excess = np.maximum(_digits(parts.sum(axis=0)) - 29, 0)
        return (parts[0] >> excess) * FREE // (parts.sum(axis=0) >> excess)

    def learn(self, spot: Spot, columns: NDArray[np.int64]) -> None:
        """Update the statistics with the pixels ``columns`` of a step."""
        tile, cell, on = spot.tile[columns], spot.cell[columns], spot.on[columns].astype(np.int64)
        np.add.at(self.seen, (on, tile, cell), 1)
        np.add.at(self.foreseen[0], (tile, cell), WHOLE_SHARE - spot.foreseen[columns])
        np.add.at(self.foreseen[1], (tile, cell), spot.foreseen[columns])
        many = self.seen.sum(axis=0) > MOST_PIXELS
        self.seen[:, many] >>= 1
        self.foreseen[:, many] >>= 1


def _digits(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of binary digits of numbers below 2^53."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64)


class Keeper:
    """State of several tiles' lattice during a walk; gives the mixture the `Spot` of each step."""

    def __init__(self, lattice: Lattice | SeenColours, west: int, north: int, tiles: int):
        self._lattice, self._places = lattice.of_tiles(tiles), (west, north)
        self._memory = LatticeCounts(tiles)

    def begin(self, quarters: NDArray[np.float32], slices: Slices) -> Spot | None:
        """Begin a step whose contexts are ``quarters`` (window, channels, N)."""
        tile = np.zeros(quarters.shape[2], np.int64)
        for number, columns in slices:
            tile[columns] = number
        west, north = (self._lattice.holds(tile, quarters[place] / 4) for place in self._places)
        return Spot(self._lattice, self._memory, tile, west + 2 * north.astype(np.int64))

    def learn(self, spots: Sequence[Spot | None], slices: Slices) -> None:
        """Update the statistics after a step, which was coded as one spot or as several in sequence."""
        known = [spot for spot in spots if spot is not None]
        joined = Spot(self._lattice, self._memory, *(_joined(known, n) for n in ("tile", "context")))
        joined.cell, joined.foreseen, joined.on = (_joined(known, name) for name in ("cell", "foreseen", "on"))
        columns = np.concatenate([np.arange(s.start, s.stop) for _, s in slices])
        self._memory.learn(joined, columns)
        self._lattice.learn(joined.tile[columns], _joined(known, "colour")[:, columns])


class NoKeeper(Keeper):
    """Tiles are not on a lattice."""

    def __init__(self) -> None:
        pass

    def begin(self, quarters: NDArray[np.float32], slices: Slices) -> None:
        """Give no spot."""

    def learn(self, spots: Sequence[Spot | None], slices: Slices) -> None:
        """Do nothing."""


def _joined(spots: Sequence[Spot], name: str) -> Any:
    return np.concatenate([getattr(spot, name) for spot in spots], axis=-1)
