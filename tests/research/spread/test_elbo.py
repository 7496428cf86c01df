"""The spread ELBO: a bound, tight for the true posterior, and the same in its lower-variance form."""

import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from nelloc.research.spread.elbo import (
    kl_to_standard_normal,
    spread_elbo,
    spread_elbo_gaussian,
    two_component_elbo,
)
from nelloc.research.spread.noise import gaussian_noise, laplace_noise

DEVIATION = 0.6
DIMENSIONS = 12
WEIGHTS = 0.4 * torch.randn(DIMENSIONS, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
X = torch.tensor([[0.8, -1.1]], dtype=torch.float64) @ WEIGHTS.T + 0.1


def decode(z: torch.Tensor) -> torch.Tensor:
    return z @ WEIGHTS.T


def encode(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of the true posterior of z, with the best diagonal deviations."""
    precision = torch.eye(2, dtype=y.dtype) + WEIGHTS.T @ WEIGHTS / DEVIATION**2
    mean = y @ WEIGHTS @ torch.linalg.inv(precision) / DEVIATION**2
    return mean, precision.diagonal().rsqrt().expand_as(mean)


def crude(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return 0.3 * y[:, :2], torch.full_like(y[:, :2], 0.5)


def mean_and_error(values: torch.Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std()) / len(values) ** 0.5


@pytest.mark.parametrize("encoder", [encode, crude])
def test_both_forms_estimate_the_same_bound_and_one_varies_less(encoder):
    torch.manual_seed(0)
    x = X.repeat(200_000, 1)
    plain = spread_elbo(x, gaussian_noise(DEVIATION), encoder, decode)
    integrated = spread_elbo_gaussian(x, DEVIATION, encoder, decode)
    (first, error), (second, other) = mean_and_error(plain), mean_and_error(integrated)
    assert first == pytest.approx(second, abs=4 * math.hypot(error, other))
    assert float(integrated.var()) < 0.8 * float(plain.var())


def test_the_gradient_of_the_integrated_form_is_unbiased_and_varies_less():
    torch.manual_seed(0)
    weights = WEIGHTS.clone().requires_grad_()
    x = X.repeat(50, 1)

    def gradients(bound) -> torch.Tensor:
        return torch.stack([torch.autograd.grad(bound().mean(), weights)[0].flatten() for _ in range(1500)])

    plain = gradients(lambda: spread_elbo(x, gaussian_noise(DEVIATION), encode, lambda z: z @ weights.T))
    integrated = gradients(lambda: spread_elbo_gaussian(x, DEVIATION, encode, lambda z: z @ weights.T))
    error = ((plain.var(0) + integrated.var(0)) / 1500).sqrt()
    assert ((plain.mean(0) - integrated.mean(0)).abs() < 4.5 * error).all()
    assert float(integrated.var(0).sum()) < float(plain.var(0).sum())


def test_it_is_a_bound_and_tight_for_the_true_posterior():
    torch.manual_seed(0)
    x = X.repeat(200_000, 1)
    model = MultivariateNormal(
        torch.zeros(DIMENSIONS, dtype=X.dtype),
        WEIGHTS @ WEIGHTS.T + DEVIATION**2 * torch.eye(DIMENSIONS, dtype=X.dtype),
    )
    exact = float(model.log_prob(gaussian_noise(DEVIATION)(x).sample()).mean())
    assert mean_and_error(spread_elbo(x, gaussian_noise(DEVIATION), crude, decode))[0] < exact - 0.05
    # What is left with the best diagonal posterior is its KL from the true one.
    precision = torch.eye(2, dtype=X.dtype) + WEIGHTS.T @ WEIGHTS / DEVIATION**2
    gap = 0.5 * float(precision.diagonal().log().sum() - torch.logdet(precision))
    assert mean_and_error(spread_elbo(x, gaussian_noise(DEVIATION), encode, decode))[0] == pytest.approx(
        exact - gap, abs=0.02
    )


def test_an_encoder_that_sees_x_turns_it_into_noise_in_the_model_alone():
    """With z from x, averaging over the noise leaves the bound of log N(x; g(z), deviation^2), less D / 2."""
    torch.manual_seed(0)
    x = X.repeat(200_000, 1)
    blind = spread_elbo(x, gaussian_noise(DEVIATION), lambda _: crude(x), decode)
    mean, deviation = crude(x)
    z = mean + deviation * torch.randn_like(mean)
    model_noise = gaussian_noise(DEVIATION)(decode(z)).log_prob(x) - kl_to_standard_normal(mean, deviation)
    assert float(blind.mean()) == pytest.approx(float(model_noise.mean()) - DIMENSIONS / 2, abs=0.04)


def test_laplace_noise_gives_a_bound_too():
    """One-dimensional x = g(z) = 2 z with Laplace noise: log p~(y) by numerical integration over z."""
    torch.manual_seed(0)
    x = torch.full((4000, 1), 0.8, dtype=torch.float64)
    noise = laplace_noise(0.5)
    z = torch.linspace(-8, 8, 2001, dtype=torch.float64)
    y = noise(x).sample()
    density = torch.trapezoid(Normal(0.0, 1.0).log_prob(z).exp() * (-(y - 2 * z).abs() / 0.5).exp(), z)
    bound = spread_elbo(x, noise, lambda y: (0.4 * y, torch.full_like(y, 0.3)), lambda z: 2 * z)
    assert float(bound.mean()) < float(density.log().mean())


def test_kl_to_standard_normal():
    torch.manual_seed(0)
    mean, deviation = torch.randn(5, 4), torch.rand(5, 4) + 0.1
    expected = kl_divergence(
        Independent(Normal(mean, deviation), 1), Independent(Normal(torch.zeros(5, 4), torch.ones(5, 4)), 1)
    )
    assert torch.allclose(kl_to_standard_normal(mean, deviation), expected, atol=1e-5)


def test_the_two_component_bound_is_tight_for_the_true_posterior():
    means = torch.tensor([[-1.0, 0.0], [1.0, 0.2]], dtype=torch.float64)
    variances = torch.tensor([[0.3, 0.1], [0.5, 0.2]], dtype=torch.float64)
    x = torch.tensor([[0.3, 0.1], [-2.0, 0.5]], dtype=torch.float64)
    joint = Independent(Normal(means, (variances + 0.25).sqrt()), 1).log_prob(x[:, None]) - math.log(2)
    exact = torch.logsumexp(joint, -1)
    posterior = joint[:, 1] - joint[:, 0]
    assert torch.allclose(two_component_elbo(x, posterior, means, variances, 0.25), exact)
    assert (two_component_elbo(x, posterior + 1, means, variances, 0.25) < exact).all()
