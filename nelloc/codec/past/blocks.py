"""Blocks of one component of a JPEG, found from bounds of its samples, with a search where rounding left errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past import tables, worth
from nelloc.codec.past.coefficients import Component, JpegCoefficients
from nelloc.codec.past.decode import decode
from nelloc.codec.past.samples import (
    SIDE,
    Plane,
    block_shape,
    enlarge,
    framed,
    in_whole_blocks,
    over_blocks,
    reduce_to_blocks,
)
from nelloc.exact import native
from nelloc.exact.callbacks import Watch

# Steps of the search for a block where the table has entries of 1 and 2, and where it has none.
FINE_STEPS, COARSE_STEPS = 1000, 60
SWEEPS = (8, 40, 160)
COARSE_SWEEPS = (6, 12)
# Steps for each block of a component, on average, at the usual effort: as large and enlarged. One of an enlarged
# component takes four to five times as long.
BUDGET, ENLARGED_BUDGET = 100, 60

# Share of right blocks from which on an expected table, and any other, is not doubted.
_MOSTLY, _NEARLY_ALL = 0.9, 0.99

# Share of known blocks below which others are believed too.
_FEW = 0.3

# States of a block in the core.
_UNSEEN, _SOLVED, _UNSOLVED = 0, 1, 2


class Bounds(NamedTuple):
    """The least and the most (H, W) of the samples of an enlarged component, and guesses of them.

    In the ``other`` guess, samples of which nothing is known are as the picture's colours have them: these may be a
    little off, or those of an edit, where the first guess is better.
    """

    low: Plane
    high: Plane
    guess: NDArray[np.float32]
    other: NDArray[np.float32] | None


def with_best_table(
    components: Sequence[Bounds],
    standard: NDArray[Any],
    across: int,
    down: int,
    expected: NDArray[np.uint16] | None = None,
    *,
    as_expected: bool = False,
    by_parts: bool = False,
) -> list[Blocks]:
    """The blocks of components that share a table, by the likely one that explains them best.

    An ``expected`` one is tried first, or is the only one if they are to be ``as_expected``. The others are those of
    the whole picture or, ``by_parts``, of some parts of its first component that may not have been edited.
    """
    untried = [Blocks(own, across, down) for own in components]
    trials: dict[bytes, list[Blocks]] = {}
    if expected is not None:
        found = trials[expected.tobytes()] = [one.by(expected) for one in untried]
        if as_expected or min(one.known_share for one in found) > _MOSTLY:
            return found
    for table in _likely(untried, standard, by_parts):
        if table.tobytes() not in trials:
            found = trials[table.tobytes()] = [one.by(table) for one in untried]
            if min(one.known_share for one in found) > _NEARLY_ALL:
                return found
    return min(trials.values(), key=lambda found: sum(one.cost() for one in found))


def _likely(components: Sequence[Blocks], standard: NDArray[Any], by_parts: bool) -> Iterator[NDArray[np.uint16]]:
    first = components[0]
    if by_parts:
        yield from tables.likely_by_parts(first.evidence, standard, first.across, first.down)
        return
    yield from tables.likely([one.evidence for one in components], standard, first.across, first.down)
    more = [one.more_evidence for one in components]
    yield from tables.likely([own for own in more if own is not None], standard, first.across, first.down)


class Blocks:
    """The blocks of a component on its canvas: bounds of its enlarged samples, coefficients, and which are right."""

    table: NDArray[np.uint16]

    def __init__(self, bounds: Bounds, across: int, down: int):
        self.low, self.high = np.ascontiguousarray(bounds.low), np.ascontiguousarray(bounds.high)
        self.across, self.down = across, down
        self.height, self.width = bounds.low.shape
        self.rows, self.columns = block_shape(self.height, self.width, across, down)
        self.reduced = reduce_to_blocks(bounds.guess, across, down)
        self._other = None if bounds.other is None else reduce_to_blocks(bounds.other, across, down)
        self.smooth = across * down == 1 or self.width > 2 * across

    def by(self, table: NDArray[np.uint16]) -> Blocks:
        """The same with coefficients as they come by a table."""
        found = copy(self)
        found.table = table
        found._first_try()
        return found

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Mask (rows, columns) of blocks whose samples are all known and not clipped."""
        known = (self.low == self.high) & (self.low > 0) & (self.high < 255)
        unit = SIDE * self.down, SIDE * self.across
        return over_blocks(np.logical_and, in_whole_blocks(known, *unit), *unit)

    @property
    def evidence(self) -> tables.Probe:
        """Samples, and known blocks, which tell of the table."""
        return tables.Probe(self.reduced, self.known)

    @property
    def more_evidence(self) -> tables.Probe | None:
        """The same with blocks that are mostly known, and not clipped, if few are known."""
        if self._other is None or self.known.mean() > _FEW:
            return None
        unit = SIDE * self.down, SIDE * self.across
        known, clipped = (
            over_blocks(np.add, in_whole_blocks(mask.astype(np.uint16), *unit), *unit)
            for mask in (self.low == self.high, (self.low != self.high) & ((self.low > 0) | (self.high < 255)))
        )
        return tables.Probe(self._other, (2 * known > unit[0] * unit[1]) & (clipped == 0))

    @property
    def known_share(self) -> float:
        """The share of right blocks among the known ones; among all if there are none."""
        known = self.known
        return float(self.right[known].mean() if known.any() else self.right.mean())

    @property
    def right(self) -> NDArray[np.bool_]:
        """Mask (rows, columns) of blocks whose coefficients give the samples."""
        right: NDArray[np.bool_] = np.equal(self._solved, 1)
        return right

    @property
    def right_with_waves(self) -> NDArray[np.bool_]:
        """Mask (rows, columns) of blocks that are right and have at least two coefficients beside their mean."""
        right: NDArray[np.bool_] = self.right & (np.count_nonzero(self.coefficients[..., 1:], axis=-1) > 1)
        return right

    def _first_try(self) -> None:
        self.coefficients = np.zeros((self.rows, self.columns, 64), np.int16)
        self._solved = np.zeros((self.rows, self.columns), np.uint8)
        if self.across * self.down == 1:
            self._low_samples, self._high_samples = self._padded(self.low, 0), self._padded(self.high, 255)
        else:
            self._low_samples = np.zeros(self.reduced.shape, np.uint8)
            self._high_samples = np.full(self.reduced.shape, 255, np.uint8)
        self._solve_all()
        if self._other is not None and not self.right.all():
            self._try_other(self._other)

    def _solve_all(self) -> None:
        self._solve(0)
        if self.across * self.down > 1:
            self._samples = self._decoded()
            self._repair(0)

    def _try_other(self, guess: NDArray[np.float32]) -> None:
        """Begin again with what is wrong, from another guess, and keep what that makes right."""
        first, before, wrong = self.reduced, self.coefficients.copy(), ~self.right
        self.reduced, self._solved[wrong] = guess, _UNSEEN
        self._solve_all()
        wrong = ~self.right
        self.reduced, self.coefficients[wrong], self._solved[wrong] = first, before[wrong], _UNSOLVED
        if self.across * self.down > 1:
            self._samples = self._decoded()
            self._repair(0)

    def _padded(self, plane: Plane, value: int) -> Plane:
        after = self.rows * SIDE - self.height, self.columns * SIDE - self.width
        return framed(plane, (0, after[0], 0, after[1]), value)

    def _solve(self, limit: int, budget: int = 0) -> int:
        return native._native.past_solve(
            self.reduced,
            self._low_samples,
            self._high_samples,
            self.rows,
            self.columns,
            self.table,
            limit,
            budget,
            self.coefficients,
            self._solved,
        )

    def _repair(self, limit: int, budget: int = 0) -> int:
        if not self.smooth:
            same = self.enlarged()
            right = ((same >= self.low) & (same <= self.high)).all()
            self._solved[:] = 1 if right else 2
            return budget
        return native._native.past_repair(
            self.low,
            self.high,
            self.height,
            self.width,
            self.across,
            self.down,
            self.rows,
            self.columns,
            self.table,
            limit,
            budget,
            self.coefficients,
            self._samples,
            self._solved,
        )

    def _decoded(self) -> Plane:
        image = JpegCoefficients(
            self.columns * SIDE, self.rows * SIDE, (Component(1, 1, self.table, self.coefficients),)
        )
        return decode(image)[0]

    def enlarged(self) -> Plane:
        """The component's samples (H, W) as they are decoded."""
        samples = self._decoded()
        if self.across * self.down == 1:
            return samples[: self.height, : self.width]
        return enlarge(samples, self.across, self.down, self.height, self.width)

    def errors(self) -> NDArray[np.int16]:
        """Distances of decoded samples (H, W) from their bounds, 0 within them."""
        made = self.enlarged().astype(np.int16)
        return made - np.clip(made, self.low, self.high)

    def cost(self) -> float:
        """The entropy of coefficients, which counts for more than others, and of errors."""
        return worth.OF_CODED * worth.entropy_of_frequencies(self.coefficients) + worth.entropy([self.errors()])

    def improve(self) -> None:
        """Search a little for the blocks that are wrong: fine tables are seldom right at first."""
        if self.across * self.down > 1 and self._is_fine:
            self._repair(SWEEPS[0], self._budget)

    @property
    def _budget(self) -> int:
        return (BUDGET if self.across * self.down == 1 else ENLARGED_BUDGET) * self.rows * self.columns

    def search(self, watch: Watch, patience: int = 1) -> None:
        """Search for the blocks that are wrong, for a time in proportion to ``patience``; at 0, only at the edge.

        A long search is left out where a short one does not find half of them: then they are not of such a JPEG.
        """
        before = self.coefficients.copy()
        self._solve_cut()
        self._cut = (self.coefficients != before).any(axis=2)
        self._before_cut = before[self._cut]
        watch()
        if not patience:
            return
        if self.across * self.down == 1:
            self._search_each(watch, patience, hopeless=0.5 if patience == 1 else 1)
            return
        self._refine(watch)
        budget = patience * self._budget
        for limit in (*SWEEPS, *[SWEEPS[-1]] * (patience - 1)) if self._is_fine else COARSE_SWEEPS:
            budget = self._repair(limit, budget)
            watch()
            if self.right.all():
                return

    @property
    def _is_fine(self) -> bool:
        return bool((self.table <= 2).any())

    def _search_each(self, watch: Watch, patience: int, hopeless: float) -> None:
        """Search for the wrong blocks of a component that was not enlarged, each by itself.

        A long search is left out if a larger share than ``hopeless`` of them is still wrong after a short one.
        """
        budget = patience * self._budget
        wrong = np.count_nonzero(~self.right)
        limits = (FINE_STEPS // 10, patience * FINE_STEPS) if self._is_fine else (patience * COARSE_STEPS,)
        for limit in limits:
            budget = self._solve(limit, budget)
            watch()
            if np.count_nonzero(~self.right) > hopeless * wrong:
                return

    @property
    def has_cut(self) -> bool:
        """True if blocks that the edge cuts were found by themselves."""
        return bool(self._cut.any())

    def without_cut(self, watch: Watch, patience: int) -> Blocks:
        """The same with blocks that the edge cuts as they are without that, which takes fewer bits."""
        other = copy(self)
        other.coefficients = self.coefficients.copy()
        other.coefficients[self._cut] = self._before_cut
        if self.across * self.down == 1:
            other._solved = np.where(self._cut, _UNSOLVED, _SOLVED).astype(np.uint8)
            other._search_each(watch, patience, hopeless=1)
        return other

    def _solve_cut(self) -> None:
        """Find the blocks that the edge of the picture cuts."""
        unknown = (self.low == 0) & (self.high == 255)
        lost = [0, 0, 0, 0]
        for axis, (side, blocks) in enumerate([(self.down, self.rows), (self.across, self.columns)]):
            known = np.flatnonzero(~unknown.all(axis=1 - axis))
            if not known.size:
                return
            lost[2 * axis] = int(known[0]) // side
            lost[2 * axis + 1] = SIDE * blocks + (-int(known[-1] + 1) // side)
        if not any(lost) or max(lost) >= SIDE or not self.smooth or self.right.all():
            return
        noise = float(np.sqrt(tables.noise(self.across, self.down).mean()))
        native._native.past_solve_cut(
            self.reduced, *lost, self.rows, self.columns, self.table, noise, self.coefficients, self._solved
        )
        if self.across * self.down == 1:
            self._solve(0)
            return
        self._samples = self._decoded()
        self._repair(0)

    def _refine(self, watch: Watch) -> None:
        """Fill what is unknown of the enlarged samples with what the coefficients make of it, and begin again."""
        unknown = self.low != self.high
        if not unknown.any() or self.right.all():
            return
        for _ in range(4):
            made = self.enlarged()
            filled = np.clip(made, self.low, self.high).astype(np.float32)
            self.reduced = reduce_to_blocks(filled, self.across, self.down)
            before = self.coefficients.copy(), self._samples.copy(), self._solved.copy()
            self._solved[~self.right] = _UNSEEN
            self._solve_all()
            watch()
            if self.right.sum() <= (before[2] == 1).sum():
                self.coefficients, self._samples, self._solved = before
                return

    def component(self, h: int, v: int, rows: int, columns: int) -> Component:
        """The component, with blocks to fill units: their mean is that of the block before, and they are flat."""
        more = ((0, rows - self.rows), (0, columns - self.columns), (0, 0))
        grown = np.pad(self.coefficients, more, mode="edge")
        grown[self.rows :, :, 1:] = 0
        grown[:, self.columns :, 1:] = 0
        return Component(h, v, self.table, np.ascontiguousarray(grown))
