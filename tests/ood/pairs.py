"""Small pairs of models, and images to score with them."""

import numpy as np
import torch

from nelloc.ood.pair import Pair
from nelloc.training.networks.full import FullConfig, FullNetwork


def random_pair(height=6, width=5, channels=1, seed=0) -> Pair:
    """A pair of random weights."""
    torch.manual_seed(seed)
    shape = {"horizon": 1, "width": 8, "components": 2, "channels": channels}
    networks = [FullNetwork(FullConfig(blocks=blocks, kernel=kernel, **shape)) for blocks, kernel in ((0, 1), (2, 3))]
    with torch.no_grad():
        for network in networks:
            network.last.weight.mul_(10)
    return Pair(*networks, height, width, {"trained_on": "nothing"})


def noise(count, height=6, width=5, channels=1, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, height, width), np.uint8)
