"""Training pixels: photographs in memory, and random pixels with their causal windows.

A batch is made of single pixels drawn from all images at once rather than of crops: neighbouring pixels are highly
correlated, so independent pixels give less noisy gradients for the same work.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc import disk
from nelloc.errors import NellocError, unreadable
from nelloc.exact.context import FIRST_PIXEL, neighbour_offsets
from nelloc.image import is_deep
from nelloc.image.formats import IMAGE_SUFFIXES


@dataclass(frozen=True)
class PixelPool:
    """RGB images stored end to end: ``pixels`` (P, 3) uint8; per image its start, width and height."""

    pixels: NDArray[np.uint8]
    starts: NDArray[np.int64]
    widths: NDArray[np.int64]
    heights: NDArray[np.int64]

    @classmethod
    def from_images(cls, images: Iterable[NDArray[np.uint8]]) -> PixelPool:
        """Collect (H, W, 3) uint8 arrays."""
        flat, shapes = [], []
        for image in images:
            shapes.append(image.shape[:2])
            flat.append(image.reshape(-1, 3))
        heights, widths = np.array(shapes, np.int64).T
        starts = np.concatenate([[0], np.cumsum(heights * widths)[:-1]])
        return cls(np.concatenate(flat), starts, widths, heights)

    def __len__(self) -> int:
        return len(self.pixels)


def load_image(path: Path) -> NDArray[np.uint8]:
    """Read an image as (H, W, 3) uint8. Raises NellocError for a file that Pillow cannot read as 8-bit samples."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's warnings about damaged metadata and large images
            with Image.open(path) as image:
                if is_deep(image) or image.mode.startswith(("I", "F")):
                    raise ValueError("its samples have more than 8 bits")
                return np.asarray(image.convert("RGB"))
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        MemoryError,
        struct.error,
        Image.DecompressionBombError,
    ) as error:
        if isinstance(error, OSError) and error.strerror:
            raise unreadable(path, error) from error
        reason = str(error).split("\n")[0] or type(error).__name__
        raise NellocError(f"{path}: not readable as a training image ({reason}); remove it or repair it") from error


