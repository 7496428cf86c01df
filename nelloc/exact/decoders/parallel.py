"""pNeLLoC: all pixels of a step together, contexts gathered by precomputed indices.

Thesis Algorithm 3, for all tiles at once: every tile is a padded plane in one flat store, and tables say which cells
each step's pixels read and write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.callbacks import Advance
from nelloc.exact.coder import decode_side_by_side
from nelloc.exact.context import border_distances, window
from nelloc.exact.decoders.interface import EncodedTile, batches
from nelloc.exact.engine import Engine
from nelloc.exact.learning import Slices
from nelloc.exact.mixture import run
from nelloc.exact.wavefront import step_count, wavefront_order


def decode(engine: Engine, tiles: Sequence[EncodedTile], progress: Advance) -> list[NDArray]:
    """Decode ``tiles``, as many at a time as make a step wide enough."""
    images: list[NDArray] = []
    for start, stop in batches([(t.height, t.width) for t in tiles], engine):
        images += _FlatStore(engine, tiles[start:stop]).decode(progress)
    return images


@dataclass(frozen=True)
class _Step:
    """Pixels that are decoded together: those of a step in one tile, or in several, which are ``joined``.

    ``cells`` (n,) of the store are the pixels', ``contexts`` (window, n) those of their neighbours, and ``distances``
    (3, n) those to the borders. Cells of the ``padding`` (m,) take the values of the pixels ``padded`` (m,), numbers
    below n.
    """

    cells: NDArray[np.int64]
    contexts: NDArray[np.int64]
    distances: NDArray[np.float32]
    padding: NDArray[np.int64]
    padded: NDArray[np.int64]

    @classmethod
    def joined(cls, steps: Sequence[_Step], starts: Sequence[int]) -> _Step:
        """Join steps, whose pixels get numbers from ``starts``."""
        parts = [
            (step.cells, step.contexts, step.distances, step.padding, step.padded + start)
            for step, start in zip(steps, starts, strict=True)
        ]
        return cls(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))


class _PaddedTile:
    """For one tile shape: which cell of its padded plane each pixel is, step by step.

    Padding cells hold the value that the next pixel to read them must see; pixels on the border are therefore also
    written to padding cells. ``cells`` is the number of cells, ``stride`` that of a row.
    """

    def __init__(self, height: int, width: int, horizon: int):
        self._horizon, self._width = horizon, width
        self._stride = width + 2 * horizon
        self.cells = (height + horizon) * self._stride
        self.steps = step_count(height, width, horizon)
        order, self._starts = wavefront_order(height, width, horizon)
        rows, columns = np.divmod(order, width)
        self._pixels = self._cell(rows, columns)
        self._offsets = np.array([di * self._stride + dj for di, dj in window(horizon)], np.int64)[:, None]
        self._distances = border_distances(rows, columns, width, horizon)
        pairs = np.array(
            [
                (pixel, self._cell(row, column))
                for pixel in np.flatnonzero((rows == 0) | (columns == 0) | (columns == width - 1))
                for row, column in _padding_of(int(rows[pixel]), int(columns[pixel]), height, width, horizon)
            ],
            np.int64,
        ).reshape(-1, 2)
        self._padded, self._padding = pairs.T
        self._padding_starts = np.searchsorted(self._padded, self._starts)

    def _cell(self, row, column):
        return (row + self._horizon) * self._stride + column + self._horizon

    def step(self, number: int, origin: int) -> _Step:
        """The pixels of a step, where the plane begins at cell ``origin`` of the store."""
        pixels = slice(*self._starts[number : number + 2])
        padding = slice(*self._padding_starts[number : number + 2])
        cells = origin + self._pixels[pixels]
        return _Step(
            cells,
            cells + self._offsets,
            self._distances[:, pixels],
            origin + self._padding[padding],
            self._padded[padding] - pixels.start,
        )

    def inner(self, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cut the pixels (planes, height, width) out of padded planes (planes, cells)."""
        h = self._horizon
        return plane.reshape(len(plane), -1, self._stride)[:, h:, h : h + self._width]


