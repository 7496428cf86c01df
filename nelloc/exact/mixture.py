"""The integer logistic-uniform mixture: from network outputs to digit frequencies.

Thesis section 5.5 in integers. Each component of the mixture is a logistic plus a uniform
distribution over 0..255. In a joint mixture a component is shared by the channels of a pixel, so that its weight
follows from the channels already known; otherwise the weights are the same for each channel. A sample is coded as
DIGITS digits of base RADIX, and the CDF is evaluated only at the RADIX - 1 inner boundaries of each digit.

Integers are carried in float64 (exact below 2**53) where divisions or long products need it.
``floor`` of a float64 quotient of integers equals the integer quotient here, because divisor
times quotient stays below 2**53. docs/FORMAT.md states every step in plain integers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.lattice import LEAST_MASS, LEAST_WEIGHT, REACH, Spot
from nelloc.exact.learning import Lesson, Plane, PlaneTrace
from nelloc.exact.model import LOGISTIC_BITS, SCALE_FRACTION_BITS, WEIGHT_BITS, ExactModel

RADIX = 4
DIGITS = 4
STRIDES = tuple(RADIX**power for power in reversed(range(DIGITS)))
FREQUENCY_BITS = 24  # of constriction's coders
# constriction adds one to every frequency, so what it is handed sums to this.
FREE_FREQUENCY = 2**FREQUENCY_BITS - RADIX
LEVELS = 256
# Mixture CDF: each unit of weight counts 2**15 for its logistic part and 1/64 per gray level for its uniform part.
UNIFORM_SHIFT = 6
# The other 255 gray levels always keep their uniform part, so that no sample costs less: a bound on what few
# bytes can announce. (-log2 of 1 - 255 / (64 * (2**15 + 4)), rounded down.)
MIN_BITS_PER_SAMPLE = 1.7e-4
MEAN_LIMIT = 64 * 64  # means stay within 64 gray levels of 0..255
COEFFICIENT_SHIFT = 4
MEAN_SHIFT = 8

_INNER = np.arange(1, RADIX)[:, None]  # inner boundaries of a digit
_EDGES = np.arange(2)[:, None]  # lower and upper boundary of a value

# Coding N pixels: yields the frequencies (N, RADIX) of the next digits, is sent the digits (N,),
# and returns the values. Encoders look the digits up, decoders decode them: the rest is one code.
Frequencies = NDArray[np.float64]
Coding = Generator[Frequencies, NDArray, NDArray]


def run(coding: Coding, choose: Callable[[Frequencies], NDArray]) -> NDArray:
    """Drive ``coding`` to its end, with the digits that ``choose`` gives; returns the values (planes, N)."""
    frequencies = next(coding)
    try:
        while True:
            frequencies = coding.send(choose(frequencies))
    except StopIteration as end:
        return end.value


class Mixture:
    """The mixture of one model, for any number of pixels at a time.

    ``strides`` are what the digits of a sample count, most significant first; samples are of ``sample_type``.
    """

    def __init__(self, model: ExactModel):
        self.strides = STRIDES
        self.sample_type: np.dtype = np.dtype(np.uint8)
        self.components = model.components
        self.joint = model.joint
        self.channels = model.channels
        # A sample's largest value, and what a unit of weight counts: its logistic part, and its uniform part per value.
        self._last_value, self._whole, self._uniform = LEVELS - 1, 1 << LOGISTIC_BITS, 1 / (1 << UNIFORM_SHIFT)
        self._sum_type: type = np.int32  # of the CDFs of all components
        self._logistic = model.mixture.logistic_fine
        self._centre = len(self._logistic) // 2
        self._exponential = model.mixture.exponential.astype(np.float64)
        # Steps of the logistic table per gray level, which is 64 units of a mean.
        self._slope = model.mixture.inverse_scale * (64 / np.float64(1 << SCALE_FRACTION_BITS))
        self._mean_scale = model.context.mean_scale.astype(np.float64)
        self._scale_offset = model.context.scale_offset.astype(np.float32)

    def code(
        self,
        outputs: NDArray[np.float32],
        base: NDArray[np.float32],
        level: NDArray[np.int16],
        planes: int,
        lesson: Lesson | None = None,
        spot: Spot | None = None,
    ) -> Coding:
        """Code N pixels: a digit for each of ``strides`` per plane, in the order of the stream.

        ``outputs`` (outputs, N) from the network, ``base`` (channels, N) and ``level`` (N,) from the
        normaliser; ``planes`` is at most the model's channels. Returns the values (planes, N) that the digits make.
        A ``lesson`` receives the data for learning. Tiles on a colour lattice have a ``spot`` and three planes.

        For example, a gray pixel of one component, outputs 0, a base of 400 quarters and an activity of 6 gray levels
        has a logistic of mean 100 and scale 6. The value 103 = 1*64 + 2*16 + 1*4 + 3 takes four digits, each of which
        tells a quarter of the values left: 64 to 127, 96 to 111, 100 to 103, 103. Frequencies sum to 2**24 - 4:

            stride   frequencies of the digits 0 to 3       sent
                64     39931  16561686   175083      512       1
                16    510950   4917490  9323511  2025261       2
                 4   4819077   4941325  4130379  2886431       1
                 1   4283812   4277475  4188758  4027167       3

        Its probability is 0.987 * 0.556 * 0.295 * 0.240 = 0.039: it takes 4.7 bits.
        """
        k, n = self.components, outputs.shape[1]
        weight = self._weights(outputs[:k])
        traced = lesson if lesson is not None and lesson.outputs is None else None
        if traced is not None:
            traced.prior = weight
        # Means and log-scales of each channel; for RGB the three coefficients too.
        means, log_scales, *rest = outputs[k:].reshape(-1, self.channels, k, n)
        coefficients = rest[0] if rest else means[:0]
        mean = self._means(means[:planes], base[:planes], level)
        slope = self._slopes(log_scales[:planes], level)
        values = np.empty((planes, n), self.sample_type)
        deviations: list[Plane] = []
        for plane in range(planes):
            _add_linear(mean[plane], coefficients, deviations)
            start = self._start(mean[plane], slope[plane])
            if spot is None or plane == 0:
                value = yield from self._code_plane(weight, slope[plane], start)
            elif plane == 1:
                by = deviations[0] * coefficients[1], coefficients[2]
                windows = _Windows.of(mean[2], slope[2], *by, base[1])
                value = yield from self._code_green(weight, slope[1], start, spot, values[0], windows)
            else:
                value = yield from self._code_blue(weight, slope[2], start, spot, values)
            values[plane] = value
            if plane + 1 == planes and traced is None:
                break
            deviations.append(4 * value - base[plane])
            if self.joint:
                position, below, above = self._edges(slope[plane], start, value)
                weight = self._posterior(weight, below, above)
                if traced is not None:
                    traced.planes.append(PlaneTrace(below, above, position - self._centre, deviations[-1]))
        if spot is not None:
            spot.colour = values
        if traced is not None:
            traced.posterior = weight
        elif lesson is not None:
            self._trace(lesson, base, level, values)
        return values

    def _trace(self, lesson: Lesson, base: NDArray[np.float32], level: NDArray[np.int16], values: NDArray[Any]) -> None:
        """Fill in a lesson of the values (planes, N) of pixels that are coded, by its own outputs."""
        outputs = lesson.outputs
        assert outputs is not None
        own = replace(lesson, outputs=None)
        coding = self.code(outputs, base, level, len(values), own)
        known = (value.astype(np.int64) // stride % RADIX for value in values for stride in self.strides)
        run(coding, lambda frequencies: next(known))
        lesson.prior, lesson.posterior, lesson.planes = own.prior, own.posterior, own.planes

    def _weights(self, logits: NDArray[np.float32]) -> NDArray[np.int32]:
        """Weights (K, N) that sum to at most 2**13, from logits in 1/64 nat."""
        distance = logits.max(axis=0) - logits
        np.minimum(distance, len(self._exponential) - 1, out=distance)
        weight = self._exponential.take(distance.astype(np.int32))
        return normalise(weight)

    def _means(self, mean: NDArray[np.float32], base: NDArray[np.float32], level: NDArray[np.int16]) -> Plane:
        """Means (planes, K, N) in 1/64 gray level, before the planes' linear dependence."""
        result = mean * (self._mean_scale / (1 << MEAN_SHIFT))[level]
        np.floor(result, out=result)
        result += (base * np.float32(16))[:, None]
        return result

    def _slopes(self, log_scale: NDArray[np.float32], level: NDArray[np.int16]) -> Plane:
        """Steps of the logistic table per gray level (planes, K, N), with 14 fractional bits."""
        index = log_scale + self._scale_offset[level]
        np.clip(index, 0, len(self._slope) - 1, out=index)
        return self._slope.take(index.astype(np.int32))

    def _start(self, mean: Plane, slope: Plane) -> Plane:
        """Starts (K, N): the logistic table's index below value b is ``b*slope + start``.

        That is (64*b - 32 - mean) * slope/64 + centre, exact in float64.
        """
        start = np.clip(mean, -MEAN_LIMIT, 64 * LEVELS + MEAN_LIMIT)
        start += 32
        start *= slope
        start *= -1 / 64
        start += self._centre
        return start

    def _logistic_at(self, steps: Plane) -> NDArray[Any]:
        """Logistic CDFs, 0 to 2**15, at ``steps`` of the table."""
        # Truncation equals floor where it matters: what is below zero is clipped to index 0.
        return self._logistic.take(steps.astype(np.int32), mode="clip")

    def _code_plane(
        self, weight: NDArray[np.int32], slope: Plane, start: Plane
    ) -> Generator[Frequencies, NDArray, Plane]:
        """Code one plane; returns the values (N,)."""
        n = weight.shape[1]
        total = np.add.reduce(weight, axis=0, dtype=self._sum_type)
        uniform = total * self._uniform  # per value, before the floor
        columns = np.arange(n)
        low = np.zeros(n)
        lower = np.zeros(n)
        # The mixture CDF at the digit's boundaries, above that at the lowest one; and the same scaled.
        above = np.zeros((RADIX + 1, n))
        cumulative = np.empty((RADIX + 1, n))
        cumulative[0], cumulative[RADIX] = 0, FREE_FREQUENCY
        above[RADIX] = total * np.float64(self._whole) + np.floor(uniform * (self._last_value + 1))
        for stride in self.strides:
            boundary = low + _INNER * stride
            logistic = self._logistic_at(_steps(boundary, slope, start))
            logistic *= weight
            boundary *= uniform
            np.floor(boundary, out=boundary)
            boundary += np.add.reduce(logistic, axis=1, dtype=self._sum_type)
            inner = np.subtract(boundary, lower, out=above[1:RADIX])
            self._scale(inner, above[RADIX], out=cumulative[1:RADIX])
            digit = yield np.ascontiguousarray((cumulative[1:] - cumulative[:-1]).T)
            low += digit * stride
            chosen = digit * n + columns
            first = above.take(chosen)
            np.subtract(above.take(chosen + n), first, out=above[RADIX])
            lower += first
        return low

    def _code_green(
        self, weight: NDArray[np.int32], slope: Plane, start: Plane, spot: Spot, red: NDArray[Any], windows: _Windows
    ) -> Generator[Frequencies, NDArray, Plane]:
        """Code whether pixels are on their lattice, and then green; returns the values (N,)."""
        mass = self._uniform_mass(weight)
        more = np.zeros_like(mass)
        for i, own in enumerate(_counting(weight)):
            part = self._part(slope[i], start[i])
            mass += part * own
            green, n = np.nonzero(part * own >= LEAST_MASS)
            first, size = windows.at(i, green, n)
            ones = spot.lattice.count(spot.tile[n], red[n], green, first, size)
            share = own[n] * (248 * 256 // size) >> 6
            more[green, n] += part[green, n] * ((share * ones + 16 * own[n] >> 8) - own[n])
        held = mass + more >> 2
        frequencies = spot.foresee(held.sum(axis=0).astype(np.float64), mass.sum(axis=0).astype(np.float64))
        digit = yield frequencies
        spot.on = digit == 1
        return (yield from self._code_masses(np.where(spot.on, held, mass - held)))

    def _code_blue(
        self, weight: NDArray[np.int32], slope: Plane, start: Plane, spot: Spot, known: NDArray[Any]
    ) -> Generator[Frequencies, NDArray, Plane]:
        """Code blue, of pixels whose red and green are ``known``; returns the values (N,)."""
        mass = self._uniform_mass(weight)
        for i, own in enumerate(_counting(weight)):
            mass += self._part(slope[i], start[i]) * own
        mass *= spot.lattice.row(spot.tile, known[0], known[1]) == spot.on
        return (yield from self._code_masses(mass))

    def _uniform_mass(self, weight: NDArray[np.int32]) -> NDArray[np.int64]:
        """The uniform part of each value's mass (256, N), in 1/2^28."""
        total = weight.sum(axis=0, dtype=np.int64) >> UNIFORM_SHIFT
        return np.tile(total, (LEVELS, 1))

    def _part(self, slope: Plane, start: Plane) -> NDArray[np.int64]:
        """The mass (256, N) of each value in one component, in 1/2^15."""
        below = self._logistic_at(np.floor(np.arange(LEVELS + 1.0)[:, None] * slope + start)).astype(np.int64)
        below[0], below[-1] = 0, self._whole
        return np.diff(below, axis=0)

    def _code_masses(self, mass: NDArray[np.int64]) -> Generator[Frequencies, NDArray, Plane]:
        """Code a plane, given the ``mass`` (256, N) of each value; returns the values (N,)."""
        n = mass.shape[1]
        columns = np.arange(n)
        below = np.zeros((LEVELS + 1, n))
        np.cumsum(mass, axis=0, out=below[1:])
        low = np.zeros(n, np.int64)
        cumulative = np.empty((RADIX + 1, n))
        cumulative[0], cumulative[RADIX] = 0, FREE_FREQUENCY
        for stride in self.strides:
            boundary = below[low + np.arange(RADIX + 1)[:, None] * stride, columns] - below[low, columns]
            self._scale(boundary[1:RADIX], np.maximum(boundary[RADIX], 1), out=cumulative[1:RADIX])
            digit = yield np.ascontiguousarray((cumulative[1:] - cumulative[:-1]).T)
            low += digit.astype(np.int64) * stride
        return low.astype(np.float64)

    def _scale(self, inner: Plane, whole: Plane, out: Plane) -> None:
        """Parts (RADIX - 1, N) of ``whole`` (N,), as parts of FREE_FREQUENCY."""
        scaled = inner * FREE_FREQUENCY
        scaled /= whole
        np.floor(scaled, out=out)

    def _edges(self, slope: Plane, start: Plane, value: Plane) -> tuple[Plane, NDArray[Any], NDArray[Any]]:
        """The lower and the upper edge of the values just coded.

        Returns whole steps of the table (2, K, N), and the logistic CDFs (K, N) at the lower and at the upper edge.
        """
        steps = _steps(value + _EDGES, slope, start)
        np.floor(steps, out=steps)
        below, above = self._logistic_at(steps)
        first, last = value == 0, value == self._last_value
        if first.any():
            below[:, first] = 0
        if last.any():
            above[:, last] = self._whole
        return steps, below, above

    def _posterior(self, weight: NDArray[np.int32], below: NDArray[Any], above: NDArray[Any]) -> NDArray[np.int32]:
        """Weights given the value of the plane just coded: w_i * (64 * logistic_i + 1), renormalised."""
        mass = (above - below) * np.float64(1 << UNIFORM_SHIFT)
        mass += 1
        mass *= weight
        return normalise(mass)


def _counting(weight: NDArray[np.int32]) -> NDArray[np.int64]:
    """Weights (K, N) of components, those of little weight 0."""
    return np.where(weight >= LEAST_WEIGHT, weight, 0).astype(np.int64)


@dataclass(frozen=True)
class _Windows:
    """Windows of likely blues given green, in each component and pixel: section 15.

    ``mean`` (K, N) without the planes before, what red adds and what a quarter level of green adds, in 1/16; ``base``
    (N,) of green; ``half`` and ``size`` (K, N) of the windows.
    """

    mean: Plane
    by_red: Plane
    by_green: NDArray[np.float32]
    base: NDArray[np.float32]
    half: Plane
    size: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        mean: Plane,
        slope: Plane,
        by_red: Plane,
        by_green: NDArray[np.float32],
        base: NDArray[np.float32],
    ) -> _Windows:
        """The windows of components whose ``slope`` is that of blue."""
        inverse_scale = slope * ((1 << SCALE_FRACTION_BITS) / 64)
        half = 32 + np.floor(REACH / inverse_scale)
        size = np.minimum(np.floor(half / 32) + 1, LEVELS).astype(np.int64)
        return cls(mean, by_red, by_green, base, half, size)

    def at(self, i: int, green: NDArray[np.int64], n: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first blues and the numbers of blues of component ``i``, for values ``green`` of pixels ``n``."""
        deviation = 4.0 * green - self.base[n]
        mean = self.mean[i, n] + np.floor(
            (self.by_red[i, n] + self.by_green[i, n] * deviation) / (1 << COEFFICIENT_SHIFT)
        )
        size = self.size[i, n]
        first = np.floor((mean - self.half[i, n] + 63) / 64).astype(np.int64)
        return np.clip(first, 0, LEVELS - size), size


def _steps(boundary: Plane, slope: Plane, start: Plane) -> Plane:
    """Steps of the logistic table (..., K, N) below the values ``boundary`` (..., N), not rounded."""
    steps = boundary[..., None, :] * slope
    steps += start
    return steps


def _add_linear(mean: Plane, coefficients: NDArray[np.float32], deviations: list[Plane]) -> None:
    """Add to ``mean`` (K, N) what the planes already known contribute, given their ``deviations`` (N,) each.

    Plane 1 uses coefficient 0; plane 2 uses coefficients 1 and 2.
    """
    if not deviations:
        return
    linear = coefficients[0 if len(deviations) == 1 else 1] * deviations[0]
    if len(deviations) == 2:
        linear += coefficients[2] * deviations[1]
    linear *= 1 / (1 << COEFFICIENT_SHIFT)
    mean += np.floor(linear, out=linear)


def normalise(weight: NDArray[np.float64]) -> NDArray[np.int32]:
    """floor(weight * 2**13 / sum), per column."""
    total = weight.sum(axis=0)
    weight *= 1 << WEIGHT_BITS
    weight /= total
    return np.floor(weight, out=weight).astype(np.int32)
