"""Learning while coding in two layers: the last one, and the hidden one before it.

Differences to ``learning``: pixels are coded with averages of the weights that learn, and each unit of the hidden
layer follows the true gradient, divided by its root mean square. docs/methods/learning.md, section 14, states it in
plain integers, which are carried here in int64 and in float64 below 2**53. Its lines stand in comments here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.learning import (
    COEFFICIENT_GRADIENT_BITS,
    FINEST_BITS,
    FIRST_SQUARE,
    GAIN_BITS,
    LEARNED_BITS,
    MEAN_GRADIENT_BITS,
    TEACHERS,
    Gradients,
    Lesson,
    Slices,
    bit_lengths,
    can_learn,
    first_sum,
    largest_sums,
    reductions,
    with_one,
)
from nelloc.exact.model import ACTIVATION_BITS, ACTIVATION_MAX, SCALE_BITS, SUM_LIMIT, ExactModel, Layer, output_bits

# Fractional bits of changes as they are used, and of an average beyond those of what it is of.
USED_BITS, MORE_BITS = 9, 4
ROUNDED_BITS = LEARNED_BITS - USED_BITS
LARGEST_USED = 127
LARGEST_LEARNED = LARGEST_USED << ROUNDED_BITS
# Rate of the hidden layer, as GAIN_BITS is that of the last: sums over pixels are multiplied by 2**HIDDEN_GAIN_BITS.
HIDDEN_GAIN_BITS = 4
# Averages move by 1/16 of the distance, in a tile's first steps by 1, 1/2, 1/2, 1/4, ...
PACE = 4
# Gradients that go back: their fractional bits, in nats, and limit; fractional bits of weights that they go through.
TRUE_BITS, LARGEST_GRADIENT, BACK_BITS = 7, 511, 8
# Errors of hidden units: the bits that they lose, how large they are, and what their mean squares begin with.
ERROR_BITS, LARGEST_ERROR, FIRST_ERROR = 5, 4095, 1 << 14
# Moves of hidden units, in their root mean square error: fractional bits (about) and limit.
MOVE_BITS, LARGEST_MOVE = 2, 127
# Gradients by means are divided by their scales: of at most _OCTAVES octaves, with _INVERSE_BITS bits in an octave.
_OCTAVES, _INVERSE_BITS = 6, 6
# Gradients by a log2-scale of those by its natural logarithm: 2 * ln 2 in 1/256, as they have a fractional bit less.
_OF_LOG2, _OF_LOG2_BITS = 355, 8
_WEIGHTS_16, _SUMS_32 = 1 << 15, 1 << 31

Integers = NDArray[np.int64]


def can_learn_two(model: ExactModel) -> bool:
    """True if both layers can learn: no sum can leave its range, whatever is learned. Limits are of section 14."""
    if not can_learn(model) or len(model.layers) < 3:
        return False
    *_, hidden, last = model.layers
    widest = max(len(hidden.weight), hidden.weight.shape[1]) + 1
    correction = LARGEST_USED * ACTIVATION_MAX * widest
    largest = max(int(np.abs(layer.weight).max()) for layer in (hidden, last))
    if hidden.skip is not None or int(hidden.shift.max()) > USED_BITS:
        return False
    if largest >= _WEIGHTS_16 or correction >= SUM_LIMIT:
        return False
    # (255*sum|weight| + |bias| >> shift) + C//64 + 2 < 2^24
    outputs = int((largest_sums(last) >> last.shift).max()) + (correction >> USED_BITS + ACTIVATION_BITS - FINEST_BITS)
    # (255*sum|weight| + |bias| << 9-shift) + C < 2^31
    units = int((largest_sums(hidden) << USED_BITS - hidden.shift).max()) + correction
    # 511*sum(min(|v[o][i]|+64, 2^15)) < 2^31
    learned = (LARGEST_USED >> USED_BITS - BACK_BITS) + 1
    back = int(np.minimum(np.abs(_back(model)) + learned, _WEIGHTS_16).sum(axis=1).max()) * LARGEST_GRADIENT
    return outputs + 2 < SUM_LIMIT and units < _SUMS_32 and back < _SUMS_32


@lru_cache(maxsize=16)
def layers_that_learn(model: ExactModel) -> int:
    """Largest number of the model's layers that can learn: 0, 1 or 2."""
    return can_learn(model) + can_learn_two(model)


def _rounded(numbers: Integers, bits: NDArray[Any] | int) -> Integers:
    """Numbers without their last bits, rounded. Section 14: round(x,n) = x + (2^n >> 1) >> n."""
    return numbers + (1 << np.asarray(bits) >> 1) >> bits


