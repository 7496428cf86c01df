"""From the pixels of a decoded JPEG back to its coefficients.

A JPEG decoder rounds three times: samples of blocks, smaller components that it enlarges, and colours. Each rounding is
undone where it can be: colours exactly, enlarged components by least squares, blocks by the cosine transform and the
table of quantisation, which is found from how coefficients cluster. What rounding leaves wrong is searched for in the
compiled core. Nothing is believed but what the decoder of docs/FORMAT.md, section 17, makes of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.past import tables
from nelloc.codec.past.coefficients import Component, JpegCoefficients
from nelloc.codec.past.decode import decode
from nelloc.exact import native

SIDE = 8
# Of so many coloured pixels that are looked at, at least this share must be ones that a JPEG decoder makes.
LOOKED_AT = 4096
LEAST_SHARE = 0.6
FEW = 64  # coloured pixels that are no proof
# A component is taken for one that was enlarged if at least this share of its known samples comes back, within 1.
ENLARGED_SHARE = 0.95
# At least this share of whole and fully known blocks must be found in the first try.
LEAST_BLOCKS = 0.03
# The same of gray pictures, whose colours tell nothing, and how clear their grid must be.
GRAY_BLOCKS, GRAY_CLEAR = 0.3, 7
# Blocks of a picture that are considered for its grid, and of these the ones that are looked into; another grid than
# that of the first pixel must be so much better.
_SPREAD, _LOOKED_INTO, _BETTER = 96, 24, 1.1
# Chroma is taken for sampled as tried if so many of its blocks are right, after a short search if more than half are.
CLEARLY, PROBABLY = 0.9, 0.5
# Steps of the search for a block where the table has entries of 1 and 2, and where it has none.
FINE_STEPS, COARSE_STEPS = 1000, 60
SWEEPS = (8, 40, 160)
COARSE_SWEEPS = (6, 12)
# Steps for each block of a component, on average.
BUDGET = 250
_SAMPLINGS = ((2, 2), (2, 1), (1, 2), (1, 1))

Plane = NDArray[np.uint8]
Advance = Callable[[], object]


@dataclass(frozen=True)
class Inverted:
    """A JPEG whose ``pixels`` (planes, H, W) from (``top``, ``left``) on are a picture's, or nearly."""

    image: JpegCoefficients
    top: int
    left: int
    pixels: Plane


def invert(pixels: Plane, advance: Advance = lambda: None) -> Inverted | None:
    """Find the JPEG that a picture (1 or 3 planes, H, W) was, or None.

    ``advance`` is called now and then, and may raise to stop.
    """
    if native.missing() is not None:
        return None
    pixels = np.ascontiguousarray(pixels)
    planes, height, width = pixels.shape
    gray = planes == 1 or bool((pixels[0] == pixels[1]).all() and (pixels[0] == pixels[2]).all())
    if gray:
        low = high = np.ascontiguousarray(pixels[:1])
    else:
        if not was_jpeg(pixels):
            return None
        low, high = np.empty_like(pixels), np.empty_like(pixels)
        native._native.past_separate(pixels, low, high)
    advance()
    top, left, clear = find_grid(low[0], high[0])
    if gray and clear < GRAY_CLEAR:
        return None
    advance()
    canvas = _Canvas(low, high, top, left, pixels)
    if not canvas.find_luma_table(GRAY_BLOCKS if gray else LEAST_BLOCKS):
        return None
    if not gray:
        canvas = _best_sampling(canvas, advance)
        canvas.finish_chroma(advance)
    canvas.finish_luma(advance)
    image = canvas.image()
    made = decode(image)[:, canvas.top : canvas.top + height, canvas.left : canvas.left + width]
    return Inverted(image, canvas.top, canvas.left, np.broadcast_to(made, pixels.shape) if gray else made)


