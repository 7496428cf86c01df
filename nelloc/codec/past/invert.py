"""Inversion of a JPEG decoder: coefficients from pixels.

A JPEG decoder rounds three times: samples of blocks, smaller components that it enlarges, and colours. Each rounding is
undone where it can be: colours exactly, enlarged components by least squares, blocks by the cosine transform and the
table of quantisation, which is found from how coefficients cluster. What rounding leaves wrong is searched for in the
compiled core. Nothing is believed but what the decoder of docs/methods/jpeg.md, section 17, makes of the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.effort import DEFAULT_EFFORT, Effort
from nelloc.codec.past import tables, worth
from nelloc.codec.past.blocks import Blocks, best_table
from nelloc.codec.past.coefficients import JpegCoefficients
from nelloc.codec.past.decode import decode
from nelloc.codec.past.detect import LEAST_SHARE, find_grid, share_of_colours, was_jpeg
from nelloc.codec.past.edits import about_luma, distrust, flattened
from nelloc.codec.past.samples import SIDE, Plane, block_shape, comes_back, guessed, round_up
from nelloc.exact import native
from nelloc.exact.callbacks import Watch

# At least this share of whole and fully known blocks must be found in the first try.
LEAST_BLOCKS = 0.03
# The same of gray pictures, whose colours tell nothing, and how clear their grid must be.
GRAY_BLOCKS, GRAY_CLEAR = 0.3, 9
# Share of a JPEG's colours from which on a picture is taken for one that was not changed, and searched in any case.
UNCHANGED = 0.995
# A gray picture with fewer values is a drawing.
GRAY_VALUES = 16
# Share of right blocks up to which edits may have hidden the tables.
EDITED = 0.5
# Share of right blocks that confirms a sampling of chroma, and the share that does so after a short search.
CLEARLY, PROBABLY = 0.9, 0.5
# Factor by which more blocks, flat ones left out, are right by the sampling of a picture that was edited in parts.
_TIMES, _BY_CHANCE = 2, 0.02
# Fewer such blocks may be right by chance, and a sampling of less than this share of the cost is right nevertheless.
_ENOUGH, _CHEAPER = 12, 0.75
# Factor of the length of the search at high efforts.
LONG_PATIENCE = 4
_SAMPLINGS = ((2, 2), (2, 1), (1, 2), (1, 1))


@dataclass(frozen=True)
class Inverted:
    """A JPEG whose ``pixels`` (planes, H, W) from (``top``, ``left``) on are a picture's, or nearly.

    ``uncut`` is another where blocks that the picture's edge cuts were found: coefficients that explain the pixels of
    these may take more bits than what is wrong without them.
    """

    image: JpegCoefficients
    top: int
    left: int
    pixels: Plane
    uncut: Inverted | None = None


def invert(pixels: Plane, watch: Watch = lambda: None, effort: int = DEFAULT_EFFORT) -> Inverted | None:
    """Find the JPEG that a picture (1 or 3 planes, H, W) was, or None.

    ``effort`` decides how long is searched for blocks that are not right at once, and whether that is done where it
    seems to be in vain. ``watch`` is called now and then, and may raise to stop.
    """
    patience = 0 if effort < Effort.PROBE else 1 if effort < Effort.LARGE_PHOTOGRAPHS else LONG_PATIENCE
    if native.missing() is not None:
        return None
    pixels = np.ascontiguousarray(pixels)
    gray = len(pixels) == 1 or bool((pixels[0] == pixels[1]).all() and (pixels[0] == pixels[2]).all())
    colours = 1.0 if gray else share_of_colours(pixels)
    judged = effort < Effort.LARGE_PHOTOGRAPHS and (gray or colours < UNCHANGED)
    if colours < LEAST_SHARE or (judged and not gray and _is_hopeless(pixels, watch)):
        return None
    inversion = _first_look(pixels, watch, gray=gray, judged=judged)
    if inversion is not None:
        share = inversion.share_of_pixels() if judged else 0
        if share >= worth.DOUBTFUL or (share >= worth.WORTH and not _may_gain(inversion, pixels, watch, patience)):
            return None
        inversion.search(watch, patience)
        if share >= worth.WORTH and not worth.is_less(*inversion.entropies()):
            return None
    if patience and not gray and not judged:
        inversion = _beside_edits(inversion, pixels, watch, patience)
    if inversion is None:
        return None
    found = inversion.inverted(apart=True)
    uncut = inversion.without_cut(watch, patience) if patience else None
    return found if uncut is None else replace(found, uncut=uncut.inverted(apart=True))


def _is_hopeless(pixels: Plane, watch: Watch) -> bool:
    """True if no part of a large RGB picture is likely to be smaller as a JPEG, and two have colours."""
    looked_at = 0
    for part in filter(was_jpeg, worth.parts(pixels)):
        inversion = _first_look(part, watch, judged=True)
        if inversion is not None and inversion.share_of_pixels() < worth.WORTH:
            return False
        looked_at += 1
    return looked_at > 1


def _may_gain(inversion: _Inversion, pixels: Plane, watch: Watch, patience: int) -> bool:
    """True if a picture in doubt is likely to be smaller as a JPEG after a search, by parts of it if it is large."""
    if next(worth.parts(pixels), None) is None:
        return not inversion.gray and inversion.share_of_luma() < worth.LIKELY
    as_jpeg = as_pixels = 0.0
    for part in filter(was_jpeg, worth.parts(pixels)):
        of_part = _first_look(part, watch)
        if of_part is not None:
            of_part.search(watch, patience)
            jpeg, own = of_part.entropies()
            as_jpeg, as_pixels = as_jpeg + jpeg, as_pixels + own
    return worth.is_less(as_jpeg, as_pixels)


def _beside_edits(found: _Inversion | None, pixels: Plane, watch: Watch, patience: int) -> _Inversion | None:
    """An inversion by tables of parts, searched, if what was ``found`` is wrong in most blocks, and it is better."""
    if found is not None and exact_blocks(pixels, found.inverted().pixels)[0] > EDITED:
        return found
    other = _first_look(pixels, watch, by_parts=True)
    if other is None:
        return found
    other.search(watch, patience)
    return other if found is None else min(found, other, key=_Inversion.likely_bits)


def _first_look(
    pixels: Plane, watch: Watch, *, gray: bool = False, judged: bool = False, by_parts: bool = False
) -> _Inversion | None:
    """The picture as a JPEG whose tables and sampling were found, before a search; None if it was none.

    It is ``gray``, or its colours are such as a JPEG decoder makes. One in colour that is ``judged`` is also None if
    luma shows that it is not smaller as a JPEG: chroma takes most of the time. With ``by_parts`` the table of luma is
    that of parts that may not have been edited.
    """
    if gray:
        if np.count_nonzero(np.bincount(pixels[0].ravel(), minlength=256)) < GRAY_VALUES:
            return None
        low = high = np.ascontiguousarray(pixels[:1])
    else:
        low, high = np.empty_like(pixels), np.empty_like(pixels)
        if native._native.past_separate(pixels, low, high):
            distrust(low, high)
    watch()
    top, left, clear = find_grid(low[0], high[0], None if gray else pixels)
    if gray and clear < GRAY_CLEAR:
        return None
    watch()
    inversion = _Inversion(low, high, top, left, pixels)
    if not inversion.find_luma_table(GRAY_BLOCKS if gray else LEAST_BLOCKS, by_parts=by_parts):
        return None
    if gray:
        return inversion
    return None if judged and inversion.share_of_luma() >= worth.WORTH else _best_sampling(inversion, watch)


def _best_sampling(inversion: _Inversion, watch: Watch) -> _Inversion:
    """The inversion with chroma as it is most likely sampled."""
    trials = []
    for sampling, origin in inversion.samplings():
        trial = inversion.at(*origin)
        trial.try_chroma(*sampling)
        watch()
        if PROBABLY < trial.share <= CLEARLY:
            trial.improve_chroma()
        if trial.share > CLEARLY:
            return trial
        trials.append(trial)
    best = min(trials, key=lambda trial: trial.cost())
    *others, right = sorted(trials, key=lambda trial: trial.share_with_waves)
    is_clear = all(right.share_with_waves > _TIMES * other.share_with_waves + _BY_CHANCE for other in others)
    if is_clear and best.cost() > _CHEAPER * right.cost():
        best = right
    best.improve_chroma()
    watch()
    return best


class _Inversion:
    """A picture on the grid of its JPEG, of which ``top`` and ``left`` lines are lost, by bounds of its components."""

    def __init__(self, low: Plane, high: Plane, top: int, left: int, pixels: Plane):
        self._low, self._high, self._pixels = low, high, pixels
        self.top, self.left = top, left
        self.across = self.down = 1
        self._luma: Blocks | None = None
        self._chroma: list[Blocks] = []
        self._quality = 0
        self._framed_before: dict[tuple[int, ...], tuple[Plane, Plane, NDArray[np.float32]]] = {}

    @property
    def gray(self) -> bool:
        """True if there is luma alone."""
        return len(self._low) == 1

    def at(self, top: int, left: int) -> _Inversion:
        """The same with the grid's origin at a larger distance."""
        other = _Inversion(self._low, self._high, top, left, self._pixels)
        other._luma, other._quality, other._framed_before = self._luma, self._quality, self._framed_before
        return other

    def size(self) -> tuple[int, int]:
        """The height and width of the whole picture: up to the end of its units where it was cropped."""
        height, width = self._low.shape[1] + self.top, self._low.shape[2] + self.left
        if self.top or self.left:
            height, width = round_up(height, SIDE * self.down), round_up(width, SIDE * self.across)
        return height, width

    def find_luma_table(self, least: float, *, by_parts: bool) -> bool:
        """Find the table of luma; False if none explains at least this share of the blocks.

        With ``by_parts`` it is that of parts that may not have been edited.
        """
        low, high = self._framed(self._low[0], 0), self._framed(self._high[0], 255)
        guess = guessed(low, high, self._frame())
        self._luma, self._quality = best_table(low, high, guess, tables.LUMA, 1, 1, None, by_parts)
        return self._luma.known_share >= least

    def share_of_luma(self) -> float:
        """The entropy of luma as it came, and of its errors, as a share of that of pixels."""
        assert self._luma is not None
        low, high = self._low[0], self._high[0]
        luma = np.where(low == high, low, about_luma(self._pixels)).astype(np.uint8)
        made = self._luma.enlarged()[self.top : self.top + low.shape[0], self.left : self.left + low.shape[1]]
        found = worth.PlacedBlocks(self._luma.coefficients, self.top, self.left)
        return worth.share_of_luma(luma, made, found, self._pixels)

    def samplings(self) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Ways in which chroma may be sampled, and where the grid of their units may begin."""
        for across, down in _SAMPLINGS:
            if not all(comes_back(self._low[c], self._high[c], across, down, self.top, self.left) for c in (1, 2)):
                continue
            tops = [self.top] if down == 1 or not (self.top or self.left) else [self.top, self.top + SIDE]
            lefts = [self.left] if across == 1 or not (self.top or self.left) else [self.left, self.left + SIDE]
            yield from (((across, down), (top, left)) for top in tops for left in lefts)

    def try_chroma(self, across: int, down: int) -> None:
        """Find coefficients of chroma as they come."""
        self.across, self.down = across, down
        for c in (1, 2):
            low, high, guess = self._framed_chroma(c)
            if self._chroma:
                found = Blocks.of(low, high, guess, across, down, self._chroma[0].table)
            else:
                found, _ = best_table(low, high, guess, tables.CHROMA, across, down, self._quality or None)
            self._chroma.append(found)

    def _framed_chroma(self, c: int) -> tuple[Plane, Plane, NDArray[np.float32]]:
        """Bounds of a component of chroma and guessed samples, which all samplings of a picture share."""
        key = c, *self._frame()
        if key not in self._framed_before:
            low, high = self._framed(self._low[c], 0), self._framed(self._high[c], 255)
            self._framed_before[key] = low, high, guessed(low, high, self._frame(), 128)
        return self._framed_before[key]

    @property
    def share(self) -> float:
        """The share of blocks of chroma that are right."""
        return min(component.known_share for component in self._chroma)

    @property
    def share_with_waves(self) -> float:
        """The share of blocks of chroma that are right and not flat, which any sampling makes right; 0 of a few."""
        right = [component.right_with_waves for component in self._chroma]
        return min(float(mask.mean()) if mask.sum() >= _ENOUGH else 0.0 for mask in right)

    def cost(self) -> float:
        """The entropy of chroma and of its errors, where few blocks are right."""
        return sum(
            worth.entropy_of_frequencies(component.coefficients) + worth.entropy([component.errors()])
            for component in self._chroma
        )

    def improve_chroma(self) -> None:
        """Search a little for what is wrong of chroma."""
        for component in self._chroma:
            component.improve()

    def share_of_pixels(self) -> float:
        """The entropy as a JPEG before a search, and of its errors, as a share of that of pixels."""
        other = copy(self)
        other._find_luma()
        as_jpeg, as_pixels = other.entropies()
        return as_jpeg / max(1.0, as_pixels)

    def entropies(self) -> tuple[float, float]:
        """The entropy as the JPEG that was found, with its errors, and as pixels."""
        found = self.inverted()
        return worth.entropies(found.image, found.pixels, self._pixels)

    def likely_bits(self) -> float:
        """Estimate the bits of the JPEG that was found and of what is wrong, as a multiple that all share."""
        found = self.inverted()
        return worth.likely_bits(found.image, found.pixels, self._pixels)

    def search(self, watch: Watch, patience: int) -> None:
        """Search for what is still wrong of chroma, and then of luma."""
        for component in self._chroma:
            component.search(watch, patience)
        self._find_luma()
        assert self._luma is not None
        self._luma.search(watch, patience)

    def without_cut(self, watch: Watch, patience: int) -> _Inversion | None:
        """The same with blocks that the picture's edge cuts as they came; None if all came so.

        In colour that is chroma's blocks only: those of luma have pixels enough of their own to be worth it.
        """
        assert self._luma is not None
        if not any(one.has_cut for one in self._chroma or [self._luma]):
            return None
        other = copy(self)
        if self._chroma:
            other._chroma = [one.without_cut(watch, patience) for one in self._chroma]
            other._find_luma()
            assert other._luma is not None
            other._luma.search(watch, patience)
        else:
            other._luma = self._luma.without_cut(watch, patience)
        return other

    def inverted(self, *, apart: bool = False) -> Inverted:
        """The JPEG as it is now, with only means in blocks that are far off, and in those better coded ``apart``."""
        image = self._image()
        made = self._shown(image)
        own = worth.better_as_pixels(image, made, self._pixels, self.top, self.left) if apart else None
        flat = flattened(image, self._pixels, made, self.top, self.left, own)
        image, made = (image, made) if flat is None else (flat, self._shown(flat))
        return Inverted(image, self.top, self.left, made)

    def _shown(self, image: JpegCoefficients) -> Plane:
        """The pixels of a JPEG that are the picture's."""
        shape = self._pixels.shape
        made = decode(image)[:, self.top : self.top + shape[1], self.left : self.left + shape[2]]
        return np.broadcast_to(made, shape)

    def _find_luma(self) -> None:
        """Find luma as it comes, given chroma."""
        assert self._luma is not None
        low, high = self._low[0].copy(), self._high[0].copy()
        if self._chroma:
            shown = np.s_[self.top : self.top + low.shape[0], self.left : self.left + low.shape[1]]
            cb, cr = (np.ascontiguousarray(component.enlarged()[shown]) for component in self._chroma)
            native._native.past_narrow(np.ascontiguousarray(self._pixels), cb, cr, low, high)
        low, high = self._framed(low, 0), self._framed(high, 255)
        guess = guessed(low, high, self._frame())
        self._luma = Blocks.of(low, high, guess, 1, 1, self._luma.table)

    def _image(self) -> JpegCoefficients:
        """The JPEG, with blocks that no pixel needs like those beside them."""
        height, width = self.size()
        assert self._luma is not None
        if not self._chroma:
            return JpegCoefficients(width, height, (self._luma.component(1, 1, *block_shape(height, width, 1, 1)),))
        h, v = self.across, self.down
        rows, columns = round_up(height, SIDE * v) // (SIDE * v), round_up(width, SIDE * h) // (SIDE * h)
        luma = self._luma.component(h, v, rows * v, columns * h)
        chroma = [component.component(1, 1, rows, columns) for component in self._chroma]
        return JpegCoefficients(width, height, (luma, *chroma))

    def _frame(self) -> tuple[int, int, int, int]:
        """Lines before and after the picture: above, below, left and right of it."""
        height, width = self.size()
        return self.top, height - self.top - self._low.shape[1], self.left, width - self.left - self._low.shape[2]

    def _framed(self, plane: Plane, value: int) -> Plane:
        above, below, left, right = self._frame()
        return np.pad(plane, ((above, below), (left, right)), constant_values=value)


def exact_blocks(pixels: Plane, made: Plane) -> Sequence[float]:
    """The share of 8 x 8 blocks of a picture whose pixels are all right, and of those in which nothing is clipped."""
    _, height, width = pixels.shape
    wrong: NDArray[np.bool_] = np.logical_or.reduce(pixels != made, axis=0)
    clipped: NDArray[np.bool_] = np.logical_or.reduce((pixels == 0) | (pixels == 255), axis=0)
    frame = ((0, -height % SIDE), (0, -width % SIDE))
    shape = (round_up(height, SIDE) // SIDE, SIDE, round_up(width, SIDE) // SIDE, SIDE)
    wrong_blocks: NDArray[np.bool_] = np.logical_or.reduce(np.pad(wrong, frame).reshape(shape), axis=(1, 3))
    clipped_blocks: NDArray[np.bool_] = np.logical_or.reduce(np.pad(clipped, frame).reshape(shape), axis=(1, 3))
    return 1 - wrong_blocks.mean(), 1 - wrong_blocks[~clipped_blocks].mean() if (~clipped_blocks).any() else 1.0
