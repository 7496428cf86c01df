"""A model of digits 0 to 3 that learns while it codes: counts in several contexts, mixed by learned weights.

A digit is up to three yes-or-no decisions: is it 0; if not, is it 1; if not, is it 2. Each context has counts of the
digits seen in it, which give a probability for each decision; these are mixed in the logistic domain, as in PAQ (M.
Mahoney, "Adaptive weighing of context models for lossless data compression", 2005). The weights follow the gradient of
the code's length. Everything is integer; docs/methods/adaptive.md, section 12.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.adaptive.logistic import LIMIT, PROBABILITY_BITS, STRETCH_BITS, squash_table, stretch_table
from nelloc.codec.adaptive.neighbourhood import Numbers
from nelloc.exact.mixture import FREE_FREQUENCY, RADIX

DECISIONS = RADIX - 1
# Increment of the count of a digit; sum above which counts are halved; addition to each side of a decision.
COUNT_STEP, COUNT_LIMIT, COUNT_PRIOR = 32, 1 << 14, 12
STEADY_COUNT_LIMIT = 1 << 20
WEIGHT_BITS, WEIGHT_LIMIT = 16, 1 << 19
# The sum of a set's weights at first, in 1/10; the shift from gradient to weight.
FIRST_WEIGHTS, STEADY_FIRST_WEIGHTS, GRADIENT_SHIFT = 16, 10, 14
_ERROR_BITS = 12
# Decisions that are taken for each digit, and their outcomes.
_TAKEN = (np.arange(RADIX)[:, None] >= np.arange(DECISIONS)).astype(np.int64)
_TARGETS = np.eye(RADIX, DECISIONS, dtype=np.int64) << PROBABILITY_BITS


class DigitModel:
    """Counts in ``contexts`` tables of ``size`` contexts each and ``sets`` sets of weights, for each of the tiles.

    A ``steady`` one takes what it sees for the same all over the tile: it hardly forgets, and trusts its counts.
    """

    def __init__(self, contexts: int, size: int, sets: int, tiles: int = 1, *, steady: bool = False):
        self._rows, self._sets_of_tile = contexts * size, sets
        self._counts = np.zeros((tiles * self._rows, RADIX), np.int32)
        self._starts = np.arange(contexts)[:, None] * size
        first = (STEADY_FIRST_WEIGHTS if steady else FIRST_WEIGHTS) * (1 << WEIGHT_BITS) // (10 * contexts)
        self._count_limit = STEADY_COUNT_LIMIT if steady else COUNT_LIMIT
        self._weights = np.full((tiles * sets, contexts, DECISIONS), first, np.int64)
        self._stretch, self._squash = stretch_table(), squash_table()

    def predict(self, contexts: Sequence[Numbers], sets: Numbers, tiles: Numbers | int = 0) -> NDArray[np.float64]:
        """Frequencies (N, RADIX) of N digits of ``tiles``, in N contexts of each table and with N sets of weights."""
        self._at = np.array(contexts) + self._starts + tiles * self._rows
        self._sets = sets = sets + tiles * self._sets_of_tile
        self._seen = self._counts[self._at].astype(np.int64)
        rest = self._seen[:, :, ::-1].cumsum(axis=2)[:, :, :0:-1]
        self._sums = rest[:, :, 0]
        share = ((self._seen[:, :, :DECISIONS] + COUNT_PRIOR) << STRETCH_BITS) // (rest + 2 * COUNT_PRIOR)
        self._inputs = self._stretch[share]
        weighted = self._inputs.transpose(1, 0, 2) * self._weights[sets]
        mixed = weighted.sum(axis=1) >> WEIGHT_BITS
        self._chances = self._squash[np.minimum(np.maximum(mixed, -LIMIT), LIMIT) + LIMIT]
        # Cumulative probabilities of the digits, and of all of them.
        bounds = np.zeros((RADIX + 1, len(sets)), np.int64)
        bounds[RADIX] = whole = 1 << PROBABILITY_BITS
        for k in range(DECISIONS):
            bounds[k + 1] = bounds[k] + ((whole - bounds[k]) * self._chances[:, k] >> PROBABILITY_BITS)
        bounds = bounds * FREE_FREQUENCY >> PROBABILITY_BITS
        return np.ascontiguousarray((bounds[1:] - bounds[:-1]).T, np.float64)

    def learn(self, digits: Numbers) -> None:
        """Learn from the digits (N,) that were predicted last."""
        full = self._at[self._sums > self._count_limit]
        if len(full):
            self._counts[full] = (self._counts[full] + 1) >> 1
        np.add.at(self._counts.reshape(-1), (self._at * RADIX + digits).ravel(), COUNT_STEP)
        error = (_TARGETS[digits] - self._chances * _TAKEN[digits]) >> PROBABILITY_BITS - _ERROR_BITS
        gradient = (self._inputs * error + (1 << GRADIENT_SHIFT - 1)) >> GRADIENT_SHIFT
        weights = self._weights.reshape(len(self._weights), -1)
        np.add.at(weights, self._sets, gradient.transpose(1, 0, 2).reshape(len(digits), -1))
        weights[self._sets] = np.minimum(np.maximum(weights[self._sets], -WEIGHT_LIMIT), WEIGHT_LIMIT)
