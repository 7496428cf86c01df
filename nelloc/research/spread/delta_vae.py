"""Delta-VAE: a generator x = g(z) without noise of its own, trained with the spread ELBO (thesis eq. 2.28-2.34)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from nelloc.codec.progress import Progress
from nelloc.errors import NellocError
from nelloc.research.experiment import Settings
from nelloc.research.spread.elbo import spread_elbo
from nelloc.research.spread.learned import TransformedNoise
from nelloc.research.spread.noise import Noise
from nelloc.research.stages import stage
from nelloc.research.tensor_file import fingerprint

# The bound of each point of a batch, in nats.
Bound = Callable[["DeltaVAE", Tensor], Tensor]


class DeltaVAE(nn.Module):
    """Encoder of ``latent`` outputs and decoder; points are images flattened to (N, D), with values in [0, 1].

    q(z | y) is N(mean(y), deviation^2 I) with one learned deviation for all (thesis A.6).
    """

    def __init__(self, latent: int, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.latent, self.encoder, self.decoder = latent, encoder, decoder
        self.raw_deviation = nn.Parameter(torch.zeros(1))

    def encode(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of q(z | y), (N, latent)."""
        mean = self.encoder(y)
        return mean, (F.softplus(self.raw_deviation) + 1e-4).expand_as(mean)

    def decode(self, z: Tensor) -> Tensor:
        """g(z), (N, D)."""
        return torch.sigmoid(self.decoder(z))

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Draw points g(z), (count, D), from the model, without spread noise."""
        self.eval()
        return torch.cat([self.decode(torch.randn(min(500, count - at), self.latent)) for at in range(0, count, 500)])


def dense_vae(dimensions: int, width: int, latent: int) -> DeltaVAE:
    """Model with three hidden layers on each side (thesis A.6)."""

    def layers(inputs: int, outputs: int) -> nn.Sequential:
        hidden: list[nn.Module] = []
        for size in (inputs, width, width):
            hidden += [nn.Linear(size, width), nn.ReLU()]
        return nn.Sequential(*hidden, nn.Linear(width, outputs))

    return DeltaVAE(latent, layers(dimensions, latent), layers(latent, dimensions))


def convolutional_vae(channels: int, size: int, width: int, latent: int) -> DeltaVAE:
    """Model with four 5 x 5 convolutions on each side, with batch normalisation (thesis A.7).

    ``size`` is a multiple of 16. All layers halve or double the picture except the last of the decoder. The encoder has
    ``width`` filters and twice as many in each next layer. The decoder starts with pictures of an eighth of the size;
    the thesis's 10 x 10 would make 80 x 80.
    """
    widths = [channels, width, 2 * width, 4 * width, 8 * width]
    encoder: list[nn.Module] = [nn.Unflatten(-1, (channels, size, size))]
    for inputs, outputs in pairwise(widths):
        encoder += [nn.Conv2d(inputs, outputs, 5, 2, 2), nn.BatchNorm2d(outputs), nn.ReLU()]
    encoder += [nn.Flatten(), nn.Linear(widths[-1] * (size // 16) ** 2, latent)]
    first = (widths[-1], size // 8, size // 8)
    decoder: list[nn.Module] = [nn.Linear(latent, math.prod(first)), nn.Unflatten(-1, first)]
    for inputs, outputs in pairwise(widths[:0:-1]):
        decoder += [nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
    decoder += [nn.ConvTranspose2d(width, channels, 5, 1, 2), nn.Flatten()]
    return DeltaVAE(latent, nn.Sequential(*encoder), nn.Sequential(*decoder))


def with_noise(noise: Noise) -> Bound:
    """Spread ELBO with this noise, as a bound."""
    return lambda model, x: spread_elbo(x, noise, model.encode, model.decode)


@dataclass(frozen=True)
class Training:
    """Training settings of a model with Adam, and of the noise, if learned, at ``noise_rate``.

    "together" takes a step of both on each batch; "alternating" takes the step of the noise first, and the model sees
    the batch with the updated noise (thesis A.7); "interleaved" trains the noise alone for ``noise_epochs`` after every
    ``model_epochs`` of the model alone (A.6). The model's rate falls by ``decay`` every ``decay_steps`` steps.
    """

    epochs: int
    batch: int
    learning_rate: float
    noise_rate: float = 1e-3
    order: Literal["together", "alternating", "interleaved"] = "together"
    model_epochs: int = 10
    noise_epochs: int = 2
    decay: float = 1.0
    decay_steps: int = 100_000


def train(
    name: str,
    model: DeltaVAE,
    images: Tensor,
    bound: Bound,
    training: Training,
    noise: nn.Module | None = None,
    progress: Progress | None = None,
) -> list[float]:
    """Maximise the bound over the model; return its mean in nats over each epoch.

    The parameters of ``noise``, if given, are trained to minimise the bound, that is, to maximise the spread KL (thesis
    2.4): its other term, the negative entropy of the spread data, is a constant, that of the noise and log N, as long
    as N data are many deviations of the noise from each other. ``images`` are uint8 (N, D). Raises NellocError if they
    do not fill a batch, or if the bound becomes NaN.
    """
    progress = progress or Progress()
    if len(images) < training.batch:
        raise NellocError(f"{name}: there are {len(images)} training images, and a batch is {training.batch}; add some")
    steps = _Steps(model, bound, training, noise)
    history = []
    for epoch in range(1, training.epochs + 1):
        model.train()
        total = 0.0
        for x in batches(images, training.batch):
            total += steps.take(x) * len(x)
        if noise is not None and training.order == "interleaved" and epoch % training.model_epochs == 0:
            for _ in range(training.noise_epochs):
                for x in batches(images, training.batch):
                    steps.move(x, steps.of_noise)
        history.append(total / (len(images) // training.batch * training.batch))
        if history[-1] != history[-1]:
            raise NellocError(f"{name}: the bound is no longer a number; try another --seed")
        progress.advance(remark=f"{name}: {history[-1]:.1f} nats")
    return history


class _Steps:
    """Steps of Adam that raise the bound for the model, and lower it for the noise if there is any to learn."""

    def __init__(self, model: DeltaVAE, bound: Bound, training: Training, noise: nn.Module | None):
        self._model, self._bound, self._order, self._noise = model, bound, training.order, noise
        self.of_model = [torch.optim.Adam(model.parameters(), lr=training.learning_rate)]
        self.of_noise = (
            [] if noise is None else [torch.optim.Adam(noise.parameters(), lr=training.noise_rate, maximize=True)]
        )
        self._schedule = torch.optim.lr_scheduler.StepLR(self.of_model[0], training.decay_steps, training.decay)

    def take(self, x: Tensor) -> float:
        """Take the steps of a batch in the order of the training; return the mean bound that the model's step saw."""
        if not self.of_noise or self._order == "interleaved":
            return self.move(x, self.of_model)
        if self._order == "together":
            return self.move(x, self.of_model + self.of_noise)
        self.move(x, self.of_noise)
        return self.move(x, self.of_model)

    def move(self, x: Tensor, optimisers: list[torch.optim.Adam]) -> float:
        """Take a step of ``optimisers``, those of the model, of the noise, or both, on a batch; return its bound."""
        loss = -self._bound(self._model, x).mean()
        for each in optimisers:
            each.zero_grad()
        loss.backward()
        for each in optimisers:
            each.step()
        if isinstance(self._noise, TransformedNoise) and self.of_noise[0] in optimisers:
            self._noise.iterate(1)
        if self.of_model[0] in optimisers:
            self._schedule.step()
        return -loss.item()


def train_kept(
    settings: Settings,
    name: str,
    model: DeltaVAE,
    images: Tensor,
    bound: Bound,
    training: Training,
    noise: nn.Module | None = None,
) -> list[float]:
    """Run ``train`` as a stage: the result of an interrupted run is loaded, bit for bit.

    Training starts from the current state of the random generator, and later code continues from its final state.
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
    """Yield the images in random order, scaled to [0, 1]; a last incomplete batch is left out."""
    order = torch.randperm(len(images))
    for at in range(0, len(images) // batch * batch, batch):
        yield cast(Tensor, images[order[at : at + batch]]).float() / 255
