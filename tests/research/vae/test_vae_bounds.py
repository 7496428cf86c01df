"""Bounds, against a model whose log p(x) is known in closed form, and against each other."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from strokes import small_vae, strokes, trained_vae  # noqa: E402

from nelloc.research.vae.bounds import (  # noqa: E402
    amortised_elbo,
    bits_per_dimension,
    elbo,
    iwae,
    log_weights,
    standard_noise,
)
from nelloc.research.vae.models import Posterior, standard_normal_log_prob  # noqa: E402


class LinearGaussian:
    """p(z) = N(0, I), p(x | z) = N(W z, s^2 I): posterior and evidence in closed form. Quacks as far as bounds ask."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.randn(5, 2, generator=generator, dtype=torch.float64)
        self.variance = 0.3

    def log_likelihood(self, images, latents):
        distance = ((images - latents @ self.weight.T) ** 2).sum(-1)
        return -0.5 * distance / self.variance - 2.5 * math.log(2 * math.pi * self.variance)

    def evidence(self, images):
        covariance = self.weight @ self.weight.T + self.variance * torch.eye(5, dtype=torch.float64)
        zero = torch.zeros(5, dtype=torch.float64)
        return torch.distributions.MultivariateNormal(zero, covariance).log_prob(images)

    def true_posterior(self, images):
        precision = torch.eye(2, dtype=torch.float64) + self.weight.T @ self.weight / self.variance
        return images @ self.weight / self.variance @ torch.linalg.inv(precision), torch.linalg.inv(precision)


IMAGES = torch.randn(4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
NOISE = torch.randn(4000, 4, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def wide() -> Posterior:
    """A posterior beside and broader than the true one."""
    mean, covariance = LinearGaussian().true_posterior(IMAGES)
    return Posterior(mean + 0.2, 1.4 * covariance.diagonal().sqrt().expand_as(mean))


def test_the_elbo_is_the_evidence_less_the_divergence_to_the_true_posterior():
    model = LinearGaussian()
    mean, covariance = model.true_posterior(IMAGES)
    posterior = wide()
    divergence = torch.distributions.kl_divergence(
        torch.distributions.MultivariateNormal(posterior.mean, torch.diag_embed(posterior.deviation**2)),
        torch.distributions.MultivariateNormal(mean, covariance),
    )
    found = elbo(model, IMAGES, posterior, NOISE)
    torch.testing.assert_close(found, model.evidence(IMAGES) - divergence, atol=0.1, rtol=0)


def test_the_iwae_lies_between_the_elbo_and_the_evidence_and_nears_it():
    model = LinearGaussian()
    evidence = model.evidence(IMAGES)
    gaps = []
    for samples in (1, 10, 100, 1000):
        chunks = NOISE.split(samples)
        bound = torch.stack([iwae(log_weights(model, IMAGES, wide(), chunk)) for chunk in chunks]).mean(0)
        gaps.append((evidence - bound).mean().item())
    assert gaps[0] > 5 * gaps[1]
    assert gaps[1] > 2 * gaps[2]
    assert abs(gaps[-1]) < 0.03  # 4000 samples leave an error of about 0.01


def test_the_iwae_is_at_least_the_elbo_of_the_same_samples():
    # Jensen's inequality, image by image, for any model: exact, not only in expectation.
    vae = trained_vae()
    images = strokes(50, seed=3)
    noise = standard_noise(20, 50, vae, 0)
    with torch.no_grad():
        posterior = vae.posterior(images)
        weights = log_weights(vae, images, posterior, noise)
        bound = iwae(weights)
    assert (bound >= weights.mean(0) - 1e-4).all()
    assert bound.mean() > weights.mean()


def test_both_forms_of_the_elbo_agree_in_expectation():
    vae = trained_vae()
    images = strokes(5, seed=4)
    noise = standard_noise(20_000, 5, vae, 0)
    with torch.no_grad():
        posterior = vae.posterior(images)
        closed = elbo(vae, images, posterior, noise)
        sampled = log_weights(vae, images, posterior, noise).mean(0)
    torch.testing.assert_close(closed, sampled, atol=0.05, rtol=0)


def test_posteriors_have_torch_distributions_densities():
    posterior = Posterior(torch.tensor([[0.5, -1.0]]), torch.tensor([[0.2, 1.5]]))
    normal = torch.distributions.Independent(torch.distributions.Normal(posterior.mean, posterior.deviation), 1)
    prior = torch.distributions.Independent(torch.distributions.Normal(torch.zeros(1, 2), 1.0), 1)
    latents = torch.tensor([[[0.3, 0.1]], [[2.0, -3.0]]])
    torch.testing.assert_close(posterior.log_prob(latents), normal.log_prob(latents))
    torch.testing.assert_close(standard_normal_log_prob(latents), prior.log_prob(latents))
    torch.testing.assert_close(posterior.divergence(), torch.distributions.kl_divergence(normal, prior))


def test_batches_and_bits():
    vae = small_vae()
    images = strokes(10)
    nats = amortised_elbo(vae, images, samples=2)
    assert nats.shape == (10,)
    torch.testing.assert_close(nats, amortised_elbo(vae, images, samples=2))
    assert bits_per_dimension(torch.full((3,), -64 * math.log(2)), vae) == pytest.approx(1)
