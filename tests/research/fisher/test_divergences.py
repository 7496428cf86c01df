"""The mathematics of chapter 3 against closed forms, and its claims as numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

from nelloc.research.fisher.densities import Bridged, Bumps, Rings, gaussian, gaussian_mixture, two_gaussians  # noqa: E402
from nelloc.research.fisher.divergences import (  # noqa: E402
    Grid,
    denoising_score_matching,
    fisher_divergence,
    kl_divergence,
    kl_monte_carlo,
    mixture_fisher_divergence,
    score,
    score_and_laplacian,
    spread_fisher_divergence,
)
from nelloc.research.fisher.mixture import matched  # noqa: E402

GRID = Grid(20, 2001)
BRIDGE = gaussian((0.0,), 5.0)


def test_score_and_laplacian_of_a_gaussian():
    points = torch.randn(50, 3, dtype=torch.float64)
    mean = torch.tensor((1.0, 2.0, -1.0), dtype=torch.float64)
    value, trace = score_and_laplacian(gaussian((1.0, 2.0, -1.0), 0.5).log_prob, points)
    torch.testing.assert_close(value, (mean - points) / 0.25)
    torch.testing.assert_close(trace, torch.full((50,), -3 / 0.25, dtype=torch.float64))


def test_laplacian_is_the_trace_of_the_hessian():
    density = Rings((0.2, 0.8), (2.0, 4.0), 0.4)
    points = density.sample(torch.Size((20,)))
    _, trace = score_and_laplacian(density.log_prob, points)
    hessians = torch.stack([torch.autograd.functional.hessian(density.log_prob, point) for point in points])
    torch.testing.assert_close(trace, hessians.diagonal(dim1=1, dim2=2).sum(-1))


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (1.5, 1.0), (-1.0, 2.0), (0.5, 0.7)])
def test_divergences_of_gaussians_are_the_closed_forms(mean, scale):
    p, q = gaussian((0.0,), 1.0), gaussian((mean,), scale)
    # Scores -x and (mean - x) / scale^2: a linear difference, whose square has Gaussian moments.
    slope = 1 / scale**2 - 1
    assert fisher_divergence(p, q, GRID) == pytest.approx((slope**2 + (mean / scale**2) ** 2) / 2, abs=1e-9)
    kl = math.log(scale) + (1 + mean**2) / (2 * scale**2) - 0.5
    assert kl_divergence(p, q.log_prob, GRID) == pytest.approx(kl, abs=1e-9)
    torch.manual_seed(0)
    estimate, error = kl_monte_carlo(p, q.log_prob, p.sample(torch.Size((20_000,))))
    assert estimate == pytest.approx(kl, abs=4 * error + 1e-12)


@pytest.mark.parametrize("proportion", [0.1, 0.5, 0.8])
def test_score_matching_is_the_fisher_divergence_but_for_a_constant(proportion):
    """Equation 1.20, by quadrature for both sides: E_p [|s_q|^2 / 2 + s_q'] = FD(p || q) - E_p |s_p|^2 / 2."""
    p, q = two_gaussians(0.3, 1.5), two_gaussians(proportion, 1.0)
    mass = p.log_prob(GRID.points).exp()
    value, trace = score_and_laplacian(q.log_prob, GRID.points)
    objective = GRID.integral(mass * (value.square().sum(-1) / 2 + trace))
    constant = GRID.integral(mass * score(p.log_prob)(GRID.points).square().sum(-1) / 2)
    assert objective == pytest.approx(fisher_divergence(p, q, GRID) - constant, abs=1e-9)


def test_denoising_is_the_fisher_divergence_of_the_noised_density_but_for_a_constant():
    """The difference of two models' objectives is the difference of their Fisher divergences, by 10^5 points."""
    torch.manual_seed(0)
    p, scale = two_gaussians(0.3, 2.0), 0.8
    noised = gaussian_mixture((0.3, 0.7), ((-2.0,), (2.0,)), math.hypot(1, scale))
    points = p.sample(torch.Size((100_000,)))
    noise = torch.randn_like(points)
    models = [two_gaussians(proportion, distance) for proportion, distance in ((0.3, 2.0), (0.7, 1.0))]
    found = [denoising_score_matching(q.log_prob, points, noise, scale).item() / scale**2 for q in models]
    exact = [fisher_divergence(noised, q, GRID) for q in models]
    assert found[0] - found[1] == pytest.approx(exact[0] - exact[1], abs=0.02)


@settings(max_examples=10)
@given(st.floats(0.05, 0.95))
def test_fisher_divergence_does_not_see_proportions(proportion):
    """Figure 3.1: modes ten standard deviations apart. KL would see a factor of two at once."""
    assert fisher_divergence(two_gaussians(0.2), two_gaussians(proportion), GRID) < 1e-4


@settings(max_examples=10)
@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_fisher_divergence_is_zero_on_disconnected_supports(first, second):
    """Equation 3.3; KL is that of two Bernoulli variables, and the bridged divergence sees the difference."""
    p, q = Bumps(first), Bumps(second)
    assert fisher_divergence(p, q, GRID) < 1e-20
    kl = first * math.log(first / second) + (1 - first) * math.log((1 - first) / (1 - second))
    assert kl_divergence(p, q.log_prob, GRID) == pytest.approx(kl, abs=1e-4)
    if abs(first - second) > 0.05:
        assert mixture_fisher_divergence(p, q, gaussian((0.0,), 2.0), 0.8, GRID) > 1e-3


@pytest.mark.parametrize("true", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("beta", [0.5, 0.8, 0.95])
def test_mixture_fisher_divergence_has_its_minimum_at_the_true_proportion(true, beta):
    """Figure 3.2, within 0.02, on a grid of proportions that does not have the true one."""
    grid = Grid(20, 801)
    candidates = [0.005 + step / 100 for step in range(100)]
    values = [
        mixture_fisher_divergence(two_gaussians(true), two_gaussians(candidate), BRIDGE, beta, grid)
        for candidate in candidates
    ]
    assert abs(candidates[values.index(min(values))] - true) < 0.02
    assert max(values) > 0.01


def test_score_matching_over_points_finds_the_proportion():
    """What an estimate needs: points of p only. The minimum is found within 0.02."""
    torch.manual_seed(4)
    points = Bridged(two_gaussians(0.3), BRIDGE, 0.8).sample(torch.Size((20_000,)))
    candidates = [step / 100 for step in range(5, 96, 2)]
    values = [matched(Bridged(two_gaussians(candidate), BRIDGE, 0.8), points) for candidate in candidates]
    assert abs(candidates[values.index(min(values))] - 0.3) < 0.02


def test_the_bridged_divergence_goes_to_the_plain_one_without_a_bridge():
    p, q = two_gaussians(0.3, 1.0), two_gaussians(0.6, 1.5)
    plain = fisher_divergence(p, q, GRID)
    assert mixture_fisher_divergence(p, q, BRIDGE, 1 - 1e-9, GRID) == pytest.approx(plain, rel=1e-5)
    assert mixture_fisher_divergence(p, p, BRIDGE, 0.8, GRID) == 0


def test_simpsons_normaliser_is_that_of_a_gaussian():
    for dimensions, size in ((1, 401), (2, 201)):
        grid = Grid(10, size, dimensions)
        log_values = -grid.points.square().sum(-1) / 2 + 500  # whose exponential is no float64
        expected = 500 + dimensions / 2 * math.log(2 * math.pi)
        assert grid.log_normaliser(log_values) == pytest.approx(expected, abs=1e-9)


def test_the_weights_of_a_grid_are_simpsons_rule():
    for grid in (Grid(3, 301), Grid(2, 41, 2)):
        values = (-grid.points.square().sum(-1)).exp() * (1 + grid.points[:, 0])
        assert float((values * grid.weights).sum()) == pytest.approx(grid.integral(values), abs=1e-12)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_spread_fisher_divergence_of_gaussians_is_the_closed_form(scale):
    """Equations 3.12 to 3.14 with p = N(1, 0.8^2), q = N(-0.5, 1.5^2): the linear score difference squared, by hand."""
    a, b, var_a, var_b = 1.0, -0.5, 0.64 + scale**2, 2.25 + scale**2
    # The scores differ by s(x) = (x - b) / B - (x - a) / A, which under N(a, A) has mean (a - b) / B.
    expected = (((a - b) / var_b) ** 2 + var_a * (1 / var_b - 1 / var_a) ** 2) / 2
    found = spread_fisher_divergence(gaussian((a,), 0.8), gaussian((b,), 1.5), scale, Grid(16, 1601))
    assert found == pytest.approx(expected, rel=1e-6)
