"""Regressions and spreads: the parts of the coder that learn the values of each coefficient."""

from __future__ import annotations

from collections.abc import Sequence

_PLACES = 64
_MOST_ERROR, _MOST_STEP, _MOST_WEIGHT = 32767, 2047, 1 << 18
_MOST_ASKED, _KEPT = 30, 2  # how often a spread was asked, and what a further component keeps of that
_FIRST_DEVIATION = 4096
_RATES = [2 * 65536 // (2 * n + 3) for n in range(_MOST_ASKED + 1)]
# First weights, in 1/65536: at the first row and column of what goes on there and of the neighbour's coefficient, and
# inside of what is missing at both borders; and, for the third component, of the second one's coefficient.
_BORDER_WEIGHT, _NEIGHBOUR_WEIGHT, _INNER_WEIGHT = 26000, 3000, 6000
_EDGE_COLOUR_WEIGHT, _INNER_COLOUR_WEIGHT = -12000, -6000


class Regression:
    """Estimate of a coefficient from eight terms, in sixteenths, by weights in 1/65536."""

    __slots__ = ("_weights",)

    def __init__(self) -> None:
        self._weights = [0] * 8

    @classmethod
    def first(cls) -> list[Regression]:
        """The regressions of all coefficients, as a part begins."""
        found = [cls() for _ in range(64)]
        for k, one in enumerate(found[1:], 1):
            if k < 8 or k % 8 == 0:
                one._weights[0], one._weights[2 if k < 8 else 3] = _BORDER_WEIGHT, _NEIGHBOUR_WEIGHT
            else:
                one._weights[4] = one._weights[5] = _INNER_WEIGHT
        return found

    @staticmethod
    def begin_component(all_of_them: Sequence[Regression], number: int) -> None:
        """Go on with a further component; the third begins with what mostly holds between it and the second."""
        if number < 2:
            return
        for k, one in enumerate(all_of_them[1:], 1):
            if k < 8 or k % 8 == 0:
                one._weights[5] = _EDGE_COLOUR_WEIGHT
            else:
                one._weights[3] = _INNER_COLOUR_WEIGHT

    def mean(self, terms: Sequence[int]) -> int:
        """Return the estimate, within 16 bits; the sum is one of 32 bits."""
        total = sum([min(w >> 3, _MOST_ERROR) * x for w, x in zip(self._weights, terms, strict=True)])
        total = (total + (1 << 31)) % (1 << 32) - (1 << 31)
        return max(-_MOST_ERROR, min(total >> 13, _MOST_ERROR))

    def learn(self, terms: Sequence[int], error: int) -> None:
        """Learn from an error of the mean."""
        norm = (1 << 10) + sum([(x >> 2) ** 2 for x in terms])
        shift = norm.bit_length() - 11
        step = max(-_MOST_STEP, min(error, _MOST_STEP)) * ((1 << 25) // (norm >> shift)) >> 11
        half = 1 << (shift + 5)
        self._weights = [
            max(-_MOST_WEIGHT, min(w + (step * x + half >> shift + 6), _MOST_WEIGHT))
            for w, x in zip(self._weights, terms, strict=True)
        ]


class Spreads:
    """Mean deviations of values from their means, in 256ths of sixteenths, by place."""

    __slots__ = ("_asked", "_deviations")

    def __init__(self) -> None:
        self._deviations, self._asked = [_FIRST_DEVIATION] * _PLACES, [0] * _PLACES

    def begin_component(self) -> None:
        """Go on with a further component, which learns faster at first."""
        self._asked = [min(asked, _KEPT) for asked in self._asked]

    def deviation(self, place: int) -> int:
        """The mean deviation; a place that is new begins as the one before it, or after it, if that is not."""
        place = min(place, _PLACES - 1)
        if not self._asked[place]:
            if place and self._asked[place - 1]:
                self._deviations[place] = self._deviations[place - 1]
            elif place + 1 < _PLACES and self._asked[place + 1]:
                self._deviations[place] = self._deviations[place + 1]
        return self._deviations[place]

    def learn(self, place: int, error: int) -> None:
        """Learn from an error of the mean."""
        place = min(place, _PLACES - 1)
        off = (min(abs(error), _MOST_ERROR) << 8) - self._deviations[place]
        self._deviations[place] += off * _RATES[self._asked[place]] >> 16
        self._asked[place] = min(self._asked[place] + 1, _MOST_ASKED)
