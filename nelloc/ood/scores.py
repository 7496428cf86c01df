"""Scores of images under a pair of models, each in bits per dimension; higher means in distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from nelloc.bench.interface import Peer, Picture
from nelloc.bench.peers import JpegXlOfPillow, Png, WebP
from nelloc.exact.callbacks import Advance
from nelloc.image import from_array
from nelloc.ood.pair import Pair
from nelloc.training.networks.full import FullNetwork

# Pixels in one pass through the networks.
PIXELS_PER_PASS = 1 << 14


@dataclass(frozen=True)
class Scores:
    """Code lengths of N images under models and generic codecs, (N,) bits per dimension each.

    ``local`` and ``full`` are -log2 p of the two models; ``png`` and ``generic`` the sizes of whole files as PNG, and
    in the smallest of the available generic codecs.
    """

    local: NDArray[np.float64]
    full: NDArray[np.float64]
    png: NDArray[np.float64]
    generic: NDArray[np.float64]

    @property
    def nonlocal_(self) -> NDArray[np.float64]:
        """Non-local score, log p_full - log p_local (thesis eq. 5.6)."""
        return self.local - self.full

    @property
    def complexity_png(self) -> NDArray[np.float64]:
        """Input-complexity score, negated: S = -log p_full - L of Serra et al. 2020, L the bits of the PNG file."""
        return self.png - self.full

    @property
    def complexity_generic(self) -> NDArray[np.float64]:
        """Input-complexity score, negated, with L from the smallest generic codec's file."""
        return self.generic - self.full

    def all(self) -> dict[str, NDArray[np.float64]]:
        """All scores by their names in results."""
        return {
            "nonlocal": self.nonlocal_,
            "full": -self.full,
            "local": -self.local,
            "complexity_png": self.complexity_png,
            "complexity_generic": self.complexity_generic,
        }

    def __len__(self) -> int:
        return len(self.local)

    def take(self, places: slice) -> Scores:
        """Scores of some of the images."""
        return Scores(**{field.name: getattr(self, field.name)[places] for field in fields(self)})


def score(pair: Pair, images: NDArray[np.uint8], progress: Advance = lambda images: None) -> Scores:
    """Score images under a pair of models.

    Parameters
    ----------
    pair : Pair
        Local and full model.
    images : ndarray
        uint8 (N, C, H, W).
    progress : callable
        Is called with the number of images done since the last call.

    Returns
    -------
    Scores
        One value of each kind per image.
    """
    step = max(1, PIXELS_PER_PASS // (images.shape[2] * images.shape[3]))
    rows: list[tuple[float, float, int, int]] = []
    for start in range(0, len(images), step):
        part = images[start : start + step]
        likelihoods = (bits_per_dimension(network, part) for network in (pair.local, pair.full))
        sizes = [file_bits(image) for image in part]
        rows += [
            (local, full, png / image.size, generic / image.size)
            for local, full, (png, generic), image in zip(*likelihoods, sizes, part, strict=True)
        ]
        progress(len(part))
    return Scores(*np.array(rows, np.float64).reshape(-1, 4).T)


def bits_per_dimension(network: FullNetwork, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Code length -log2 p (N,) of ``images`` (N, C, H, W), divided by the number of samples of an image."""
    samples = images[0].size
    step = max(1, PIXELS_PER_PASS * images.shape[1] // samples)
    with torch.no_grad():
        parts = [torch.tensor(images[start : start + step]).float() for start in range(0, len(images), step)]
        nats = torch.cat([network.log_likelihood(part) for part in parts])
    return -nats.double().numpy() / (samples * math.log(2))


def file_bits(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Bits of an image (C, H, W) as a PNG file, and as the smallest of the files of ``codecs()``."""
    array = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
    picture = Picture.of("image", from_array(array))
    sizes = [8 * len(peer.encode(picture)) for peer in codecs()]
    return sizes[0], min(sizes)


def codecs() -> list[Peer]:
    """Available generic lossless codecs, at their slowest: PNG first, then WebP and JPEG XL."""
    return [kind() for kind in (Png, WebP, JpegXlOfPillow) if kind.missing() is None]
