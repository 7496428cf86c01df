"""Frechet distance between Gaussians fitted to two sets of features (the formula of FID, with any features)."""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of features (N, D) and (M, D), by means and covariances.

    In the square of the features' unit. Covariances divide by N - 1, as usual for FID (Heusel et al., 2017). It is
    biased upwards for few points, so compare only sets of equal sizes.
    """
    first, second = first.double(), second.double()
    means = (first.mean(0) - second.mean(0)).square().sum()
    left, right = torch.cov(first.T), torch.cov(second.T)
    # tr (C1 C2)^(1/2) = tr (C1^(1/2) C2 C1^(1/2))^(1/2), a symmetric matrix
    root = _root(left)
    cross = torch.linalg.eigvalsh(root @ right @ root).clamp(min=0).sqrt().sum()
    return float(means + left.trace() + right.trace() - 2 * cross)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T
