"""Encoders trained in different ways for one decoder, and how their test rates go."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial

import torch

from nelloc.research.experiment import Settings
from nelloc.research.vae.bounds import bits_per_dimension, elbo, standard_noise
from nelloc.research.vae.inference import Objective
from nelloc.research.vae.models import VAE, Kind
from nelloc.research.vae.optimal import optimal_posterior
from nelloc.research.vae.setup import Pictures, bits, checkpoint_path, encoder_epochs, setup
from nelloc.research.vae.training import Plan, fit

# Optimal inference beside a whole test set: its images, and samples of the ELBO.
SAMPLES = 4
OPTIMAL_IMAGES = 1000


@dataclass(frozen=True)
class TrainedEncoder:
    """A VAE whose encoder was trained further: test bits per dimension before it and after each epoch, and in the end.

    ``curve`` is of the first test images, ``test`` of all.
    """

    vae: VAE
    curve: list[float]
    test: float


def train_encoder(
    settings: Settings, kind: Kind, images: Pictures, vae: VAE, name: str, objective: Objective, seed: int
) -> TrainedEncoder:
    """Train a copy of the encoder of ``vae`` with ``objective``; the decoder stays. ``name`` is of its checkpoint."""
    chosen = setup(settings, kind)
    epochs = encoder_epochs(settings, kind)
    copied = copy.deepcopy(vae)
    measured = images.test[: chosen.measured]
    settings.progress.expect(epochs)
    start = bits(copied, measured)
    rows = fit(
        copied,
        images.train,
        objective,
        Plan(epochs, chosen.batch, chosen.learning_rate, seed, encoder_only=True),
        measure=lambda epoch: {"test": bits(copied, measured)},
        progress=partial(settings.progress.advance, 1),
        checkpoint=checkpoint_path(settings, f"{kind}-{vae.architecture.latent}-{name}", seed, chosen.epochs),
    )
    return TrainedEncoder(copied, [start, *(row["test"] for row in rows)], bits_of_test_set(copied, images))


def bits_of_test_set(vae: VAE, images: Pictures) -> float:
    """Bits per dimension of the whole test set by the encoder's ELBO, with one sample an image."""
    return bits(vae, images.test)


def optimal_bits(settings: Settings, kind: Kind, vae: VAE, images: Pictures) -> float:
    """Bits per dimension of the first OPTIMAL_IMAGES test images, a tenth in a quick run, with optimal inference."""
    chosen = images.test[: settings.choose(OPTIMAL_IMAGES // 10, OPTIMAL_IMAGES)].float()
    posterior = optimal_posterior(vae, chosen, setup(settings, kind).optimal_steps)
    with torch.no_grad():
        nats = elbo(vae, chosen, posterior, standard_noise(SAMPLES, len(chosen), vae, seed=0))
    return bits_per_dimension(nats, vae)
