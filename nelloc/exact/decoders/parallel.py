"""pNeLLoC: all pixels of a step together, contexts gathered by precomputed indices.

Thesis Algorithm 3, for all tiles at once: every tile is a padded plane in one flat store, and a
table says which cells each step's pixels read and write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.coder import decode_side_by_side
from nelloc.exact.context import border_distances, window
from nelloc.exact.decoders.interface import EncodedTile, batches
from nelloc.exact.engine import Advance, Engine
from nelloc.exact.mixture import run
from nelloc.exact.wavefront import step_count, wavefront_order


def decode(engine: Engine, tiles: Sequence[EncodedTile], progress: Advance) -> list[NDArray]:
    """Decode ``tiles``, as many at a time as make a step wide enough."""
    images: list[NDArray] = []
    for start, stop in batches([(t.height, t.width) for t in tiles], engine):
        images += _decode_together(engine, tiles[start:stop], progress)
    return images


def _decode_together(engine: Engine, tiles: Sequence[EncodedTile], progress: Advance) -> list[NDArray]:
    horizon = engine.horizon
    planes = tiles[0].planes
    plans = [_plan(tile.height, tile.width, horizon) for tile in tiles]
    origins = np.cumsum([0] + [plan.cells for plan in plans])
    store = np.full((engine.channels, origins[-1]), 4 * engine.first_pixel, np.float32)
    decoders = [tile.digits for tile in tiles]
    learner, keeper = engine.learner(len(tiles)), engine.keeper(len(tiles))
    offsets = [np.array([di * plan.stride + dj for di, dj in window(horizon)], np.int64)[:, None] for plan in plans]
    steps = max(step_count(tile.height, tile.width, horizon) for tile in tiles)
    for step in range(steps):
        slices, reads, distances, cells, sources, targets = [], [], [], [], [], []
        n = 0
        for index, plan in enumerate(plans):
            if step >= len(plan.starts) - 1:
                continue
            first, last = plan.starts[step], plan.starts[step + 1]
            if first == last:
                continue
            own = plan.cell[first:last] + origins[index]
            cells.append(own)
            reads.append(own + offsets[index])
            distances.append(plan.distances[:, first:last])
            low, high = plan.fill_starts[step], plan.fill_starts[step + 1]
            sources.append(plan.fill_source[low:high] - first + n)
            targets.append(plan.fill_cell[low:high] + origins[index])
            slices.append((index, slice(n, n + last - first)))
            n += last - first
        if not n:
            continue
        context = store[:, np.concatenate(reads, axis=1)].transpose(1, 0, 2)
        spot = keeper.begin(context, slices)
        normalised = engine.normaliser(context, np.concatenate(distances, axis=1))
        outputs, hidden = engine.evaluate(normalised.inputs)
        outputs, lesson = learner.correct(outputs, hidden, normalised.level, slices)
        coding = engine.mixture.code(outputs, normalised.base, normalised.level, planes, lesson, spot)
        values = run(coding, lambda frequencies: decode_side_by_side(decoders, slices, frequencies))  # noqa: B023
        learner.learn(lesson, slices)
        keeper.learn([spot], slices)
        quarters = np.broadcast_to(values, (engine.channels, n)) * np.float32(4)
        store[:, np.concatenate(cells)] = quarters
        store[:, np.concatenate(targets)] = quarters[:, np.concatenate(sources)]
        progress(n)
    return [
        _image(store[:planes, origin : origin + plan.cells], plan, tile, engine.mixture.sample_type)
        for origin, plan, tile in zip(origins, plans, tiles, strict=False)
    ]


class _Plan:
    """For one tile shape: which cell of its padded plane each pixel is, step by step, and its ``distances`` to borders.

    Padding cells hold the value that the next pixel to read them must see; pixels on the
    border are therefore also written to padding cells (``fill_source`` pixel to ``fill_cell``).
    """

    def __init__(self, height: int, width: int, horizon: int):
        self.horizon = horizon
        self.stride = width + 2 * horizon
        self.cells = (height + horizon) * self.stride
        order, self.starts = wavefront_order(height, width, horizon)
        rows, columns = np.divmod(order, width)
        self.cell = self._cell(rows, columns)
        self.distances = border_distances(rows, columns, width, horizon)
        pairs = np.array(
            [
                (pixel, self._cell(row, column))
                for pixel in np.flatnonzero((rows == 0) | (columns == 0) | (columns == width - 1))
                for row, column in _padding_of(int(rows[pixel]), int(columns[pixel]), height, width, horizon)
            ],
            np.int64,
        ).reshape(-1, 2)
        self.fill_source, self.fill_cell = pairs.T
        self.fill_starts = np.searchsorted(self.fill_source, self.starts)

    def _cell(self, row, column):
        return (row + self.horizon) * self.stride + column + self.horizon


_plan = lru_cache(maxsize=16)(_Plan)


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


def _image(store: NDArray[np.float32], plan: _Plan, tile: EncodedTile, sample_type: np.dtype) -> NDArray:
    padded = store.reshape(tile.planes, -1, plan.stride)
    inner = padded[:, plan.horizon :, plan.horizon : plan.horizon + tile.width]
    return (inner * np.float32(0.25)).astype(sample_type)
