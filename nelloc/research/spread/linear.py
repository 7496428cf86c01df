"""Linear Gaussian generators x = W z, z ~ N(0, I): their maximum likelihood with noise, and EM for it.

One pair of functions serves two estimators, depending on the covariance. With the data's covariance S, noise is in the
model only; with S + variance I, in data and model alike, which is the spread maximum likelihood (thesis eq. 2.23) with
the noise integrated analytically.
"""

from __future__ import annotations

import torch
from torch import Tensor


def covariance(x: Tensor) -> Tensor:
    """Covariance (D, D) of points (N, D) about zero, divided by N."""
    return x.T @ x / len(x)


def spread(covariance: Tensor, variance: float) -> Tensor:
    """Covariance of the data after Gaussian noise of this ``variance``."""
    return covariance + variance * torch.eye(len(covariance), dtype=covariance.dtype)


def best_weights(covariance: Tensor, variance: float, rank: int) -> Tensor:
    """Weights W, (D, rank), of the most likely N(0, W W^T + variance I) (Tipping and Bishop, 1999).

    W = U (L - variance)^(1/2), where U and L are the ``rank`` leading eigenvectors and eigenvalues; a direction of less
    than ``variance`` gets no weight. Given the data's covariance S, W W^T is S *less* the variance on them:
    inconsistent (thesis eq. 2.9). Given S + variance I, it is S: the principal components themselves (thesis 2.5.1).
    """
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0)[:rank], vectors.flip(1)[:, :rank]
    return vectors * (values - variance).clamp(min=0).sqrt()


def em_step(weights: Tensor, covariance: Tensor, variance: float) -> Tensor:
    """Take one step of EM for W, (D, rank), with closed-form expectations over data of this ``covariance``.

    Spread EM (thesis 2.5.1) gets S + variance I here.
    """
    rank = weights.shape[1]
    identity = torch.eye(rank, dtype=weights.dtype)
    # z | y ~ N(A y, variance M^-1), with M = W^T W + variance I and A = M^-1 W^T
    inverse = torch.linalg.inv(weights.T @ weights + variance * identity)
    cross = covariance @ weights @ inverse  # E[y z^T]
    second = variance * inverse + inverse @ weights.T @ cross  # E[z z^T]
    return torch.linalg.solve(second, cross, left=False)


def principal_components(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Deviations (rank,), largest first, and the directions (D, rank) along which W z varies.

    W is known only up to a rotation of z, which this removes.
    """
    directions, deviations, _ = torch.linalg.svd(weights, full_matrices=False)
    return deviations, directions


def subspace_distance(first: Tensor, second: Tensor) -> Tensor:
    """Largest difference between the projections on two subspaces with orthonormal bases (D, rank)."""
    return (first @ first.T - second @ second.T).abs().max()
