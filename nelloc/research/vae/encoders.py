"""Encoders trained in different ways for one decoder, and their test rates."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from torch import Tensor

from nelloc.research.experiment import Settings
from nelloc.research.vae.inference import HalfAsleep, Objective, wake
from nelloc.research.vae.models import VAE, Kind
from nelloc.research.vae.setup import Kept, Pictures, Setup, bits, setup, train
from nelloc.research.vae.training import EpochSettings

# Colours in all figures: the classic encoder, ours, and the two others.
COLOURS = {"VAE": "tab:purple", "half-asleep": "tab:orange", "optimal inference": "tab:green"}


@dataclass(frozen=True)
class TrainedEncoder:
    """VAE whose encoder was trained further: test bits per dimension before it and after each epoch."""

    vae: VAE
    curve: list[float]

    @property
    def test(self) -> float:
        """Test bits per dimension at the end."""
        return self.curve[-1]


def half_asleep(kind: Kind, alpha: float = 0.5) -> HalfAsleep:
    """Reverse half-asleep as in section 4.4: CIFAR-10's images are drawn from the aggregate posterior."""
    return HalfAsleep(alpha, aggregate=kind == "colour")


def train_encoder(
    settings: Settings,
    kind: Kind,
    images: Pictures,
    start: Kept,
    name: str,
    objective: Objective,
    plan: EpochSettings,
    *,
    on: Tensor | None = None,
    chosen: Setup | None = None,
) -> TrainedEncoder:
    """Train a copy of the encoder of ``start`` with ``objective``; the decoder does not change.

    ``on`` are the images to train on; None for the training set.
    """
    copied = copy.deepcopy(start.vae)
    before = bits(copied, images.test)
    rows = train(
        settings,
        kind,
        copied,
        images.train if on is None else on,
        f"{name} at{start.epoch} for{plan.epochs} rate{plan.learning_rate:g}",
        objective,
        plan,
        lambda epoch: {"test": bits(copied, images.test)},
        chosen,
    )
    return TrainedEncoder(copied, [before, *(row["test"] for row in rows)])


def optimal_encoder(
    settings: Settings,
    kind: Kind,
    images: Pictures,
    start: Kept,
    seed: int,
    epochs: int | None = None,
    chosen: Setup | None = None,
) -> TrainedEncoder:
    """Optimal inference: train the encoder on the test images themselves (thesis eq. 4.19, section 4.4)."""
    chosen = chosen or setup(settings, kind)
    plan = chosen.encoder_plan(seed, epochs or chosen.optimal_epochs)
    return train_encoder(settings, kind, images, start, "optimal", wake, plan, on=images.test, chosen=chosen)


def asleep_encoder(
    settings: Settings, kind: Kind, images: Pictures, start: Kept, seed: int, chosen: Setup | None = None
) -> TrainedEncoder:
    """Train the encoder of ``start`` by reverse half-asleep."""
    plan = (chosen or setup(settings, kind)).encoder_plan(seed)
    return train_encoder(settings, kind, images, start, "half-asleep", half_asleep(kind), plan, chosen=chosen)
