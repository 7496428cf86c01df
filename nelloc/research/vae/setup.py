"""Common start of these experiments: images, and a VAE trained by the plain ELBO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from nelloc import disk
from nelloc.errors import NellocError
from nelloc.research import data, tensor_file
from nelloc.research.experiment import Settings
from nelloc.research.tensor_file import TensorFile
from nelloc.research.vae.bounds import amortised_elbo, bits_per_dimension
from nelloc.research.vae.inference import Objective, wake
from nelloc.research.vae.models import VAE, Architecture, Kind, new_vae
from nelloc.research.vae.training import EpochSettings, Row, fit
from nelloc.training.networks.devices import find_device

TITLES: dict[Kind, str] = {"binary": "Binary MNIST", "gray": "Gray MNIST", "colour": "CIFAR-10"}
# Number of training images that suffices to measure the training ELBO.
TRAIN_MEASURED = 2000
# Largest learning rate of networks of less than the full width.
MOST_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Pictures:
    """Images of a data set, uint8 (N, channels, rows, columns): the training set, and the used part of the test set.

    They are on the device that networks are trained on.
    """

    train: Tensor
    test: Tensor


@dataclass(frozen=True)
class Setup:
    """Network and training of a data set: ``images`` of the training set, ``epochs``, saved every ``keep_every``.

    For the saved decoders, encoders are trained for ``encoder_epochs`` at ``encoder_rate``, on training images or on
    the model's, and for ``optimal_epochs`` at the same rate on the test images: that is optimal inference. The first
    ``tested`` test images are used.
    """

    architecture: Architecture
    images: int
    epochs: int
    keep_every: int
    batch: int = 100
    learning_rate: float = 3e-4
    warm_up: int = 0
    encoder_epochs: int = 100
    encoder_rate: float = 5e-4
    optimal_epochs: int = 500
    tested: int = 10_000

    def plan(self, seed: int) -> EpochSettings:
        """Training settings of the VAE."""
        return EpochSettings(self.epochs, self.batch, self.learning_rate, seed, False, self.warm_up)

    def encoder_plan(self, seed: int, epochs: int | None = None, rate: float | None = None) -> EpochSettings:
        """Training settings of another encoder for its decoder."""
        rate = self.encoder_rate if rate is None else rate
        return EpochSettings(
            self.encoder_epochs if epochs is None else epochs, self.batch, rate, seed, True, self.warm_up
        )

    @property
    def kept(self) -> list[int]:
        """Epochs after which the VAE is saved, including the last."""
        return sorted({*range(self.keep_every, self.epochs + 1, self.keep_every), self.epochs})


_DIGITS = {"rows": 28, "columns": 28}
_COLOUR = {"rows": 32, "columns": 32}
# Section 4.4. It does not give the batch size, which is 100 as in the paper's public code (arXiv:2205.11640); so is the
# number of channels for CIFAR-10 that of the networks it follows (van den Oord et al. 2017). Wide networks need
# a rate that rises at the beginning.
FULL = {
    "binary": Setup(Architecture("binary", **_DIGITS, latent=16, width=500, depth=2), 60_000, 1000, 100),
    "gray": Setup(Architecture("gray", **_DIGITS, latent=32, width=500, depth=2), 60_000, 1000, 100),
    "colour": Setup(
        Architecture("colour", **_COLOUR, latent=128, width=256, depth=2),
        images=50_000,
        epochs=500,
        keep_every=100,
        learning_rate=5e-4,
        warm_up=200,
        encoder_rate=1e-5,
    ),
}
# Few images, so that small networks overfit within seconds.
QUICK = {
    "binary": Setup(
        Architecture("binary", **_DIGITS, latent=16, width=200, depth=2),
        images=2_000,
        epochs=60,
        keep_every=20,
        batch=50,
        learning_rate=1e-3,
        encoder_epochs=20,
        encoder_rate=1e-3,
        optimal_epochs=40,
        tested=1000,
    ),
    "gray": Setup(
        Architecture("gray", **_DIGITS, latent=32, width=200, depth=2),
        images=500,
        epochs=90,
        keep_every=30,
        batch=50,
        learning_rate=2e-3,
        encoder_epochs=30,
        encoder_rate=1e-3,
        optimal_epochs=50,
        tested=300,
    ),
    "colour": Setup(
        Architecture("colour", **_COLOUR, latent=32, width=12, depth=2),
        images=250,
        epochs=40,
        keep_every=20,
        batch=25,
        learning_rate=3e-3,
        encoder_epochs=10,
        encoder_rate=1e-3,
        optimal_epochs=20,
        tested=150,
    ),
}


def setup(settings: Settings, kind: Kind) -> Setup:
    """Network and training of a run, with the user's number of epochs and width if given.

    Encoders are trained in proportion to a smaller number of epochs. The learning rate is proportional to the inverse
    width, since a step of Adam moves a layer's outputs by rate times width.
    """
    chosen: Setup = settings.choose(QUICK, FULL)[kind]
    if settings.length == "medium" and kind == "gray":
        # 500 are too few to compare ways to train an encoder; take as many as binary digits.
        chosen = replace(chosen, images=QUICK["binary"].images, tested=QUICK["binary"].tested)
    width = settings.width or chosen.architecture.width
    limit = max(MOST_LEARNING_RATE, chosen.learning_rate)
    epochs = settings.epochs_or(chosen.epochs, chosen.epochs)
    share = epochs / chosen.epochs
    return replace(
        chosen,
        architecture=replace(chosen.architecture, width=width),
        learning_rate=min(limit, chosen.learning_rate * chosen.architecture.width / width),
        epochs=epochs,
        # Scale the number of points of a curve, and the encoders' epochs, alike.
        keep_every=max(1, round(chosen.keep_every * share)),
        encoder_epochs=max(1, round(chosen.encoder_epochs * min(1.0, share))),
        optimal_epochs=max(1, round(chosen.optimal_epochs * min(1.0, share))),
    )


def pictures(settings: Settings, kind: Kind) -> Pictures:
    """Load MNIST, gray or with pixels above half set to 1, or CIFAR-10.

    Raises NellocError if the data are missing, or the device cannot be used.
    """
    if kind == "colour":
        train, test = data.cifar10(settings, "train"), data.cifar10(settings, "test")
    else:
        train, test = (data.mnist_images(settings, part)[:, None] for part in ("train", "test"))
    if kind == "binary":
        train, test = ((images > 127).to(torch.uint8) for images in (train, test))
    device = find_device(settings.device)
    chosen = setup(settings, kind)
    return Pictures(train[: chosen.images].to(device), test[: chosen.tested].to(device))


@dataclass(frozen=True)
class Kept:
    """A VAE after ``epoch`` epochs of its training."""

    epoch: int
    vae: VAE


def trained_vae(
    settings: Settings, kind: Kind, images: Pictures, seed: int, chosen: Setup | None = None
) -> tuple[list[Kept], list[Row]]:
    """Train a VAE by the plain ELBO; return it as of every ``keep_every`` epochs, and its rates after each epoch.

    Rows have ``train`` and ``test``, bits per dimension. The models are saved in the folder ``checkpoints`` of
    ``settings.out``: experiments that start with the same VAE find it there, and an interrupted run continues. Raises
    NellocError if a saved one is missing or damaged.
    """
    chosen = chosen or setup(settings, kind)
    vae = new_vae(chosen.architecture, seed, images.train.device)
    plan, path = chosen.plan(seed), _checkpoint(settings, kind, chosen, "", chosen.plan(seed))

    def file(epoch: int) -> Path:
        return path.with_name(f"{path.stem}-at{epoch}.safetensors")

    def measure(epoch: int) -> Row:
        if epoch in chosen.kept:
            tensor_file.write(file(epoch), TensorFile(vae.state_dict(), {"plan": str(plan)}, {}))
        return {"train": bits(vae, images.train[:TRAIN_MEASURED]), "test": bits(vae, images.test)}

    rows = train(settings, kind, vae, images.train, "", wake, plan, measure, chosen)
    kept = []
    for epoch in chosen.kept:
        found = tensor_file.read(file(epoch)) if disk.is_file(file(epoch)) else None
        if found is None:
            raise NellocError(f"{file(epoch)}: is missing or damaged; remove {path}, and the VAE is trained again")
        model = new_vae(chosen.architecture, seed, images.train.device)
        model.load_state_dict(dict(found.tensors))
        kept.append(Kept(epoch, model.eval()))
    return kept, rows


def train(
    settings: Settings,
    kind: Kind,
    vae: VAE,
    images: Tensor,
    name: str,
    objective: Objective,
    plan: EpochSettings,
    measure: Callable[[int], Row],
    chosen: Setup | None = None,
) -> list[Row]:
    """Run ``training.fit`` with the user's progress and a checkpoint; ``name`` identifies the objective."""
    settings.progress.expect(plan.epochs, f"{name or 'VAE'} of seed {plan.seed}, {plan.epochs} epochs")
    return fit(
        vae,
        images,
        objective,
        plan,
        measure=measure,
        progress=partial(settings.progress.advance, 1),
        checkpoint=_checkpoint(settings, kind, chosen or setup(settings, kind), name, plan),
        low_precision=not settings.small,
    )


def _checkpoint(settings: Settings, kind: Kind, chosen: Setup, name: str, plan: EpochSettings) -> Path:
    """Checkpoint file of a training, named by its settings."""
    parts = (kind, str(chosen.architecture.latent), f"depth{chosen.architecture.depth}", *name.split())
    size = settings.choose("small", "full") + (f"-width{settings.width}" if settings.width else "")
    if settings.small and chosen.images != QUICK[kind].images:
        size += f"-images{chosen.images}"
    rate = f"rate{chosen.learning_rate:g}"
    name = f"vae-{'-'.join(parts)}-{size}-{rate}-seed{plan.seed}-epochs{chosen.epochs}.safetensors"
    return settings.out / "checkpoints" / name


def bits(vae: VAE, images: Tensor, samples: int = 1) -> float:
    """Bits per dimension of images by the encoder's ELBO."""
    return bits_per_dimension(amortised_elbo(vae, images.float(), samples=samples), vae)
