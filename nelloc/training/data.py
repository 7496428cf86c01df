"""Training pixels: photographs in memory, and random pixels with their causal windows.

A batch is made of single pixels drawn from all images at once rather than of crops: neighbouring
pixels teach nearly the same, so independent pixels give less noisy gradients for the same work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc.errors import NellocError
from nelloc.exact.context import FIRST_PIXEL, window

IMAGE_SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".ppm"}


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


def load_images(paths: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """Read RGB images. Raises NellocError naming the file that Pillow cannot read."""
    images = []
    for path in paths:
        try:
            with Image.open(path) as image:
                images.append(np.asarray(image.convert("RGB")))
        except (OSError, ValueError, SyntaxError) as error:
            raise NellocError(f"{path}: not readable as a training image ({error}); remove it or repair it") from error
    return images


def image_paths(folder: Path) -> list[Path]:
    """Image files directly in ``folder``, sorted by name. Raises NellocError if there is none."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES) if folder.is_dir() else []
    if not paths:
        raise NellocError(f"{folder}: no training images there; give a folder of PNG, WebP, JPEG or TIFF files")
    return paths


def halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image at half size, by averaging 2x2 boxes."""
    return np.asarray(Image.fromarray(image).reduce(2))


def sheet_images(sheet: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
    """Split a sheet, whose rows are flattened ``size`` x ``size`` images, into images."""
    return list(sheet.reshape(-1, size, size, 3))


@dataclass(frozen=True)
class Places:
    """Where n drawn pixels are: their ``position`` in the pool, the ``width`` of their image, the ``step`` to the
    east (-1 if mirrored), and how many pixels of their imaginary tile lie ``above``, ``left`` and ``right``.
    """

    position: NDArray[np.int64]
    width: NDArray[np.int64]
    step: NDArray[np.int64]
    above: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


class PixelSampler:
    """Draws pixels and their contexts from several pools.

    Each pixel is placed at random in an imaginary tile of one of ``tile_sizes``, whose borders cut
    its context just as they do in the codec; with probability ``gray`` its whole context is
    made gray; with probability ``flip`` it is mirrored left to right.
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
    ):
        self.pools, self.tile_sizes, self.gray, self.flip = pools, np.array(tile_sizes), gray, flip
        self.weights = np.array(weights) / np.sum(weights)
        self.offsets = np.array(window(horizon), np.int64)
        self.random = np.random.default_rng(seed)

    def draw(self, n: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """``n`` random pixels: contexts (window, 3, n) and values (3, n), uint8."""
        counts = self.random.multinomial(n, self.weights)
        parts = [self._draw_from(pool, count) for pool, count in zip(self.pools, counts, strict=True) if count]
        context = np.concatenate([part[0] for part in parts], axis=2)
        value = np.concatenate([part[1] for part in parts], axis=1)
        gray = self.random.random(n) < self.gray
        context[:, :, gray] = context[:, 1:2, gray]
        value[:, gray] = value[1:2, gray]
        return context, value

    def _draw_from(self, pool: PixelPool, n: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return self._gather(pool, self._places(pool, n))

    def _places(self, pool: PixelPool, n: int) -> Places:
        position = self.random.integers(len(pool), size=n)
        image = np.searchsorted(pool.starts, position, side="right") - 1
        width = pool.widths[image]
        row, column = np.divmod(position - pool.starts[image], width)
        size = self.tile_sizes[self.random.integers(len(self.tile_sizes), size=n)]
        tile_row, tile_column = (self.random.random((2, n)) * size).astype(np.int64)
        mirrored = self.random.random(n) < self.flip
        left = np.where(mirrored, width - 1 - column, column)
        return Places(
            position,
            width,
            step=np.where(mirrored, -1, 1),
            above=np.minimum(tile_row, row),
            left=np.minimum(tile_column, left),
            right=np.minimum(size - 1 - tile_column, width - 1 - left),
        )

    def _gather(self, pool: PixelPool, places: Places) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Contexts (window, 3, n) and values (3, n) of the pixels at ``places``."""
        di, dj = self.offsets[:, :1], self.offsets[:, 1:]
        di = np.maximum(di, -places.above)
        dj = np.minimum(np.maximum(dj, -places.left), places.right)
        # A clamped neighbour that is not coded yet is replaced by the one to the west, or north.
        ahead = (di == 0) & (dj >= 0)
        di = np.where(ahead & (places.left == 0), -1, di)
        dj = np.where(ahead, np.where(places.left == 0, 0, -1), dj)
        nothing = (places.above == 0) & (places.left == 0)
        source = np.where(nothing, places.position, places.position + di * places.width + dj * places.step)
        context = pool.pixels[source]  # (window, n, 3)
        context[:, nothing] = FIRST_PIXEL
        return context.transpose(0, 2, 1), pool.pixels[places.position].T
