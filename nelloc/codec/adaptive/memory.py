"""Hashed memories of the colours that followed a neighbourhood before. docs/methods/adaptive.md, section 12."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nelloc.codec.adaptive.neighbourhood import Numbers

# Odd multipliers: powers of 2**64 / golden ratio.
_GOLDEN = 0x9E3779B97F4A7C15
MULTIPLIERS = tuple(np.uint64(pow(_GOLDEN, k, 1 << 64)) for k in range(1, 17))
CONFIDENCE_LIMIT = 15
# A colour that was right more often than this outlives an error.
_TRUSTED = 2


def mixed(numbers: Sequence[Numbers], bits: int) -> Numbers:
    """A hash of ``bits`` bits of each of N tuples of numbers; ``numbers`` are the arrays (N,) of their parts."""
    total = np.zeros(len(numbers[0]), np.uint64)
    for multiplier, part in zip(MULTIPLIERS, numbers, strict=False):
        total += (part.astype(np.uint64) + np.uint64(1)) * multiplier
    total = (total ^ total >> np.uint64(29)) * MULTIPLIERS[-1]
    return (total >> np.uint64(64 - bits)).astype(np.int64)


@dataclass(frozen=True)
class Recalled:
    """Contents of a memory for N neighbourhoods: two colours each, and how often the first was right in a row.

    ``at`` is their hash, ``place`` their index in the memory.
    """

    at: Numbers
    place: Numbers
    first: Numbers
    second: Numbers
    confidence: Numbers


class ColourMemory:
    """The colours seen last after each neighbourhood, in 2**``bits`` places for each of ``tiles`` tiles."""

    def __init__(self, bits: int, tiles: int = 1):
        self._bits = bits
        self._colours = np.zeros((2, tiles << bits), np.int64)
        self._confidence = np.zeros(tiles << bits, np.int64)
        self._writer = np.zeros(tiles << bits, np.int64)
        self._writes = 0

    def recall(self, neighbours: Sequence[Numbers], tiles: Numbers | int = 0) -> Recalled:
        """Look up neighbourhoods of ``tiles``: ``neighbours`` are the arrays (N,) of their colours."""
        at = mixed(neighbours, self._bits)
        place = at + (tiles << self._bits)
        return Recalled(at, place, self._colours[0, place], self._colours[1, place], self._confidence[place])

    def learn(self, recalled: Recalled, colours: Numbers) -> None:
        """Learn the colours (N,) that followed. Of several in one place, the last is learned."""
        order = self._writes + np.arange(1, len(colours) + 1)
        self._writes += len(colours)
        np.maximum.at(self._writer, recalled.place, order)
        last = self._writer[recalled.place] == order
        place, colour = recalled.place[last], colours[last]
        first, second, confidence = recalled.first[last], recalled.second[last], recalled.confidence[last]
        right, trusted = colour == first, confidence > _TRUSTED
        self._colours[0, place] = np.where(right | trusted, first, colour)
        self._colours[1, place] = np.where(right, second, np.where(trusted, colour, first))
        wrong = np.where(trusted, confidence >> 1, 1)
        self._confidence[place] = np.where(right, np.minimum(confidence + 1, CONFIDENCE_LIMIT), wrong)
