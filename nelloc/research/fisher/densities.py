"""Densities whose components are far apart: mixtures of Gaussians, rings, bumps of compact support.

Points are tensors of shape (n, dimensions); log densities have shape (n,). All are exactly normalised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Beta, Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal


class Density(Protocol):
    """Interface of a density with log density and sampling; most of torch.distributions implement it."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Log densities (n,) of points (n, dimensions), in nats."""

    def sample(self, sample_shape: torch.Size) -> Tensor:
        """Points of shape (*sample_shape, dimensions)."""


class Quadrature(Protocol):
    """Interface of a quadrature: points (n, 1) of the line with a weight (n,) for each."""

    @property
    def points(self) -> Tensor:
        """Points (n, 1)."""
        ...

    @property
    def weights(self) -> Tensor:
        """Weights (n,)."""
        ...


def gaussian(mean: Sequence[float], scale: float) -> Density:
    """Gaussian with the same standard deviation in all directions, in float64."""
    location = torch.tensor(mean, dtype=torch.float64)
    return Independent(Normal(location, scale), 1)


def moment_matched(points: Tensor) -> Density:
    """Gaussian with the mean and the covariance of ``points`` (n, dimensions), in float64 (thesis section 3.4)."""
    values = points.double()
    return MultivariateNormal(values.mean(0), torch.cov(values.T).reshape(values.shape[1], values.shape[1]))


def gaussian_mixture(weights: Sequence[float], means: Sequence[Sequence[float]], scale: float) -> Density:
    """Mixture of isotropic Gaussians; ``weights`` sum to 1."""
    location = torch.tensor(means, dtype=torch.float64)
    components = Independent(Normal(location, torch.full_like(location, scale)), 1)
    return MixtureSameFamily(Categorical(torch.tensor(weights, dtype=torch.float64)), components)


def two_gaussians(proportion: float, distance: float = 5.0) -> Density:
    """Mixture of N(-distance, 1), with ``proportion``, and N(distance, 1); at 0 and at 1 there is only one of them."""
    if proportion in (0, 1):  # Categorical would keep 2e-16 of the other, which affects the score
        return gaussian((distance * (1 - 2 * proportion),), 1.0)
    return gaussian_mixture((proportion, 1 - proportion), ((-distance,), (distance,)), 1.0)


@dataclass(frozen=True)
class Rings:
    """Concentric rings about the origin of the plane: a Gaussian radius, a uniform angle.

    Radii must be several scales, as the mass of negative radii is neglected.
    """

    weights: Sequence[float]
    radii: Sequence[float]
    scale: float

    def log_prob(self, value: Tensor) -> Tensor:
        """Log densities (n,) of points (n, 2), in nats."""
        radius = value.norm(dim=-1)
        rings = Normal(torch.tensor(self.radii, dtype=value.dtype), self.scale)
        weights = torch.tensor(self.weights, dtype=value.dtype)
        along = torch.logsumexp(rings.log_prob(radius.unsqueeze(-1)) + weights.log(), -1)
        # The radial density is divided by the circle's length. Near the origin, without mass, it would diverge.
        return along - (2 * math.pi * radius.clamp_min(self.scale)).log()

    def sample(self, sample_shape: torch.Size) -> Tensor:
        """Points of shape (*sample_shape, 2), in float64."""
        ring = torch.multinomial(torch.tensor(self.weights), sample_shape.numel(), replacement=True)
        radius = torch.tensor(self.radii, dtype=torch.float64)[ring]
        radius = radius + self.scale * torch.randn_like(radius)
        angle = 2 * math.pi * torch.rand_like(radius)
        points = radius.unsqueeze(-1) * torch.stack([angle.cos(), angle.sin()], -1)
        return points.reshape(*sample_shape, 2)


@dataclass(frozen=True)
class Bumps:
    """Two bumps on the line with disjoint supports: ``proportion`` within 1 of -centre, the rest within 1 of centre.

    A bump is Beta(3, 3), which goes to zero smoothly, stretched to a width of 2.
    """

    proportion: float
    centre: float = 2.0

    def log_prob(self, value: Tensor) -> Tensor:
        """Log densities (n,) of points (n, 1), in nats; -inf outside the support."""
        x = value.squeeze(-1)
        offset = torch.where(x < 0, x + self.centre, x - self.centre)
        weight = torch.where(x < 0, self.proportion, 1 - self.proportion)
        # Clamped, so that the derivative of the branch that is not chosen below is finite.
        share = ((offset + 1) / 2).clamp(1e-9, 1 - 1e-9)
        return torch.where(offset.abs() < 1, weight.log() + Beta(3.0, 3.0).log_prob(share) - math.log(2), -math.inf)

    def sample(self, sample_shape: torch.Size) -> Tensor:
        """Points of shape (*sample_shape, 1), in float64."""
        centre = torch.where(torch.rand(sample_shape) < self.proportion, -self.centre, self.centre)
        return (centre.double() + 2 * Beta(3.0, 3.0).sample(sample_shape) - 1).unsqueeze(-1)


@dataclass(frozen=True)
class Bridged:
    """Mixture of ``density``, with weight ``beta``, and ``bridge``, whose support connects the components (eq. 3.4)."""

    density: Density
    bridge: Density
    beta: float

    def log_prob(self, value: Tensor) -> Tensor:
        """Log densities (n,) of points (n, dimensions), in nats."""
        return torch.logaddexp(
            math.log(self.beta) + self.density.log_prob(value), math.log1p(-self.beta) + self.bridge.log_prob(value)
        )

    def sample(self, sample_shape: torch.Size) -> Tensor:
        """Points of shape (*sample_shape, dimensions)."""
        chosen = torch.rand(sample_shape) < self.beta
        return torch.where(chosen.unsqueeze(-1), self.density.sample(sample_shape), self.bridge.sample(sample_shape))


class Spread:
    """Convolution of ``density`` with Gaussian noise of deviation ``scale`` (eq. 3.12), on the line.

    The integral over the points is Simpson's rule on ``grid``, which works for any density.
    """

    def __init__(self, density: Density, scale: float, grid: Quadrature):
        self.density, self.scale, self.centres = density, scale, grid.points
        self.log_weights = density.log_prob(self.centres) + grid.weights.log()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log densities (n,) of points (n, 1), in nats."""
        noise = Normal(self.centres.squeeze(-1), self.scale)
        return torch.logsumexp(self.log_weights + noise.log_prob(value), -1)

    def sample(self, sample_shape: torch.Size) -> Tensor:
        """Points of shape (*sample_shape, 1), in float64."""
        points = self.density.sample(sample_shape).double()
        return points + self.scale * torch.randn_like(points)