_padded_tile = lru_cache(maxsize=16)(_PaddedTile)


def _padding_of(row: int, column: int, height: int, width: int, horizon: int) -> Iterator[tuple[int, int]]:
    """Padding cells (row, column) that take the value of a pixel once it is decoded."""
    aside = range(1, horizon + 1)
    if row == 0:
        # Above: for the row itself what lies ahead looks like this pixel; later rows see it replicated.
        for k in aside:
            for j in range(column, min(column + horizon + 2, width + horizon)):
                yield -k, j
            if column == 0:
                yield from ((-k, -j) for j in aside)
    if column == 0:
        yield from ((row, -j) for j in aside)
        if row + 1 < height:  # the next row's first pixel sees the one above it
            yield from ((row + 1, -j) for j in aside)
    if column == width - 1:
        yield from ((row, column + j) for j in aside)


class _FlatStore:
    """Tiles decoded together.

    ``store`` (channels, cells) float32 holds their padded planes one after the other, in quarters of a gray level;
    those of tile k begin at ``origins[k]``.
    """

    def __init__(self, engine: Engine, tiles: Sequence[EncodedTile]):
        self.engine, self.tiles = engine, tiles
        self.learner, self.keeper = engine.learner(len(tiles)), engine.keeper(len(tiles))
        self.padded = [_padded_tile(tile.height, tile.width, engine.horizon) for tile in tiles]
        *self.origins, cells = np.cumsum([0, *(padded.cells for padded in self.padded)]).tolist()
        self.store = np.full((engine.channels, cells), 4 * engine.first_pixel, np.float32)

    def decode(self, progress: Advance) -> list[NDArray]:
        """All steps of all tiles; returns (planes, height, width) arrays."""
        for number in range(max(padded.steps for padded in self.padded)):
            slices: list[tuple[int, slice]] = []
            steps: list[_Step] = []
            count = 0
            for tile, (padded, origin) in enumerate(zip(self.padded, self.origins, strict=True)):
                step = padded.step(number, origin) if number < padded.steps else None
                if step is not None and len(step.cells):
                    slices.append((tile, slice(count, count + len(step.cells))))
                    steps.append(step)
                    count += len(step.cells)
            if steps:
                self._decode_step(_Step.joined(steps, [columns.start for _, columns in slices]), slices)
                progress(count)
        return [self._image(tile) for tile in range(len(self.tiles))]

    def _decode_step(self, step: _Step, slices: Slices) -> None:
        """Decode the pixels of a step into the store; ``slices`` are pairs of a tile and its pixels."""
        engine, planes = self.engine, self.tiles[0].planes
        context = self.store[:, step.contexts].transpose(1, 0, 2)
        spot = self.keeper.begin(context, slices)
        normalised = engine.normaliser(context, step.distances)
        outputs, hidden = engine.evaluate(normalised.inputs)
        outputs, lesson = self.learner.correct(outputs, hidden, normalised.level, slices)
        coding = engine.mixture.code(outputs, normalised.base, normalised.level, planes, lesson, spot)
        digits = [tile.digits for tile in self.tiles]
        values = run(coding, lambda frequencies: decode_side_by_side(digits, slices, frequencies))
        self.learner.learn(lesson, slices)
        self.keeper.learn([spot], slices)
        quarters = np.broadcast_to(values, (engine.channels, len(step.cells))) * np.float32(4)
        self.store[:, step.cells] = quarters
        self.store[:, step.padding] = quarters[:, step.padded]

    def _image(self, tile: int) -> NDArray:
        """The pixels (planes, height, width) of a tile."""
        padded, origin = self.padded[tile], self.origins[tile]
        inner = padded.inner(self.store[: self.tiles[tile].planes, origin : origin + padded.cells])
        return (inner * np.float32(0.25)).astype(self.engine.mixture.sample_type)
