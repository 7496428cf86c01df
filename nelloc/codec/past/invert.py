"""Inversion of a JPEG decoder: coefficients from pixels.

A JPEG decoder rounds three times: samples of blocks, smaller components that it enlarges, and colours. Each rounding is
undone where it can be: colours exactly, enlarged components by least squares, blocks by the cosine transform and the
table of quantisation, which is found from how coefficients cluster. What rounding leaves wrong is searched for in the
compiled core. Nothing is believed but what the decoder of docs/methods/jpeg.md, section 17, makes of the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from nelloc.codec.effort import DEFAULT_EFFORT, Effort
from nelloc.codec.past import worth
from nelloc.codec.past.detect import (
    LEAST_SHARE,
    find_grid,
    grids_of_parts,
    has_part_of_jpeg,
    share_of_colours,
)
from nelloc.codec.past.edits import distrust
from nelloc.codec.past.inversion import Inversion, Inverted, Sampling
from nelloc.codec.past.samples import Plane, in_whole_blocks, over_blocks
from nelloc.exact import native
from nelloc.exact.callbacks import Watch

# At least this share of whole and fully known blocks must be found in the first try.
LEAST_BLOCKS = 0.03
# The same of gray pictures, whose colours tell nothing, and how clear their grid must be.
GRAY_BLOCKS, GRAY_CLEAR = 0.3, 9
# Share of a JPEG's colours from which on a picture is taken for one that was not changed, and searched in any case.
UNCHANGED = 0.995
# Share of known blocks, from the corner on, that are few if this share of colours is a JPEG's.
FEW_BLOCKS, NEARLY_ALL = 0.1, 0.9
# A gray picture with fewer values is a drawing.
GRAY_VALUES = 16
# Share of right blocks up to which edits may have hidden the tables.
EDITED = 0.5
# Share of right blocks that confirms a sampling of chroma, and the share that does so after a short search, or if it is
# clearly larger than by the others.
CLEARLY, PROBABLY = 0.9, 0.5
# Factor by which more blocks, flat ones left out, are right by the sampling of a picture that was edited in parts.
_TIMES, _BY_CHANCE = 2, 0.02
# The sampling of a large picture is found by its middle if there are more than this number of ways.
_FEW_WAYS = 2
# A sampling of less than this share of the cost is right nevertheless.
_CHEAPER = 0.75
# Factor of the length of the search at high efforts.
LONG_PATIENCE = 4


def invert(pixels: Plane, watch: Watch = lambda: None, effort: int = DEFAULT_EFFORT) -> Inverted | None:
    """Find the JPEG that a picture (1 or 3 planes, H, W) was, or None.

    ``effort`` decides how long is searched for blocks that are not right at once, and whether that is done where it
    seems to be in vain. ``watch`` is called now and then, and may raise to stop.
    """
    if native.missing() is not None:
        return None
    picture = Candidate(np.ascontiguousarray(pixels), watch)
    if picture.share_of_colours < LEAST_SHARE and not has_part_of_jpeg(picture.pixels):
        return None
    patience = 0 if effort < Effort.PROBE else 1 if effort < Effort.LARGE_PHOTOGRAPHS else LONG_PATIENCE
    is_judged = picture.changed and effort < Effort.LARGE_PHOTOGRAPHS
    inversion = _if_less(picture, patience) if is_judged else _in_any_case(picture, patience)
    if inversion is None:
        return None
    found = inversion.inverted(apart=True)
    uncut = inversion.without_cut(watch, patience) if patience else None
    return found if uncut is None else replace(found, uncut=uncut.inverted(apart=True))


class Candidate:
    """A picture (1 or 3 planes, H, W), or a part of a ``whole`` one, that may have been a JPEG.

    It is ``gray``, or ``share_of_colours`` are such as a JPEG decoder makes; if not nearly all of them are, it was
    ``changed`` after decoding. Colours of gray do not tell.
    """

    def __init__(self, pixels: Plane, watch: Watch = lambda: None, whole: Candidate | None = None):
        self.pixels, self.watch = pixels, watch
        self.gray: bool = _is_gray(pixels) if whole is None else whole.gray
        self.share_of_colours = 1.0 if self.gray else share_of_colours(pixels)
        self.changed: bool = (self.gray or self.share_of_colours < UNCHANGED) if whole is None else whole.changed

    def parts(self) -> Iterator[Candidate]:
        """Yield parts of a large picture that may have been JPEGs."""
        for part in worth.parts(self.pixels):
            candidate = Candidate(part, self.watch, self)
            if candidate.share_of_colours >= LEAST_SHARE:
                yield candidate

    @property
    def tells(self) -> bool:
        """True if the picture shows that it was no JPEG where none is found.

        It does not if nearly all of its colours are such, but hardly a block has no other: then they are a little off.
        """
        low, high = self._bounds
        known = ~over_blocks(np.logical_or, in_whole_blocks(low[0] != high[0]))
        return self.share_of_colours < NEARLY_ALL or float(known.mean()) >= FEW_BLOCKS

    def first_look(self, *, is_judged: bool = False, by_parts: bool = False) -> Inversion | None:
        """The picture as a JPEG whose tables and sampling were found, before a search; None if it was none.

        One in colour that is judged is also None if luma shows that it is not smaller as a JPEG: chroma takes most of
        the time. With ``by_parts`` the table of luma is that of parts that may not have been edited.
        """
        inversion = self._on_grid(by_parts=by_parts)
        if inversion is None or self.gray:
            return inversion
        foreign = None if self.changed else inversion.foreign()  # a change makes many blocks a little wrong
        if foreign is not None and foreign.any():
            low, high = (bounds.copy() for bounds in self._bounds)
            low[:, foreign], high[:, foreign] = 0, 255
            inversion = Inversion(low, high, inversion.top, inversion.left, self.pixels, foreign)
            if inversion.find_luma_table(by_parts=by_parts) < LEAST_BLOCKS:
                return None
        if is_judged and inversion.share_of_luma() >= worth.WORTH:
            return None
        return _best_sampling(inversion, self.watch)

    def _on_grid(self, *, by_parts: bool) -> Inversion | None:
        """The picture on the grid, and with the table of luma, by which most of its blocks are right."""
        if self.gray and np.count_nonzero(np.bincount(self.pixels[0].ravel(), minlength=256)) < GRAY_VALUES:
            return None
        top, left, clear = self._grid
        if self.gray and clear < GRAY_CLEAR:
            return None
        best = Inversion(*self._bounds, top, left, self.pixels)
        share = best.find_luma_table(by_parts=by_parts)
        for grid in self._other_grids if share < EDITED and not self.gray else ():
            other = Inversion(*self._bounds, *grid, self.pixels)
            own = other.find_luma_table(by_parts=by_parts)
            share, best = (own, other) if own > share else (share, best)
        return best if share >= (GRAY_BLOCKS if self.gray else LEAST_BLOCKS) else None

    @cached_property
    def _bounds(self) -> tuple[Plane, Plane]:
        """The least and the most (planes, H, W) of components whose colours these may be."""
        if self.gray:
            own = np.ascontiguousarray(self.pixels[:1])
            return own, own
        low, high = np.empty_like(self.pixels), np.empty_like(self.pixels)
        if native._native.past_separate(self.pixels, low, high):
            distrust(low, high)
        self.watch()
        return low, high

    @cached_property
    def _grid(self) -> tuple[int, int, float]:
        low, high = self._bounds
        found = find_grid(low[0], high[0], None if self.gray else self.pixels)
        self.watch()
        return found

    @cached_property
    def _other_grids(self) -> list[tuple[int, int]]:
        """Grids that parts of the picture have."""
        low, high = self._bounds
        return [grid for grid in grids_of_parts(low[0], high[0], self.pixels) if grid != self._grid[:2]]


def _is_gray(pixels: Plane) -> bool:
    return len(pixels) == 1 or bool((pixels[0] == pixels[1]).all() and (pixels[0] == pixels[2]).all())


def _if_less(picture: Candidate, patience: int) -> Inversion | None:
    """A searched inversion of a picture that was changed, or is gray, if it is likely to be smaller as a JPEG."""
    inversion = None if _is_hopeless(picture) else picture.first_look(is_judged=True)
    share = worth.DOUBTFUL if inversion is None else inversion.share_of_pixels()
    if inversion is None or share >= worth.DOUBTFUL:
        return None
    if share >= worth.WORTH and not _may_gain(inversion, picture, patience):
        return None
    inversion.search(picture.watch, patience)
    return inversion if share < worth.WORTH or worth.is_less(*inversion.entropies()) else None


def _is_hopeless(picture: Candidate) -> bool:
    """True if no part of a large RGB picture is likely to be smaller as a JPEG, and two have colours."""
    looked_at = 0
    for part in picture.parts() if not picture.gray else ():
        inversion = part.first_look(is_judged=True)
        if inversion is not None and inversion.share_of_pixels() < worth.WORTH:
            return False
        looked_at += part.tells
    return looked_at > 1


def _may_gain(inversion: Inversion, picture: Candidate, patience: int) -> bool:
    """True if a picture in doubt is likely to be smaller as a JPEG after a search, by parts of it if it is large."""
    if next(worth.parts(picture.pixels), None) is None:
        return not picture.gray and inversion.share_of_luma() < worth.LIKELY
    as_jpeg = as_pixels = 0.0
    for part in picture.parts():
        of_part = part.first_look()
        if of_part is not None:
            of_part.search(picture.watch, patience)
            jpeg, own = of_part.entropies()
            as_jpeg, as_pixels = as_jpeg + jpeg, as_pixels + own
    return worth.is_less(as_jpeg, as_pixels)


def _in_any_case(picture: Candidate, patience: int) -> Inversion | None:
    """A searched inversion; if most blocks are wrong, perhaps one by tables of parts: others may have been edited."""
    found = picture.first_look()
    if found is not None:
        found.search(picture.watch, patience)
    if not patience or picture.gray:
        return found
    if found is not None and found.share_of_blocks() > EDITED:
        return found
    other = picture.first_look(by_parts=True)
    if other is None:
        return found
    other.search(picture.watch, patience)
    return other if found is None else min(found, other, key=Inversion.likely_bits)


def _best_sampling(inversion: Inversion, watch: Watch) -> Inversion:
    """The inversion with chroma as it is most likely sampled: by the expected table, if that explains it, or by any."""
    if inversion.expects_table:
        best, is_clear = _sampled(inversion, watch, as_expected=True)
        if is_clear or best.share > PROBABLY:
            return best
    return _sampled(inversion, watch)[0]


def _sampled(inversion: Inversion, watch: Watch, *, as_expected: bool = False) -> tuple[Inversion, bool]:
    """The same by one way to find tables, and whether it is clear."""
    trials: list[Inversion] = []
    for ways in inversion.samplings():
        for way in _likely(ways, inversion, as_expected):
            trial = inversion.with_chroma(way, as_expected=as_expected)
            watch()
            if PROBABLY < trial.share <= CLEARLY:
                trial.improve_chroma()
            if trial.share > CLEARLY:
                return trial, True
            trials.append(trial)
        right = _clearly_right(trials)
        if right is not None and right.share > PROBABLY:
            break
    best = min(trials, key=Inversion.cost)
    if right is not None and best.cost() > _CHEAPER * right.cost():
        best = right
    best.improve_chroma()
    watch()
    return best, best is right


def _likely(ways: list[Sampling], inversion: Inversion, as_expected: bool) -> list[Sampling]:
    """The way to sample chroma that is clearly right in the middle of a large picture, or all of them."""
    middle = inversion.middle() if len(ways) > _FEW_WAYS else None
    if middle is None:
        return ways
    tried = [middle.with_chroma(way, as_expected=as_expected) for way in ways]
    right = _clearly_right(tried)
    return [ways[tried.index(right)]] if right is not None and right is min(tried, key=Inversion.cost) else ways


def _clearly_right(trials: Sequence[Inversion]) -> Inversion | None:
    """The trial whose sampling makes most blocks right, if by far; None if by little."""
    *others, right = sorted(trials, key=lambda trial: trial.share_with_waves)
    is_clear = all(right.share_with_waves > _TIMES * other.share_with_waves + _BY_CHANCE for other in others)
    return right if is_clear else None
