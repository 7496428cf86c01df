"""Densities integrate to one, and their samples are theirs."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

from nelloc.research.fisher.densities import (  # noqa: E402
    Bridged,
    Bumps,
    Rings,
    Spread,
    gaussian,
    gaussian_mixture,
    moment_matched,
    two_gaussians,
)
from nelloc.research.fisher.divergences import Grid  # noqa: E402

LINE, PLANE = Grid(12, 4801), Grid(12, 481, 2)
PEAKS = gaussian_mixture((0.1, 0.9), ((-3.0,), (3.0,)), 0.5)
DENSITIES = {
    "mixture": (PEAKS, LINE),
    "bumps": (Bumps(0.3), LINE),
    "bridged bumps": (Bridged(Bumps(0.3), gaussian((0.0,), 1.5), 0.7), LINE),
    "spread bumps": (Spread(Bumps(0.3), 0.5, LINE), LINE),
    "wenliang's rings": (Rings((1 / 9, 3 / 9, 5 / 9), (1.0, 3.0, 5.0), 0.2), PLANE),
    "rings": (Rings((0.2, 0.3, 0.5), (2.0, 5.0, 8.0), 0.3), PLANE),
    "plane mixture": (gaussian_mixture((0.5, 0.5), ((-3.0, 1.0), (3.0, 2.0)), 1.0), PLANE),
}


@pytest.mark.parametrize(("density", "grid"), DENSITIES.values(), ids=DENSITIES)
def test_a_density_integrates_to_one(density, grid):
    assert abs(grid.log_normaliser(density.log_prob(grid.points))) < 1e-4


@pytest.mark.parametrize(("density", "grid"), DENSITIES.values(), ids=DENSITIES)
def test_samples_have_the_moments_of_the_density(density, grid):
    torch.manual_seed(2)
    samples = density.sample(torch.Size((40_000,)))
    assert samples.shape == (40_000, grid.dimensions)
    mass = density.log_prob(grid.points).exp()
    for moment in (lambda x: x[:, 0], lambda x: x.square().sum(-1), lambda x: (x[:, 0] > 1).double()):
        found = moment(samples)
        expected = grid.integral(mass * moment(grid.points))
        assert float(found.mean()) == pytest.approx(expected, abs=5 * float(found.std()) / 200 + 0.02)


def test_noise_added_to_a_mixture_widens_its_gaussians():
    points = torch.linspace(-9, 9, 61, dtype=torch.float64).unsqueeze(-1)
    expected = gaussian_mixture((0.1, 0.9), ((-3.0,), (3.0,)), (0.5**2 + 0.7**2) ** 0.5)
    torch.testing.assert_close(Spread(PEAKS, 0.7, LINE).log_prob(points), expected.log_prob(points))


def test_a_moment_matched_gaussian_has_the_mean_and_covariance_of_the_points():
    points = torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.0, 4.0], [4.0, 8.0]])
    found = moment_matched(points)
    assert found.mean.tolist() == [2.0, 3.0]
    # The products' mean alone, which the thesis prints as the covariance, would be [[6, 10], [10, 20]] here.
    torch.testing.assert_close(found.covariance_matrix, torch.cov(points.double().T))


def test_a_proportion_of_nought_or_one_leaves_one_gaussian():
    points = torch.linspace(-9, 9, 61, dtype=torch.float64).unsqueeze(-1)
    torch.testing.assert_close(two_gaussians(0.0).log_prob(points), gaussian((5.0,), 1.0).log_prob(points))
    torch.testing.assert_close(two_gaussians(1.0).log_prob(points), gaussian((-5.0,), 1.0).log_prob(points))