def _back(model: ExactModel) -> Integers:
    """The last layer's own weights (units, outputs), in steps of 2**-BACK_BITS of what they are.

    Section 14: the weight times 2^x, x = 13-s-shift, s = 6 for logits, 8 means, 5 log-scales, 8 coefficients
    """
    last = model.layers[-1]
    by = BACK_BITS + ACTIVATION_BITS - np.array(output_bits(model.components, model.channels)) - last.shift
    weight = last.weight.T.astype(np.int64)
    found = np.where(by < 0, _rounded(weight, np.maximum(-by, 0)), weight << np.maximum(by, 0))
    return np.clip(found, -_WEIGHTS_16, _WEIGHTS_16 - 1)


def without_last(model: ExactModel) -> ExactModel:
    """A model whose last layer is the hidden one that learns."""
    return replace(model, layers=model.layers[:-1])


class _Learned:
    """Changes of one layer's weights (tiles, rows, units) in several tiles, and their averages."""

    def __init__(self, layer: Layer, tiles: int, gain: int):
        rows, units = len(layer.weight), layer.weight.shape[1] + 1
        self._gain = gain
        self.changes: Integers = np.zeros((tiles, rows, units), np.int64)
        self.averages = np.zeros_like(self.changes)
        self._squares = np.full((tiles, units), first_sum(FIRST_SQUARE), np.float64)

    def sums(self, tile: int, seen: NDArray[np.float32], *, averaged: bool) -> NDArray[np.float64]:
        """Sums (rows, n) of units (units, n) by the changes or their averages, in 2**-USED_BITS.

        Section 14: d = round(M,17), or d = round(D,13)
        """
        learned, bits = (self.averages, ROUNDED_BITS + MORE_BITS) if averaged else (self.changes, ROUNDED_BITS)
        return _rounded(learned[tile], bits).astype(np.float64) @ seen.astype(np.float64)

    def follow(self, tile: int, gradient: NDArray[Any], seen: NDArray[np.float32], pixels: float, pace: int) -> None:
        """Follow the gradients (rows, n) of n pixels, given the units (units, n).

        Section 14: D = clamp(D + round(4*S,u), -127*8192, 127*8192), in H with 16*S; M = M + round(16*D - M, pace)
        """
        self._squares[tile] += np.add.reduce(seen.astype(np.float64) ** 2, axis=1)
        sums = (gradient.astype(np.float64) @ seen.T.astype(np.float64)).astype(np.int64)
        change = _rounded(sums << self._gain, reductions(self._squares[tile] / pixels))
        learned, average = self.changes[tile], self.averages[tile]
        np.clip(learned + change, -LARGEST_LEARNED, LARGEST_LEARNED, out=learned)
        average += _rounded((learned << MORE_BITS) - average, pace)


