"""Optimal inference: a posterior fitted to each image individually, instead of an encoder's."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from nelloc.research.vae.bounds import elbo
from nelloc.research.vae.models import VAE, Posterior, frozen

# Rates are measured with noise from this seed, or larger ones: a posterior looks better than it is with the noise to
# which it was fitted, which is that of seed 0.
MEASURING_SEED = 1
LEARNING_RATE = 0.03


def optimal_posterior(
    vae: VAE,
    images: Tensor,
    steps: int,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
    *,
    falling: bool = True,
) -> Posterior:
    """Take K gradient steps on the ELBO in each image's mean and deviation, from the encoder's output (Algorithm 2).

    Adam treats each number separately, so images do not affect each other. The noise follows ``seed`` alone: with the
    same images, model, machine and number of threads the result is the same to the bit, so that a bits-back decoder can
    repeat it. The rate falls to zero as a half cosine, or is constant, as in the thesis.
    """
    with torch.no_grad():
        start = vae.posterior(images)
    if steps == 0:
        return start
    mean = start.mean.clone().requires_grad_()
    raw = inverse_softplus(start.deviation).requires_grad_()
    generator = torch.Generator(images.device).manual_seed(seed)
    optimiser = torch.optim.Adam([mean, raw], lr=learning_rate)
    with frozen(vae):
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * (0.5 * (1 + math.cos(math.pi * step / steps)) if falling else 1)
            noise = torch.randn(1, *mean.shape, generator=generator, device=generator.device)
            loss = -elbo(vae, images, Posterior(mean, functional.softplus(raw)), noise).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return Posterior(mean.detach(), functional.softplus(raw).detach())


def inverse_softplus(values: Tensor) -> Tensor:
    """Solve softplus(y) = ``values`` for y."""
    return values + torch.log(-torch.expm1(-values))
