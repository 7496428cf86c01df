"""Learning while coding: in each tile the network's last layer follows the pixels that were coded.

Encoder and decoder see the same pixels in the same order, so that both learn the same, and nothing is sent. It is
stochastic gradient descent on the likelihood, a step of the wavefront at a time, with a rate for each unit of the last
hidden layer that is a power of two. docs/methods/learning.md, section 13, states it in plain integers, which are
carried here in float32 below 2**24, and in float64 below 2**53. Its lines stand in comments here, as "section 13: ...".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.model import (
    ACTIVATION_BITS,
    ACTIVATION_MAX,
    COEFFICIENT_BITS,
    LOGISTIC_BITS,
    LOGISTIC_STEPS,
    MEAN_BITS,
    SUM_LIMIT,
    WEIGHT_BITS,
    ExactModel,
    Layer,
    output_bits,
)

# Fractional bits of a change of a weight: LEARNED_BITS as it is stored, USED_BITS as it corrects the network.
LEARNED_BITS, USED_BITS = 22, 10
ROUNDED_BITS = LEARNED_BITS - USED_BITS
LARGEST_USED = 127
LARGEST_LEARNED = LARGEST_USED << ROUNDED_BITS
# A unit that is always 1, for the biases: activations are in steps of 1/32.
ONE = 1 << ACTIVATION_BITS
_CORRECTION_BITS = USED_BITS + ACTIVATION_BITS  # fractional
# Most fractional bits of an output: a correction is the largest there.
FINEST_BITS = max(MEAN_BITS, COEFFICIENT_BITS)
# Most pixels of a step that are learned from, the first in its order, so that sums stay below 2**24.
TEACHERS = 256
# Memory limit of all tiles that learn at once.
MOST_BYTES = 1 << 26
# Mean squares of the units begin as if _FIRST_PIXELS pixels had been seen with FIRST_SQUARE.
_FIRST_PIXELS, FIRST_SQUARE = 64, 51
# Rate of learning: sums of gradients are multiplied by 2**GAIN_BITS, and lose REDUCTION bits where a unit's mean square
# is about 1.
GAIN_BITS, REDUCTION = 2, 4
# Fractional bits of gradients of the log-likelihood: by logits, by means in scales, by natural log-scales, and by
# coefficients, where a deviation counts in activities.
LOGIT_GRADIENT_BITS, MEAN_GRADIENT_BITS, SCALE_GRADIENT_BITS, COEFFICIENT_GRADIENT_BITS = 7, 6, 6, 5
# Limits of a component's gradient by its log-scale, with these bits.
LEAST_SCALE, LARGEST_SCALE = -64, 192
# Fractional bits and limit of deviations in activities. They are given in quarters of a gray level, activities in 1/64.
DEVIATION_BITS, LARGEST_DEVIATION = 4, 64
_DEVIATION_FACTOR = (64 // 4) << DEVIATION_BITS
_WHOLE = 1 << LOGISTIC_BITS
# Fractional bits of a weight times a difference of logistics; and those that a gradient by the log-scale loses, which
# is a position times two logistics, over a third one.
_PULL_BITS = WEIGHT_BITS + LOGISTIC_BITS
_LOST_BITS = LOGISTIC_STEPS.bit_length() - 1 + LOGISTIC_BITS - SCALE_GRADIENT_BITS

Plane = NDArray[np.float64]


@dataclass(frozen=True)
class PlaneTrace:
    """Trace of the coding of one plane of N pixels, in each of K components.

    ``below`` and ``above`` (K, N) are the logistic CDFs at the edges of the values, 0 to 2**15, ``position`` (2, K, N)
    these edges on the logistic's axis, in steps of 1/1024. ``deviation`` (N,) is the difference of the values to their
    base, in quarters of a gray level.
    """

    below: NDArray[np.int32]
    above: NDArray[np.int32]
    position: Plane
    deviation: Plane


@dataclass
class Lesson:
    """Data of N pixels to learn from.

    ``hidden`` (width + 1, N) is the input of the last layer and a unit that is always 1, ``level`` (N,) the activity
    level. The mixture fills in the weights (K, N) of components, before and after each pixel, and each plane's trace:
    of the outputs that the pixels are coded with. Where two layers learn, these and ``hidden`` are those of the weights
    that learn: ``outputs`` (outputs, N), and ``given`` (width + 1, N) is the input of the layer before.
    """

    hidden: NDArray[np.float32]
    level: NDArray[np.int16]
    prior: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    posterior: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    planes: list[PlaneTrace] = field(default_factory=list)
    outputs: NDArray[np.float32] | None = None
    given: NDArray[np.float32] | None = None


def joined(lessons: Sequence[Lesson]) -> Lesson:
    """Join several lessons to one."""

    def side_by_side(name: str, objects: Sequence[Any] = lessons) -> NDArray[Any]:
        return np.concatenate([getattr(one, name) for one in objects], axis=-1)

    planes = []
    for traces in zip(*(lesson.planes for lesson in lessons), strict=True):
        planes.append(PlaneTrace(*(side_by_side(name, traces) for name in PlaneTrace.__dataclass_fields__)))
    hidden, level, prior, posterior = map(side_by_side, ("hidden", "level", "prior", "posterior"))
    if lessons[0].given is None:
        return Lesson(hidden, level, prior, posterior, planes)
    return Lesson(hidden, level, prior, posterior, planes, side_by_side("outputs"), side_by_side("given"))


Slices = Sequence[tuple[int, slice]]


class Learner(Protocol):
    """Interface by which decoders pass on each step; ``slices`` are pairs of a tile and its columns."""

    def correct(
        self, outputs: NDArray[np.float32], hidden: NDArray[np.float32], level: NDArray[np.int16], slices: Slices
    ) -> tuple[NDArray[np.float32], Lesson | None]:
        """Correct the network's ``outputs`` (outputs, N); returns them, and the lesson that the mixture fills in."""
        ...

    def learn(self, lesson: Lesson | None, slices: Slices) -> None:
        """Update the weights with the pixels of a step."""
        ...


