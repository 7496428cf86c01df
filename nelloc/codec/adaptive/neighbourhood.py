"""Pixels of tiles of one size while they become known, step by step along the wavefront."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.wavefront import step_count, step_rows

Numbers = NDArray[np.int64]

# Neighbours reach so far: two rows up, three columns to the left, two to the right.
HORIZON = 2
_LEFT, _RIGHT = 3, 3


def median(west: NDArray, north: NDArray, northwest: NDArray) -> NDArray:
    """The median of W, N and W + N - NW, of signed numbers: the predictor of LOCO-I."""
    return np.clip(west + north - northwest, np.minimum(west, north), np.maximum(west, north))


class Field:
    """A number at each pixel of each tile, 0 at first and outside of it.

    ``field[di, dj]`` is what the pixels of the present step (N,) see di rows below and dj columns to the right of them;
    ``field[0, 0]`` are those pixels themselves. Those of the first tile come first.
    """

    def __init__(self, steps: Steps, values: NDArray | None = None):
        self._steps = steps
        self._rows = np.zeros((steps.tiles, steps.height + HORIZON, steps.stride), np.int64)
        if values is not None:
            self._rows[:, HORIZON:, _LEFT : _LEFT + steps.width] = values
        self._flat = self._rows.reshape(steps.tiles, -1)

    def __getitem__(self, offset: tuple[int, int]) -> Numbers:
        return self._flat[:, self._steps.pixels(*offset)].reshape(-1)

    def set(self, values: NDArray) -> None:
        """Fill in the pixels of the present step (N,)."""
        self._flat[:, self._steps.pixels(0, 0)] = values.reshape(self._steps.tiles, -1)

    def put(self, others: Numbers, values: NDArray) -> None:
        """Fill in ``others``, some of the pixels of the present step."""
        self._flat[:, self._steps.pixels(0, 0)][np.divmod(others, self._steps.count)] = values

    def whole(self) -> Numbers:
        """All of the tiles (tiles, H, W)."""
        return self._rows[:, HORIZON:, _LEFT : _LEFT + self._steps.width]


class Steps:
    """The steps of ``tiles`` tiles of ``height`` x ``width`` side by side; iterating goes from one to the next.

    ``count`` pixels of each tile are in the present step.
    """

    def __init__(self, height: int, width: int, tiles: int = 1):
        self.height, self.width, self.tiles = height, width, tiles
        self.stride = _LEFT + width + _RIGHT
        self.count = 0
        self._first = 0

    def __iter__(self) -> Iterator[int]:
        for step in range(step_count(self.height, self.width, HORIZON)):
            top, bottom = step_rows(step, self.height, self.width, HORIZON)
            self.count = bottom - top
            self._first = (top + HORIZON) * self.stride + _LEFT + step - top * (HORIZON + 1)
            if self.count:
                yield self.count

    def pixels(self, down: int, right: int) -> slice:
        """Places of the pixels of the present step in a field, moved ``down`` and ``right``."""
        start = self._first + down * self.stride + right
        pace = self.stride - (HORIZON + 1)
        return slice(start, start + pace * (self.count - 1) + 1, pace)
