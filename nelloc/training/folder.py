"""Folders of images as training data: scanning, hold-out, and drawing from more images than fit in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc import disk
from nelloc.errors import NellocError
from nelloc.training.data import Augmentation, Drawn, PixelDrawer, PixelPool, PixelSampler, load_image

# One file in HOLD_OUT is never trained on, chosen by name; at most MOST_HELD_OUT of a folder are used.
HOLD_OUT = 25
MOST_HELD_OUT = 64
# Images in memory are replaced one shard at a time.
SHARDS = 16
# Pixels read per pixel drawn while a folder is streamed: on average a pixel is drawn about once.
PIXELS_READ_PER_DRAWN = 1.0
DEFAULT_MEMORY = 4 << 30
BRIGHTNESS = 32
AUGMENTATIONS = ("rotate", "channels", "brightness")
_BYTES_PER_PIXEL = 3


@dataclass(frozen=True)
class DataConfig:
    """Data settings in a checkpoint: ``folders``, ``memory`` in bytes, names from AUGMENTATIONS."""

    folders: tuple[str, ...]
    memory: int = DEFAULT_MEMORY
    augment: tuple[str, ...] = ()

    @classmethod
    def remembered(cls, fields: dict[str, Any] | None) -> DataConfig | None:
        """Restore from ``dataclasses.asdict`` after a round trip through JSON."""
        if fields is None:
            return None
        return cls(tuple(fields["folders"]), int(fields["memory"]), tuple(fields["augment"]))

    @property
    def augmentation(self) -> Augmentation:
        """Augmentation of the named kinds."""
        return Augmentation(
            rotate="rotate" in self.augment,
            channels="channels" in self.augment,
            brightness=BRIGHTNESS if "brightness" in self.augment else 0,
        )


@dataclass(frozen=True)
class Folder:
    """Image files below a folder, sorted by name: those to train on, and those held out."""

    path: Path
    training: tuple[Path, ...]
    held_out: tuple[Path, ...]


def scan(folder: Path) -> Folder:
    """Find the images below ``folder``, by extension.

    Whether a file is held out depends only on its own name below the folder, and so does not change when files are
    added; if that would hold out none, the first in the same order is held out. Raises NellocError if there are fewer
    than two images, one of which must be held out.
    """
    if not disk.is_folder(folder):
        raise NellocError(f"{folder}: no such folder; give a folder of images to train on")
    Image.init()
    suffixes = {suffix for suffix, name in Image.registered_extensions().items() if name in Image.OPEN}
    names, errors = disk.files_below(folder, suffixes)
    if errors:
        raise errors[0]
    if len(names) < 2:
        found = f"only {names[0].name}" if names else "no images"
        raise NellocError(f"{folder}: {found} there; give a folder of at least two images, one of which is held out")
    # Ordered by a hash, so that the held-out images of a large folder are a fair sample.
    ranked = sorted(names, key=lambda path: _rank(folder, path))
    held_out = [path for path in ranked if _rank(folder, path)[0] * HOLD_OUT < 1] or ranked[:1]
    without = set(held_out)
    training = [path for path in names if path not in without]
    if not training:  # two or three images, all with low hashes
        training = [held_out.pop()]
    return Folder(folder, tuple(training), tuple(held_out))


def _rank(folder: Path, path: Path) -> tuple[float, str]:
    name = path.relative_to(folder).as_posix()
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return int.from_bytes(digest[:8], "big") / 2**64, name


def held_out_images(
    folder: Folder, *, most: int = MOST_HELD_OUT, pixels: int = 1 << 20
) -> tuple[dict[str, NDArray[np.uint8]], list[str]]:
    """Read the first ``most`` held-out images by name, cropped to the middle ``pixels``; also return problems.

    If none can be read, training images take their place. Raises NellocError if those cannot be read either.
    """
    images: dict[str, NDArray[np.uint8]] = {}
    problems: list[str] = []
    for path in (*folder.held_out, *folder.training):
        if len(images) == most or (images and path not in folder.held_out):
            break
        try:
            image = load_image(path)
        except NellocError as error:
            problems.append(str(error))
            continue
        images[path.relative_to(folder.path).as_posix()] = _cut(image, pixels, 0.5, 0.5)
    if not images:
        raise NellocError(f"{folder.path}: none of its {len(problems)} images can be read; the first: {problems[0]}")
    return images, problems


def _cut(image: NDArray[np.uint8], pixels: int, down: float, across: float) -> NDArray[np.uint8]:
    """Crop to at most ``pixels`` pixels; ``down`` and ``across``, from 0 to 1, are the position."""
    height, width = image.shape[:2]
    if height * width <= pixels:
        return image
    side = int(pixels**0.5)
    rows = max(1, min(height, max(side, pixels // width)))
    columns = max(1, min(width, pixels // rows))
    top, left = int(down * (height - rows)), int(across * (width - columns))
    return image[top : top + rows, left : left + columns].copy()


class FolderSampler:
    """Sampler of pixels from the images that fit in ``memory`` bytes, which are replaced by others over time.

    Images are read in random order. An image larger than a shard (1/16 of the memory) is cropped to a random part, anew
    each time it is read. An unreadable image is left out, with a message.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        horizon: int,
        seed: int,
        *,
        memory: int = DEFAULT_MEMORY,
        augmentation: Augmentation | None = None,
    ):
        self._paths, self._horizon, self._seed, self._memory = list(paths), horizon, seed, memory
        self._augmentation = augmentation

    def open(self, worker: int, workers: int) -> PixelDrawer:
        """Open the drawer of one worker, with its own share of the images and of the memory.

        If none of its share can be read, it draws from all. Raises NellocError if no image can be read.
        """
        share = self._paths[worker::workers]
        others = [path for number, path in enumerate(self._paths) if number % workers != worker]
        memory = self._memory // workers
        return _Reservoir(share, others, self._horizon, [self._seed, worker], memory, self._augmentation)


