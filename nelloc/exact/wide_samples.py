"""Samples of 10 to 16 bits, coded by the same networks and tables as those of 8.

Everything that a network sees and says is relative to the local activity, so the same network serves: only the tables
go on, octave by octave, for activities and scales that 8 bits have not. The mixture's CDF is finer, since a gray level
of 8 bits is up to 256 of them. docs/FORMAT.md, section 9, states every step in plain integers.

As in ``context`` and ``mixture``, integers are carried in floating point where they are exact: in float32 below 2**24,
in float64 below 2**53. The bounds that are named here are for 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.exact.context import (
    ACTIVITY_OFFSETS,
    INPUT_SCALE_BITS,
    LEVELS_PER_OCTAVE,
    SCALE_STEPS,
    ContextTables,
    Normaliser,
    round_inputs,
)
from nelloc.exact.mixture import MEAN_LIMIT, RADIX, Mixture, Plane, normalise
from nelloc.exact.model import COARSE_BITS, SCALE_FRACTION_BITS, ExactModel

# The network is told an activity relative to the range of the samples, but not less than that of this level of 8-bit
# samples: below it, 8-bit pictures are all rounding, which deep ones are not.
LEAST_ACTIVITY_LEVEL = 16
# The logistic CDF: COARSE_BITS of the model's table; linear interpolation between its entries adds bits.
CDF_BITS = 24
FRACTION_BITS = 12
# Each unit of weight counts 2**CDF_BITS for its logistic part and 2**UNIFORM_BITS, over all values, for its uniform.
UNIFORM_BITS = 11
# Differences of the CDF enter the digits' frequencies with this many bits, so that products stay below 2**53.
DIFFERENCE_BITS = 29


@dataclass(frozen=True)
class DeepTables:
    """Tables of more levels than a model has.

    Level l beyond them is ``octaves[l]`` octaves above a level of the model, whose ``input_scale`` it has, for
    differences divided by ``2**octaves[l]``; ``mean_scale`` and ``scale_offset`` include the octaves.
    """

    thresholds: NDArray[np.int64]
    octaves: NDArray[np.int64]
    input_scale: NDArray[np.int64]
    activity_input: NDArray[np.int64]
    mean_scale: NDArray[np.int64]
    scale_offset: NDArray[np.int64]

    @classmethod
    def of(cls, tables: ContextTables, channels: int, bits: int) -> DeepTables:
        """The tables for samples of ``bits`` bits."""
        count, more = len(tables.thresholds), bits - 8
        levels = np.arange(count + LEVELS_PER_OCTAVE * more)
        octaves = np.maximum(0, -(-(levels - count + 1) // LEVELS_PER_OCTAVE))
        source = levels - LEVELS_PER_OCTAVE * octaves
        thresholds = np.empty(len(levels), np.int64)
        thresholds[:count] = tables.thresholds
        for level in range(count, len(levels)):
            thresholds[level] = _doubled(int(thresholds[level - LEVELS_PER_OCTAVE]), channels)
        told = np.clip(levels - LEVELS_PER_OCTAVE * more, min(LEAST_ACTIVITY_LEVEL, count - 1), count - 1)
        return cls(
            thresholds,
            octaves,
            tables.input_scale[source].astype(np.int64),
            tables.activity_input[told].astype(np.int64),
            tables.mean_scale[source].astype(np.int64) << octaves,
            tables.scale_offset[source].astype(np.int64) + SCALE_STEPS * octaves,
        )


def _doubled(threshold: int, channels: int) -> int:
    """The threshold an octave above: the activity doubles, and MIN_ACTIVITY is taken from it."""
    return 2 * threshold + 3 * len(ACTIVITY_OFFSETS) * channels


def check(model: ExactModel) -> None:
    """Raise NellocError if ``model`` has no tables that go on for deep samples."""
    if model.inputs == "raw":
        raise NellocError("a model of raw inputs codes samples of 8 bits only; use --model default")
    if len(model.context.thresholds) < LEVELS_PER_OCTAVE or len(model.mixture.inverse_scale) < SCALE_STEPS:
        raise NellocError("the model's tables are too short for samples of more than 8 bits; use --model default")
    # Octave by octave, levels go on in order if the first of them do.
    thresholds = model.context.thresholds
    if _doubled(int(thresholds[-LEVELS_PER_OCTAVE]), model.channels) <= thresholds[-1]:
        raise NellocError("the model's activity levels go on in no order for more than 8 bits; use --model default")


class DeepNormaliser(Normaliser):
    """Turns contexts of deep samples into network inputs."""

    def __init__(self, model: ExactModel, bits: int):
        super().__init__(model.horizon, model.context, model.channels, model.inputs, model.borders)
        deep = DeepTables.of(model.context, model.channels, bits)
        self.first_pixel = 1 << (bits - 1)
        self._thresholds = deep.thresholds
        self._input_scale = (deep.input_scale / 2**INPUT_SCALE_BITS).astype(np.float32)
        self._activity_input = deep.activity_input.astype(np.float32)
        self._reduction = np.ldexp(np.float32(1), -deep.octaves)
        self._brightness = np.float32(2.0 ** -(bits - 6))

    def _levels(self, total: NDArray[np.float32]) -> NDArray[np.int16]:
        # A sum of 18 differences below 2**18 is below 2**23.
        return (np.searchsorted(self._thresholds, total, side="right") - 1).astype(np.int16)

    def _scale(self, inputs: NDArray[np.float32], level: NDArray[np.int16]) -> None:
        # Products at and above 2**24 may be rounded, but are clipped: input scales have 10 fractional bits.
        inputs *= self._reduction[level]
        np.floor(inputs, out=inputs)
        round_inputs(inputs, self._input_scale[level])


class DeepMixture(Mixture):
    """The mixture for samples of ``bits`` bits, an even number."""

    def __init__(self, model: ExactModel, bits: int):
        super().__init__(model)
        deep = DeepTables.of(model.context, model.channels, bits)
        self.sample_type = np.dtype(np.uint16)
        self._last_value, self._whole, self._uniform = (1 << bits) - 1, 1 << CDF_BITS, 2.0 ** (UNIFORM_BITS - bits)
        self._sum_type = np.int64
        self.strides = tuple(RADIX**power for power in reversed(range(bits // 2)))
        self._mean_scale = deep.mean_scale.astype(np.float64)
        self._scale_offset = deep.scale_offset.astype(np.float32)
        scales = len(model.mixture.inverse_scale)
        index = np.arange(scales + SCALE_STEPS * (bits - 8))
        octaves = np.maximum(0, -(-(index - scales + 1) // SCALE_STEPS))
        inverse = model.mixture.inverse_scale[index - SCALE_STEPS * octaves]
        # Per value of a sample, in steps of the interpolated logistic table, of which there are 2**FRACTION_BITS for
        # each of its entries, 1/64 apart. Numerators are below 2**30, with at most 14 fractional bits.
        steps = SCALE_FRACTION_BITS + 4 - FRACTION_BITS
        self._slope = inverse * 64.0 * np.ldexp(1.0, -steps - octaves)
        half = model.mixture.logistic.astype(np.int64)
        full = np.concatenate([(1 << COARSE_BITS) - half[:0:-1], half])
        full[0], full[-1] = 0, 1 << COARSE_BITS
        self._coarse = np.append(full, full[-1])
        self._reach = (len(half) - 1) << FRACTION_BITS
        self._least_mean = -float(MEAN_LIMIT << (bits - 8))
        self._largest_mean = float((64 << bits) + (MEAN_LIMIT << (bits - 8)))

    def _start(self, mean: Plane, slope: Plane) -> Plane:
        """Starts (K, N) in steps: below value b the position is ``b*slope + start``; numerators are below 2**48."""
        start = np.clip(mean, self._least_mean, self._largest_mean)
        start += 32
        start *= slope
        start *= -1 / 64
        return start

    def _logistic_at(self, steps: Plane) -> NDArray[np.int64]:
        """Logistic CDFs, 0 to 2**CDF_BITS, at ``steps`` of the table."""
        position = np.floor(steps)
        np.clip(position, -self._reach, self._reach, out=position)
        place = position.astype(np.int64)
        place += self._reach
        entry, fraction = place >> FRACTION_BITS, place & ((1 << FRACTION_BITS) - 1)
        low = self._coarse.take(entry)
        entry += 1
        fraction *= self._coarse.take(entry) - low
        fraction += low << FRACTION_BITS
        fraction >>= COARSE_BITS + FRACTION_BITS - CDF_BITS
        return fraction

    def _scale(self, inner: Plane, whole: Plane, out: Plane) -> None:
        # Sums are below 2**38: of long ones the last bits are left out, so that products stay below 2**53.
        _, length = np.frexp(whole)
        reduction = np.ldexp(1.0, -np.maximum(length - DIFFERENCE_BITS, 0))
        super()._scale(np.floor(inner * reduction), np.floor(whole * reduction), out)

    def _posterior(self, weight: NDArray[np.int32], below: NDArray[Any], above: NDArray[Any]) -> NDArray[np.int32]:
        """Weights given the value of the plane just coded: w_i * (logistic_i + 1), renormalised; below 2**38."""
        mass = (above - below + 1).astype(np.float64)
        mass *= weight
        return normalise(mass)
