"""Slips in chapter 3 and its appendix, each as numbers (docs/THESIS.md)."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("matplotlib")

from nelloc.research.fisher.densities import Bridged, gaussian, two_gaussians  # noqa: E402
from nelloc.research.fisher.divergences import Grid, fisher_divergence  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(1)


def test_slip_blindness_goes_with_distance_over_deviation():
    """After equation 3.2: as mu / sigma^2 grows with mu / sigma fixed, FD grows too; it is mu / sigma that blinds."""
    found = []
    for size in (1.0, 0.5, 0.25):
        p, q = (
            _scaled(two_gaussians(share, 1.0), size)
            for share in (0.2, 0.8)  # mu = sigma = size: mu / sigma^2 = 1 / size
        )
        found.append(fisher_divergence(p, q, Grid(8 * size, 2001)))
    assert found[1] == pytest.approx(4 * found[0], rel=1e-6)
    assert found[2] == pytest.approx(16 * found[0], rel=1e-6)
    apart = [fisher_divergence(two_gaussians(0.2, mu), two_gaussians(0.8, mu), Grid(20, 4001)) for mu in (2, 3, 4, 5)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 2e-5


def _scaled(density, size: float):
    """The density of size times x."""

    class Scaled:
        def log_prob(self, value):
            return density.log_prob(value / size) - math.log(size)

    return Scaled()


def test_slip_the_covariance_of_section_3_4_is_a_second_moment():
    """(1 / N) sum x x^T has the squared mean in it: 26 instead of 22 in one direction of Figure 3.3's Gaussians."""
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    means = torch.tensor([[-5, -5], [-5, 5], [5, 5], [5, -5]], dtype=torch.float64)
    second = torch.eye(2, dtype=torch.float64) + means.T @ (weights[:, None] * means)
    centre = weights @ means
    assert centre.tolist() == pytest.approx([2.0, 0.0])
    assert second.diag().tolist() == pytest.approx([26.0, 26.0])
    assert (second - torch.outer(centre, centre)).diag().tolist() == pytest.approx([22.0, 26.0])


def test_slip_the_annealed_noise_ends_at_one():
    """Section 3.5: 3.0 x 0.9999^10000 is 1.10 and not below 0.001; 0.001 needs a factor of 0.99920."""
    assert pytest.approx(1.1036, abs=1e-4) == 3.0 * 0.9999**10_000
    assert pytest.approx(0.001, rel=0.01) == 3.0 * 0.99920**10_000


def test_slip_the_constants_of_proposition_1():
    """p = sum a_k g_k, q = sum b_k g_k, a_k = b_k e^(c_k): it is sum b_k e^(c_k) that is 1, not sum e^(c_k)."""
    a, b = torch.tensor([0.2, 0.8]), torch.tensor([0.6, 0.4])
    ratios = a / b
    assert float((b * ratios).sum()) == pytest.approx(1)
    assert float(ratios.sum()) == pytest.approx(2.333, abs=1e-3)


def test_slip_the_bound_of_the_kernel_stein_discrepancy_lacks_a_factor_of_two():
    """Equation B.7 with the half in FD: for N(0, 1) and N(1, 1) and a wide kernel KSD is 1 and FD a half."""
    x = torch.randn(4000)
    kernel = (-((x[:, None] - x) ** 2) / (2 * 100.0**2)).exp()
    difference = 1.0  # s_p - s_q = -x + (x - 1), everywhere
    discrepancy = float((difference * kernel * difference).mean())
    fisher = fisher_divergence(gaussian((0.0,), 1.0), gaussian((1.0,), 1.0), Grid(12, 2001))
    bound = float(kernel.square().mean().sqrt()) * fisher
    assert fisher == pytest.approx(0.5, abs=1e-6)
    assert discrepancy > 1.9 * bound
    assert discrepancy <= 2 * bound + 1e-6


def test_slip_two_steps_of_the_proof_of_theorem_4():
    """Equations B.10 and B.11 do not hold as printed; that the score is a mean of two scores does what they are for."""
    # B.10 with m = p and beta = 1/2: both parts are s / 2, so that the squares sum to half of |s|^2.
    score = torch.tensor(3.0)
    assert float(score**2) > float((score / 2) ** 2 + (score / 2) ** 2)
    # B.11's second step with p = N(0, 1), m = N(0, 9): the mean of s_p^2 under the mixture is 5, under p it is 1.
    assert 0.5 * 1 + 0.5 * 9 > 1
    # What holds: s~ = w s_p + (1 - w) s_m with w in [0, 1], and squares are convex.
    w, s_p, s_m = torch.rand(1000), torch.randn(1000), torch.randn(1000)
    assert ((w * s_p + (1 - w) * s_m) ** 2 <= w * s_p**2 + (1 - w) * s_m**2 + 1e-6).all()


def test_slip_a_large_beta_is_more_of_the_data():
    """Section 3.4 says the opposite: with beta = 0.9 nine tenths of beta p + (1 - beta) m are points of p (eq. 3.4)."""
    mixed = Bridged(gaussian((100.0,), 1.0), gaussian((-100.0,), 1.0), 0.9)
    assert float((mixed.sample(torch.Size((10_000,))) > 0).double().mean()) == pytest.approx(0.9, abs=0.02)


def test_slip_the_correction_with_a_maximum_is_not_normalised():
    """Equation 3.10 divides by beta, but where the difference is negative the maximum adds mass: here 2.5 %."""
    m, p, beta = gaussian((0.0,), 3.0), two_gaussians(0.2), 0.5
    grid = Grid(30, 6001)
    known = (1 - beta) * m.log_prob(grid.points).exp()
    true = beta * p.log_prob(grid.points).exp() + known
    # An estimate with a twentieth more of p, and less of the bridge.
    estimate = 0.95 * true + 0.05 * p.log_prob(grid.points).exp()
    difference = (estimate - known) / beta
    assert grid.integral(difference) == pytest.approx(1, abs=1e-6)
    whole = grid.integral(difference.clamp(min=0))
    assert whole == pytest.approx(1.025, abs=1e-3)
