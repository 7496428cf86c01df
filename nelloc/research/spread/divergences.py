"""Spread divergences in closed form, and the mixture divergence."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence


def spread_kl_of_gaussians(mean_p: Tensor, cov_p: Tensor, mean_q: Tensor, cov_q: Tensor, cov_noise: Tensor) -> Tensor:
    """KL(P~ || Q~) in nats of two Gaussians after Gaussian noise of covariance ``cov_noise``.

    The covariances of P and Q, (D, D), may be singular, down to zero for deltas: then KL(P || Q) does not exist,
    but that of N(mean, cov + cov_noise) does.
    """
    p = MultivariateNormal(mean_p, cov_p + cov_noise)
    q = MultivariateNormal(mean_q, cov_q + cov_noise)
    return kl_divergence(p, q)


def spread_kl_of_deltas_gaussian(distance: Tensor, variance: float) -> Tensor:
    """Spread KL of two deltas at a Euclidean ``distance``, Gaussian noise: distance^2 / (2 variance) (thesis eq. 2.21).

    At variance 0.5 it is the squared distance (Figure 2.2).
    """
    return distance**2 / (2 * variance)


def spread_kl_of_deltas_laplace(distance: Tensor, scale: float) -> Tensor:
    """Spread KL of two deltas on the real line at a ``distance``, Laplace noise of this ``scale``.

    It is r + exp(-r) - 1 for r = distance / scale, which grows like the square of small distances and linearly with
    large ones.
    """
    ratio = distance.abs() / scale
    return ratio + torch.expm1(-ratio)


def mixture_kl(p: Tensor, q: Tensor, noise: Tensor, weight: float) -> Tensor:
    """KL(w P + (1 - w) N || w Q + (1 - w) N) of probability vectors: the mixture divergence (thesis A.4).

    It is zero only for P = Q, and finite wherever N has full support. But it does not depend on the distance of P and
    Q: for two disjoint ones it depends on N alone, and for densities whose peaks become sharper it diverges.
    """
    left = weight * p + (1 - weight) * noise
    right = weight * q + (1 - weight) * noise
    return (torch.xlogy(left, left) - torch.xlogy(left, right)).sum(-1)
