"""Colours that tiles have seen: a lattice that no formula gives, and that a decoder learns.

A photograph whose colours were changed after a conversion has only some of all colours, like one that was converted
alone, but nobody knows which. Its tiles soon do. docs/methods/lattices.md, section 15.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 256


class SeenColours:
    """The colours of the pixels before a step, of several tiles, with the methods of `lattice.Lattice`.

    Each red and green that a tile has seen has a row of ``_below`` (rows, 257): how many of its colours have less than
    each blue. ``_row`` (tiles, 2^16) is its number; that of the others is 0, which has none.
    """

    def __init__(self, tiles: int = 0):
        self._row = np.zeros((tiles, 1 << 16), np.int32)
        self._below = np.zeros((LEVELS, LEVELS + 1), np.uint16)
        self._used = 1

    def of_tiles(self, tiles: int) -> SeenColours:
        """Begin ``tiles`` tiles, which have seen nothing."""
        return SeenColours(tiles)

    def coded(self, colours: NDArray[Any], step: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask (N,) of the colours (3, N) of one tile, in the order of coding, that were seen before their ``step``."""
        _, first, which = np.unique(_numbers(colours), return_index=True, return_inverse=True)
        return step[first[which.reshape(-1)]] < step

    def holds(self, tile: NDArray[np.int64], colours: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask (N,) of the colours (3, N) that their tile has seen."""
        red, green, blue = colours.astype(np.int64)
        row = self._rows(tile, red, green)
        return self._below[row, blue + 1] > self._below[row, blue]

    def row(self, tile: NDArray[np.int64], red: NDArray[Any], green: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask (256, N) of the blues that were seen beside these reds and greens (N,)."""
        below = self._below[self._rows(tile, red, green)].T
        return below[1:] > below[:-1]

    def count(
        self, tile: NDArray[np.int64], red: NDArray[Any], green: NDArray[Any], first: NDArray[Any], size: NDArray[Any]
    ) -> NDArray[Any]:
        """Number of ``size`` blues from ``first`` that were seen beside these reds and greens; all (N,)."""
        row = self._rows(tile, red, green)
        return self._below[row, first + size].astype(np.int64) - self._below[row, first]

    def learn(self, tile: NDArray[np.int64], colours: NDArray[Any]) -> None:
        """Add the colours (3, N) of a step."""
        fresh = ~self.holds(tile, colours)
        keys = np.unique(tile[fresh] << 24 | _numbers(colours[:, fresh]))
        places = keys >> 8
        flat = self._row.reshape(-1)
        begun = np.unique(places[flat[places] == 0])
        flat[begun] = np.arange(self._used, self._used + len(begun))
        self._used += len(begun)
        if self._used > len(self._below):
            more = np.zeros((max(self._used, 2 * len(self._below)), LEVELS + 1), np.uint16)
            more[: len(self._below)] = self._below
            self._below = more
        np.add.at(self._below, flat[places], (np.arange(LEVELS + 1) > (keys & 255)[:, None]).astype(np.uint16))

    def _rows(self, tile: NDArray[np.int64], red: NDArray[Any], green: NDArray[Any]) -> NDArray[np.int32]:
        return self._row[tile, red.astype(np.int64) << 8 | green.astype(np.int64)]


def _numbers(colours: NDArray[Any]) -> NDArray[np.int64]:
    red, green, blue = colours.astype(np.int64)
    return red << 16 | green << 8 | blue
