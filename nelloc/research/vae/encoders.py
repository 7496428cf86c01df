"""Encoders trained in different ways for one decoder, and how their test rates go."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from nelloc.research.experiment import Settings
from nelloc.research.vae.bounds import bits_per_dimension, elbo, standard_noise
from nelloc.research.vae.inference import Objective
from nelloc.research.vae.models import VAE, Kind
from nelloc.research.vae.optimal import MEASURING_SEED, optimal_posterior
from nelloc.research.vae.setup import Pictures, bits, measured_images, setup, train

# Of the ELBO with optimal inference, and the images that it fits at once.
SAMPLES = 4
AT_ONCE = 1000


@dataclass(frozen=True)
class TrainedEncoder:
    """A VAE whose encoder was trained further: test bits per dimension before it and after each epoch, and in the end.

    ``curve`` is of the first test images, as many as are ``measured``; ``test`` is of all.
    """

    vae: VAE
    curve: list[float]
    test: float


def train_encoder(
    settings: Settings, kind: Kind, images: Pictures, vae: VAE, name: str, objective: Objective, seed: int
) -> TrainedEncoder:
    """Train a copy of the encoder of ``vae`` with ``objective``; the decoder stays."""
    copied = copy.deepcopy(vae)
    measured = measured_images(settings, kind, images)
    plan = setup(settings, kind).plan(seed, encoder_only=True)
    start = bits(copied, measured)
    rows = train(settings, kind, copied, images, name, objective, plan, lambda epoch: {"test": bits(copied, measured)})
    return TrainedEncoder(copied, [start, *(row["test"] for row in rows)], bits_of_test_set(copied, images))


def bits_of_test_set(vae: VAE, images: Pictures) -> float:
    """Bits per dimension of the whole test set by the encoder's ELBO, with one sample an image."""
    return bits(vae, images.test)


def optimal_bits(settings: Settings, kind: Kind, vae: VAE, images: Tensor) -> float:
    """Bits per dimension of images (N, channels, rows, columns) with optimal inference for each."""
    steps = setup(settings, kind).optimal_steps
    nats = []
    parts = images.float().split(AT_ONCE)
    settings.progress.expect(len(parts), f"optimal inference for {len(images)} images")
    for part in parts:
        posterior = optimal_posterior(vae, part, steps)
        with torch.no_grad():
            nats.append(elbo(vae, part, posterior, standard_noise(SAMPLES, len(part), vae, MEASURING_SEED)))
        settings.progress.advance()
    return bits_per_dimension(torch.cat(nats), vae)
