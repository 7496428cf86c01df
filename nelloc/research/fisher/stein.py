"""Kernel Stein discrepancy (thesis B.1.4), with the inverse multiquadric kernel (1 + |x - y|^2 / width^2)^(-1/2).

KSD^2(p, q) = E_{x, y ~ p} u_q(x, y), where u_q needs only the score of q; it is small for samples of p that fit q.
"""

from __future__ import annotations

from torch import Tensor

from nelloc.research.fisher.densities import Density
from nelloc.research.fisher.divergences import Grid, score


def stein_kernel(points: Tensor, scores: Tensor, width: float) -> Tensor:
    """Kernel u_q(x, y) for all pairs (n, n) of points (n, d), where q has the ``scores`` (n, d).

    u = s(x).s(y) k + s(x).grad_y k + s(y).grad_x k + trace grad_x grad_y k.
    """
    difference = points.unsqueeze(1) - points.unsqueeze(0)
    distance = difference.square().sum(-1) / width**2
    base = (1 + distance).rsqrt()
    slope = base**3 / width**2  # grad_x k = -slope * (x - y) = -grad_y k
    dimensions = points.shape[-1]
    mixed = dimensions * slope - 3 * base**5 / width**2 * distance
    along = ((scores.unsqueeze(1) - scores.unsqueeze(0)) * difference).sum(-1)
    return (scores @ scores.T) * base + slope * along + mixed


def kernel_stein_discrepancy(p: Density, q: Density, grid: Grid, width: float = 1.0) -> float:
    """KSD^2(p, q) of densities on the line by quadrature."""
    points = grid.points
    kernel = stein_kernel(points, score(q.log_prob)(points), width)
    mass = p.log_prob(points).exp()
    return grid.integral(grid.along_axis(kernel * mass) * mass)


def estimated_stein_discrepancy(points: Tensor, q: Density, width: float = 1.0) -> float:
    """Unbiased estimate of KSD^2(p, q) from ``points`` (n, d) of p: the mean over pairs of distinct points."""
    kernel = stein_kernel(points, score(q.log_prob)(points), width)
    count = len(points)
    return float((kernel.sum() - kernel.diagonal().sum()) / (count * (count - 1)))
