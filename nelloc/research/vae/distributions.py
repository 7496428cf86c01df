"""Likelihoods p(x | z) of chapter 4, as functions of a decoder's outputs.

Images are float tensors (N, channels, height, width) of integer levels: 0 and 1, or 0 to 255. A decoder's outputs are
tensors (N, outputs, height, width); a likelihood reads them as the parameters of independent samples, or, for colour,
of samples that depend on the channels before them.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

# Smallest log scale, in units of half the range of levels: 0.12 levels, where a bin already holds 97 % of the mass.
LEAST_LOG_SCALE = -7.0
# Log scale of an output of zero, 17 levels: that of an untrained network.
FIRST_LOG_SCALE = -2.0


class Likelihood(Protocol):
    """Likelihood p(x | z), given the decoder's outputs for z."""

    levels: int
    channels: int
    outputs: int

    def inputs(self, images: Tensor) -> Tensor:
        """Inputs of the encoder: levels mapped to about [-1, 1]."""
        ...

    def log_probs(self, outputs: Tensor, images: Tensor) -> Tensor:
        """Log probability of each sample in nats, (N, channels, height, width)."""
        ...

    def log_prob(self, outputs: Tensor, images: Tensor) -> Tensor:
        """Log probability of whole images in nats, (N,)."""
        ...

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Draw images from the likelihood, (N, channels, height, width)."""
        ...

    def table(self, outputs: Tensor, images: Tensor, channel: int) -> Tensor:
        """Probabilities of each level of one channel, float64 (N, height, width, levels).

        Only the channels of ``images`` before ``channel`` are used, so a decoder can call this with just those.
        """
        ...


class Bernoulli:
    """Independent binary pixels; the outputs are logits."""

    levels = 2
    channels = 1
    outputs = 1

    def inputs(self, images: Tensor) -> Tensor:
        """Map levels 0 and 1 to -1 and 1."""
        return 2 * images - 1

    def log_probs(self, outputs: Tensor, images: Tensor) -> Tensor:
        """Log probability of each sample in nats, (N, channels, height, width)."""
        return -functional.binary_cross_entropy_with_logits(outputs, images, reduction="none")

    def log_prob(self, outputs: Tensor, images: Tensor) -> Tensor:
        """Log probability of whole images in nats, (N,)."""
        return self.log_probs(outputs, images).flatten(1).sum(1)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Draw images."""
        return torch.bernoulli(torch.sigmoid(outputs), generator=generator)

    def table(self, outputs: Tensor, images: Tensor, channel: int) -> Tensor:
        """Probabilities of the levels 0 and 1."""
        logits = outputs[:, channel].double()
        return torch.stack([torch.sigmoid(-logits), torch.sigmoid(logits)], -1)


class DiscretisedLogistic:
    """Independent samples of 256 levels: a logistic's mass in the bin of each level.

    Level v is the point v / 127.5 - 1, in the middle of a bin that is 2 / 255 wide. The first and the last bin extend
    to infinity, so the masses of all levels sum to 1. The outputs are the means of the channels, then their log scales
    less FIRST_LOG_SCALE.
    """

    levels = 256

    def __init__(self, channels: int = 1):
        self.channels = channels
        self.outputs = 2 * channels

    def inputs(self, images: Tensor) -> Tensor:
        """Map levels 0 to 255 to [-1, 1]."""
        return images / 127.5 - 1

    def log_probs(self, outputs: Tensor, images: Tensor) -> Tensor:
        """Log probability of each sample in nats, (N, channels, height, width)."""
        mean, log_scale = self._mean_and_log_scale(outputs, images)
        return log_mass(mean, log_scale, images)

    def log_prob(self, outputs: Tensor, images: Tensor) -> Tensor:
        """Log probability of whole images in nats, (N,)."""
        return self.log_probs(outputs, images).flatten(1).sum(1)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Draw images."""
        images = outputs.new_zeros(len(outputs), self.channels, *outputs.shape[2:])
        for channel in range(self.channels):
            mean, log_scale = (part[:, channel] for part in self._mean_and_log_scale(outputs, images))
            uniform = torch.rand(mean.shape, generator=generator, device=generator.device).clamp(1e-7, 1 - 1e-7)
            point = mean + log_scale.exp() * torch.logit(uniform)
            images[:, channel] = ((point + 1) * 127.5).round().clamp(0, 255)
        return images

    def table(self, outputs: Tensor, images: Tensor, channel: int) -> Tensor:
        """Probabilities of the 256 levels of one channel."""
        mean, log_scale = self._mean_and_log_scale(outputs.double(), images.double())
        levels = torch.arange(self.levels, dtype=torch.float64)
        return log_mass(mean[:, channel, ..., None], log_scale[:, channel, ..., None], levels).exp()

    def _mean_and_log_scale(self, outputs: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_scale = outputs.split(self.channels, 1)
        return mean, _log_scale(log_scale)


class ChannelAutoregressiveLogistic(DiscretisedLogistic):
    """Discretised logistics for colour: the means of G and B move linearly with the channels before them.

    The outputs are three means, three log scales less FIRST_LOG_SCALE, and the coefficients of R in G, of R in B and of
    G in B, less 1, 0 and 1: an untrained network predicts each channel by the one before.
    """

    def __init__(self) -> None:
        super().__init__(channels=3)
        self.outputs = 9

    def _mean_and_log_scale(self, outputs: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_scale, coefficient = outputs.split(3, 1)
        red, green, _ = self.inputs(images).unbind(1)
        moved = [
            mean[:, 0],
            mean[:, 1] + (1 + coefficient[:, 0]) * red,
            mean[:, 2] + coefficient[:, 1] * red + (1 + coefficient[:, 2]) * green,
        ]
        return torch.stack(moved, 1), _log_scale(log_scale)


def _log_scale(output: Tensor) -> Tensor:
    return (output + FIRST_LOG_SCALE).clamp(min=LEAST_LOG_SCALE)


def log_mass(mean: Tensor, log_scale: Tensor, level: Tensor) -> Tensor:
    """Log of a logistic's mass in the bin of ``level`` (integers from 0 to 255), shapes broadcast.

    sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)) has no cancellation, and the width b - a of a bin
    does not depend on the level.
    """
    inverse_scale = torch.exp(-log_scale)
    width = inverse_scale * (2 / 255)
    upper = (level / 127.5 - 1 - mean) * inverse_scale + width / 2
    lower = upper - width
    below = torch.where(level < 255, functional.logsigmoid(upper), 0.0)
    above = torch.where(level > 0, functional.logsigmoid(-lower), 0.0)
    inner = torch.where((level > 0) & (level < 255), torch.log(-torch.expm1(-width)), 0.0)
    return below + above + inner
