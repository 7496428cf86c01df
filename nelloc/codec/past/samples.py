"""Samples of a component: guesses where only bounds are known, and enlargement and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.exact import native

SIDE = 8
# A component is taken for one that was enlarged if at least this share of its known samples comes back, within 1.
ENLARGED_SHARE = 0.95

Plane = NDArray[np.uint8]


def round_up(size: int, unit: int) -> int:
    """Round ``size`` up to a multiple of ``unit``."""
    return -(-size // unit) * unit


def block_shape(height: int, width: int, across: int, down: int) -> tuple[int, int]:
    """Rows and columns of blocks of a component whose samples are enlarged ``across`` and ``down``."""
    return round_up(height, SIDE * down) // (SIDE * down), round_up(width, SIDE * across) // (SIDE * across)


def framed(plane: NDArray[Any], frame: tuple[int, int, int, int], value: int = 0) -> NDArray[Any]:
    """A plane with lines of a value above, below, left and right of it; the plane itself if there are none."""
    if not any(frame):
        return plane
    above, below, left, right = frame
    height, width = plane.shape
    out = np.full((above + height + below, left + width + right), value, plane.dtype)
    out[above : above + height, left : left + width] = plane
    return out


def in_whole_blocks(plane: NDArray[Any], down: int = SIDE, across: int = SIDE) -> NDArray[Any]:
    """A plane with lines of 0 below and right of it, up to multiples of ``down`` and ``across``."""
    height, width = plane.shape
    return framed(plane, (0, -height % down, 0, -width % across))


def over_blocks(function: np.ufunc, plane: NDArray[Any], down: int = SIDE, across: int = SIDE) -> NDArray[Any]:
    """Reduce each block of a plane, whose sides are multiples of ``down`` and ``across``, to a number (rows, columns).

    Columns come first, and then the row of their results: several times sooner than both at once.
    """
    rows, columns = plane.shape[0] // down, plane.shape[1] // across
    by_column = function.reduce(plane.reshape(rows, down, columns * across), axis=1)
    found: NDArray[Any] = function.reduce(by_column.reshape(rows, columns, across), axis=2)
    return found


def guessed(
    low: Plane, high: Plane, frame: tuple[int, int, int, int], likely: int | None = None
) -> NDArray[np.float32]:
    """Estimate samples from their bounds: near ``likely``, and outside of the picture as at its edge."""
    guess = (low.astype(np.float32) + high) * np.float32(0.5)
    if likely is not None:
        guess = np.clip(np.full_like(guess, likely), low, high)
    above, below, left, right = frame
    unknown = (low == 0) & (high == 255)
    if unknown[above : guess.shape[0] - below, left : guess.shape[1] - right].any():
        _fill(guess, unknown)
    inner = guess[above : guess.shape[0] - below, left : guess.shape[1] - right]
    return np.pad(inner, ((above, below), (left, right)), mode="edge")


def by_colours(pixels: Plane) -> NDArray[np.float32]:
    """The Y, Cb and Cr (3, H, W) of RGB pixels by their formulas, which no sample has that a decoder rounded."""
    red, green, blue = pixels.astype(np.float32)
    luma = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    return np.stack([luma, 128 + (blue - luma) / np.float32(1.772), 128 + (red - luma) / np.float32(1.402)])


def _fill(guess: NDArray[np.float32], unknown: NDArray[np.bool_]) -> None:
    """Give unknown samples the mean of those that are known of their block."""
    sums = over_blocks(np.add, in_whole_blocks(np.where(unknown, 0, guess)))
    counts = over_blocks(np.add, in_whole_blocks(~unknown))
    means = np.rint(sums / np.maximum(counts, 1)).astype(np.float32)
    places = np.nonzero(unknown)
    rows, columns = (place // SIDE for place in places)
    guess[places] = np.where(counts[rows, columns] > 0, means[rows, columns], guess[places])


def comes_back(low: Plane, high: Plane, across: int, down: int, top: int, left: int) -> bool:
    """True if samples are what an enlarged component's are: made smaller and enlarged, they come back."""
    if across == down == 1:
        return True
    low, high = low[top % down :, left % across :], high[top % down :, left % across :]
    height, width = min(low.shape[0], 512), min(low.shape[1], 512)
    y, x = (low.shape[0] - height) // 2 & ~1, (low.shape[1] - width) // 2 & ~1
    low, high = low[y : y + height, x : x + width], high[y : y + height, x : x + width]
    if height < 6 or width < 6:
        return height > 2 and width > 2
    back = enlarge(_whole(reduce(guessed(low, high, (0, 0, 0, 0), 128), across, down)), across, down, height, width)
    near = (back.astype(np.int16) >= low.astype(np.int16) - 1) & (back.astype(np.int16) <= high.astype(np.int16) + 1)
    known = low == high
    # Clipped samples make their neighbours uncertain.
    known[1:] &= known[:-1]
    known[:-1] &= known[1:]
    known[:, 1:] &= known[:, :-1]
    known[:, :-1] &= known[:, 1:]
    known[:2] = known[-2:] = known[:, :2] = known[:, -2:] = False
    return not known.any() or bool(near[known].mean() >= ENLARGED_SHARE)


def reduce(enlarged: NDArray[np.float32], across: int, down: int) -> NDArray[np.float32]:
    """Average samples that were enlarged ``across`` and ``down``."""
    height, width = enlarged.shape
    if across == down == 1:
        return enlarged
    biased = enlarged.copy()
    # Mean error of rounding, in the two halves of a sample.
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


def reduce_to_blocks(enlarged: NDArray[np.float32], across: int, down: int) -> NDArray[np.float32]:
    """The same in whole blocks of 8 x 8, with the last lines repeated."""
    reduced = reduce(enlarged, across, down)
    height, width = enlarged.shape
    rows, columns = block_shape(height, width, across, down)
    after = ((0, rows * SIDE - reduced.shape[0]), (0, columns * SIDE - reduced.shape[1]))
    return np.ascontiguousarray(np.pad(reduced, after, mode="edge"))


def _whole(samples: NDArray[np.float32]) -> Plane:
    return np.clip(np.floor(samples + np.float32(0.5)), 0, 255).astype(np.uint8)


def enlarge(samples: Plane, across: int, down: int, height: int, width: int) -> Plane:
    """Enlarge samples ``across`` and ``down`` to ``height`` x ``width``, as a JPEG decoder does."""
    out = np.empty((height, width), np.uint8)
    samples = np.ascontiguousarray(samples)
    native._native.past_enlarge(samples, samples.shape[1], across, down, height, width, out)
    return out
