"""A picture on its way to the JPEG that it was: the state of the inversion, one step after the other.

``invert`` decides which steps are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past import tables, worth
from nelloc.codec.past.blocks import Blocks, Bounds, with_best_table
from nelloc.codec.past.coefficients import JpegCoefficients
from nelloc.codec.past.decode import decode
from nelloc.codec.past.edits import Mask, about_luma, flattened, foreign_blocks
from nelloc.codec.past.samples import (
    SIDE,
    Plane,
    block_shape,
    by_colours,
    comes_back,
    framed,
    guessed,
    in_whole_blocks,
    over_blocks,
    round_up,
)
from nelloc.exact import native
from nelloc.exact.callbacks import Watch

# Fewer blocks that are right and not flat may be so by chance.
_ENOUGH = 12
# The side of the middle of a picture, and how many times its pixels a large one has at least.
_MIDDLE, _MANY_MIDDLES = 256, 3
_SAMPLINGS = ((2, 2), (2, 1), (1, 2), (1, 1))


class Sampling(NamedTuple):
    """Sampling of chroma, and the first line and column of the units of which a picture is a part."""

    across: int
    down: int
    top: int
    left: int


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


class Inversion:
    """A picture on the grid of its JPEG, of which ``top`` and ``left`` lines are lost, by bounds of its components.

    ``apart`` is a mask (H, W) of what never was of this JPEG, and has no bounds. With a standard table of luma that of
    chroma is expected to be of the same quality.
    """

    def __init__(self, low: Plane, high: Plane, top: int, left: int, pixels: Plane, apart: Mask | None = None):
        self._low, self._high, self._pixels, self._apart = low, high, pixels, apart
        self.top, self.left = top, left
        self.across = self.down = 1
        self._luma: Blocks | None = None
        self._chroma: list[Blocks] = []
        self._expected: NDArray[np.uint16] | None = None
        self._framed_before: dict[tuple[int, ...], Bounds] = {}

    @property
    def gray(self) -> bool:
        """True if there is luma alone."""
        return len(self._low) == 1

    def middle(self) -> Inversion | None:
        """The middle of a large picture, in which the grid lies as in the whole; None of a small one."""
        height, width = self._low.shape[1:]
        if height * width < _MANY_MIDDLES * _MIDDLE * _MIDDLE or min(height, width) < _MIDDLE:
            return None
        top, left = ((size - _MIDDLE) // 2 // (2 * SIDE) * 2 * SIDE for size in (height, width))
        part = np.s_[..., top : top + _MIDDLE, left : left + _MIDDLE]
        own = None if self._apart is None else self._apart[part]
        low, high, pixels = (np.ascontiguousarray(of[part]) for of in (self._low, self._high, self._pixels))
        other = Inversion(low, high, self.top, self.left, pixels, own)
        other._expected = self._expected
        return other

    def size(self) -> tuple[int, int]:
        """The height and width of the whole picture: up to the end of its units where it was cropped."""
        height, width = self._low.shape[1] + self.top, self._low.shape[2] + self.left
        if self.top or self.left:
            height, width = round_up(height, SIDE * self.down), round_up(width, SIDE * self.across)
        return height, width

    def find_luma_table(self, *, by_parts: bool) -> float:
        """Find the table of luma, and the share of the blocks that it explains.

        With ``by_parts`` it is that of parts that may not have been edited.
        """
        bounds = self._bounds(0, self._low[0], self._high[0])
        (self._luma,) = with_best_table([bounds], tables.LUMA, 1, 1, by_parts=by_parts)
        quality = tables.exact_quality(self._luma.table, tables.LUMA)
        self._expected = None if quality is None else tables.standard_table(tables.CHROMA, quality)
        return self._luma.known_share

    def foreign(self) -> Mask:
        """Mask (H, W) of blocks that were never of this JPEG."""
        assert self._luma is not None
        waves = np.logical_or.reduce(self._luma.coefficients[..., 1:] != 0, axis=-1)
        blocks = foreign_blocks(waves, self._luma.right)
        mask = blocks.repeat(SIDE, axis=0).repeat(SIDE, axis=1)
        shown: Mask = mask[self.top :, self.left :][: self._low.shape[1], : self._low.shape[2]]
        return shown

    def share_of_blocks(self) -> float:
        """The share of blocks of the picture that come back, of those that may be of this JPEG."""
        wrong = np.logical_or.reduce(self.inverted().pixels != self._pixels, axis=0)
        own = np.ones(wrong.shape, bool) if self._apart is None else ~self._apart
        shape = over_blocks(np.logical_or, in_whole_blocks(own))
        right = ~over_blocks(np.logical_or, in_whole_blocks(wrong & own))
        return float(right[shape].mean()) if shape.any() else 0.0

    def share_of_luma(self) -> float:
        """The entropy of luma as it came, and of its errors, as a share of that of pixels."""
        assert self._luma is not None
        low, high = self._low[0], self._high[0]
        luma = np.where(low == high, low, about_luma(self._pixels)).astype(np.uint8)
        made = self._luma.enlarged()[self.top : self.top + low.shape[0], self.left : self.left + low.shape[1]]
        found = worth.PlacedBlocks(self._luma.coefficients, self.top, self.left)
        return worth.share_of_luma(luma, made, found, self._pixels)

    def samplings(self) -> Iterator[list[Sampling]]:
        """Yield ways in which chroma may be sampled, the likelier ones first.

        A picture whose grid of luma begins at its corner was probably not cropped. If it was, by lines that cut units
        of 16, their grid begins elsewhere.
        """
        at_corner: list[Sampling] = []
        elsewhere: list[Sampling] = []
        for across, down in _SAMPLINGS:
            if not all(comes_back(self._low[c], self._high[c], across, down, self.top, self.left) for c in (1, 2)):
                continue
            for top, left in product(range(0, SIDE * down, SIDE), range(0, SIDE * across, SIDE)):
                way = Sampling(across, down, self.top + top, self.left + left)
                (elsewhere if top or left else at_corner).append(way)
        yield from [at_corner + elsewhere] if self.top or self.left else [at_corner, elsewhere]

    @property
    def expects_table(self) -> bool:
        """True if a table of chroma is likelier than others."""
        return self._expected is not None

    def with_chroma(self, way: Sampling, *, as_expected: bool = False) -> Inversion:
        """The same with coefficients of chroma as they come, by one of ``samplings``, or the expected table alone."""
        other = Inversion(self._low, self._high, way.top, way.left, self._pixels, self._apart)
        other._luma, other._expected, other._framed_before = self._luma, self._expected, self._framed_before
        across, down = other.across, other.down = way.across, way.down
        bounds = [other._framed_chroma(c) for c in (1, 2)]
        other._chroma = with_best_table(bounds, tables.CHROMA, across, down, self._expected, as_expected=as_expected)
        return other

    def _framed_chroma(self, c: int) -> Bounds:
        """Bounds of a component of chroma and guessed samples, which all samplings of a picture share."""
        key = c, *self._frame()
        if key not in self._framed_before:
            self._framed_before[key] = self._bounds(c, self._low[c], self._high[c], 128)
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
        return sum(component.cost() for component in self._chroma)

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

    def without_cut(self, watch: Watch, patience: int) -> Inversion | None:
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
        if own is not None and self._apart is not None:
            own |= self._apart
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
        self._luma = Blocks(self._bounds(0, low, high), 1, 1).by(self._luma.table)

    def _bounds(self, c: int, low: Plane, high: Plane, likely: int | None = None) -> Bounds:
        """The bounds of all samples of a component, from those of the picture's, and what they may be."""
        frame = above, below, left, right = self._frame()
        framed_low, framed_high = framed(low, frame, 0), framed(high, frame, 255)
        guess, other = guessed(framed_low, framed_high, frame, likely), None
        unknown = (low == 0) & (high == 255)
        if not self.gray and unknown.any():
            inner = guess[above : guess.shape[0] - below, left : guess.shape[1] - right]
            other = np.where(unknown, by_colours(self._pixels)[c], inner)
            other = np.pad(other, ((above, below), (left, right)), mode="edge")
        return Bounds(framed_low, framed_high, guess, other)

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
