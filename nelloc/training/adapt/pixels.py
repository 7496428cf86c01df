"""Pixels for adaptation: every pixel of some images at its true position in its tile, in epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.tiling import Rectangle, tiles
from nelloc.exact.context import FIRST_PIXEL, neighbour_offsets

# Pixels kept in memory, at most; larger sets keep whole tiles, drawn at random.
MOST_PIXELS = 1 << 26


@dataclass(frozen=True)
class TilePool:
    """Tiles stored end to end, each in raster order.

    ``pixels`` (P, 3) uint8, gray as three equal channels; per tile its start, height and width, and whether it is gray.
    ``total`` counts the pixels of all tiles, stored or not.
    """

    pixels: NDArray[np.uint8]
    starts: NDArray[np.int64]
    heights: NDArray[np.int64]
    widths: NDArray[np.int64]
    gray: NDArray[np.bool_]
    total: int

    @classmethod
    def of(cls, images: Sequence[NDArray[np.uint8]], tile: int, *, seed: int = 0, most: int = MOST_PIXELS) -> TilePool:
        """Cut images, each (planes, H, W) uint8 of 1 or 3 planes, into the codec's tiles.

        ``images`` may make each image on demand; each is asked for twice, and one at a time is kept.
        """
        cuts = [(n, t) for n, image in enumerate(images) for t in tiles(image.shape[1], image.shape[2], tile)]
        total = sum(t.height * t.width for _, t in cuts)
        kept: list[tuple[int, Rectangle]] = []
        size = 0
        for number in np.random.default_rng(seed).permutation(len(cuts)) if total > most else range(len(cuts)):
            area = cuts[number][1].height * cuts[number][1].width
            if kept and size + area > most:
                break
            kept.append(cuts[number])
            size += area
        pixels = np.empty((size, 3), np.uint8)
        starts = np.cumsum([0] + [t.height * t.width for _, t in kept])[:-1]
        gray = np.empty(len(kept), np.bool_)
        of_image: dict[int, list[int]] = {}
        for place, (number, _) in enumerate(kept):
            of_image.setdefault(number, []).append(place)
        for number, places in sorted(of_image.items()):
            image = images[number]
            for place in places:
                t = kept[place][1]
                view = image[:, t.rows, t.columns]
                pixels[starts[place] : starts[place] + view[0].size] = view.reshape(len(view), -1).T
                gray[place] = len(view) == 1
        heights, widths = np.array([(t.height, t.width) for _, t in kept], np.int64).T
        return cls(pixels, starts.astype(np.int64), heights, widths, gray, total)

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class DrawnPixels:
    """Batch of N pixels.

    Contexts (window, 3, N) and values (3, N), uint8; ``borders`` (3, N), the numbers of pixels of their tiles above,
    left and right of them; and ``gray`` (N,), True for pixels of gray images.
    """

    context: NDArray[np.uint8]
    value: NDArray[np.uint8]
    borders: NDArray[np.int64]
    gray: NDArray[np.bool_]


class TileSampler:
    """Sampler of a pool's pixels in random order, without replacement until all were drawn."""

    def __init__(self, pool: TilePool, horizon: int, seed: int):
        self._pool, self._random = pool, np.random.default_rng(seed)
        self._horizon = horizon
        self._order = np.empty(0, np.int64)
        self._next = 0

    def draw(self, n: int) -> DrawnPixels:
        """Draw the next ``n`` pixels."""
        positions = []
        while n:
            if self._next == len(self._order):
                self._order, self._next = self._random.permutation(len(self._pool)), 0
            part = self._order[self._next : self._next + n]
            positions.append(part)
            self._next += len(part)
            n -= len(part)
        return self.at(np.concatenate(positions))

    def at(self, position: NDArray[np.int64]) -> DrawnPixels:
        """Gather pixels at positions in the pool, with their contexts in the tile (docs/FORMAT.md, section 4)."""
        pool = self._pool
        tile = np.searchsorted(pool.starts, position, side="right") - 1
        start, width = pool.starts[tile], pool.widths[tile]
        row, column = np.divmod(position - start, width)
        down, right = neighbour_offsets(self._horizon, row, column, width - 1 - column)
        first = position == start
        context = pool.pixels[position + down * width + right]
        context[:, first] = FIRST_PIXEL
        borders = np.stack([row, column, width - 1 - column])
        return DrawnPixels(context.transpose(0, 2, 1), pool.pixels[position].T, borders, pool.gray[tile])