class TwoLayers:
    """Learner of two layers, for several tiles. Its network is evaluated ``without_last``."""

    def __init__(self, model: ExactModel, tiles: int):
        *_, self._hidden, self._last = model.layers
        self._model, self._gradients = model, Gradients(model)
        self._of_hidden = _Learned(self._hidden, tiles, HIDDEN_GAIN_BITS)
        self._of_last = _Learned(self._last, tiles, GAIN_BITS)
        self._errors = np.full((tiles, len(self._hidden.weight)), first_sum(FIRST_ERROR), np.int64)
        self._pixels = np.full(tiles, first_sum(1), np.int64)
        self._steps = [0] * tiles
        self._bits = (USED_BITS + ACTIVATION_BITS - np.array(output_bits(model.components, model.channels)))[:, None]
        self._own_back = _back(model)

    def correct(
        self, outputs: NDArray[np.float32], hidden: NDArray[np.float32], level: NDArray[np.int16], slices: Slices
    ) -> tuple[NDArray[np.float32], Lesson]:
        """The outputs by averaged weights; in the lesson those by the weights that learn."""
        given = with_one(hidden)
        own = self._hidden.weight.astype(np.float64) @ hidden + self._hidden.bias[:, None]
        own *= 2.0 ** (USED_BITS - self._hidden.shift[:, None])
        found = []
        for averaged in (True, False):
            sums = np.zeros_like(own)
            for tile, columns in slices:
                sums[:, columns] = self._of_hidden.sums(tile, given[:, columns], averaged=averaged)
            units = np.clip(np.floor((own + sums) * 2.0**-USED_BITS), 0, ACTIVATION_MAX)
            seen = with_one(units.astype(np.float32))
            found.append((self._outputs(seen, slices, averaged), seen))
        (coded, _), (learning, seen) = found
        return coded, Lesson(seen, level, outputs=learning, given=given)

    def _outputs(self, seen: NDArray[np.float32], slices: Slices, averaged: bool) -> NDArray[np.float32]:
        last = self._last
        own = (last.weight.astype(np.float64) @ seen[:-1] + last.bias[:, None]).astype(np.int64) >> last.shift[:, None]
        sums = np.zeros(own.shape)
        for tile, columns in slices:
            sums[:, columns] = self._of_last.sums(tile, seen[:, columns], averaged=averaged)
        return (own + _rounded(sums.astype(np.int64), self._bits)).astype(np.float32)

    def learn(self, lesson: Lesson | None, slices: Slices) -> None:
        """Update the weights with the pixels of a step."""
        assert lesson is not None
        assert lesson.outputs is not None
        assert lesson.given is not None
        gradient = self._gradients(lesson)
        true = true_gradients(self._model, gradient, lesson.outputs)
        for tile, columns in slices:
            first = slice(columns.start, min(columns.stop, columns.start + TEACHERS))
            self._learn(tile, gradient[:, first], true[:, first], lesson.hidden[:, first], lesson.given[:, first])

    def _learn(
        self,
        tile: int,
        gradient: NDArray[np.float32],
        true: Integers,
        seen: NDArray[np.float32],
        given: NDArray[np.float32],
    ) -> None:
        moves = self._moves(tile, true, seen[:-1])
        self._pixels[tile] += seen.shape[1]
        self._steps[tile] += 1
        pace = min(PACE, self._steps[tile].bit_length() - 1)  # min(4, bits(K)-1)
        self._of_last.follow(tile, gradient, seen, self._pixels[tile], pace)
        self._of_hidden.follow(tile, moves, given, self._pixels[tile], pace)

    def _moves(self, tile: int, true: Integers, units: NDArray[np.float32]) -> Integers:
        """Moves of each unit (units, n) that gradients ask for, in about quarters of its usual error."""
        # V = clamp(v + round(D,14)) to 16 bits
        more = _rounded(self._of_last.changes[tile].T[:-1], LEARNED_BITS - BACK_BITS)
        back = np.clip(self._own_back + more, -_WEIGHTS_16, _WEIGHTS_16 - 1)
        # e = clamp(round(sum(V[o][i]*t), 5), -4095, 4095), 0 if the unit is 0 or 255
        found = (back.astype(np.float64) @ true.astype(np.float64)).astype(np.int64)
        error = np.clip(_rounded(found, ERROR_BITS), -LARGEST_ERROR, LARGEST_ERROR)
        error *= (units > 0) & (units < ACTIVATION_MAX)
        # clamp(round(e,b), -127, 127), b = max(0, bits(E[i]//N)//2 - 2)
        usual = bit_lengths(self._errors[tile] / self._pixels[tile]) // 2
        self._errors[tile] += (error**2).sum(axis=1)
        by = np.maximum(usual - MOVE_BITS, 0)[:, None]
        return np.clip(_rounded(error, by), -LARGEST_MOVE, LARGEST_MOVE)


def true_gradients(model: ExactModel, gradient: NDArray[np.float32], outputs: NDArray[np.float32]) -> Integers:
    """The gradients (outputs, N) of the likelihood by the outputs in 1/128 of a nat, of those of section 13.

    Section 14: log-scale round(355*g,8), mean round(2*g*f,12), coefficient round(4*g*f,12)
    """
    k, c = model.components, model.channels
    known = gradient.astype(np.int64)
    means, log_scales = slice(k, (1 + c) * k), slice((1 + c) * k, (1 + 2 * c) * k)
    coefficients = slice((1 + 2 * c) * k, None)
    inverse = _inverse_scale(outputs[log_scales].astype(np.int64))
    found = known.copy()
    of_mean = known[means] << TRUE_BITS - MEAN_GRADIENT_BITS
    found[means] = _rounded(of_mean * inverse, _INVERSE_BITS + _OCTAVES)
    found[log_scales] = _rounded(_OF_LOG2 * known[log_scales], _OF_LOG2_BITS)
    if c == 3:  # of green by red, and of blue by both
        of_plane = np.concatenate([inverse[k : 2 * k], inverse[2 * k :], inverse[2 * k :]])
        of_coefficient = known[coefficients] << TRUE_BITS - COEFFICIENT_GRADIENT_BITS
        found[coefficients] = _rounded(of_coefficient * of_plane, _INVERSE_BITS + _OCTAVES)
    return np.clip(found, -LARGEST_GRADIENT, LARGEST_GRADIENT)


def _inverse_scale(log_scale: Integers) -> Integers:
    """About 2**-log_scale, for a log2 in 1/32, by a line in each octave; in 2**-(_INVERSE_BITS + _OCTAVES).

    Section 14: f = (64 - (q & 31)) << 6 - clamp(q >> 5, -6, 6)
    """
    octave = np.clip(log_scale >> SCALE_BITS, -_OCTAVES, _OCTAVES)
    within = log_scale & (1 << SCALE_BITS) - 1
    return (1 << _INVERSE_BITS) - within << _OCTAVES - octave
