"""Deterministic PPCA: spread maximum likelihood gives PCA, noise in the model alone does not."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from nelloc.research.spread.linear import (
    best_weights,
    covariance,
    em_step,
    principal_components,
    spread,
    subspace_distance,
)

RANK, VARIANCE = 3, 0.5


def points(flat: bool) -> torch.Tensor:
    """2000 points in 8 dimensions, centred; with ``flat`` they lie exactly in a subspace of 3."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2000, RANK, generator=generator, dtype=torch.float64) * torch.tensor([2.0, 1.4, 0.9])
    x = x @ torch.randn(RANK, 8, generator=generator, dtype=torch.float64)
    if not flat:
        x = x + 0.3 * torch.randn(2000, 8, generator=generator, dtype=torch.float64)
    return x - x.mean(0)


def pca(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Deviations and directions of the leading principal components, by NumPy's SVD of the points."""
    _, singular, directions = np.linalg.svd(x.numpy(), full_matrices=False)
    return torch.from_numpy(singular[:RANK] / len(x) ** 0.5), torch.from_numpy(directions[:RANK].T.copy())


@pytest.mark.parametrize("flat", [True, False])
def test_spread_em_recovers_pca(flat):
    x = points(flat)
    spread_covariance = spread(covariance(x), VARIANCE)
    weights = torch.randn(8, RANK, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for _ in range(2000):
        weights = em_step(weights, spread_covariance, VARIANCE)
    deviations, directions = principal_components(weights)
    expected, subspace = pca(x)
    assert torch.allclose(deviations, expected, atol=1e-6)
    assert subspace_distance(directions, subspace) < 1e-6
    # not only the subspace: each component, up to its sign
    assert torch.allclose((directions * subspace).sum(0).abs(), torch.ones(RANK, dtype=torch.float64), atol=1e-6)


def test_the_closed_form_is_the_fixed_point_of_em():
    spread_covariance = spread(covariance(points(False)), VARIANCE)
    weights = best_weights(spread_covariance, VARIANCE, RANK)
    assert torch.allclose(em_step(weights, spread_covariance, VARIANCE), weights, atol=1e-9)


def test_noise_in_the_model_alone_takes_its_variance_from_the_data():
    x = points(True)
    deviations, _ = principal_components(best_weights(covariance(x), VARIANCE, RANK))
    expected, _ = pca(x)
    assert torch.allclose(deviations**2, expected**2 - VARIANCE, atol=1e-9)
    weights = torch.randn(8, RANK, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for _ in range(2000):
        weights = em_step(weights, covariance(x), VARIANCE)
    assert torch.allclose(principal_components(weights)[0], deviations, atol=1e-6)


def test_em_never_lowers_the_likelihood():
    data = spread(covariance(points(False)), VARIANCE)
    weights = torch.randn(8, RANK, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    values = []
    for _ in range(30):
        model = spread(weights @ weights.T, VARIANCE)
        values.append(float(-torch.logdet(model) - (torch.linalg.inv(model) @ data).trace()))
        weights = em_step(weights, data, VARIANCE)
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(values))


def test_spread_em_with_noise_drawn_agrees_with_noise_integrated():
    x = points(True)
    torch.manual_seed(0)
    y = x.repeat(200, 1)
    y = y + VARIANCE**0.5 * torch.randn_like(y)
    assert torch.allclose(covariance(y), spread(covariance(x), VARIANCE), atol=0.1)
