"""Rate to expect of the bits-back coder: the negative ELBO, with the probabilities and latents that are coded with.

The coder differs from the bound in two ways. Its tables hold multiples of 2**-24, with one for each symbol before the
rest is shared out, so that no sample costs more than 24 bits; and its latents are the centres of 4096 bins. The first
makes images cheaper that a model hardly expects, the second matters where posteriors lie beyond the outermost bin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nelloc.research.vae.bits_back import LATENT_BITS, TABLE_BITS, latent_tables
from nelloc.research.vae.models import VAE, Posterior


@dataclass(frozen=True)
class CodedRate:
    """Expected rates in bits per dimension.

    ``pixels`` is the negative ELBO with the coder's probabilities of samples, ``whole`` the same with its latents too.
    ``beyond`` is the share of samples that cost over 24 bits in the negative ELBO.
    """

    pixels: float
    whole: float
    beyond: float


@torch.no_grad()
def coded_rate(vae: VAE, images: Tensor, posterior: Posterior, noise: Tensor, seed: int = 0) -> CodedRate:
    """Compute the rates to expect of images (N, channels, rows, columns) and their posteriors.

    Means are over ``noise`` (S, N, latent), and over as many latents drawn from the coder's bins with ``seed``.
    """
    plain = _log_probs(vae, images, posterior.at(noise))
    pixels = posterior.divergence().double() - _as_coded(plain, vae.likelihood.levels).sum(-1).mean(0)
    latents, cost = _draw_coded(posterior, len(noise), seed)
    binned = _as_coded(_log_probs(vae, images, latents), vae.likelihood.levels).sum(-1)
    whole = (cost - binned).mean(0)
    unit = math.log(2) * vae.dimensions
    beyond = (plain < -TABLE_BITS * math.log(2)).double().mean()
    return CodedRate(float(pixels.mean() / unit), float(whole.mean() / unit), float(beyond))


def _log_probs(vae: VAE, images: Tensor, latents: Tensor) -> Tensor:
    """Log probability in nats of each sample, float64 (S, N, dimensions), for latents (S, N, latent)."""
    parts = [vae.likelihood.log_probs(vae.decoder(each), images).flatten(1).double() for each in latents]
    return torch.stack(parts)


def _as_coded(log_probs: Tensor, symbols: int) -> Tensor:
    """Log probabilities of a table of ``symbols``: a unit each, and the rest in proportion."""
    unit = 2.0**-TABLE_BITS
    return torch.log(log_probs.exp() * (1 - symbols * unit) + unit)


def _draw_coded(posterior: Posterior, draws: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw centres of bins as the coder does, (draws, N, latent), and their net cost in nats, (draws, N)."""
    generator = torch.Generator().manual_seed(seed)
    bins, costs = [], []
    for number in range(len(posterior.mean)):
        one = Posterior(*(part[number : number + 1] for part in (posterior.mean, posterior.deviation)))
        masses = _as_coded(torch.from_numpy(latent_tables(one)).log(), 1 << LATENT_BITS)
        drawn = torch.multinomial(masses.exp(), draws, replacement=True, generator=generator)  # (latent, draws)
        bins.append(drawn.T)
        costs.append((masses.gather(1, drawn) + LATENT_BITS * math.log(2)).sum(0))
    centres = torch.special.ndtri((torch.stack(bins, 1).double() + 0.5) / 2**LATENT_BITS)
    return centres.float(), torch.stack(costs, 1)
