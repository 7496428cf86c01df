"""Fisher divergence, score matching, and the mixture Fisher divergence (thesis sections 1.1.2, 3.1-3.3).

FD(p || q) = 1/2 E_p |grad log p - grad log q|^2. It needs no normaliser of q, and depends only on the shape of q where
p has mass, not on the proportions of parts of p that do not touch. All functions take points of shape (n, dimensions),
and log densities or energies as functions from these to (n,).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.integrate import simpson
from torch import Tensor

from nelloc.research.fisher.densities import Bridged, Density, Spread

# From points (n, d) to log densities (n,), in nats.
LogDensity = Callable[[Tensor], Tensor]
# From points (n, d) to gradients of a log density, (n, d).
Score = Callable[[Tensor], Tensor]


def score(log_density: LogDensity) -> Score:
    """Gradient of a log density, which may be unnormalised."""
    return torch.func.grad(lambda points: log_density(points).sum())


def score_and_laplacian(log_density: LogDensity, points: Tensor) -> tuple[Tensor, Tensor]:
    """Score (n, d) and the exact trace of its Jacobian (n,), by one forward derivative per dimension."""
    gradient = score(log_density)
    trace = torch.zeros_like(points[:, 0])
    for dimension in range(points.shape[-1]):
        direction = torch.zeros_like(points)
        direction[:, dimension] = 1
        change = torch.func.jvp(gradient, (points,), (direction,))[1]
        trace = trace + change[:, dimension]
    return gradient(points), trace


def score_matching(log_density: LogDensity, points: Tensor) -> Tensor:
    """Hyvarinen's objective E_p [|s_q|^2 / 2 + trace of the Jacobian of s_q] over ``points`` of p (eq. 1.20, 3.6).

    It is FD(p || q) less E_p |s_p|^2 / 2, which does not depend on q.
    """
    value, trace = score_and_laplacian(log_density, points)
    return (value.square().sum(-1) / 2 + trace).mean()


def denoising_score_matching(log_density: LogDensity, points: Tensor, noise: Tensor, scale: float | Tensor) -> Tensor:
    """Vincent's objective, scale^2 / 2 E |s_q(x + scale noise) + noise / scale|^2, over points of p and unit noise.

    Divided by scale^2 it is FD(p * N(0, scale^2), q) up to a term that does not depend on q.
    """
    error = score(log_density)(points + scale * noise) * scale + noise
    return error.square().sum(-1).mean() / 2


@dataclass(frozen=True)
class Grid:
    """Regular grid on [-limit, limit] in each dimension, of ``size`` points, an odd number, for Simpson's rule."""

    limit: float
    size: int
    dimensions: int = 1

    @property
    def axis(self) -> Tensor:
        """Points of one dimension, (size,), from -limit to limit."""
        return torch.linspace(-self.limit, self.limit, self.size, dtype=torch.float64)

    @property
    def points(self) -> Tensor:
        """All points (size ** dimensions, dimensions), the last coordinate fastest."""
        axes = torch.meshgrid(*[self.axis] * self.dimensions, indexing="ij")
        return torch.stack([axis.reshape(-1) for axis in axes], -1)

    @property
    def weights(self) -> Tensor:
        """Weights of Simpson's rule, (size ** dimensions,)."""
        line = torch.ones(self.size, dtype=torch.float64)
        line[1:-1:2], line[2:-1:2] = 4, 2
        line *= 2 * self.limit / (self.size - 1) / 3
        whole = line
        for _ in range(self.dimensions - 1):
            whole = torch.outer(whole, line).reshape(-1)
        return whole

    def integral(self, values: Tensor) -> float:
        """Integrate a function given by its values (size ** dimensions,) at ``points``."""
        integrand = values.reshape([self.size] * self.dimensions)
        for _ in range(self.dimensions):
            integrand = self.along_axis(integrand)
        return float(integrand)

    def along_axis(self, values: Tensor) -> Tensor:
        """Integrate over one dimension functions given by their values (..., size) along the axis: (...)."""
        array = values.detach().double().numpy()
        return torch.as_tensor(simpson(array, dx=2 * self.limit / (self.size - 1), axis=-1))

    def log_normaliser(self, log_values: Tensor) -> float:
        """Logarithm of the integral of an unnormalised density, from its logarithm at ``points`` (eq. 3.9)."""
        top = float(log_values.max())
        return top + math.log(self.integral((log_values - top).exp()))


def fisher_divergence(p: Density, q: Density, grid: Grid) -> float:
    """FD(p || q) by quadrature (eq. 3.3's left side); points without mass of p do not count."""
    points = grid.points
    mass = p.log_prob(points).exp()
    inside = mass > 0
    difference = score(p.log_prob)(points[inside]) - score(q.log_prob)(points[inside])
    integrand = torch.zeros_like(mass)
    integrand[inside] = mass[inside] * difference.square().sum(-1) / 2
    return grid.integral(integrand)


def mixture_fisher_divergence(p: Density, q: Density, bridge: Density, beta: float, grid: Grid) -> float:
    """FD between beta p + (1 - beta) m and beta q + (1 - beta) m, m the ``bridge`` (eq. 3.4-3.5)."""
    return fisher_divergence(Bridged(p, bridge, beta), Bridged(q, bridge, beta), grid)


def spread_fisher_divergence(p: Density, q: Density, scale: float, grid: Grid) -> float:
    """FD of p and q with Gaussian noise of deviation ``scale`` added to both, on the line (eq. 3.12-3.14)."""
    return fisher_divergence(Spread(p, scale, grid), Spread(q, scale, grid), grid)


def kl_divergence(p: Density, log_q: LogDensity, grid: Grid) -> float:
    """KL(p || q) in nats by quadrature; infinite if q is zero where p is not. ``log_q`` is normalised."""
    points = grid.points
    log_p = p.log_prob(points)
    inside = log_p > -torch.inf
    integrand = torch.zeros_like(log_p)
    integrand[inside] = (log_p[inside].exp()) * (log_p[inside] - log_q(points[inside]))
    return grid.integral(integrand)


def kl_monte_carlo(p: Density, log_q: LogDensity, points: Tensor) -> tuple[float, float]:
    """KL(p || q) in nats over ``points`` of p, and its standard error; ``log_q`` is normalised."""
    ratio = p.log_prob(points) - log_q(points)
    return float(ratio.mean()), float(ratio.std() / len(ratio) ** 0.5)
