"""Spread KL against closed forms and numerical integrals; what the mixture divergence sees."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nelloc.research.spread.divergences import (
    mixture_kl,
    spread_kl_of_deltas_gaussian,
    spread_kl_of_deltas_laplace,
    spread_kl_of_gaussians,
)
from nelloc.research.spread.noise import gaussian_noise, laplace_noise

DOUBLE = torch.float64


def integrated(noise, first: float, second: float) -> float:
    """KL of the noise around two points of the line, by the trapezoidal rule."""
    grid = torch.linspace(-40, 40, 400_001, dtype=DOUBLE)
    left, right = (noise(torch.tensor([at], dtype=DOUBLE)).log_prob(grid[:, None]) for at in (first, second))
    return float(torch.trapezoid(left.exp() * (left - right), grid))


@pytest.mark.parametrize("distance", [0.0, 0.1, 1.0, 3.0])
def test_two_deltas_and_gaussian_noise_of_variance_a_half_give_the_squared_distance(distance):
    value = spread_kl_of_deltas_gaussian(torch.tensor(distance, dtype=DOUBLE), 0.5)
    assert float(value) == pytest.approx(distance**2, abs=1e-12)
    assert integrated(gaussian_noise(0.5**0.5), 1.0, 1.0 - distance) == pytest.approx(distance**2, abs=1e-6)


@pytest.mark.parametrize(("distance", "scale"), [(0.0, 1.0), (0.3, 0.5), (2.0, 0.5), (4.0, 1.5)])
def test_two_deltas_and_laplace_noise(distance, scale):
    value = spread_kl_of_deltas_laplace(torch.tensor(distance, dtype=DOUBLE), scale)
    assert float(value) == pytest.approx(integrated(laplace_noise(scale), -1.0, distance - 1.0), abs=1e-5)


def test_deltas_are_gaussians_without_covariance():
    zero, eye = torch.zeros(3, 3, dtype=DOUBLE), torch.eye(3, dtype=DOUBLE)
    mean = torch.tensor([1.0, -2.0, 0.5], dtype=DOUBLE)
    value = spread_kl_of_gaussians(mean, zero, 0 * mean, zero, 0.5 * eye)
    assert float(value) == pytest.approx(float(mean @ mean), abs=1e-10)


def test_gaussians_on_two_lines_against_points_drawn():
    """Two one-dimensional Gaussians in the plane: their KL does not exist, the spread one does."""
    torch.manual_seed(0)
    first, second = (torch.tensor(v, dtype=DOUBLE) for v in ([1.0, 0.2], [0.5, 1.0]))
    shift = torch.tensor([0.0, 0.7], dtype=DOUBLE)
    noise = torch.tensor([[0.4, 0.1], [0.1, 0.2]], dtype=DOUBLE)
    value = spread_kl_of_gaussians(0 * shift, torch.outer(first, first), shift, torch.outer(second, second), noise)
    points = torch.randn(400_000, 1, dtype=DOUBLE) * first
    y = points + torch.randn(400_000, 2, dtype=DOUBLE) @ torch.linalg.cholesky(noise).T
    p, q = (
        torch.distributions.MultivariateNormal(mean, torch.outer(line, line) + noise)
        for mean, line in ((0 * shift, first), (shift, second))
    )
    difference = p.log_prob(y) - q.log_prob(y)
    assert float(value) == pytest.approx(float(difference.mean()), abs=5 * float(difference.std()) / 400_000**0.5)


@given(st.floats(0.05, 3), st.floats(0.05, 3), st.floats(0.05, 2), st.floats(0.05, 2))
def test_more_noise_never_raises_the_divergence(distance, deviation, less, more):
    mean, variance = torch.tensor([distance], dtype=DOUBLE), torch.tensor([[deviation**2]], dtype=DOUBLE)
    low, high = (
        float(spread_kl_of_gaussians(mean, 0 * variance, 0 * mean, variance, torch.tensor([[v]], dtype=DOUBLE)))
        for v in (less, less + more)
    )
    assert 0 <= high <= low + 1e-9


def test_the_mixture_divergence_is_a_divergence_but_blind_to_distance():
    noise = torch.full((50,), 1 / 50, dtype=DOUBLE)
    deltas = torch.eye(50, dtype=DOUBLE)
    assert float(mixture_kl(deltas[3], deltas[3], noise, 0.5)) == 0
    values = [float(mixture_kl(deltas[3], deltas[at], noise, 0.5)) for at in (4, 20, 49)]
    # w P + (1 - w) N and w Q + (1 - w) N differ in two places only, by 0.51 against 0.01
    assert values == pytest.approx([0.5 * torch.log(torch.tensor(51.0)).item()] * 3)