class NoLearner:
    """The network stays as it is."""

    def correct(
        self, outputs: NDArray[np.float32], hidden: NDArray[np.float32], level: NDArray[np.int16], slices: Slices
    ) -> tuple[NDArray[np.float32], None]:
        """Leave the outputs as they are."""
        return outputs, None

    def learn(self, lesson: Lesson | None, slices: Slices) -> None:
        """Do nothing."""


def can_learn(model: ExactModel) -> bool:
    """True if the model's components are joint, and no sum can reach 2**24 whatever is learned."""
    last = model.layers[-1]
    # Section 13: 127*255*(n+1) < 2^24; (255*sum|weight| + |bias| >> shift) + 127*255*(n+1)//128 + 2 < 2^24
    correction = LARGEST_USED * ACTIVATION_MAX * (last.weight.shape[1] + 1)
    outputs = int((largest_sums(last) >> last.shift).max()) + (correction >> _CORRECTION_BITS - FINEST_BITS)
    return model.joint and correction < SUM_LIMIT and outputs + 2 < SUM_LIMIT


def largest_sums(layer: Layer) -> NDArray[np.int64]:
    """The largest magnitude of each row's sum."""
    return ACTIVATION_MAX * np.abs(layer.weight.astype(np.int64)).sum(axis=1) + np.abs(layer.bias.astype(np.int64))


