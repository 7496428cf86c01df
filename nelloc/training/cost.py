"""Cost of rounding: an integer model against the float network with the same weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nelloc import image as pictures
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import EncodeOptions
from nelloc.codec.tiling import tiles
from nelloc.exact.context import FIRST_PIXEL, border_distances, context_sources
from nelloc.training.batches import BatchMaker, evaluate, luma
from nelloc.training.networks.local import LocalNetwork

# Pixels whose contexts are gathered at once; they pass through the network in smaller parts.
CONTEXTS_IN_MEMORY = 1 << 16


@dataclass(frozen=True)
class Cost:
    """Bits per dimension of the float network and of the integer model, on ``images`` images of ``pixels`` in total."""

    parent_bpd: float
    model_bpd: float
    images: int
    pixels: int

    @property
    def bpd(self) -> float:
        """Difference in bits per dimension."""
        return self.model_bpd - self.parent_bpd


def measure_cost(network: LocalNetwork, model: Path, images: Iterable[NDArray[np.uint8]]) -> Cost:
    """Measure the integer model in the file ``model`` and the float ``network`` on (H, W, 3) uint8 images.

    Gray models get the images' luma. The integer model's bits are -log2 of the probabilities given to the entropy
    coder, the float network's those of its likelihood.
    """
    images = list(images)
    channels = network.config.channels
    coded = [image if channels == 3 else luma(image, axis=2)[:, :, 0] for image in images]
    pixels = [pictures.from_array(image, "training image") for image in coded]
    encoded = encode_pixels(pixels, EncodeOptions(model=model, embed=False, learn=False), verify=False, measure=True)
    samples = sum(image.size for image in coded)
    return Cost(
        parent_bpd=sum(parent_bits(network, image) for image in images) / samples,
        model_bpd=sum(item.model_bits or 0.0 for item in encoded) / samples,
        images=len(images),
        pixels=samples // channels,
    )


def parent_bits(network: LocalNetwork, image: NDArray[np.uint8]) -> float:
    """Bits of an (H, W, 3) image under the float network, tile by tile as in the codec."""
    config = network.config
    make = BatchMaker(config)
    total = 0.0
    for tile in tiles(*image.shape[:2]):
        pixels = image[tile.rows, tile.columns].reshape(-1, 3)
        order, sources = context_sources(tile.height, tile.width, config.horizon)
        distances = border_distances(*np.divmod(order, tile.width), tile.width, config.horizon)
        known = np.concatenate([pixels, np.full((1, 3), FIRST_PIXEL, np.uint8)])
        for start in range(0, len(order), CONTEXTS_IN_MEMORY):
            part = slice(start, start + CONTEXTS_IN_MEMORY)
            batch = make(known[sources[:, part]].transpose(0, 2, 1), pixels[order[part]].T, distances[:, part])
            total += evaluate(network, batch, rounding=False) * config.channels * len(order[part])
    return total
