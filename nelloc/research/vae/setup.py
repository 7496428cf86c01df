"""What the experiments of this room begin with: images, and a VAE that was trained by the plain ELBO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial

import torch
from torch import Tensor

from nelloc.models.devices import find_device
from nelloc.research import data
from nelloc.research.experiment import Settings
from nelloc.research.vae import gaps
from nelloc.research.vae.bounds import amortised_elbo, bits_per_dimension
from nelloc.research.vae.inference import Objective, wake
from nelloc.research.vae.models import VAE, Architecture, Kind, new_vae
from nelloc.research.vae.training import Plan, Row, fit

TITLES: dict[Kind, str] = {"binary": "Binary MNIST", "gray": "Gray MNIST", "colour": "CIFAR-10"}
# Of the training images, as many are enough to know the training ELBO.
TRAIN_MEASURED = 2000
# What networks of less than the full width learn with at most.
MOST_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Pictures:
    """Images of a data set, uint8 (N, channels, rows, columns): to train on, and its test set with nothing left out.

    They are on the device that networks are trained on.
    """

    train: Tensor
    test: Tensor


@dataclass(frozen=True)
class Setup:
    """A data set's network and training: ``images`` of the training set, for ``epochs``.

    Generalisation gaps are measured about ``gap_points`` times, or not at all, with ``gap_steps`` of optimal inference
    for each of ``gap_images`` training and as many test images. Curves are drawn from the first ``measured`` test
    images, for which there is optimal inference of ``optimal_steps``.
    """

    architecture: Architecture
    images: int
    epochs: int
    batch: int
    learning_rate: float = 1e-3
    warm_up: int = 0
    measured: int = 10_000
    optimal_steps: int = 200
    gap_points: int = 0
    gap_images: int = 500
    gap_steps: int = 100

    def plan(self, seed: int, *, encoder_only: bool = False) -> Plan:
        """How a VAE is trained, or, for a third of its epochs, another encoder for its decoder."""
        epochs = max(1, self.epochs // 3) if encoder_only else self.epochs
        return Plan(epochs, self.batch, self.learning_rate, seed, encoder_only, self.warm_up)


_DIGITS = {"rows": 28, "columns": 28, "latent": 10}
_COLOUR = {"rows": 32, "columns": 32, "depth": 3}
# Epochs, latents and width are those of the public code of the paper, arXiv:2205.11640, as far as it has them; it has
# three hidden layers and batches of 100 for digits. Of CIFAR-10 it has 50,000 training images.
FULL = {
    "binary": Setup(Architecture("binary", **_DIGITS, width=500, depth=2), 60_000, 100, 200, gap_points=10),
    "gray": Setup(Architecture("gray", **_DIGITS, width=500, depth=2), 60_000, 100, 200),
    # 400 channels diverge in the first epochs at a rate of 3e-4, and in one run of three after 310 at 2e-4.
    "colour": Setup(
        Architecture("colour", **_COLOUR, latent=256, width=400),
        images=50_000,
        epochs=500,
        batch=100,
        learning_rate=1e-4,
        warm_up=200,
        measured=1000,
    ),
}
# Few images, which small networks overfit within seconds.
QUICK = {
    "binary": Setup(
        Architecture("binary", **_DIGITS, width=200, depth=2),
        images=2_000,
        epochs=60,
        batch=50,
        measured=1000,
        gap_points=5,
        gap_images=300,
        gap_steps=50,
    ),
    "gray": Setup(
        Architecture("gray", **_DIGITS, width=200, depth=2),
        images=500,
        epochs=100,
        batch=50,
        learning_rate=2e-3,
        measured=300,
    ),
    "colour": Setup(
        Architecture("colour", **_COLOUR, latent=32, width=12),
        images=250,
        epochs=40,
        batch=25,
        learning_rate=3e-3,
        measured=200,
        optimal_steps=100,
    ),
}


def setup(settings: Settings, kind: Kind) -> Setup:
    """The network and training of a run, with the user's number of epochs and width if there are any.

    The rate of another width goes with its inverse, as a step of Adam moves what a layer gives by rate times width.
    """
    chosen: Setup = settings.choose(QUICK, FULL)[kind]
    width = settings.width or chosen.architecture.width
    limit = max(MOST_LEARNING_RATE, chosen.learning_rate)
    return replace(
        chosen,
        architecture=replace(chosen.architecture, width=width),
        learning_rate=min(limit, chosen.learning_rate * chosen.architecture.width / width),
        epochs=settings.epochs_or(chosen.epochs, chosen.epochs),
    )


def pictures(settings: Settings, kind: Kind) -> Pictures:
    """MNIST, gray or with pixels above half set to 1, or CIFAR-10.

    Raises NellocError if the data are missing, or the device cannot be used.
    """
    if kind == "colour":
        train, test = data.cifar10(settings, "train"), data.cifar10(settings, "test")
    else:
        train, test = (data.mnist_images(settings, part)[:, None] for part in ("train", "test"))
    if kind == "binary":
        train, test = ((images > 127).to(torch.uint8) for images in (train, test))
    device = find_device(settings.device)
    return Pictures(train[: setup(settings, kind).images].to(device), test.to(device))


def trained_vae(
    settings: Settings, kind: Kind, images: Pictures, seed: int, architecture: Architecture | None = None
) -> tuple[VAE, list[Row]]:
    """A VAE trained by the plain ELBO, and its bits per dimension after each epoch.

    Rows have ``train`` and ``test``, and, after ``gap_epochs``, the four ELBOs of ``gaps.Gaps`` in nats. The model is
    kept in the folder ``checkpoints`` of ``settings.out``: experiments that begin with the same VAE find it there, and
    an interrupted run goes on.
    """
    chosen = setup(settings, kind)
    vae = new_vae(architecture or chosen.architecture, seed, images.train.device)
    rows = train(settings, kind, vae, images, "", wake, chosen.plan(seed), partial(_measure, vae, images, chosen))
    return vae, rows


def train(
    settings: Settings,
    kind: Kind,
    vae: VAE,
    images: Pictures,
    name: str,
    objective: Objective,
    plan: Plan,
    measure: Callable[[int], Row],
) -> list[Row]:
    """``training.fit`` with the user's progress, kept between epochs; ``name`` tells the objective's checkpoint."""
    parts = (kind, str(vae.architecture.latent), *name.split())
    size = settings.choose("quick", "full") + (f"-width{settings.width}" if settings.width else "")
    epochs = setup(settings, kind).epochs  # of the VAE, also where only its encoder is trained further
    path = settings.out / "checkpoints" / f"vae-{'-'.join(parts)}-{size}-seed{plan.seed}-epochs{epochs}.safetensors"
    settings.progress.expect(plan.epochs, f"{name or 'VAE'} of seed {plan.seed}, {plan.epochs} epochs")
    advance = partial(settings.progress.advance, 1)
    return fit(
        vae,
        images.train,
        objective,
        plan,
        measure=measure,
        progress=advance,
        checkpoint=path,
        low_precision=not settings.quick,
    )


def measured_images(settings: Settings, kind: Kind, images: Pictures) -> Tensor:
    """The first test images, as many as curves are drawn from."""
    return images.test[: setup(settings, kind).measured]


def gap_epochs(chosen: Setup) -> list[int]:
    """The epochs after which gaps are measured: the first, and every so many up to the last."""
    if not chosen.gap_points:
        return []
    return sorted({1, *range(chosen.epochs, 0, -max(1, chosen.epochs // chosen.gap_points))})


def bits(vae: VAE, images: Tensor, samples: int = 1) -> float:
    """Bits per dimension of images by the encoder's ELBO."""
    return bits_per_dimension(amortised_elbo(vae, images.float(), samples=samples), vae)


def _measure(vae: VAE, images: Pictures, chosen: Setup, epoch: int) -> Row:
    row = {"train": bits(vae, images.train[:TRAIN_MEASURED]), "test": bits(vae, images.test[: chosen.measured])}
    if epoch in gap_epochs(chosen):
        train, test = (side[: chosen.gap_images].float() for side in (images.train, images.test))
        found = gaps.measure(vae, train, test, steps=chosen.gap_steps)
        row |= {f"elbo_{name}": value for name, value in asdict(found).items()}
    return row
