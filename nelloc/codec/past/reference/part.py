"""A part of the coefficients of a JPEG image, decoded block by block.

A block is its inner 7 x 7 coefficients, then those of the first row and of the first column, then DC: each is expected
from blocks around it, from samples that go on across the border, and from the other components at its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past.reference.image import BLOCK, ZIGZAG, Component, Image
from nelloc.codec.past.reference.learned import Regression, Spreads
from nelloc.codec.past.reference.mixing import FINE, Decisions, Expectation, Weights, line

Report = Callable[[float], object]
Numbers = NDArray[np.int64]

_INNER = [k for k in ZIGZAG if k % 8 and k // 8]
# Most blocks that a byte stands for, and bytes of the coder.
_BLOCKS_OF_A_BYTE, _CODER_BYTES = 1024, 16
_MOST_STEP, _MOST_SIZE, _MOST_CLASSED = 32767, 2047, 255
_LEAST, _MOST = -(1 << 15), (1 << 15) - 1
_MOST_GUESS = 1 << 19
# Sets of weights: where those of a kind of coefficient begin, of the first sets and of the second ones, and how many
# there are in all.
_OF_INNER, _OF_EDGE, _OF_DC, _OF_COUNTS, _ALL = (0, 0), (544, 384), (800, 544), (832, 800), (992, 816)
# First weights of the decisions of values: whether they are 0, their signs, their lengths, and the rest.
_INNER_WEIGHTS = [4000, 1250, 3700, 0, -100], [300, 150, 5500, 0, -500], [1900, 1650, 5900, 0, -800]
_EDGE_WEIGHTS = [6000, -400, 1400, 2200, -800], [900, 2400, 3400, 2300, -350], [2500, 100, 2800, 3600, -3800]
_DC_WEIGHTS = [300, 150, 6000, 0, -500], [350, -300, 8500, 0, -1000], [1300, 1300, 4600, 0, -800]
_VALUE_WEIGHTS = (
    (*_INNER_WEIGHTS, [1300, 700, 5900, 0, -300]),
    (*_EDGE_WEIGHTS, [1100, 1650, 4300, 3500, -600]),
    (*_DC_WEIGHTS, [500, 1000, 5600, 0, -300]),
)
_COUNT_WEIGHTS = [4000, 4000, 4000, 4000, 0]
# The inverse transform in 1/8192, by frequency and place.
_HALF = [
    *((2896, 2896, 2896, 2896), (4017, 3406, 2276, 799), (3784, 1567, -1567, -3784), (3406, -799, -4017, -2276)),
    *((2896, -2896, -2896, 2896), (2276, -4017, 799, 3406), (1567, -3784, 3784, -1567), (799, -2276, 3406, -4017)),
]
_WAVES = np.array([[*row, *[-x if k % 2 else x for x in row[::-1]]] for k, row in enumerate(_HALF)], np.int64)
_ENDS = np.ascontiguousarray(_WAVES.T[[0, 1, 6, 7]])  # the first two and the last two samples
# Weights of the frequencies across a border, at its first sample, or on the border itself, in the block before; in
# this one the signs do not change.
_SIGNS = np.array([1, -1] * 4, np.int64)
_AT_FIRST_SAMPLE = np.array([2048, 2841, 2676, 2408, 2048, 1609, 1108, 565], np.int64)
_AT_BORDER = np.array([2048] + [2896] * 7, np.int64)
_ACROSS = np.array([181] + [256] * 7, np.int64) * _SIGNS


class Block:
    """A block that was decoded: coefficients, how many of each kind are not 0, and how far DC was off."""

    __slots__ = ("column", "inner", "residual", "row", "values")

    def __init__(self) -> None:
        self.values = [0] * BLOCK
        self.inner = self.row = self.column = self.residual = 0


_NOTHING = Block()


def _class(x: int) -> int:
    """A class of a magnitude: itself up to 3, then two for each power of 2."""
    bits = x.bit_length()
    return x if bits < 3 else 2 * (bits - 1) + (x >> (bits - 2) & 1)


_CLASSES = [_class(x) for x in range(_MOST_CLASSED + 1)]


def _small(x: int) -> int:
    return _CLASSES[min(x, _MOST_CLASSED)]


def _size(x: int) -> int:
    return min(abs(x), _MOST_SIZE)


def _within(x: int, most: int = _MOST) -> int:
    return max(-most, min(x, most))


def _limited(x: int) -> int:
    """A number of 16 bits."""
    return max(_LEAST, min(x, _MOST))


def _all_limited(x: Numbers) -> Numbers:
    """The same, of all numbers of an array."""
    return np.minimum(np.maximum(x, _LEAST), _MOST)


def _rounded(a: int, b: int) -> int:
    """The nearest number to a / b, of two the one away from 0."""
    return (abs(a) + b // 2) // b * (1 if a >= 0 else -1)


def decode_part(image: Image, number: int, stream: bytes, report: Report) -> bool:
    """Fill a part of the image in; False if the stream is damaged.

    ``report`` receives, row by row, the share of the part that is done, and may raise to stop.
    """
    first = number * image.rows_of_part
    end = min(first + image.rows_of_part, image.units[0])
    blocks = (end - first) * image.units[1] * image.blocks_of_unit
    if blocks > _BLOCKS_OF_A_BYTE * (len(stream) + _CODER_BYTES):
        return False
    decisions = Decisions(*_first_weights())
    decisions.start(stream)
    regressions, spreads = Regression.first(), [(Spreads(), Spreads()) for _ in range(BLOCK)]
    known: list[_Component] = []
    done = 0
    for own in image.components:
        if known:
            Regression.begin_component(regressions, len(known))
            for spread in (spread for pair in spreads for spread in pair):
                spread.begin_component()
        component = _Component(decisions, regressions, spreads, own, known)
        known.append(component)
        for row in range(first * own.v, end * own.v):
            own.coefficients[row] = component.decode_row()
            done += own.columns
            report(done / blocks)
    return decisions.whole


def _first_weights() -> tuple[Weights, Weights]:
    """Both kinds of sets, as they begin."""
    found: tuple[Weights, Weights] = ([], [])
    for which, sets in enumerate(found):
        places = [kind[which] for kind in (_OF_INNER, _OF_EDGE, _OF_DC, _OF_COUNTS)]
        for own, (start, end) in zip(_VALUE_WEIGHTS, pairwise(places), strict=True):
            nodes = (node % 16 for node in range(start, end))
            sets += [list(own[min(node, 1) if node < 2 else 2 if node < 9 else 3]) for node in nodes]
        sets += [_COUNT_WEIGHTS[:] for _ in range(places[-1], _ALL[which])]
    return found


class _Component:
    """A component of a part while it is decoded, with the blocks ``_above``, ``_left``, ... of the next one."""

    def __init__(
        self,
        decisions: Decisions,
        regressions: list[Regression],
        spreads: list[tuple[Spreads, Spreads]],
        own: Component,
        before: Sequence[_Component],
    ):
        self._decisions, self._regressions, self._spreads = decisions, regressions, spreads
        self._number, self._coloured = len(before), min(len(before), 1)
        self._h, self._v, self._columns = own.h, own.v, own.columns
        self._before = tuple(before)
        self._steps = [min(step, _MOST_STEP) for step in own.steps]
        self._all_steps = np.array(self._steps, np.int64)
        self._inverses = [(1 << 20) // step for step in self._steps]
        self._blocks: list[Block] = []
        zeros = np.zeros((8, 8), np.int64)
        self._scaled = [zeros] * self._columns  # coefficients times steps, of the blocks above and to the left
        self._bottoms: list[Numbers] = [zeros[:2]] * self._columns  # of samples, the last two rows above
        self._right = zeros[:2]  # and columns to the left

    def decode_row(self) -> NDArray[np.int16]:
        """Decode a row of blocks: coefficients (columns, 64)."""
        row = len(self._blocks) // self._columns
        for column in range(self._columns):
            self._look_around(row, column)
            self._block(column)
            self._blocks.append(self._own)
        return np.array([block.values for block in self._blocks[-self._columns :]], np.int16)

    def _look_around(self, row: int, column: int) -> None:
        blocks, columns = self._blocks, self._columns
        self._has_above, self._has_left = row > 0, column > 0
        self._above = blocks[-columns] if row else _NOTHING
        self._left = blocks[-1] if column else _NOTHING
        self._above_left = blocks[-columns - 1] if row and column else _NOTHING
        self._above_right = blocks[1 - columns] if row and column + 1 < columns else _NOTHING
        self._luma = self._other = _NOTHING
        self._has_other = False
        if self._before:
            luma = self._before[0]
            place = row * luma._v // self._v * luma._columns + column * luma._h // self._h
            self._luma = luma._blocks[place]
        if len(self._before) > 1:
            other = self._before[1]
            self._has_other = (other._h, other._v) == (self._h, self._v)
            if self._has_other:
                self._other = other._blocks[row * columns + column]

    def _block(self, column: int) -> None:
        self._own = own = Block()
        scaled_above, scaled_left = self._scaled[column], self._scaled[column - 1]
        own.inner = self._count()
        if own.inner:
            self._inner(own.inner, (_ACROSS @ scaled_above) >> 8, (scaled_left @ _ACROSS) >> 8)
        inside = self._times_steps()
        own.row = self._edge(scaled_above, inside, is_column=False)
        own.column = self._edge(scaled_left.T, inside.T, is_column=True)
        self._scaled[column] = scaled = self._times_steps()
        self._dc(scaled, column)

    def _times_steps(self) -> Numbers:
        values = np.array(self._own.values, np.int64)
        return _all_limited(values * self._all_steps).reshape(8, 8)

    def _count(self) -> int:
        """Decode how many inner coefficients are not 0: twice three bits, in contexts of their own."""
        above, left = self._above.inner, self._left.inner
        luma, other = self._luma.inner, self._other.inner
        average = (above + left + 1) // 2 if self._has_above and self._has_left else above + left
        around = 2 * (above + left) + self._above_left.inner + self._above_right.inner
        numbers = average, around, (luma << 6) + other, (average // 3 << 6) + (other if self._has_other else luma)
        here = (self._number << 2 | self._has_above << 1 | self._has_left) << 12
        found = 0
        for half in range(2):
            group = 1 + found if half else 0
            lines = [line(kind, here + number, group) for kind, number in enumerate(numbers)]
            first = _OF_COUNTS[0] + 64 * self._coloured + 8 * half
            found = 8 * found + self._number_of_three_bits(lines, first, _OF_COUNTS[1] + 3 * half)
        return found

    def _number_of_three_bits(self, lines: Sequence[int], first: int, second: int) -> int:
        return self._decisions.number(lines, first, range(second, second + 3))

    def _guess(self, total: int, k: int) -> int:
        """Turn a sum of coefficients times steps into sixteenths of a coefficient."""
        return _within(total * self._inverses[k] >> 16)

    def _inner(self, count: int, top: Numbers, side: Numbers) -> None:
        """Decode inner coefficients; ``top`` and ``side`` are what goes on from the blocks above and to the left."""
        above, left, luma, other = self._above.values, self._left.values, self._luma.values, self._other.values
        above_left, above_right = self._above_left.values, self._above_right.values
        values, steps = self._own.values, self._steps
        near = [_size(x) + _size(y) for x, y in zip(above, left, strict=True)] + [0] * 8
        tops, sides = top.tolist(), side.tolist()
        for z, k in enumerate(_INNER):
            if not count:
                return
            v, u = divmod(k, 8)
            local = _small(_size(values[k - 1]) + _size(values[k - 8]) + _size(values[k - 9]))
            blurred = 2 * near[k] + near[k - 1] + near[k - 8] + near[k + 8]
            blurred = _small(blurred + near[k + 1] if u < 7 else blurred)
            colours = _small(_size(luma[k]) + _size(other[k]))
            left_over = _small(count)
            terms = [_limited(FINE * values_of[k]) for values_of in (above, left, luma, other)]
            terms.append(self._guess(tops[u], k) if self._has_above else 0)
            terms.append(self._guess(sides[v], k) if self._has_left else 0)
            terms += [_limited(FINE * above_left[k]), _limited(FINE * above_right[k])]
            mean = self._regressions[k].mean(terms)
            one, two = self._spreads[k]
            places = 8 * min(local, 7) + (left_over + 1) // 2, 4 * blurred + min(colours, 3)
            expected = Expectation(mean, one.deviation(places[0]) + two.deviation(places[1]) >> 1)
            lines = (
                line(8, self._number << 6 | k, left_over),
                line(9, self._number, blurred << 16 | left_over << 8 | local),
            )
            first = _OF_INNER[0] + 16 * (17 * self._coloured + z // 3)
            second = _OF_INNER[1] + 16 * (left_over + 12 * self._coloured)
            value = _limited(self._decisions.value(lines, first, second, [expected]))
            values[k] = value
            count -= value != 0
            scaled = _limited(value * steps[k])
            tops[u] -= scaled
            sides[v] -= scaled
            error = _within(FINE * value - mean)
            self._regressions[k].learn(terms, error)
            one.learn(places[0], error)
            two.learn(places[1], error)

    def _edge(self, start: Numbers, inside: Numbers, *, is_column: bool) -> int:
        """Decode the first row, or column, from frequency 1 on; the count of those that are not 0.

        ``start`` is the block that goes on here, and ``inside`` this one, times steps, by frequency across the border.
        """
        along, across = (8, 1) if is_column else (1, 8)
        goes_on = self._has_left if is_column else self._has_above
        guesses = [[0] * 8, [0] * 8]
        if goes_on:
            for which, weights in enumerate((_AT_FIRST_SAMPLE, _AT_BORDER)):
                sums = ((weights * _SIGNS) @ start - weights @ inside >> 11).tolist()
                guesses[which] = [0, *(self._guess(sums[j], along * j) for j in range(1, 8))]
        likely = sum(abs(guess) >= FINE // 2 for guess in guesses[0])
        left = self._edge_count(likely, is_column=is_column)
        total = left
        around = self._above, self._left, self._luma, self._other, self._above_left, self._above_right
        values, inner = self._own.values, _small(self._own.inner)
        for j in range(1, 8):
            if not left:
                break
            k = along * j
            beside = _small(sum(_size(values[k + across * i]) for i in (1, 2, 3)))
            terms = [guesses[0][j], guesses[1][j], *(_limited(FINE * block.values[k]) for block in around)]
            mean = self._regressions[k].mean(terms)
            one, two = self._spreads[k]
            places = inner, 4 * beside + left // 2
            means = guesses[1][j], mean
            expected = Expectation(means[0], one.deviation(places[0])), Expectation(mean, two.deviation(places[1]))
            here = self._number << 6 | k
            colours = _within(self._luma.values[k], 7) + 8 << 8 | _within(self._other.values[k], 7) + 8
            lines = line(10, here, inner << 8 | left), line(11, here, colours)
            first = _OF_EDGE[0] + 16 * (8 * self._coloured + j)
            second = _OF_EDGE[1] + 16 * min(_small(abs(mean) + 8 >> 4), 9)
            value = _limited(self._decisions.value(lines, first, second, expected))
            values[k] = value
            left -= value != 0
            self._regressions[k].learn(terms, FINE * value - mean)
            one.learn(places[0], FINE * value - means[0])
            two.learn(places[1], FINE * value - mean)
        return total

    def _edge_count(self, likely: int, *, is_column: bool) -> int:
        colour = self._other if self._has_other else self._luma
        if is_column:
            start, beside, same, row = self._left.column, self._above.column, colour.column, self._own.row
        else:
            start, beside, same, row = self._above.row, self._left.row, colour.row, 0
        side, inner = self._number << 1 | is_column, _small(self._own.inner)
        numbers = same << 8 | inner, likely << 8 | inner, row << 3 | start, beside << 3 | likely
        lines = [line(4 + kind, side, number) for kind, number in enumerate(numbers)]
        first = _OF_COUNTS[0] + 128 + 8 * (2 * self._coloured + is_column)
        return self._number_of_three_bits(lines, first, _OF_COUNTS[1] + 6)

    def _dc(self, scaled: Numbers, column: int) -> None:
        """Decode DC, from samples that go on with the slope that they have on both sides of a border."""
        step = self._steps[0]
        rows, columns = (_all_limited(_all_limited(_ENDS @ block >> 12) @ _WAVES >> 12) for block in (scaled, scaled.T))
        missing: list[int] = []
        sums = [0, 0]
        borders = (self._has_above, rows, self._bottoms[column]), (self._has_left, columns, self._right)
        for way, (there, (own, following, *_), (inner, outer)) in enumerate(borders):
            if there:
                found = (outer + (outer - inner + own - following >> 1) - own).tolist()
                missing += found
                sums[way] = sum(found)
        ways = self._has_above + self._has_left
        both = _within(_rounded(4 * sum(sums), step * ways), _MOST_GUESS) if ways else 0
        from_above = _within(_rounded(4 * sums[0], step), _MOST_GUESS) if self._has_above else both
        from_left = _within(_rounded(4 * sums[1], step), _MOST_GUESS) if self._has_left else both
        residuals = [block.residual for block in (self._above, self._left, self._luma, self._other)]
        terms = [_within(from_above - both), _within(from_left - both), *residuals, 0, 0]
        mean = both + self._regressions[0].mean(terms)
        whole = _within(mean + FINE // 2 >> 4)
        rest = _within(mean - FINE * whole)
        span = _class(min((max(missing) - min(missing)) // step * 4, 65535)) if missing else 40
        apart = _class(min(abs(from_above - from_left) >> 3, 65535))
        before, colour = (_class(abs(x) + abs(y) >> 3) for x, y in (residuals[:2], residuals[2:]))
        one, two = self._spreads[0]
        places = before, 4 * min(apart, 15) + min(colour // 2, 3)
        expected = Expectation(rest, one.deviation(places[0]) + two.deviation(places[1]) >> 1)
        lines = (
            line(12, self._number, _class(self._own.inner) << 8 | span),
            line(13, self._number, colour << 8 | span),
        )
        first, second = _OF_DC[0] + 16 * self._coloured, _OF_DC[1] + 16 * min(span, 15)
        value = self._decisions.value(lines, first, second, [expected])
        self._own.values[0] = _limited(whole + value)
        self._own.residual = error = _within(FINE * value - rest)
        self._regressions[0].learn(terms, error)
        one.learn(places[0], error)
        two.learn(places[1], error)
        level = abs(self._own.values[0]) * step // 2 * (1 if self._own.values[0] > 0 else -1)
        self._bottoms[column] = np.maximum(_all_limited(rows[2:] + level), -_MOST)
        self._right = np.maximum(_all_limited(columns[2:] + level), -_MOST)
