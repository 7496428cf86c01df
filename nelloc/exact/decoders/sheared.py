"""ShearLoC: the working store is sheared, so that a step is a column and a context four block copies.

Thesis Algorithm 4, for tiles of nearly the same shape in lock step. Cell (row, j) of a tile is kept in the column of
its step, ``j + row*(h + 1)``. With h = 1, a tile of 3 x 4 pixels, each shown by its row and its j, lies in its padding
(..) so:

    step  -3 -2 -1  0  1  2  3  4  5  6  7  8
    row
     -1   .. .. .. .. .. ..
      0         .. 00 01 02 03 ..
      1               .. 10 11 12 13 ..
      2                     .. 20 21 22 23 ..

Step 4 decodes 12 and 20. All their neighbours in the row above are in columns 1 to 3, a row higher up; those to the
left in column 3. In general a row of the window is 2h + 1 adjacent columns. Only the columns that a step can reach are
kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.callbacks import Advance
from nelloc.exact.coder import decode_side_by_side
from nelloc.exact.context import border_distances
from nelloc.exact.decoders.interface import EncodedTile, batches
from nelloc.exact.engine import Engine
from nelloc.exact.mixture import run
from nelloc.exact.wavefront import step_count, step_rows

Index = slice | NDArray[np.int64]
# Tiles go in lock step if they are at least this share as high and as wide as the largest.
SIMILAR = 0.9


def decode(engine: Engine, tiles: Sequence[EncodedTile], progress: Advance) -> list[NDArray]:
    """Decode ``tiles``, those of similar shape in lock step."""
    images: list[NDArray | None] = [None] * len(tiles)
    for group in _similar(tiles):
        shapes = [(tiles[i].height, tiles[i].width) for i in group]
        for start, stop in batches(shapes, engine):
            part = group[start:stop]
            decoded = _LockStep(engine, [tiles[i] for i in part]).decode(progress)
            for index, image in zip(part, decoded, strict=True):
                images[index] = image
    return [image for image in images if image is not None]


def _similar(tiles: Sequence[EncodedTile]) -> list[list[int]]:
    """Indices of tiles, grouped by similar shape."""
    groups: list[list[int]] = []
    for index in sorted(range(len(tiles)), key=lambda i: (-tiles[i].height, -tiles[i].width)):
        tile = tiles[index]
        for group in groups:
            largest = tiles[group[0]]
            high = tile.height >= SIMILAR * largest.height
            if high and SIMILAR * largest.width <= tile.width <= largest.width / SIMILAR:
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


class _LockStep:
    """Tiles decoded in lock step.

    ``store`` (columns, channels, tiles, h + rows) float32 holds the reachable part of the sheared tiles, in quarters of
    a gray level; ``origin`` is the step of its first column. Padding around a tile lives in the same store and is
    refreshed as border pixels are decoded, so that a pixel reads outside the tile what docs/FORMAT.md says it sees
    there.
    """

    def __init__(self, engine: Engine, tiles: Sequence[EncodedTile]):
        self.engine, self.tiles = engine, tiles
        self.planes = tiles[0].planes
        self.learner, self.keeper = engine.learner(len(tiles)), engine.keeper(len(tiles))
        h = self.h = engine.horizon
        self.shear = h + 1
        self.reach = h * self.shear + h  # columns behind a step that its contexts and padding use
        heights, widths = [tile.height for tile in tiles], [tile.width for tile in tiles]
        same = len(set(zip(heights, widths, strict=True))) == 1
        # Tiles of one shape, which is the usual case, need no masks: their sizes are plain numbers.
        self.heights: int | NDArray[np.int64] = heights[0] if same else np.array(heights)
        self.widths: int | NDArray[np.int64] = widths[0] if same else np.array(widths)
        self.distinct_widths = sorted({tile.width for tile in tiles})
        shape = (4 * (self.reach + self.shear), engine.channels, len(tiles), max(heights) + h + 1)
        self.unknown = 4 * engine.first_pixel
        self.store = np.full(shape, self.unknown, np.float32)
        self.origin = -self.reach
        area = max(tile.height * tile.width for tile in tiles)
        self.images = np.zeros((len(tiles), self.planes, area), engine.mixture.sample_type)

    def decode(self, progress: Advance) -> list[NDArray]:
        """All steps of all tiles; returns (planes, height, width) arrays."""
        shapes = [(tile.height, tile.width) for tile in self.tiles]
        distinct = set(shapes)
        for step in range(max(step_count(height, width, self.h) for height, width in distinct)):
            rows_of = {shape: step_rows(step, *shape, self.h) for shape in distinct}
            busy = [(first, last) for first, last in rows_of.values() if first < last]
            self._make_room(step)
            if busy:
                rows = [rows_of[shape] for shape in shapes]
                top, bottom = min(first for first, _ in busy), max(last for _, last in busy)
                self._decode_step(step, rows, top, bottom)
                progress(sum(last - first for first, last in rows))
        return [
            image[:, : tile.height * tile.width].reshape(self.planes, tile.height, tile.width)
            for image, tile in zip(self.images, self.tiles, strict=True)
        ]

    def _make_room(self, step: int) -> None:
        """Move the store on, unless it has the column of ``step`` and those of the padding ahead of it."""
        first, last = step - self.reach, step + self.shear
        if last >= self.origin + len(self.store):
            reached = self.store[self._column(first) : self._column(last)]
            self.store[: len(reached)] = reached
            self.store[len(reached) :] = self.unknown
            self.origin = first

    def _column(self, step: int) -> int:
        """The column of a step in the store."""
        return step - self.origin

    def _decode_step(self, step: int, rows: list[tuple[int, int]], top: int, bottom: int) -> None:
        """Decode the pixels of one step: rows ``top`` to ``bottom`` of all tiles, where a tile has them."""
        n = bottom - top
        inputs = self._contexts(step, top, bottom)
        distances = self._distances(step, top, bottom) if self.engine.normaliser.borders else None
        slices = [(k, slice(k * n + a - top, k * n + b - top)) for k, (a, b) in enumerate(rows) if a < b]
        spot = self.keeper.begin(self._window_of(inputs), slices)
        normalised = self.engine.normaliser(self._window_of(inputs), distances, out=inputs)
        outputs, hidden = self.engine.evaluate(inputs)
        decoders = [tile.digits for tile in self.tiles]
        outputs, lesson = self.learner.correct(outputs, hidden, normalised.level, slices)
        coding = self.engine.mixture.code(outputs, normalised.base, normalised.level, self.planes, lesson, spot)
        values = run(coding, lambda frequencies: decode_side_by_side(decoders, slices, frequencies))
        self.learner.learn(lesson, slices)
        self.keeper.learn([spot], slices)

        values = values.reshape(self.planes, len(self.tiles), n)
        if len(set(rows)) == 1 and len(self.distinct_widths) == 1:
            self._keep(slice(None), step, top, bottom, values)
        else:
            for tile, (first, last) in enumerate(rows):
                if first < last:
                    own = values[:, tile : tile + 1, first - top : last - top]
                    self._keep(slice(tile, tile + 1), step, first, last, own)
        self._pad_above(step)
        self._pad_left(step)
        self._pad_right(step)

    def _contexts(self, step: int, top: int, bottom: int) -> NDArray[np.float32]:
        """Network inputs (features, tiles * rows) whose window part holds the contexts in quarters."""
        h, shear, n = self.h, self.shear, bottom - top
        column = self._column(step)
        tiles = len(self.tiles)
        inputs = np.empty((self.engine.normaliser.features, tiles * n), np.float32)
        window = self._window_of(inputs).reshape(-1, self.engine.channels, tiles, n)
        across = 2 * h + 1
        for index, di in enumerate(range(-h, 0)):
            start = column + di * shear - h
            block = self.store[start : start + across, :, :, h + top + di : h + bottom + di]
            window[index * across : (index + 1) * across] = block
        window[h * across :] = self.store[column - h : column, :, :, h + top : h + bottom]
        return inputs

    def _distances(self, step: int, top: int, bottom: int) -> NDArray[np.float32]:
        """Distances (3, tiles * rows) of a step's pixels to the borders of their tiles."""
        rows = np.arange(top, bottom)
        widths = np.broadcast_to(self.widths, len(self.tiles))[:, None]
        rows, columns = np.broadcast_arrays(rows, step - rows * self.shear + 0 * widths)
        return border_distances(rows, columns, widths, self.h).reshape(3, -1)

    def _window_of(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The part (window, channels, N) of network inputs that stands for the neighbours' values."""
        count = len(self.engine.normaliser.offsets)
        return inputs[: count * self.engine.channels].reshape(count, self.engine.channels, -1)

    def _keep(self, tiles: slice, step: int, first: int, last: int, values: NDArray) -> None:
        """Put ``values`` (planes, tiles, rows) of tiles of one width into the store and the images."""
        self.store[self._column(step), :, tiles, self.h + first : self.h + last] = values * np.float32(4)
        # In an image, the pixels of a step stand a constant distance apart.
        apart = self.tiles[tiles.start or 0].width - self.shear
        start = step + first * apart
        stop = start + (last - first - 1) * apart + 1
        self.images[tiles, :, start : stop : max(1, apart)] = values.transpose(1, 0, 2)

    def _pad_above(self, step: int) -> None:
        """Repeat the pixel of the first row above it, and above the pixels to come that see nothing else there yet."""
        tiles = self._where(step < self.widths)
        if tiles is not None:
            value = self._value(0, step, tiles)
            for k in range(1, self.h + 1):
                self._fill(-k, range(step, step + self.h + 2), tiles, value)
                if step == 0:
                    self._fill(-k, range(-self.h, 0), tiles, value)

    def _pad_left(self, step: int) -> None:
        """Repeat the pixel of the first column left of it, and of the next row's first pixel, until that is known."""
        row = self._row_at(step, 0)
        tiles = None if row is None else self._where(row < self.heights)
        if row is not None and tiles is not None:
            value = self._value(row, 0, tiles)
            for padded in (row, row + 1):
                self._fill(padded, range(-self.h, 0), tiles, value)

    def _pad_right(self, step: int) -> None:
        """Repeat the pixels of the last columns right of them."""
        for width in self.distinct_widths:
            row = self._row_at(step, width - 1)
            tiles = None if row is None else self._where((self.widths == width) & (row < self.heights))
            if row is not None and tiles is not None:
                value = self._value(row, width - 1, tiles)
                self._fill(row, range(width, width + self.h), tiles, value)

    def _row_at(self, step: int, j: int) -> int | None:
        """The row whose pixel in column ``j`` of the tile is decoded at ``step``, or None."""
        row, remainder = divmod(step - j, self.shear)
        return row if row >= 0 and remainder == 0 else None

    def _value(self, row: int, j: int, tiles: Index) -> NDArray[np.float32]:
        """The value (channels, tiles) of a cell."""
        return self.store[self._column(j + row * self.shear)][:, tiles, self.h + row]

    def _fill(self, row: int, columns: range, tiles: Index, value: NDArray[np.float32]) -> None:
        """Put a value (channels, tiles) into the cells of a row in these columns of the tile."""
        first = self._column(columns.start + row * self.shear)
        self.store[first : first + len(columns), :, tiles, self.h + row] = value

    def _where(self, condition: bool | NDArray[np.bool_]) -> Index | None:
        """The tiles that meet a condition, as an index; None if there are none."""
        if isinstance(condition, bool):
            return slice(None) if condition else None
        tiles = np.flatnonzero(condition)
        return tiles if len(tiles) else None
