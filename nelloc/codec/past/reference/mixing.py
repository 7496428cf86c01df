"""Decisions of the coder of JPEG images: contexts and expectations are mixed to the chance of each, and learn.

A decision is a bit. A *line* holds what one context has seen, in 16 slots, of which a decision has the one of its
*node*. A slot is a chance and, in its lowest ten bits, how often it was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nelloc.codec.adaptive.logistic import LIMIT, squash_table, stretch_table

NODES = 16  # of a line
FINE = 16  # values are expected in sixteenths
_LINE_BITS = 16
_NEVER_ASKED = 1 << 31
_MOST_ASKED = 127
_MOST_ODDS = 2047
_CONSTANT = 256  # an input of all decisions
_LEAST_CHANCE = 32
_EVEN = 32768
_WEIGHT = 32767
_WORD, _LONG = 1 << 32, (1 << 64) - 1
# Multipliers of a hash.
_MULTIPLIERS = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_LAST_MULTIPLIER = 0xBF58476D1CE4E5B9
# Nodes of a value.
_ZERO, _SIGN, _FIRST_REST, _SECOND_REST = 0, 1, 8, 14
_LONGEST = 16

Weights = list[list[int]]


def _logarithm(x: int) -> int:
    return (x**256).bit_length() - 1


_CHANCES: list[int] = squash_table()[LIMIT:].tolist()  # of 0 and more, in 1/2**22
# Stretched chances, chances in 1/65536 of -2048 and more, softened magnitudes, gaps, and rates of slots.
_STRETCH = np.clip(stretch_table(), -_MOST_ODDS, _MOST_ODDS).tolist()
_SQUASH = np.clip(squash_table()[LIMIT - 2048 : LIMIT + 2048] >> 6, _LEAST_CHANCE, 65536 - _LEAST_CHANCE).tolist()
_SOFT = [17 * 256 - _logarithm(chance >> 5) for chance in _CHANCES[::2]]
_GAPS = [_logarithm(2 * chance - (1 << 22) >> 5) - _logarithm(chance >> 5) for chance in _CHANCES[1 : _MOST_ODDS + 1]]
_GAPS.insert(0, _GAPS[0])
_RATES = [(1 << 14) // (2 * n + 5) for n in range(_MOST_ASKED + 1)]


@lru_cache(maxsize=1 << 18)
def line(a: int, b: int, c: int) -> int:
    """Place of the first slot of a context of three numbers."""
    first, second, third = _MULTIPLIERS
    mixed = ((a % _WORD + 1) * first + (b % _WORD + 1) * second + (c % _WORD + 1) * third) & _LONG
    mixed = (mixed ^ mixed >> 29) * _LAST_MULTIPLIER & _LONG
    return (mixed >> (64 - _LINE_BITS)) * NODES


class Expectation:
    """Logistic distribution of a value, of which decisions leave less and less.

    ``mean`` is in sixteenths, and ``inverse`` 2**17 divided by the mean deviation. All other numbers are logarithms of
    odds to base 2, 256 times: ``low`` and ``high`` are those of the ends of what is left.
    """

    __slots__ = ("_high", "_inverse", "_low", "_mean", "_middle", "_minus")

    def __init__(self, mean: int, deviation: int):
        self._mean, self._inverse = mean, (1 << 17) // ((deviation >> 8) + 1)

    def _below(self, place: int) -> int:
        return (self._mean - place) * self._inverse >> 8

    def other_than_zero(self) -> int:
        """Return the odds that the value is not 0."""
        width = self._inverse >> 4
        self._minus = self._below(-FINE // 2)
        self._low = self._minus - width
        return _sum(_sum(self._low, -self._minus), 256 - width) - _gap(width)

    def negative(self) -> int:
        """Return the odds that it is negative."""
        return _soft(-self._low) - _soft(self._minus)

    def take_side(self, negative: int) -> None:
        """Go on with magnitudes."""
        if negative:
            self._mean, self._low = -self._mean, -self._minus

    def longer(self, length: int) -> int:
        """Return the odds that a magnitude has more than ``length`` bits."""
        self._high = high = self._below((FINE << length) - FINE // 2)
        return high + _soft(-self._low) - _gap(self._low - high)

    def take_longer(self) -> None:
        """Leave out the magnitudes that the last question was not about."""
        self._low = self._high

    def upper(self, middle: int) -> int:
        """Return the odds that a magnitude is at least ``middle``."""
        self._middle = self._below(middle * FINE - FINE // 2)
        return self._middle - _soft(self._high) + _soft(-self._low)

    def take_half(self, upper: int) -> None:
        """Leave out the other half."""
        if upper:
            self._low = self._middle
        else:
            self._high = self._middle


def _soft(x: int) -> int:
    """log(1 + 2**x)."""
    return max(x, 0) + _SOFT[min(abs(x), LIMIT) >> 1]


def _sum(x: int, y: int) -> int:
    """log(2**x + 2**y)."""
    return max(x, y) + _SOFT[min(abs(x - y), LIMIT) >> 1]


def _gap(x: int) -> int:
    """log(1 - 2**-x)."""
    return _GAPS[min(x, _MOST_ODDS)]


def _limited(odds: int) -> int:
    return -_MOST_ODDS if odds < -_MOST_ODDS else _MOST_ODDS if odds > _MOST_ODDS else odds


def _limit(weights: list[int]) -> None:
    """Keep weights within 16 bits."""
    if max(weights) > _WEIGHT or min(weights) < -_EVEN:
        weights[:] = [max(-_EVEN, min(weight, _WEIGHT)) for weight in weights]


class Decisions:
    """The decisions of a stream, and the contexts and weights that learn from them.

    ``first`` and ``second`` are sets of weights, of which each decision uses one of each.
    """

    def __init__(self, first: Weights, second: Weights):
        self._first, self._second = first, second
        self._slots = [_NEVER_ASKED] * (NODES << _LINE_BITS)
        self._told: list[int] | None = None
        self.start(b"")

    def copy(self) -> Decisions:
        """The same, to go on from here."""
        other = Decisions([one[:] for one in self._first], [one[:] for one in self._second])
        other._slots = self._slots[:]
        return other

    def start(self, stream: bytes) -> None:
        """Begin to decode a stream; contexts and weights stay."""
        self._stream, self._at = stream, 8
        self._value, self._range = int.from_bytes(stream[:8].ljust(8, b"\0"), "big"), _LONG

    def tell(self, bits: list[int] | None) -> None:
        """Let the next decisions be known ones, the last first, from which is only learned; None for no more."""
        self._told = bits

    @property
    def whole(self) -> bool:
        """True if the stream was read to its end."""
        return self._at >= len(self._stream)

    def _bit(self, chance: int) -> int:
        """Decode a bit whose chance to be 1 is told in 1/65536."""
        if self._told is not None:
            return self._told.pop()
        part = (self._range >> 16) * chance
        bit = self._value < part
        if bit:
            self._range = part
        else:
            self._range -= part
            self._value -= part
        if self._range < _WORD:
            at = self._at
            self._value = self._value << 32 | int.from_bytes(self._stream[at : at + 4].ljust(4, b"\0"), "big")
            self._range <<= 32
            self._at = at + 4
        return int(bit)

    def number(self, lines: Sequence[int], first: int, second: Sequence[int]) -> int:
        """Decide a number bit by bit, the highest first, each with a second set of weights."""
        node = 1
        for one in second:
            places = [start + node for start in lines]
            asked = [self._slots[place] for place in places]
            inputs = [_STRETCH[slot >> 20] for slot in asked]
            mixed = self._mixed_four if len(inputs) == 4 else self._mixed
            bit = mixed(inputs, self._first[first + node], self._second[one])
            for place, slot in zip(places, asked, strict=True):
                self._learn(place, slot, bit)
            node = 2 * node + bit
        return node - (1 << len(second))

    def _decide(self, lines: tuple[int, int], node: int, first: int, second: int, odds: int, other_odds: int) -> int:
        """Decide by two lines and by odds."""
        place, other_place = lines[0] + node, lines[1] + node
        asked, other_asked = self._slots[place], self._slots[other_place]
        inputs = _STRETCH[asked >> 20], _STRETCH[other_asked >> 20], _limited(odds), _limited(other_odds)
        bit = self._mixed_four(inputs, self._first[first + node], self._second[second + node])
        self._learn(place, asked, bit)
        self._learn(other_place, other_asked, bit)
        return bit

    def _learn(self, place: int, slot: int, bit: int) -> None:
        count = slot & 1023
        change = ((bit << 22) - (slot >> 10) >> 3) * _RATES[count] >> 10
        self._slots[place] = slot + (change << 10) + (count < _MOST_ASKED)

    def _mixed(self, inputs: Sequence[int], one: list[int], other: list[int]) -> int:
        """Decide by inputs, and by two sets of weights, which learn."""
        inputs = [*inputs, _CONSTANT]
        mixed = sum([(v + w) * x for v, w, x in zip(one, other, inputs, strict=True)])
        chance = _SQUASH[_limited(mixed >> 14) + 2048]
        bit = self._bit(chance)
        error = 65535 * bit - chance >> 2
        for weights in (one, other):
            weights[:] = [w + (x * error >> 16) for w, x in zip(weights, inputs, strict=True)]
            _limit(weights)
        return bit

    def _mixed_four(self, inputs: Sequence[int], one: list[int], other: list[int]) -> int:
        """The same for four inputs, written out, since it takes most of the time."""
        x0, x1, x2, x3 = inputs
        v0, v1, v2, v3, v4 = one
        w0, w1, w2, w3, w4 = other
        mixed = (v0 + w0) * x0 + (v1 + w1) * x1 + (v2 + w2) * x2 + (v3 + w3) * x3 + (v4 + w4) * _CONSTANT
        chance = _SQUASH[_limited(mixed >> 14) + 2048]
        bit = self._bit(chance)
        error = 65535 * bit - chance >> 2
        y0, y1, y2, y3, y4 = x0 * error >> 16, x1 * error >> 16, x2 * error >> 16, x3 * error >> 16, error >> 8
        one[:] = v0 + y0, v1 + y1, v2 + y2, v3 + y3, v4 + y4
        other[:] = w0 + y0, w1 + y1, w2 + y2, w3 + y3, w4 + y4
        _limit(one)
        _limit(other)
        return bit

    def value(self, lines: tuple[int, int], first: int, second: int, expected: Sequence[Expectation]) -> int:
        """Decide a value: whether it is 0, its sign, its length in bits, and its bits but the first.

        There are one or two expectations.
        """
        one, two = expected[0], expected[-1]
        both = two is not one

        def decide(node: int, odds: int, other_odds: int) -> int:
            return self._decide(lines, node, first, second, odds, other_odds)

        if not decide(_ZERO, one.other_than_zero(), two.other_than_zero() if both else 0):
            return 0
        negative = decide(_SIGN, one.negative(), two.negative() if both else 0)
        for side in expected:
            side.take_side(negative)
        length = 1
        while length < _LONGEST and decide(1 + min(length, 8), one.longer(length), two.longer(length) if both else 0):
            for side in expected:
                side.take_longer()
            length += 1
        magnitude = 1
        for left in range(length - 2, -1, -1):
            if left < length - 3:  # bits that nothing is known of
                magnitude = 2 * magnitude + self._bit(_EVEN)
                continue
            node = _FIRST_REST + min(length, 5) if left == length - 2 else _SECOND_REST + magnitude % 2
            middle = (2 * magnitude + 1) << left
            upper = decide(node, one.upper(middle), two.upper(middle) if both else 0)
            for side in expected:
                side.take_half(upper)
            magnitude = 2 * magnitude + upper
        return -magnitude if negative else magnitude