def load_images(paths: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """Read RGB images. Raises NellocError for a file that cannot be used."""
    return [load_image(path) for path in paths]


def image_paths(folder: Path) -> list[Path]:
    """List image files directly in ``folder`` by name. Raises NellocError if there is none."""
    found = disk.contents(folder) if disk.is_folder(folder) else []
    paths = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths:
        raise NellocError(f"{folder}: no training images there; give a folder of PNG, WebP, JPEG or TIFF files")
    return paths


def halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reduce an image to half its size, by averaging 2x2 boxes."""
    return np.asarray(Image.fromarray(image).reduce(2))


@dataclass(frozen=True)
class Places:
    """Positions of n drawn pixels.

    ``position`` in the pool; ``down`` and ``east``, the steps in the pool to the next row and column after rotation and
    mirroring; and the numbers of pixels of the imaginary tile ``above``, ``left`` and ``right``.
    """

    position: NDArray[np.int64]
    down: NDArray[np.int64]
    east: NDArray[np.int64]
    above: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


@dataclass(frozen=True)
class Augmentation:
    """Augmentations besides mirroring; off by default.

    ``rotate`` rotates a pixel and its context by a random multiple of 90 degrees, ``channels`` permutes R, G and B, and
    ``brightness`` is the largest random offset in gray levels, limited so that every value stays within 0..255.
    """

    rotate: bool = False
    channels: bool = False
    brightness: int = 0


_ORDERS = np.array(list(permutations(range(3))))


class Drawn(NamedTuple):
    """Batch of N pixels: ``context`` (window, 3, N) and ``value`` (3, N), uint8.

    ``borders`` (3, N): the numbers of pixels of their tiles above, left and right of them.
    """

    context: NDArray[np.uint8]
    value: NDArray[np.uint8]
    borders: NDArray[np.int64]


class PixelDrawer(Protocol):
    """Source of pixels inside a data worker."""

    def draw(self, n: int) -> Drawn:
        """Draw ``n`` random pixels."""

    def messages(self) -> list[str]:
        """Return warnings about the images read since the last call."""


class PixelSource(Protocol):
    """Source of pixels that can be opened in several data workers."""

    def open(self, worker: int, workers: int) -> PixelDrawer:
        """Open the drawer of one of several workers, inside that worker; all draw different pixels."""


# Directions in a stored image, and the opposite of each:
#
#           UP
#       LEFT  RIGHT
#          DOWN
_DOWN, _RIGHT, _UP, _LEFT = range(4)
_OPPOSITE = np.array([_UP, _LEFT, _DOWN, _RIGHT])
# Directions (down, right) of a rotated image in the stored one, by quarter turns; then those of a mirrored image.
_ORIENTATIONS = np.array(
    [
        [(_DOWN, _RIGHT), (_RIGHT, _UP), (_UP, _LEFT), (_LEFT, _DOWN)],
        [(_DOWN, _LEFT), (_RIGHT, _DOWN), (_UP, _RIGHT), (_LEFT, _UP)],
    ]
)


def _room_and_step(pool: PixelPool, position: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each direction and pixel, (4, n): pixels up to the image's border, and the step in the pool to the next."""
    image = np.searchsorted(pool.starts, position, side="right") - 1
    height, width = pool.heights[image], pool.widths[image]
    row, column = np.divmod(position - pool.starts[image], width)
    one = np.ones_like(width)
    room = np.stack([height - 1 - row, width - 1 - column, row, column])
    return room, np.stack([width, one, -width, -one])


class PixelSampler:
    """Sampler of pixels and their contexts from several pools in memory.

    Each pixel is placed at random in an imaginary tile of one of ``tile_sizes``, whose borders cut its context just as
    they do in the codec; with probability ``gray`` its whole context is made gray; with probability ``flip`` it is
    mirrored left to right.
    """

    def __init__(
        self,
        pools: Sequence[PixelPool],
        weights: Sequence[float],
        horizon: int,
        seed: int,
        *,
        tile_sizes: Sequence[int] = (32, 256),
        gray: float = 0.03,
        flip: float = 0.5,
        augmentation: Augmentation | None = None,
    ):
        self.tile_sizes, self.gray, self.flip = np.array(tile_sizes), gray, flip
        self.augmentation = augmentation or Augmentation()
        self.horizon = horizon
        self.seed, self.random = seed, np.random.default_rng(seed)
        self.set_pools(pools, weights)

    def set_pools(self, pools: Sequence[PixelPool], weights: Sequence[float]) -> None:
        """Draw from these pools from now on, in proportion to their weights."""
        self.pools, self.weights = list(pools), np.array(weights, float) / np.sum(weights)

    def open(self, worker: int, workers: int) -> PixelSampler:
        """Sampler of one of several workers: the same pools, other pixels."""
        if worker:
            self.random = np.random.default_rng([self.seed, worker])
        return self

    def messages(self) -> list[str]:
        """Empty: the images were read before."""
        return []

    def draw(self, n: int) -> Drawn:
        """Draw ``n`` random pixels."""
        counts = self.random.multinomial(n, self.weights)
        parts = [self._draw_from(pool, count) for pool, count in zip(self.pools, counts, strict=True) if count]
        context = np.concatenate([part.context for part in parts], axis=2)
        value = np.concatenate([part.value for part in parts], axis=1)
        borders = np.concatenate([part.borders for part in parts], axis=1)
        if self.augmentation.channels:
            order = _ORDERS[self.random.integers(len(_ORDERS), size=n)].T
            context = np.take_along_axis(context, order[None], axis=1)
            value = np.take_along_axis(value, order, axis=0)
        gray = self.random.random(n) < self.gray
        context[:, :, gray] = context[:, 1:2, gray]
        value[:, gray] = value[1:2, gray]
        return Drawn(context, value, borders)

    def _draw_from(self, pool: PixelPool, n: int) -> Drawn:
        return self._gather(pool, self._places(pool, n))

    def _places(self, pool: PixelPool, n: int) -> Places:
        """Draw ``n`` random pixels of ``pool``, each with a random orientation and place in an imaginary tile."""
        position = self.random.integers(len(pool), size=n)
        size = self.tile_sizes[self.random.integers(len(self.tile_sizes), size=n)]
        row, column = (self.random.random((2, n)) * size).astype(np.int64)
        mirrored = self.random.random(n) < self.flip
        turns = self.random.integers(4, size=n) if self.augmentation.rotate else np.zeros(n, np.int64)
        down, right = _ORIENTATIONS[mirrored.astype(np.int64), turns].T
        up, left = _OPPOSITE[down], _OPPOSITE[right]
        room, step = _room_and_step(pool, position)
        each = np.arange(n)
        return Places(
            position,
            down=step[down, each],
            east=step[right, each],
            above=np.minimum(row, room[up, each]),
            left=np.minimum(column, room[left, each]),
            right=np.minimum(size - 1 - column, room[right, each]),
        )

    def _gather(self, pool: PixelPool, places: Places) -> Drawn:
        """Gather the pixels at ``places``."""
        rows, columns = neighbour_offsets(self.horizon, places.above, places.left, places.right)
        nothing = (places.above == 0) & (places.left == 0)
        context = pool.pixels[places.position + rows * places.down + columns * places.east]  # (window, n, 3)
        value = pool.pixels[places.position]
        if self.augmentation.brightness:
            context, value = self._brighten(context, value)
        context[:, nothing] = FIRST_PIXEL
        borders = np.stack([places.above, places.left, places.right])
        return Drawn(context.transpose(0, 2, 1), value.T, borders)

    def _brighten(
        self, context: NDArray[np.uint8], value: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Add one random number to all of a pixel's ``context`` (window, n, 3) and ``value`` (n, 3)."""
        limit = self.augmentation.brightness
        lowest = np.minimum(context.min(axis=(0, 2)), value.min(axis=1)).astype(np.int64)
        highest = np.maximum(context.max(axis=(0, 2)), value.max(axis=1)).astype(np.int64)
        change = self.random.integers(np.maximum(-limit, -lowest), np.minimum(limit, 255 - highest) + 1)
        # Modulo 256, where the sums are known to need no more.
        change = change.astype(np.uint8)[:, None]
        return context + change, value + change
