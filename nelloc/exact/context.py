"""The normalised context: what the network sees of a pixel's causal window.

A context holds the already coded pixels within ``horizon`` of the current one. Its values enter
the network as differences to a local predictor (the *base*), divided by a local *activity*, so
that the network sees the same numbers whatever the brightness and the contrast of the region.

Everything here is integer arithmetic. Integers are carried in float32, where they are exact
because no intermediate value needs more than 24 bits; docs/FORMAT.md gives the same steps in
integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The value of every neighbour of a tile's first pixel, which has none.
FIRST_PIXEL = 128
# A network input of INPUT_STEPS stands for one normalised unit, that is 1.5 activities.
INPUT_STEPS = 64
INPUT_CLIP = 384
# An activity level is a step of 1/LEVELS_PER_OCTAVE octave; level 0 is MIN_ACTIVITY gray levels.
LEVELS_PER_OCTAVE = 8
MIN_ACTIVITY = 0.75
# Input multipliers are fixed-point numbers with this many fractional bits.
INPUT_SCALE_BITS = 10
# Log-scales are in steps of 1/32 octave; index 0 is a scale of 2**-5 gray levels.
SCALE_STEPS = 32
SCALE_ORIGIN = 5

# Six nearest causal neighbours, whose distance to the base is the activity.
ACTIVITY_OFFSETS = ((0, -1), (-1, 0), (-1, 1), (-1, -1), (0, -2), (-2, 0))


def window(horizon: int) -> list[tuple[int, int]]:
    """Offsets (row, column) of the causal window, in raster order: 2h(h+1) of them."""
    above = [(i, j) for i in range(-horizon, 0) for j in range(-horizon, horizon + 1)]
    return above + [(0, j) for j in range(-horizon, 0)]


def input_count(horizon: int) -> int:
    """Number of network inputs: three per neighbour, three bases and the activity."""
    return 3 * len(window(horizon)) + 4


@dataclass(frozen=True)
class ContextTables:
    """Integer tables that turn a sum of absolute differences into normalisers.

    ``thresholds[l]`` is the smallest sum (18 absolute differences, in quarters of a gray level)
    of level ``l``. The other tables have one entry per level: the multiplier of the inputs
    (``INPUT_SCALE_BITS`` fractional bits, in input steps per quarter gray level), the input that
    tells the network the activity, the activity in 1/64 gray level, and its log-scale index.
    """

    thresholds: NDArray[np.int32]
    input_scale: NDArray[np.int32]
    activity_input: NDArray[np.int32]
    mean_scale: NDArray[np.int32]
    scale_offset: NDArray[np.int32]

    @classmethod
    def standard(cls) -> ContextTables:
        """The tables every shipped 8-bit model uses: 8 levels per octave, 0.75 to 264 gray levels."""
        unit = 4 * 3 * len(ACTIVITY_OFFSETS)  # one gray level of activity, as a sum
        largest = 255 * unit
        floor = MIN_ACTIVITY * unit
        count = 1 + round(LEVELS_PER_OCTAVE * math.log2((largest + floor) / floor))
        activity = [MIN_ACTIVITY * 2 ** (level / LEVELS_PER_OCTAVE) for level in range(count)]
        lower = [math.ceil(floor * 2 ** ((level - 0.5) / LEVELS_PER_OCTAVE) - floor) for level in range(count)]
        lower[0] = 0
        per_quarter = INPUT_STEPS / (4 * 1.5)
        return cls(
            thresholds=np.array(lower, np.int32),
            input_scale=np.array([round(2**INPUT_SCALE_BITS * per_quarter / a) for a in activity], np.int32),
            activity_input=np.array([round(INPUT_STEPS * math.log(a)) for a in activity], np.int32),
            mean_scale=np.array([round(64 * a) for a in activity], np.int32),
            scale_offset=np.array([round(SCALE_STEPS * (math.log2(a) + SCALE_ORIGIN)) for a in activity], np.int32),
        )


class Normaliser:
    """Turns gathered contexts into network inputs, for one horizon and one set of tables."""

    def __init__(self, horizon: int, tables: ContextTables):
        self.horizon = horizon
        self.offsets = window(horizon)
        self.tables = tables
        index = {offset: k for k, offset in enumerate(self.offsets)}
        self._west, self._north, self._north_east = index[0, -1], index[-1, 0], index[-1, 1]
        self._activity = [index[offset] for offset in ACTIVITY_OFFSETS]
        largest = 4 * 255 * 3 * len(ACTIVITY_OFFSETS)
        sums = np.arange(largest + 1)
        self._level_of_sum = (np.searchsorted(tables.thresholds, sums, side="right") - 1).astype(np.int16)
        self._input_scale = (tables.input_scale / 2**INPUT_SCALE_BITS).astype(np.float32)
        self._activity_input = tables.activity_input.astype(np.float32)

    def __call__(self, quarters: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> Normalised:
        """Normalise the contexts of N pixels.

        ``quarters`` (window, 3, N) float32: neighbour values in quarters of a gray level (4x).
        It is overwritten when ``out`` is its own storage. ``out`` (3*window + 4, N) float32
        receives the inputs.
        """
        count, _, n = quarters.shape
        if out is None:
            out = np.empty((3 * count + 4, n), np.float32)
        base = quarters[self._west] * np.float32(2)
        base += quarters[self._north]
        base += quarters[self._north_east]
        base *= np.float32(0.25)  # exact: all values are multiples of 4
        inputs = out[: 3 * count].reshape(count, 3, n)
        np.subtract(quarters, base, out=inputs)
        total = np.abs(inputs[self._activity]).sum(axis=(0, 1))
        level = self._level_of_sum[total.astype(np.int64)]
        inputs *= self._input_scale[level]
        inputs += np.float32(0.5)
        np.floor(inputs, out=inputs)
        np.clip(inputs, -INPUT_CLIP, INPUT_CLIP, out=inputs)
        brightness = out[3 * count : 3 * count + 3]
        np.multiply(base, np.float32(0.25), out=brightness)
        np.floor(brightness, out=brightness)
        brightness -= np.float32(128)
        out[3 * count + 3] = self._activity_input[level]
        return Normalised(out, base, level)


@dataclass(frozen=True)
class Normalised:
    """Network inputs (features, N) float32, base (3, N) float32 in quarters, level (N,) int16."""

    inputs: NDArray[np.float32]
    base: NDArray[np.float32]
    level: NDArray[np.int16]