def was_jpeg(pixels: Plane) -> bool:
    """True if the colours of an RGB picture (3, H, W) are mostly such as a JPEG decoder makes. Takes microseconds."""
    flat = np.ascontiguousarray(pixels)
    tried, found = native._native.past_detect(flat, LOOKED_AT // 16)
    if found < LEAST_SHARE * tried:
        return False
    # Each colour once: a drawing has few, and they may happen to be such.
    some = flat.reshape(3, -1)[:, :: max(1, flat[0].size // LOOKED_AT)].astype(np.int32)
    colours = np.unique(some[0] << 16 | some[1] << 8 | some[2])
    each = np.stack([colours >> 16, colours >> 8 & 255, colours & 255]).astype(np.uint8)
    tried, found = native._native.past_detect(np.ascontiguousarray(each), LOOKED_AT)
    return tried >= FEW and found >= LEAST_SHARE * tried


def find_grid(low: Plane, high: Plane) -> tuple[int, int, float]:
    """Where the grid of 8 x 8 blocks of a luma plane lies: how many rows and columns of its first block are missing.

    The third number tells how many more coefficients are 0 there than elsewhere, in standard deviations.
    """
    span = 2 * SIDE - 1
    rows, columns = low.shape[0] // SIDE - 1, low.shape[1] // SIDE - 1
    if rows < 2 or columns < 2:
        return 0, 0, 0.0
    # Of blocks that are spread evenly, those that differ most from one column to the next, and are not clipped.
    count = rows * columns
    y, x = np.divmod(np.arange(0, count, max(1, count // _SPREAD)), columns)
    lines = np.arange(span)
    places = (y[:, None, None] * SIDE + lines[:, None]), (x[:, None, None] * SIDE + lines)
    squares = low[places].astype(np.float32)
    unknown = ((squares == 0) | (squares == 255)).any(axis=(1, 2))
    if high is not low:
        unknown |= (high[places] != squares).any(axis=(1, 2))
    busy = np.abs(np.diff(squares, axis=2)).sum(axis=(1, 2)) - 1e6 * unknown
    squares = squares[np.argsort(-busy, kind="stable")[:_LOOKED_INTO]]
    blocks = np.lib.stride_tricks.sliding_window_view(squares, (SIDE, SIDE), axis=(1, 2)).reshape(-1, 64)
    found = blocks @ tables.WAVES[tables.HIGH].T
    small = (np.abs(found) < 1).sum(axis=1).reshape(len(squares), 64).sum(axis=0)
    best = small[0] if small.max() <= _BETTER * small[0] else small.max()
    top, left = divmod(int(np.flatnonzero(small == best)[0]), SIDE)
    usual = float(np.median(small))
    return -top % SIDE, -left % SIDE, float((best - usual) / np.sqrt(usual + 1))


def _best_sampling(canvas: _Canvas, advance: Advance) -> _Canvas:
    """The canvas with chroma as it is most likely sampled."""
    trials = []
    for sampling, origin in canvas.samplings():
        trial = canvas.at(*origin)
        trial.try_chroma(*sampling)
        advance()
        if PROBABLY < trial.share <= CLEARLY:
            trial.improve_chroma()
        if trial.share > CLEARLY:
            return trial
        trials.append(trial)
    for trial in trials:
        trial.improve_chroma()
        advance()
    return max(trials, key=lambda trial: trial.share)


class _Canvas:
    """A picture on the grid of its JPEG, of which ``top`` and ``left`` lines are lost, by bounds of its components."""

    def __init__(self, low: Plane, high: Plane, top: int, left: int, pixels: Plane):
        self._low, self._high, self._pixels = low, high, pixels
        self.top, self.left = top, left
        self.across = self.down = 1
        self._luma: _Blocks | None = None
        self._chroma: list[_Blocks] = []
        self._quality = 0

    def at(self, top: int, left: int) -> _Canvas:
        """The same with the grid's origin at a larger distance."""
        other = _Canvas(self._low, self._high, top, left, self._pixels)
        other._luma, other._quality = self._luma, self._quality
        return other

    def size(self) -> tuple[int, int]:
        """The height and width of the whole picture: up to the end of its units where it was cropped."""
        height, width = self._low.shape[1] + self.top, self._low.shape[2] + self.left
        if self.top or self.left:
            height, width = _up(height, SIDE * self.down), _up(width, SIDE * self.across)
        return height, width

    def find_luma_table(self, least: float) -> bool:
        """Find the table of luma; False if none explains so large a share of the blocks."""
        low, high = self._framed(self._low[0], 0), self._framed(self._high[0], 255)
        guess = _guess(low, high, self._frame())
        self._luma, self._quality = _best_table(low, high, guess, tables.LUMA, 1, 1, None)
        return self._luma.known_share >= least

    def samplings(self) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Ways in which chroma may be sampled, and where the grid of their units may begin."""
        for across, down in _SAMPLINGS:
            if not all(_comes_back(self._low[c], self._high[c], across, down, self.top, self.left) for c in (1, 2)):
                continue
            tops = [self.top] if down == 1 or not (self.top or self.left) else [self.top, self.top + SIDE]
            lefts = [self.left] if across == 1 or not (self.top or self.left) else [self.left, self.left + SIDE]
            yield from (((across, down), (top, left)) for top in tops for left in lefts)

    def try_chroma(self, across: int, down: int) -> None:
        """Find coefficients of chroma as they come."""
        self.across, self.down = across, down
        for c in (1, 2):
            low, high = self._framed(self._low[c], 0), self._framed(self._high[c], 255)
            guess = _guess(low, high, self._frame(), 128)
            if self._chroma:
                found = _Blocks.of(low, high, guess, across, down, self._chroma[0].table)
            else:
                found, _ = _best_table(low, high, guess, tables.CHROMA, across, down, self._quality or None)
            self._chroma.append(found)

    @property
    def share(self) -> float:
        """The share of blocks of chroma that are right."""
        return min(component.known_share for component in self._chroma)

    def improve_chroma(self) -> None:
        """Search a little for what is wrong of chroma."""
        for component in self._chroma:
            component.improve()

    def finish_chroma(self, advance: Advance) -> None:
        """Search for what is still wrong of chroma."""
        for component in self._chroma:
            component.search(advance)

    def finish_luma(self, advance: Advance) -> None:
        """Find luma, given chroma."""
        assert self._luma is not None
        low, high = self._low[0].copy(), self._high[0].copy()
        if self._chroma:
            cut = np.s_[self.top : self.top + low.shape[0], self.left : self.left + low.shape[1]]
            cb, cr = (np.ascontiguousarray(component.enlarged()[cut]) for component in self._chroma)
            native._native.past_narrow(np.ascontiguousarray(self._pixels), cb, cr, low, high)
        low, high = self._framed(low, 0), self._framed(high, 255)
        guess = _guess(low, high, self._frame())
        self._luma = _Blocks.of(low, high, guess, 1, 1, self._luma.table)
        self._luma.search(advance)

    def image(self) -> JpegCoefficients:
        """The JPEG, with blocks that no pixel needs like those beside them."""
        height, width = self.size()
        assert self._luma is not None
        if not self._chroma:
            return JpegCoefficients(width, height, (self._luma.component(1, 1, *_shape(height, width, 1, 1)),))
        h, v = self.across, self.down
        rows, columns = _up(height, SIDE * v) // (SIDE * v), _up(width, SIDE * h) // (SIDE * h)
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


def _up(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def _shape(height: int, width: int, across: int, down: int) -> tuple[int, int]:
    return _up(height, SIDE * down) // (SIDE * down), _up(width, SIDE * across) // (SIDE * across)


def _guess(low: Plane, high: Plane, frame: tuple[int, int, int, int], likely: int | None = None) -> NDArray[np.float32]:
    """What samples are likely to be, from their bounds: near ``likely``, and outside of the picture as at its edge."""
    guess = (low.astype(np.float32) + high) * np.float32(0.5)
    if likely is not None:
        guess = np.clip(np.full_like(guess, likely), low, high)
    above, below, left, right = frame
    inner = guess[above : guess.shape[0] - below, left : guess.shape[1] - right]
    return np.pad(inner, ((above, below), (left, right)), mode="edge")


def _comes_back(low: Plane, high: Plane, across: int, down: int, top: int, left: int) -> bool:
    """True if samples are what an enlarged component's are: made smaller and enlarged, they come back."""
    if across == down == 1:
        return True
    low, high = low[top % down :, left % across :], high[top % down :, left % across :]
    height, width = min(low.shape[0], 512), min(low.shape[1], 512)
    y, x = (low.shape[0] - height) // 2 & ~1, (low.shape[1] - width) // 2 & ~1
    low, high = low[y : y + height, x : x + width], high[y : y + height, x : x + width]
    if height < 6 or width < 6:
        return height > 2 and width > 2
    back = _enlarge(_whole(_reduce(_guess(low, high, (0, 0, 0, 0), 128), across, down)), across, down, height, width)
    near = (back.astype(np.int16) >= low.astype(np.int16) - 1) & (back.astype(np.int16) <= high.astype(np.int16) + 1)
    known = low == high
    # What is clipped spoils what is near.
    known[1:] &= known[:-1]
    known[:-1] &= known[1:]
    known[:, 1:] &= known[:, :-1]
    known[:, :-1] &= known[:, 1:]
    known[:2] = known[-2:] = known[:, :2] = known[:, -2:] = False
    return not known.any() or bool(near[known].mean() >= ENLARGED_SHARE)


def _reduce(enlarged: NDArray[np.float32], across: int, down: int) -> NDArray[np.float32]:
    height, width = enlarged.shape
    if across == down == 1:
        return enlarged
    biased = enlarged.copy()
    # What rounding adds on average, in the two halves of a sample.
    step = np.float32(0.03125 if across == down == 2 else -0.125)
    if across == 2:
        biased[:, ::2] -= step
        biased[:, 1::2] += step
    else:
        biased[::2] -= step
        biased[1::2] += step
    out = np.empty((-(-height // down), -(-width // across)), np.float32)
    native._native.past_reduce(biased, across, down, height, width, out)
    return out


def _whole(samples: NDArray[np.float32]) -> Plane:
    return np.clip(np.floor(samples + np.float32(0.5)), 0, 255).astype(np.uint8)


def _enlarge(samples: Plane, across: int, down: int, height: int, width: int) -> Plane:
    out = np.empty((height, width), np.uint8)
    samples = np.ascontiguousarray(samples)
    native._native.past_enlarge(samples, samples.shape[1], across, down, height, width, out)
    return out


def _best_table(
    low: Plane,
    high: Plane,
    guess: NDArray[np.float32],
    standard: NDArray[Any],
    across: int,
    down: int,
    quality: int | None,
) -> tuple[_Blocks, int]:
    """The blocks of a component with the table, of the likely ones, that is right for most of them, and its quality."""
    probe = _Blocks.of(low, high, guess, across, down, None)
    best, best_quality = None, 0
    for table, own_quality in tables.likely(probe.reduced, probe.known(), standard, across, down, quality):
        found = _Blocks.of(low, high, guess, across, down, table, probe.reduced)
        if best is None or found.known_share > best.known_share:
            best, best_quality = found, own_quality
        if found.known_share > 0.99:
            break
    assert best is not None
    return best, best_quality


class _Blocks:
    """The blocks of a component on its canvas: bounds of its enlarged samples, coefficients, and which are right."""

    table: NDArray[np.uint16]

    def __init__(self, low: Plane, high: Plane, across: int, down: int, reduced: NDArray[np.float32]):
        self.low, self.high, self.across, self.down = low, high, across, down
        self.height, self.width = low.shape
        self.rows, self.columns = _shape(self.height, self.width, across, down)
        self.reduced = reduced
        self.smooth = across * down == 1 or self.width > 2 * across

    @classmethod
    def of(
        cls,
        low: Plane,
        high: Plane,
        guess: NDArray[np.float32],
        across: int,
        down: int,
        table: NDArray[np.uint16] | None,
        reduced: NDArray[np.float32] | None = None,
    ) -> _Blocks:
        """Blocks from bounds (H, W) and guessed samples; with a ``table`` their coefficients as they come."""
        height, width = low.shape
        if reduced is None:
            reduced = _reduce(guess, across, down)
            rows, columns = _shape(height, width, across, down)
            after = ((0, rows * SIDE - reduced.shape[0]), (0, columns * SIDE - reduced.shape[1]))
            reduced = np.ascontiguousarray(np.pad(reduced, after, mode="edge"))
        made = cls(np.ascontiguousarray(low), np.ascontiguousarray(high), across, down, reduced)
        if table is not None:
            made.table = table
            made._first_try()
        return made

    def known(self) -> NDArray[np.bool_]:
        """Which blocks (rows, columns) have only samples that are known and not clipped."""
        known = (self.low == self.high) & (self.low > 0) & (self.high < 255)
        height, width = self.rows * SIDE * self.down, self.columns * SIDE * self.across
        padded = np.pad(known, ((0, height - self.height), (0, width - self.width)))
        shape = self.rows, SIDE * self.down, self.columns, SIDE * self.across
        whole: NDArray[np.bool_] = np.logical_and.reduce(padded.reshape(shape), axis=(1, 3))
        return whole

    @property
    def known_share(self) -> float:
        """The share of right blocks among the known ones; among all if there are none."""
        known = self.known()
        return float(self.right[known].mean() if known.any() else self.right.mean())

    @property
    def right(self) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = np.equal(self._solved, 1)
        return right

    def _first_try(self) -> None:
        self.coefficients = np.zeros((self.rows, self.columns, 64), np.int16)
        self._solved = np.zeros((self.rows, self.columns), np.uint8)
        if self.across * self.down == 1:
            self._low_samples, self._high_samples = self._padded(self.low, 0), self._padded(self.high, 255)
            self._solve(0)
            return
        self._low_samples = np.zeros(self.reduced.shape, np.uint8)
        self._high_samples = np.full(self.reduced.shape, 255, np.uint8)
        self._solve(0)
        self._samples = self._decoded()
        self._repair(0)

    def _padded(self, plane: Plane, value: int) -> Plane:
        after = ((0, self.rows * SIDE - self.height), (0, self.columns * SIDE - self.width))
        return np.ascontiguousarray(np.pad(plane, after, constant_values=value))

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
        return _enlarge(samples, self.across, self.down, self.height, self.width)

    def improve(self) -> None:
        """Search a little for the blocks that are wrong: fine tables are seldom right at first."""
        if self.across * self.down > 1 and np.count_nonzero(self.table <= 2):
            self._repair(SWEEPS[0], BUDGET * self.rows * self.columns)

    def search(self, advance: Advance) -> None:
        """Search for the blocks that are wrong."""
        fine = int(np.count_nonzero(self.table <= 2)) > 0
        budget = BUDGET * self.rows * self.columns
        if self.across * self.down == 1:
            for limit in (FINE_STEPS // 10, FINE_STEPS) if fine else (COARSE_STEPS,):
                budget = self._solve(limit, budget)
                advance()
            return
        self._refine(advance)
        for limit in SWEEPS if fine else COARSE_SWEEPS:
            budget = self._repair(limit, budget)
            advance()
            if self.right.all():
                return

    def _refine(self, advance: Advance) -> None:
        """Fill what is unknown of the enlarged samples with what the coefficients make of it, and begin again."""
        unknown = self.low != self.high
        if not unknown.any() or self.right.all():
            return
        for _ in range(4):
            made = self.enlarged()
            filled = np.clip(made, self.low, self.high).astype(np.float32)
            reduced = _reduce(filled, self.across, self.down)
            after = ((0, self.reduced.shape[0] - reduced.shape[0]), (0, self.reduced.shape[1] - reduced.shape[1]))
            self.reduced = np.ascontiguousarray(np.pad(reduced, after, mode="edge"))
            before = self.coefficients.copy(), self._samples.copy(), self._solved.copy()
            self._solved[~self.right] = 0
            self._solve(0)
            self._samples = self._decoded()
            self._repair(0)
            advance()
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


def exact_blocks(pixels: Plane, made: Plane) -> Sequence[float]:
    """The share of 8 x 8 blocks of a picture whose pixels are all right, and of those in which nothing is clipped."""
    _, height, width = pixels.shape
    wrong: NDArray[np.bool_] = np.logical_or.reduce(pixels != made, axis=0)
    clipped: NDArray[np.bool_] = np.logical_or.reduce((pixels == 0) | (pixels == 255), axis=0)
    frame = ((0, -height % SIDE), (0, -width % SIDE))
    shape = (_up(height, SIDE) // SIDE, SIDE, _up(width, SIDE) // SIDE, SIDE)
    wrong_blocks: NDArray[np.bool_] = np.logical_or.reduce(np.pad(wrong, frame).reshape(shape), axis=(1, 3))
    clipped_blocks: NDArray[np.bool_] = np.logical_or.reduce(np.pad(clipped, frame).reshape(shape), axis=(1, 3))
    return 1 - wrong_blocks.mean(), 1 - wrong_blocks[~clipped_blocks].mean() if (~clipped_blocks).any() else 1.0
