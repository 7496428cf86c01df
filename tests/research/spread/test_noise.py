"""Spread noise: characteristic functions, the validity condition, and what an invalid noise does not see."""

import pytest
import torch

from nelloc.research.spread.noise import (
    band_limited_density,
    band_limited_transform,
    gaussian_noise,
    gaussian_transform,
    is_valid,
    laplace_noise,
    laplace_transform,
)

FREQUENCIES = torch.linspace(-8, 8, 161, dtype=torch.float64)
GRID = torch.linspace(-60, 60, 60_001, dtype=torch.float64)


def transform_of(density: torch.Tensor) -> torch.Tensor:
    """The characteristic function of a symmetric density on GRID, by the trapezoidal rule."""
    return torch.trapezoid(density * torch.cos(FREQUENCIES[:, None] * GRID), GRID)


@pytest.mark.parametrize(
    ("noise", "transform"),
    [
        (gaussian_noise(0.7), lambda w: gaussian_transform(w, 0.7)),
        (laplace_noise(0.7), lambda w: laplace_transform(w, 0.7)),
    ],
    ids=["gaussian", "laplace"],
)
def test_the_transform_is_that_of_the_density(noise, transform):
    density = noise(torch.zeros(1, dtype=torch.float64)).log_prob(GRID[:, None]).exp()
    assert torch.allclose(transform_of(density), transform(FREQUENCIES), atol=1e-6)


def test_gaussian_and_laplace_noise_are_valid_and_band_limited_noise_is_not():
    assert is_valid(lambda w: gaussian_transform(w, 0.7), FREQUENCIES)
    assert is_valid(lambda w: laplace_transform(w, 0.7), FREQUENCIES)
    assert not is_valid(lambda w: band_limited_transform(w, 2.0), FREQUENCIES)


def test_two_different_distributions_are_one_after_invalid_noise():
    """p, q = 2 K(x) (1 +- cos 5x) / 2 with the noise's own density K differ only at frequencies around 5."""
    grid = torch.linspace(-200, 200, 16_001, dtype=torch.float64)
    step = float(grid[1] - grid[0])
    kernel = band_limited_density(grid, 2.0)
    p, q = kernel * (1 + torch.cos(5 * grid)), kernel * (1 - torch.cos(5 * grid))

    def after(noise: torch.Tensor) -> float:
        size = 2 * len(grid)
        difference = torch.fft.irfft(torch.fft.rfft(p - q, size) * torch.fft.rfft(noise, size), size) * step
        return float(difference.abs().max())

    assert float((p - q).abs().max()) > 0.5
    assert after(kernel) < 1e-3
    assert after(gaussian_noise(0.3)(torch.zeros(1, dtype=torch.float64)).log_prob(grid[:, None]).exp()) > 0.1


def test_laplace_noise_of_deviation_one():
    torch.manual_seed(0)
    samples = laplace_noise(0.5**0.5)(torch.zeros(200_000, 1)).sample()
    assert float(samples.std()) == pytest.approx(1, abs=0.01)
