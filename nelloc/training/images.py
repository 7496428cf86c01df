"""Whole images as training data for convolutional models, in epochs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nelloc.errors import NellocError
from nelloc.training.networks.full import FullNetwork
from nelloc.training.networks.mixture import bits_per_dimension

# Pixels per pass through the network, as far as whole images allow: few enough for a CPU's cache.
IMAGE_PASS_PIXELS = 1 << 14


@dataclass(frozen=True)
class ImageBatch:
    """Batch of N images of one size, ``images`` (N, C, H, W) uint8."""

    images: Tensor

    @classmethod
    def of(cls, images: NDArray[np.uint8]) -> ImageBatch:
        """Make a batch of an array (N, C, H, W)."""
        return cls(torch.tensor(images))

    @property
    def pixels(self) -> int:
        """Number of pixels of all images."""
        n, _, height, width = self.images.shape
        return n * height * width

    def passes(self) -> Iterator[ImageBatch]:
        """Split into parts of about IMAGE_PASS_PIXELS pixels, and at least one image."""
        size = max(1, IMAGE_PASS_PIXELS * len(self.images) // self.pixels)
        return (ImageBatch(part) for part in self.images.split(size))

    def to(self, device: torch.device) -> ImageBatch:
        """Copy to ``device``."""
        return ImageBatch(self.images.to(device))

    def bits(self, network: FullNetwork) -> Tensor:
        """Mean bits per dimension, with gradients."""
        nats = network.pixel_log_likelihood(self.images.float())
        return bits_per_dimension(nats.flatten(), network.config.channels)

    def rate(self, network: FullNetwork) -> float:
        """Mean bits per dimension in full precision."""
        kept, network.low_precision = network.low_precision, False
        with torch.no_grad():
            parts = self.to(next(network.parameters()).device).passes()
            total = sum(part.bits(network).item() * part.pixels for part in parts)
        network.low_precision = kept
        return total / self.pixels


class ImageSampler:
    """Sampler of images of one size, (N, C, H, W) uint8, in random order, without replacement in an epoch.

    With probability ``flip`` an image is mirrored left to right.
    """

    def __init__(self, images: NDArray[np.uint8], seed: int, *, flip: float = 0.0):
        self._images, self._seed, self._flip = images, seed, flip

    def open(self, worker: int, workers: int) -> ImageDrawer:
        """Open the drawer of one of several workers, with its own share of the images."""
        share = self._images[worker::workers]
        return ImageDrawer(share if len(share) else self._images, [self._seed, worker], self._flip)


class ImageDrawer:
    """Drawer of images in one worker."""

    def __init__(self, images: NDArray[np.uint8], seed: list[int], flip: float):
        self._images, self._flip = images, flip
        self._random = np.random.default_rng(seed)
        self._order: list[int] = []

    def messages(self) -> list[str]:
        """Empty: the images were read before."""
        return []

    def draw(self, pixels: int) -> tuple[NDArray[np.uint8]]:
        """Draw images (n, C, H, W) of ``pixels`` pixels together, and at least one image."""
        _, _, height, width = self._images.shape
        chosen: list[int] = []
        for _ in range(max(1, pixels // (height * width))):
            if not self._order:
                self._order = self._random.permutation(len(self._images)).tolist()
            chosen.append(self._order.pop())
        images = self._images[chosen]
        mirrored = self._random.random(len(images)) < self._flip
        images[mirrored] = images[mirrored, :, :, ::-1]
        return (images,)


def planes(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert images (N, H, W) or (N, H, W, C) to (N, C, H, W). Raises NellocError for another shape."""
    if images.ndim == 3:
        return images[:, None]
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise NellocError(f"images of shape {images.shape}: give (N, H, W) or (N, H, W, 3)")
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
