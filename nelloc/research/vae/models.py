"""Variational auto-encoders of chapter 4: a normal prior, a decoder, and an encoder that amortises inference."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from nelloc.errors import NellocError
from nelloc.research.vae.distributions import Bernoulli, ChannelAutoregressiveLogistic, DiscretisedLogistic, Likelihood

Kind = Literal["binary", "gray", "colour"]


@dataclass(frozen=True)
class Architecture:
    """Shape of a network.

    Binary and gray images get multilayer perceptrons with ``depth`` hidden layers of ``width`` units; colour images get
    residual convolutions with ``width`` channels, which halve the picture ``depth`` times. ``rows`` and ``columns`` are
    an image's, ``latent`` is the number of latent dimensions.
    """

    kind: Kind
    rows: int
    columns: int
    latent: int
    width: int
    depth: int


@dataclass(frozen=True)
class Posterior:
    """Independent normals over latents: mean and standard deviation, both (N, latent)."""

    mean: Tensor
    deviation: Tensor

    def at(self, noise: Tensor) -> Tensor:
        """Latents for standard normal ``noise`` (..., N, latent)."""
        return self.mean + self.deviation * noise

    def log_prob(self, latents: Tensor) -> Tensor:
        """Log density of latents (..., N, latent) in nats, (..., N)."""
        return standard_normal_log_prob((latents - self.mean) / self.deviation) - self.deviation.log().sum(-1)

    def divergence(self) -> Tensor:
        """KL(q || N(0, I)) in nats, (N,), in closed form."""
        return 0.5 * (self.mean**2 + self.deviation**2 - 1 - 2 * self.deviation.log()).sum(-1)


def standard_normal_log_prob(latents: Tensor) -> Tensor:
    """Log density of N(0, I) in nats: (..., latent) to (...)."""
    return -0.5 * (latents**2).sum(-1) - 0.5 * latents.shape[-1] * math.log(2 * math.pi)


class VAE(nn.Module):
    """Encoder q(z | x), decoder p(x | z), prior N(0, I).

    ``low_precision`` computes the networks' products in bfloat16; likelihoods and divergences stay in float32.
    """

    def __init__(self, architecture: Architecture):
        super().__init__()
        self.architecture = architecture
        self.low_precision = False
        self.likelihood: Likelihood = _LIKELIHOODS[architecture.kind]()
        outputs = self.likelihood.outputs
        networks = _residual_networks if architecture.kind == "colour" else _perceptrons
        self.encoder, self.decoder = networks(architecture, outputs)

    @property
    def device(self) -> torch.device:
        """Device of the weights; arguments must be on it."""
        return next(self.parameters()).device

    @property
    def dimensions(self) -> int:
        """Number of samples per image."""
        return self.likelihood.channels * self.architecture.rows * self.architecture.columns

    def posterior(self, images: Tensor) -> Posterior:
        """Encoder's q(z | x) for images (N, channels, rows, columns)."""
        return self.posterior_of_inputs(self.likelihood.inputs(images))

    def posterior_of_inputs(self, inputs: Tensor) -> Posterior:
        """Encoder's q for images already mapped to [-1, 1], possibly corrupted."""
        mean, deviation = self._outputs(self.encoder, inputs).chunk(2, 1)
        return Posterior(mean, functional.softplus(deviation) + 1e-6)

    def log_likelihood(self, images: Tensor, latents: Tensor) -> Tensor:
        """Log likelihood log p(x | z) in nats for images (N, ...) and latents (S, N, latent): (S, N)."""
        outputs = self._outputs(self.decoder, latents.flatten(0, 1))
        repeated = images.repeat(len(latents), 1, 1, 1)
        return self.likelihood.log_prob(outputs, repeated).reshape(latents.shape[:2])

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw latents (count, latent) from the prior, and an image from p(x | z) for each."""
        latents = torch.randn(count, self.architecture.latent, generator=generator, device=generator.device)
        return latents, self.sample_images(latents, generator)

    @torch.no_grad()
    def sample_images(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        """Draw an image from p(x | z) for each of the latents (N, latent)."""
        return self.likelihood.sample(self._outputs(self.decoder, latents), generator)

    def _outputs(self, network: nn.Module, inputs: Tensor) -> Tensor:
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.low_precision):
            outputs: Tensor = network(inputs)
        return outputs.float() if self.low_precision else outputs


def new_vae(architecture: Architecture, seed: int, device: torch.device) -> VAE:
    """Make a VAE on ``device``, whose initial weights follow ``seed`` alike on every device."""
    torch.manual_seed(seed)
    # A GPU's convolutions need channels last in memory, and would convert each time.
    layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    return VAE(architecture).to(device, memory_format=layout)  # type: ignore[call-overload,no-any-return]


_LIKELIHOODS = {"binary": Bernoulli, "gray": DiscretisedLogistic, "colour": ChannelAutoregressiveLogistic}


def _perceptrons(shape: Architecture, outputs: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Encoder and decoder of fully connected layers."""
    pixels = shape.rows * shape.columns
    encoder = nn.Sequential(nn.Flatten(), *_layers(pixels, shape.width, shape.depth, 2 * shape.latent))
    decoder = nn.Sequential(
        *_layers(shape.latent, shape.width, shape.depth, outputs * pixels),
        nn.Unflatten(1, (outputs, shape.rows, shape.columns)),
    )
    return encoder, decoder


def _layers(inputs: int, width: int, depth: int, outputs: int) -> list[nn.Module]:
    sizes = [inputs, *[width] * depth]
    hidden = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return [*hidden, nn.Linear(sizes[-1], outputs)]


class _Residual(nn.Module):
    """Two 3x3 convolutions whose result is added to their input."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ELU(), nn.Conv2d(width, width, 3, padding=1), nn.ELU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, values: Tensor) -> Tensor:
        return values + self.layers(values)


def _residual_networks(shape: Architecture, outputs: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Encoder and decoder of convolutions: halving, then a residual block; a residual block, then doubling.

    Raises NellocError if the picture cannot be halved ``depth`` times.
    """
    width, scale = shape.width, 1 << shape.depth
    if shape.rows % scale or shape.columns % scale:
        raise NellocError(f"VAE: colour images need sides that are multiples of {scale}; crop or pad them")
    small = (width, shape.rows // scale, shape.columns // scale)
    encoder: list[nn.Module] = []
    decoder: list[nn.Module] = [nn.Linear(shape.latent, math.prod(small)), nn.Unflatten(1, small)]
    for step in range(shape.depth):
        encoder += [nn.Conv2d(width if step else 3, width, 4, stride=2, padding=1), _Residual(width)]
        decoder += [_Residual(width), nn.ELU(), nn.ConvTranspose2d(width, width, 4, stride=2, padding=1)]
    encoder += [nn.ELU(), nn.Flatten(), nn.Linear(math.prod(small), 2 * shape.latent)]
    decoder += [nn.ELU(), nn.Conv2d(width, outputs, 3, padding=1)]
    return nn.Sequential(*encoder), nn.Sequential(*decoder)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Disable gradients of a module's weights."""
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    try:
        for weight in weights:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
