"""Why a test image costs more than a training image: the generalisation gaps of thesis eq. 4.7 to 4.17."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nelloc.research.vae.bounds import amortised_elbo, elbo, standard_noise
from nelloc.research.vae.models import VAE
from nelloc.research.vae.optimal import optimal_posterior


@dataclass(frozen=True)
class Gaps:
    """Four mean ELBOs in nats: with the encoder's and with optimal inference, on training and on test images.

    They are kept as multiples of 2**-20, so that differences of them are exact and the decomposition is an equality.
    """

    train: float
    train_optimal: float
    test: float
    test_optimal: float

    @property
    def whole(self) -> float:
        """EGG, the ELBO's generalisation gap: what the ELBO loses from training to test images."""
        return self.train - self.test

    @property
    def generative(self) -> float:
        """GMGG, the generative model's part: what is lost even if inference is optimal on both sides."""
        return self.train_optimal - self.test_optimal

    @property
    def inference(self) -> float:
        """AIGG, amortised inference's part: how much further from optimal the encoder is on test images."""
        return (self.test_optimal - self.test) - (self.train_optimal - self.train)


def measure(vae: VAE, train: Tensor, test: Tensor, steps: int, samples: int = 8, seed: int = 0) -> Gaps:
    """The gaps on given training and test images, with ``steps`` of optimal inference and ``samples`` per image."""

    def pair(images: Tensor) -> tuple[float, float]:
        # As MEASURING_SEED: not the noise that the posteriors were fitted with.
        amortised = amortised_elbo(vae, images, seed + 1, samples, batch=len(images))
        posterior = optimal_posterior(vae, images, steps, seed=seed)
        with torch.no_grad():
            optimal = elbo(vae, images, posterior, standard_noise(samples, len(images), vae, seed + 1))
        return _exact(amortised), _exact(optimal)

    return Gaps(*pair(train), *pair(test))


def _exact(nats: Tensor) -> float:
    return round(nats.double().mean().item() * 2**20) / 2**20
