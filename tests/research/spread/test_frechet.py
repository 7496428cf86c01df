"""The Frechet distance of Gaussians."""

import pytest
import torch

from nelloc.research.spread.frechet import frechet_distance


def test_equal_sets_are_at_distance_zero_and_a_shift_counts_squared():
    torch.manual_seed(0)
    features = torch.randn(500, 6)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(features, features + 2) == pytest.approx(24, abs=1e-4)


def test_axis_aligned_covariances_differ_by_the_deviations():
    torch.manual_seed(0)
    features = torch.randn(400, 3, dtype=torch.float64)
    features = (features - features.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(features.T))).T
    scaled = features * torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    assert frechet_distance(features, scaled) == pytest.approx(0 + 1 + 9, abs=1e-6)


def test_features_in_a_subspace_are_no_trouble():
    features = torch.zeros(50, 4)
    features[:, 0] = torch.arange(50.0)
    assert frechet_distance(features, features.flip(1)) == pytest.approx(
        2 * (24.5**2 + float(features[:, 0].var())), rel=1e-6
    )
