"""Lower bounds of log p(x): the evidence lower bound and the importance-weighted one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nelloc.research.vae.models import VAE, Posterior, standard_normal_log_prob


def elbo(vae: VAE, images: Tensor, posterior: Posterior, noise: Tensor) -> Tensor:
    """Evidence lower bound in nats, (N,): E_q[log p(x | z)] - KL(q || p(z)) (thesis eq. 4.2).

    The expectation is a mean over standard normal ``noise`` (S, N, latent); the divergence is in closed form.
    """
    return vae.log_likelihood(images, posterior.at(noise)).mean(0) - posterior.divergence()


def iwae(log_ratios: Tensor) -> Tensor:
    """Importance-weighted bound in nats, (..., N), of ``log_weights``' result (..., S, N) (Burda et al. 2016).

    It is the log of the mean of p(x, z) / q(z) over S samples. In expectation it is at least the ELBO, grows with S,
    and never exceeds log p(x).
    """
    return torch.logsumexp(log_ratios, -2) - math.log(log_ratios.shape[-2])


def log_weights(vae: VAE, images: Tensor, posterior: Posterior, noise: Tensor) -> Tensor:
    """Log weights log p(x, z) - log q(z) in nats for the latents of ``noise`` (S, N, latent): (S, N).

    Their mean over S is the ELBO with its divergence estimated from the same samples.
    """
    latents = posterior.at(noise)
    return vae.log_likelihood(images, latents) + standard_normal_log_prob(latents) - posterior.log_prob(latents)


def standard_noise(samples: int, images: int, vae: VAE, seed: int) -> Tensor:
    """Noise (samples, images, latent) that depends on ``seed`` alone, so that all methods get the same."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, images, vae.architecture.latent, generator=generator).to(vae.device)


@torch.no_grad()
def amortised_elbo(vae: VAE, images: Tensor, seed: int = 0, samples: int = 1, batch: int = 1000) -> Tensor:
    """ELBO of the encoder's own posteriors in nats, (N,)."""
    parts = [
        elbo(vae, part, vae.posterior(part), standard_noise(samples, len(part), vae, seed + index))
        for index, part in enumerate(images.split(batch))
    ]
    return torch.cat(parts)


def bits_per_dimension(nats: Tensor, vae: VAE) -> float:
    """Convert the mean of log probabilities (N,) to bits per dimension."""
    return -nats.double().mean().item() / (math.log(2) * vae.dimensions)
