"""Densities integrate to one, and their samples are theirs."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

from nelloc.research.fisher.densities import Bridged, Bumps, Rings, gaussian, gaussian_mixture  # noqa: E402
from nelloc.research.fisher.divergences import Grid  # noqa: E402

LINE, PLANE = Grid(12, 4801), Grid(12, 481, 2)
PEAKS = gaussian_mixture((0.1, 0.9), ((-3.0,), (3.0,)), 0.5)
DENSITIES = {
    "mixture": (PEAKS, LINE),
    "bumps": (Bumps(0.3), LINE),
    "bridged bumps": (Bridged(Bumps(0.3), gaussian((0.0,), 1.5), 0.7), LINE),
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
