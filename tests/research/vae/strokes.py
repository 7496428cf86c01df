"""Small models and images for the tests of this room."""

from __future__ import annotations

import copy
from functools import cache

import torch
from torch import Tensor

from nelloc.research.vae.inference import wake
from nelloc.research.vae.models import VAE, Architecture
from nelloc.research.vae.training import EpochSettings, fit

ARCHITECTURES = {
    "binary": Architecture("binary", rows=8, columns=8, latent=3, width=16, depth=2),
    "gray": Architecture("gray", rows=8, columns=8, latent=3, width=16, depth=2),
    "colour": Architecture("colour", rows=8, columns=8, latent=3, width=8, depth=1),
}


def small_vae(kind: str = "binary", seed: int = 0) -> VAE:
    """An untrained model of 8 x 8 images."""
    torch.manual_seed(seed)
    return VAE(ARCHITECTURES[kind]).eval()


def strokes(count: int, kind: str = "binary", seed: int = 0) -> Tensor:
    """Images of one bright, soft stroke each, at a random place and slope."""
    generator = torch.Generator().manual_seed(seed)
    place, slope = torch.rand(2, count, 1, 1, generator=generator)
    row, column = torch.arange(8.0)[:, None], torch.arange(8.0)[None]
    distance = (row - 7 * place - (slope - 0.5) * (column - 3.5)).abs()
    level = (255 * torch.exp(-(distance**2))).round()
    if kind == "binary":
        return (level > 127).float()[:, None]
    if kind == "gray":
        return level[:, None]
    return torch.stack([level, (level * 0.7).round(), 255 - level], 1)


def trained_vae(kind: str = "binary", count: int = 400, epochs: int = 15) -> VAE:
    """A model that has learnt something of ``strokes``, which the caller may change."""
    torch.manual_seed(0)
    return copy.deepcopy(_trained(kind, count, epochs))


@cache
def _trained(kind: str, count: int, epochs: int) -> VAE:
    vae = small_vae(kind)
    fit(vae, strokes(count, kind), wake, EpochSettings(epochs=epochs, batch=50, learning_rate=3e-3))
    vae.zero_grad()
    return vae