def most_tiles(model: ExactModel, layers: int = 1) -> int:
    """Number of tiles whose last ``layers`` may learn at once within MOST_BYTES of memory.

    Where two learn, each weight has an average beside its change.
    """
    shapes = [layer.weight.shape for layer in model.layers[-layers:]]
    return max(1, MOST_BYTES // (8 * layers * sum(rows * (width + 1) for rows, width in shapes)))


class LastLayer:
    """Learned changes of the last layer, for several tiles.

    ``_learned`` (tiles, outputs, width + 1) float32, the last column of biases, in units of 2**-LEARNED_BITS;
    ``_used`` the same in units of 2**-USED_BITS.
    """

    def __init__(self, model: ExactModel, tiles: int):
        last = model.layers[-1]
        rows, width = last.weight.shape
        self._gradients = Gradients(model)
        self._learned = np.zeros((tiles, rows, width + 1), np.float32)
        self._used = np.zeros_like(self._learned)
        self._squares = np.full((tiles, width + 1), first_sum(FIRST_SQUARE), np.float64)
        self._pixels = np.full(tiles, first_sum(1), np.float64)
        bits = np.array(output_bits(model.components, model.channels))
        self._step = np.ldexp(np.float32(1), bits - _CORRECTION_BITS)[:, None]

    def correct(
        self, outputs: NDArray[np.float32], hidden: NDArray[np.float32], level: NDArray[np.int16], slices: Slices
    ) -> tuple[NDArray[np.float32], Lesson]:
        """Add the learned corrections to the outputs (outputs, N), in place.

        Section 13: sum((D[o][j]+2048 >> 12)*a[j]) + 2^(s-1) >> s; s is 15 less an output's fractional bits.
        """
        seen = with_one(hidden)
        correction = np.zeros_like(outputs)
        for tiles, columns, shape in _alike(slices):
            found = np.matmul(self._used[tiles], _by_tile(seen[:, columns], shape))
            correction[:, columns] = found.transpose(1, 0, 2).reshape(len(outputs), -1)
        correction *= self._step
        correction += np.float32(0.5)
        np.floor(correction, out=correction)
        outputs += correction
        return outputs, Lesson(seen, level)

    def learn(self, lesson: Lesson | None, slices: Slices) -> None:
        """Follow the gradients of a step's pixels."""
        assert lesson is not None
        gradient = self._gradients(lesson)
        for tiles, columns, shape in _alike(slices):
            parts = (_by_tile(array[:, columns], shape)[:, :, :TEACHERS] for array in (gradient, lesson.hidden))
            self._update(tiles, *parts)

    def _update(self, tiles: slice, gradient: NDArray[np.float32], seen: NDArray[np.float32]) -> None:
        """Follow the gradients (tiles, outputs, n), given the input of the last layer (tiles, width + 1, n).

        Section 13: D[o][j] = clamp(D[o][j] + (4*S + (2^u >> 1) >> u), -127*4096, 127*4096)
        """
        self._squares[tiles] += np.add.reduce(seen * seen, axis=2)
        self._pixels[tiles] += seen.shape[2]
        reduction = reductions(self._squares[tiles] / self._pixels[tiles, None])
        change = np.matmul(gradient, seen.transpose(0, 2, 1))
        change *= np.ldexp(np.float32(1), GAIN_BITS - reduction)[:, None, :]
        change += np.float32(0.5)
        np.floor(change, out=change)
        learned = self._learned[tiles]
        learned += change
        np.clip(learned, -LARGEST_LEARNED, LARGEST_LEARNED, out=learned)
        used = self._used[tiles]
        np.multiply(learned, np.float32(2.0**-ROUNDED_BITS), out=used)
        used += np.float32(0.5)
        np.floor(used, out=used)


def first_sum(value: int) -> int:
    """First value of a sum over pixels, as if the first ones had been seen with this ``value`` each."""
    return _FIRST_PIXELS * value


def bit_lengths(numbers: Plane) -> NDArray[np.int32]:
    """Numbers of bits of the integer parts of ``numbers``, which are not negative."""
    return np.frexp(np.floor(numbers))[1]


def reductions(squares: Plane) -> NDArray[np.int32]:
    """Numbers of bits by which changes are reduced, for units of these mean squares.

    Section 13: l = max(2,bits(Q[j]//N)), u = (l-10)//2 + 4; squares of activations have 10 fractional bits.
    """
    octaves = (np.maximum(bit_lengths(squares), 2) - 2 * ACTIVATION_BITS) // 2
    return octaves + REDUCTION


class Gradients:
    """The gradients of pixels' likelihoods by a model's outputs, in the steps of section 13."""

    def __init__(self, model: ExactModel):
        self._components, self._channels = model.components, model.channels
        self._outputs = len(model.layers[-1].weight)
        self._mean_scale = model.context.mean_scale.astype(np.float64)

    def __call__(self, lesson: Lesson) -> NDArray[np.float32]:
        """The gradients (outputs, N) of the pixels of a lesson."""
        k, c = self._components, self._channels
        n = lesson.prior.shape[1]
        gradient = np.zeros((self._outputs, n), np.float32)
        posterior = lesson.posterior.astype(np.float64)
        # Section 13, logit: r[i]-w[i]+32 >> 6
        gradient[:k] = _rounded(posterior - lesson.prior, WEIGHT_BITS - LOGIT_GRADIENT_BITS)
        means = gradient[k : (1 + c) * k].reshape(c, k, n)
        scales = gradient[(1 + c) * k : (1 + 2 * c) * k].reshape(c, k, n)
        coefficients = gradient[(1 + 2 * c) * k :].reshape(-1, k, n)
        relative = [self._relative(plane.deviation, lesson.level) for plane in lesson.planes[:-1]]
        for p, plane in enumerate(lesson.planes):
            # Section 13, mean: r[i]*t + 2^21 >> 22
            pull = (plane.below + plane.above - _WHOLE) * posterior
            means[p] = _rounded(pull, _PULL_BITS - MEAN_GRADIENT_BITS)
            # Section 13, log-scale: r[i]*e + 2^12 >> 13
            scales[p] = _rounded(posterior * _scale_gradient(plane), WEIGHT_BITS)
            # Section 13, a0, a1, a2: r[i]*t*T_q + 2^26 >> 27
            for q in range(p):
                own = pull * relative[q]
                coefficients[p + q - 1] = _rounded(own, _PULL_BITS + DEVIATION_BITS - COEFFICIENT_GRADIENT_BITS)
        return gradient

    def _relative(self, deviation: Plane, level: NDArray[np.int16]) -> Plane:
        """Deviations (N,) in sixteenths of the activity.

        Section 13: T_p = clamp(256*v_p//mean_scale[level],-64,64)
        """
        found = np.floor(deviation * _DEVIATION_FACTOR / self._mean_scale[level])
        return np.clip(found, -LARGEST_DEVIATION, LARGEST_DEVIATION)


def _scale_gradient(plane: PlaneTrace) -> Plane:
    """Derivative of each component's log-probability by its log-scale (K, N), in steps of 1/64.

    Section 13: e = clamp((z(x)*b*(32768-b) - z(x+1)*c*(32768-c)) // (2^19*max(c-b,1)), -64, 192)
    """
    below, above = plane.below.astype(np.float64), plane.above.astype(np.float64)
    numerator = plane.position[0] * (below * (_WHOLE - below)) - plane.position[1] * (above * (_WHOLE - above))
    found = np.floor(numerator / (np.maximum(above - below, 1) * (1 << _LOST_BITS)))
    return np.clip(found, LEAST_SCALE, LARGEST_SCALE)


def _rounded(numbers: Plane, bits: int) -> Plane:
    """Numbers without their last bits, rounded: number + 2^(bits-1) >> bits."""
    return np.floor(numbers * 2.0**-bits + 0.5)


def with_one(hidden: NDArray[np.float32]) -> NDArray[np.float32]:
    """Activations (width, N), and a unit that is always 1."""
    return np.concatenate([hidden, np.full((1, hidden.shape[1]), ONE, np.float32)])


def _by_tile(array: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """The columns of an array (rows, tiles * n) tile by tile: (tiles, rows, n)."""
    return array.reshape(len(array), *shape).transpose(1, 0, 2)


def _alike(slices: Slices) -> list[tuple[slice, slice, tuple[int, int]]]:
    """Tiles that can be worked on together: which, their columns, and (tiles, columns of each)."""
    groups: list[tuple[slice, slice, tuple[int, int]]] = []
    for tile, columns in slices:
        size = columns.stop - columns.start
        if groups:
            tiles, before, (count, each) = groups[-1]
            if each == size and tiles.stop == tile and before.stop == columns.start:
                groups[-1] = slice(tiles.start, tile + 1), slice(before.start, columns.stop), (count + 1, each)
                continue
        groups.append((slice(tile, tile + 1), columns, (1, size)))
    return groups
