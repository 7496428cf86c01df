"""The delta-VAE: a generator x = g(z) without noise of its own, trained with the spread ELBO (thesis eq. 2.28-2.34)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from nelloc.errors import NellocError
from nelloc.research.experiment import Progress, Settings
from nelloc.research.spread.elbo import spread_elbo
from nelloc.research.spread.learned import TransformedNoise
from nelloc.research.spread.noise import Noise
from nelloc.research.stages import stage
from nelloc.research.tensor_file import fingerprint

# The bound of each point of a batch, in nats.
Bound = Callable[["DeltaVAE", Tensor], Tensor]


class DeltaVAE(nn.Module):
    """An encoder of 2 * latent outputs and a decoder; points are images flattened to (N, D), with values in [0, 1]."""

    def __init__(self, latent: int, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.latent, self.encoder, self.decoder = latent, encoder, decoder

    def encode(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of q(z | y), (N, latent)."""
        mean, raw = self.encoder(y).chunk(2, -1)
        return mean, F.softplus(raw) + 1e-4

    def decode(self, z: Tensor) -> Tensor:
        """g(z), (N, D)."""
        return torch.sigmoid(self.decoder(z))

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Points g(z), (count, D): those of the model, without spread noise."""
        self.eval()
        return torch.cat([self.decode(torch.randn(min(500, count - at), self.latent)) for at in range(0, count, 500)])


def dense_vae(dimensions: int, width: int, latent: int) -> DeltaVAE:
    """Two hidden layers on each side."""
    encoder = nn.Sequential(
        nn.Linear(dimensions, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2 * latent)
    )
    decoder = nn.Sequential(
        nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, dimensions)
    )
    return DeltaVAE(latent, encoder, decoder)


def convolutional_vae(channels: int, size: int, width: int, latent: int) -> DeltaVAE:
    """Four strided 4 x 4 convolutions on each side, with batch normalisation; ``size`` is a multiple of 16."""
    widths, side = [channels, width, 2 * width, 4 * width, 4 * width], size // 16
    encoder: list[nn.Module] = [nn.Unflatten(-1, (channels, size, size))]
    for inputs, outputs in pairwise(widths):
        encoder += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    flat = widths[-1] * side**2
    encoder += [nn.Flatten(), nn.Linear(flat, 2 * latent)]
    decoder: list[nn.Module] = [nn.Linear(latent, flat), nn.Unflatten(-1, (widths[-1], side, side))]
    for inputs, outputs in zip(widths[:0:-1], widths[-2::-1], strict=True):
        decoder += [nn.BatchNorm2d(inputs), nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)]
    return DeltaVAE(latent, nn.Sequential(*encoder), nn.Sequential(*decoder, nn.Flatten()))


def with_noise(noise: Noise) -> Bound:
    """The spread ELBO with this noise."""
    return lambda model, x: spread_elbo(x, noise, model.encode, model.decode)


@dataclass(frozen=True)
class Training:
    """How a model is trained, and, at the same time, noise at ``noise_rate``: both with Adam."""

    epochs: int
    batch: int
    learning_rate: float
    noise_rate: float = 1e-3


def train(
    name: str,
    model: DeltaVAE,
    images: Tensor,
    bound: Bound,
    training: Training,
    noise: nn.Module | None = None,
    progress: Progress | None = None,
) -> list[float]:
    """Maximise the bound over the model; returns its mean in nats over each epoch.

    The parameters of ``noise``, if given, are trained to minimise the bound at the same time, that is, to maximise the
    spread KL (thesis 2.4): its other term, the negative entropy of the spread data, is a constant, that of the noise
    and log N, as long as N data are many deviations of the noise from each other. ``images`` are uint8 (N, D). Raises
    NellocError if there is no batch of them, or if the bound is no longer a number.
    """
    progress = progress or Progress()
    if len(images) < training.batch:
        raise NellocError(f"{name}: there are {len(images)} training images, and a batch is {training.batch}; add some")
    optimiser = torch.optim.Adam(model.parameters(), lr=training.learning_rate)
    adversary = None if noise is None else torch.optim.Adam(noise.parameters(), lr=training.noise_rate, maximize=True)
    history = []
    for _ in range(training.epochs):
        model.train()
        total = 0.0
        for x in batches(images, training.batch):
            loss = -bound(model, x).mean()
            optimiser.zero_grad()
            if adversary is not None:
                adversary.zero_grad()
            loss.backward()
            optimiser.step()
            if adversary is not None:
                adversary.step()
            if isinstance(noise, TransformedNoise):
                noise.iterate(1)
            total -= loss.item() * len(x)
        history.append(total / (len(images) // training.batch * training.batch))
        if history[-1] != history[-1]:
            raise NellocError(f"{name}: the bound is no longer a number; try another --seed")
        progress.advance(remark=f"{name}: {history[-1]:.1f} nats")
    return history


def train_kept(
    settings: Settings,
    name: str,
    model: DeltaVAE,
    images: Tensor,
    bound: Bound,
    training: Training,
    noise: nn.Module | None = None,
) -> list[float]:
    """``train`` as a stage of its own: what an interrupted run has finished is found again, to the bit.

    Training begins with the random numbers of now, and what follows goes on from its last ones.
    """
    start = torch.get_rng_state()
    parts = {"model": model} if noise is None else {"model": model, "noise": noise}

    settings.progress.expect(training.epochs, name)
    made = False

    def make() -> dict[str, Tensor]:
        nonlocal made
        made = True
        torch.set_rng_state(start)
        history = train(name, model, images, bound, training, noise, settings.progress)
        tensors = {f"{part}.{key}": value for part in parts for key, value in parts[part].state_dict().items()}
        return {**tensors, "history": torch.tensor(history, dtype=torch.float64), "random": torch.get_rng_state()}

    found = stage(settings, name, make, training=training, images=fingerprint([images]))
    if not made:
        settings.progress.advance(training.epochs)
    for part, module in parts.items():
        module.load_state_dict({key: found[f"{part}.{key}"] for key in module.state_dict()})
    torch.set_rng_state(found["random"])
    return found["history"].tolist()


def batches(images: Tensor, batch: int) -> Iterator[Tensor]:
    """The images in random order, scaled to [0, 1]; the last ones that do not fill a batch are left out."""
    order = torch.randperm(len(images))
    for at in range(0, len(images) // batch * batch, batch):
        yield cast(Tensor, images[order[at : at + batch]]).float() / 255
