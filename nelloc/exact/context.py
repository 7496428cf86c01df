"""The context: what the network sees of a pixel's causal window.

A context holds the already coded pixels within ``horizon`` of the current one. *Normalised*, its values enter
the network as differences to a local predictor (the *base*), divided by a local *activity*, so
that the network sees the same numbers whatever the brightness and the contrast of the region.
*Raw*, as in the thesis, they enter as they are (Appendix D.1.3): base and activity are constants.
With ``borders`` the network is told too how far the tile's borders are, and so which neighbours are repeated ones.

Everything here is integer arithmetic. Integers are carried in float32, where they are exact
because no intermediate value needs more than 24 bits; docs/FORMAT.md gives the same steps in
integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.wavefront import wavefront_order

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

# Forms in which the neighbours' values enter the network.
Inputs = Literal["normalised", "raw"]
# Raw inputs: the base is the middle of 0..255 in quarters, so that an input is 2*value - 255, and the activity is what
# keeps a mean's steps at 1/16 gray level with outputs small enough to learn.
RAW_BASE = 510
RAW_ACTIVITY = 16

# Six nearest causal neighbours, whose distance to the base is the activity.
ACTIVITY_OFFSETS = ((0, -1), (-1, 0), (-1, 1), (-1, -1), (0, -2), (-2, 0))


def window(horizon: int) -> list[tuple[int, int]]:
    """Offsets (row, column) of the causal window, in raster order: 2h(h+1) of them."""
    above = [(i, j) for i in range(-horizon, 0) for j in range(-horizon, horizon + 1)]
    return above + [(0, j) for j in range(-horizon, 0)]


def neighbour_offsets(
    horizon: int, above: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets (rows, columns), each (window, N), from N pixels to the values of their context.

    ``above``, ``left`` and ``right`` (N,) are the numbers of pixels of the tile on these sides. A neighbour outside the
    tile is replaced by the nearest pixel inside and, if that is not coded yet, by the pixel to the west or, in the
    first column, to the north (docs/FORMAT.md, section 4). The first pixel of a tile has no neighbours: its offsets
    are 0, and its context is FIRST_PIXEL.
    """
    rows, columns = np.array(window(horizon), np.int64).T[:, :, None]
    rows = np.maximum(rows, -above)
    columns = np.clip(columns, -left, right)
    ahead = (rows == 0) & (columns >= 0)
    rows = np.where(ahead & (left == 0), -np.minimum(above, 1), rows)
    columns = np.where(ahead, -np.minimum(left, 1), columns)
    return rows, columns