class _Reservoir:
    """Images in memory, in shards, of which the oldest is replaced repeatedly while pixels are drawn.

    Those at ``others`` are drawn from only if none at ``paths`` can be read.
    """

    def __init__(
        self,
        paths: list[Path],
        others: list[Path],
        horizon: int,
        seed: list[int],
        memory: int,
        augmentation: Augmentation | None,
    ):
        self._paths, self._others, self._bad, self._messages = paths or others, others, set[Path](), list[str]()
        self._random = np.random.default_rng(seed)
        self._order = self._shuffled()
        # Besides the shards, the next one's images are in memory, twice while they are joined.
        self._shard_pixels = max(1, memory // _BYTES_PER_PIXEL // (SHARDS + 2))
        self._next_shard: list[NDArray[np.uint8]] = []
        self._next_pixels = 0
        self._shards: list[PixelPool] = []
        self._debt = 0.0
        self._complete = self._fill()
        self._sampler = PixelSampler(
            self._shards,
            self._sizes(),
            horizon,
            int(self._random.integers(2**62)),
            augmentation=augmentation,
        )

    def messages(self) -> list[str]:
        messages, self._messages = self._messages, []
        return messages

    def draw(self, n: int) -> Drawn:
        if not self._complete:
            self._debt += n * PIXELS_READ_PER_DRAWN
            while self._debt > 0:
                image, _ = self._next_image()
                if image is None:
                    continue
                self._debt -= image.size // 3
                if self._add(image):
                    del self._shards[0]
                    self._sampler.set_pools(self._shards, self._sizes())
        return self._sampler.draw(n)

    def _sizes(self) -> list[int]:
        return [len(shard) for shard in self._shards]

    def _fill(self) -> bool:
        """Read until the memory is full; return True if all images are in it, uncropped."""
        whole = True
        while len(self._shards) < SHARDS:
            image, cut = self._next_image()
            if image is None:
                self._close_shard()
                return whole
            whole &= not cut
            self._add(image)
        return False

    def _add(self, image: NDArray[np.uint8]) -> bool:
        """Add ``image`` to the next shard; return True if that was full and another was begun."""
        pixels = image.size // 3
        full = bool(self._next_shard) and self._next_pixels + pixels > self._shard_pixels
        if full:
            self._close_shard()
        self._next_shard.append(image)
        self._next_pixels += pixels
        return full

    def _close_shard(self) -> None:
        self._shards.append(PixelPool.from_images(self._next_shard))
        self._next_shard, self._next_pixels = [], 0

    def _next_image(self) -> tuple[NDArray[np.uint8] | None, bool]:
        """Next usable image, or a crop of it, and whether it was cropped; None after a pass over all.

        Raises NellocError if none is usable.
        """
        problem = None
        while self._order:
            path = self._order.pop()
            down, across = self._random.random(2)
            try:
                image = load_image(path)
            except NellocError as error:
                problem = error
                self._bad.add(path)
                self._messages.append(f"{error}; it is left out")
                continue
            part = _cut(image, self._shard_pixels, down, across)
            return part, part is not image
        if len(self._bad) == len(self._paths):
            more = [path for path in self._others if path not in self._paths]
            if more:
                self._paths = [*self._paths, *more]
                self._order = self._shuffled()
                return self._next_image()
            raise NellocError(f"none of the {len(self._paths)} training images can be read; the last: {problem}")
        self._order = self._shuffled()
        return None, False

    def _shuffled(self) -> list[Path]:
        usable = [path for path in self._paths if path not in self._bad]
        return [usable[index] for index in self._random.permutation(len(usable))]