def context_sources(height: int, width: int, horizon: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels of a tile in coding order, and the sources of their contexts.

    Returns raster indices (N,) and those of every neighbour (window, N), N for one that is ``FIRST_PIXEL``.
    """
    order, _ = wavefront_order(height, width, horizon)
    rows, columns = np.divmod(order, width)
    down, right = neighbour_offsets(horizon, rows, columns, width - 1 - columns)
    sources = order + down * width + right
    sources[:, order == 0] = height * width
    return order, sources


def input_count(horizon: int, channels: int = 3, inputs: Inputs = "normalised", borders: bool = False) -> int:
    """Number of network inputs: per channel one of each neighbour; unless raw, its base too, and the activity.

    With ``borders`` three more, the distances to the tile's borders.
    """
    values = channels * len(window(horizon))
    return values + (0 if inputs == "raw" else channels + 1) + (3 if borders else 0)


def border_distances(
    rows: NDArray[np.int64], columns: NDArray[np.int64], width: int | NDArray[np.int64], horizon: int
) -> NDArray[np.float32]:
    """Distances to a tile's borders: its pixels above, left and right of ``rows`` and ``columns``, at most ``horizon``.

    (3, ...) float32 for any shape of rows and columns; ``width`` is the tile's.
    """
    return np.clip(np.stack([rows, columns, width - 1 - columns]), 0, horizon).astype(np.float32)


@dataclass(frozen=True)
class ContextTables:
    """Integer tables that turn a sum of absolute differences into normalisers.

    ``thresholds[l]`` is the smallest sum (6 absolute differences per channel, in quarters of a gray level)
    of level ``l``; raw inputs have one level. The other tables have one entry per level: the multiplier of the inputs
    (``INPUT_SCALE_BITS`` fractional bits, in input steps per quarter gray level), the input that
    tells the network the activity, the activity in 1/64 gray level, and its log-scale index.
    """

    thresholds: NDArray[np.int32]
    input_scale: NDArray[np.int32]
    activity_input: NDArray[np.int32]
    mean_scale: NDArray[np.int32]
    scale_offset: NDArray[np.int32]

    @classmethod
    def standard(cls, channels: int = 3) -> ContextTables:
        """The tables of normalised 8-bit models: 8 levels per octave, 0.75 to 264 gray levels."""
        unit = 4 * channels * len(ACTIVITY_OFFSETS)  # one gray level of activity, as a sum
        largest = 255 * unit
        floor = MIN_ACTIVITY * unit
        count = 1 + round(LEVELS_PER_OCTAVE * math.log2((largest + floor) / floor))
        activity = standard_activity(count)
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

    @classmethod
    def raw(cls) -> ContextTables:
        """The tables of models with raw inputs: one level, whose input is 2*value - 255."""
        return cls(
            thresholds=np.array([0], np.int32),
            input_scale=np.array([2 ** (INPUT_SCALE_BITS - 1)], np.int32),
            activity_input=np.array([0], np.int32),
            mean_scale=np.array([64 * RAW_ACTIVITY], np.int32),
            scale_offset=np.array([round(SCALE_STEPS * (math.log2(RAW_ACTIVITY) + SCALE_ORIGIN))], np.int32),
        )

    @classmethod
    def of(cls, channels: int, inputs: Inputs) -> ContextTables:
        """The tables that models are exported with."""
        return cls.raw() if inputs == "raw" else cls.standard(channels)


def standard_activity(levels: int) -> list[float]:
    """The activity, in gray levels, that each of ``levels`` levels of the standard tables stands for."""
    return [MIN_ACTIVITY * 2 ** (level / LEVELS_PER_OCTAVE) for level in range(levels)]


class Normaliser:
    """Turns gathered contexts into network inputs, for one horizon, number of channels and set of tables."""

    def __init__(
        self,
        horizon: int,
        tables: ContextTables,
        channels: int = 3,
        inputs: Inputs = "normalised",
        borders: bool = False,
    ):
        self.horizon, self.channels, self.inputs, self.borders = horizon, channels, inputs, borders
        self.offsets = window(horizon)
        self.tables = tables
        self.first_pixel = FIRST_PIXEL
        # Factor from the base, in quarters, to a gray level of 0 to 255.
        self._brightness = np.float32(0.25)
        self._input_scale = (tables.input_scale / 2**INPUT_SCALE_BITS).astype(np.float32)
        if inputs == "raw":
            return
        index = {offset: k for k, offset in enumerate(self.offsets)}
        self._west, self._north, self._north_east = index[0, -1], index[-1, 0], index[-1, 1]
        self._activity = [index[offset] for offset in ACTIVITY_OFFSETS]
        largest = 4 * 255 * channels * len(ACTIVITY_OFFSETS)
        sums = np.arange(largest + 1)
        self._level_of_sum = (np.searchsorted(tables.thresholds, sums, side="right") - 1).astype(np.int16)
        self._activity_input = tables.activity_input.astype(np.float32)

    @property
    def features(self) -> int:
        """Number of network inputs; the first ``channels * window`` stand for the neighbours' values."""
        return input_count(self.horizon, self.channels, self.inputs, self.borders)

    def __call__(
        self,
        quarters: NDArray[np.float32],
        distances: NDArray[np.float32] | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> Normalised:
        """Normalise the contexts of N pixels.

        ``quarters`` (window, channels, N) float32: neighbour values in quarters of a gray level (4x).
        It is overwritten when ``out`` is its own storage. ``distances`` (3, N) float32 as ``border_distances`` gives
        them, for networks that see the ``borders``. ``out`` (features, N) float32 receives the inputs.
        """
        count, channels, n = quarters.shape
        if out is None:
            out = np.empty((self.features, n), np.float32)
        inputs = out[: channels * count].reshape(count, channels, n)
        if self.borders:
            assert distances is not None
            np.multiply(distances, np.float32(INPUT_STEPS), out=out[-3:])
        if self.inputs == "raw":
            base = np.full((channels, n), RAW_BASE, np.float32)
            level = np.zeros(n, np.int16)
            np.subtract(quarters, np.float32(RAW_BASE), out=inputs)
            round_inputs(inputs, self._input_scale[0])
            return Normalised(out, base, level)
        base = quarters[self._west] * np.float32(2)
        base += quarters[self._north]
        base += quarters[self._north_east]
        base *= np.float32(0.25)  # exact: all values are multiples of 4
        np.subtract(quarters, base, out=inputs)
        total = np.abs(inputs[self._activity]).sum(axis=(0, 1))
        level = self._levels(total)
        self._scale(inputs, level)
        after = channels * (count + 1)
        brightness = out[channels * count : after]
        np.multiply(base, self._brightness, out=brightness)
        np.floor(brightness, out=brightness)
        brightness -= np.float32(128)
        out[after] = self._activity_input[level]
        return Normalised(out, base, level)

    def _levels(self, total: NDArray[np.float32]) -> NDArray[np.int16]:
        """The activity levels (N,) of sums of absolute differences."""
        return self._level_of_sum[total.astype(np.int64)]

    def _scale(self, inputs: NDArray[np.float32], level: NDArray[np.int16]) -> None:
        """Turn differences (window, channels, N) into inputs, in place."""
        round_inputs(inputs, self._input_scale[level])


def round_inputs(inputs: NDArray[np.float32], scale: NDArray[np.float32] | np.float32) -> None:
    """Scale differences and round them to input steps, in place."""
    inputs *= scale
    inputs += np.float32(0.5)
    np.floor(inputs, out=inputs)
    np.clip(inputs, -INPUT_CLIP, INPUT_CLIP, out=inputs)


@dataclass(frozen=True)
class Normalised:
    """Network inputs (features, N) float32, base (channels, N) float32 in quarters, level (N,) int16."""

    inputs: NDArray[np.float32]
    base: NDArray[np.float32]
    level: NDArray[np.int16]
