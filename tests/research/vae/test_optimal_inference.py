"""Optimal inference and the gaps it measures."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from strokes import small_vae, strokes, trained_vae  # noqa: E402

from nelloc.research.vae import bits_back_rates  # noqa: E402
from nelloc.research.vae.bounds import elbo, standard_noise  # noqa: E402
from nelloc.research.vae.gaps import Gaps  # noqa: E402
from nelloc.research.vae.models import Posterior  # noqa: E402
from nelloc.research.vae.optimal import inverse_softplus, optimal_posterior  # noqa: E402


def test_it_finds_the_exact_posterior_of_a_decoder_that_knows_nothing():
    # If x does not depend on z, the best posterior is the prior.
    vae = small_vae()
    with torch.no_grad():
        for weight in vae.decoder.parameters():
            weight.zero_()
    posterior = optimal_posterior(vae, strokes(4), steps=1500)
    torch.testing.assert_close(posterior.mean, torch.zeros(4, 3), atol=0.02, rtol=0)
    torch.testing.assert_close(posterior.deviation, torch.ones(4, 3), atol=0.02, rtol=0)


def test_it_finds_the_posterior_that_a_grid_search_finds():
    vae = trained_vae()
    image = strokes(1, seed=9)
    noise = standard_noise(2000, 1, vae, 0)
    posterior = optimal_posterior(vae, image, steps=1500)
    with torch.no_grad():
        best = elbo(vae, image, posterior, noise)
        for scale in (0.9, 1.1):
            for latent in range(3):
                moved, wider = posterior.mean.clone(), posterior.deviation.clone()
                moved[:, latent] += (scale - 1) * 2 * posterior.deviation[:, latent]
                wider[:, latent] *= scale
                assert elbo(vae, image, Posterior(moved, posterior.deviation), noise) < best + 0.01
                assert elbo(vae, image, Posterior(posterior.mean, wider), noise) < best + 0.01


def test_steps_improve_on_the_encoder_and_more_steps_more():
    vae = trained_vae(epochs=3)
    images = strokes(100, seed=5)
    noise = standard_noise(50, 100, vae, 1)
    with torch.no_grad():
        found = [elbo(vae, images, optimal_posterior_without_grad(vae, images, k), noise).mean() for k in (0, 10, 200)]
    assert found[0] < found[1] < found[2]


def optimal_posterior_without_grad(vae, images, steps):
    with torch.enable_grad():
        return optimal_posterior(vae, images, steps)


def test_rates_are_not_measured_with_the_noise_that_posteriors_were_fitted_with(monkeypatch):
    """With that noise they would be too low: it is what the posteriors were made good for."""
    seen = {}
    for place in ("optimal", "bits_back_rates"):

        def recorded(vae, images, posterior, noise, place=place):
            seen.setdefault(place, []).append(noise.detach().reshape(-1, *noise.shape[1:]))
            return elbo(vae, images, posterior, noise)

        monkeypatch.setattr(f"nelloc.research.vae.{place}.elbo", recorded)
    bits_back_rates.rate_after(trained_vae(epochs=1), strokes(16, seed=5), 8, 5e-3)
    fitted, measured = (torch.cat(seen[place]) for place in ("optimal", "bits_back_rates"))
    assert not any(torch.equal(a, b) for a in fitted for b in measured)


def test_images_do_not_influence_each_other():
    vae = trained_vae()
    images = strokes(3, seed=6)
    # The noise is drawn for a whole batch, so only its first image sees the same alone.
    together, alone = optimal_posterior(vae, images, 20), optimal_posterior(vae, images[:1], 20)
    assert torch.equal(optimal_posterior(vae, images, 20).mean, together.mean)
    assert alone.mean.shape == (1, 3)
    changed = images.clone()
    changed[1:] = 1 - changed[1:]
    torch.testing.assert_close(optimal_posterior(vae, changed, 20).mean[:1], together.mean[:1])


def test_the_models_weights_are_left_alone():
    vae = trained_vae(epochs=1)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    optimal_posterior(vae, strokes(3), 5)
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
    assert all(weight.requires_grad for weight in vae.parameters())


def test_inverse_softplus():
    values = torch.tensor([1e-4, 0.1, 1.0, 30.0])
    torch.testing.assert_close(torch.nn.functional.softplus(inverse_softplus(values)), values)


numbers = st.floats(0, 20)


@settings(deadline=None)  # the first call of a torch function takes long
@given(st.builds(Gaps.of, numbers, numbers, numbers))
def test_the_whole_gap_is_exactly_its_two_parts(found):
    assert found.whole == found.generative + found.inference


def test_the_parts_are_those_of_the_thesis():
    """Equations 4.7, 4.14 and 4.16, as rates."""
    found = Gaps.of(train=0.150, test=0.200, test_optimal=0.160)
    assert (found.whole, found.generative, found.inference) == pytest.approx((0.05, 0.01, 0.04))


def test_a_rate_that_stays_moves_the_first_step_by_itself():
    """Adam's first step has the length of its rate; with a rate that falls as a half cosine it is the same."""
    vae, images = trained_vae(), strokes(2, seed=6)
    start = optimal_posterior(vae, images, 0).mean
    for steps in (1, 5):
        moved = optimal_posterior(vae, images, steps, 5e-3, falling=False).mean - start
        assert float(moved.abs().max()) <= steps * 5e-3 * 1.01
    assert float((optimal_posterior(vae, images, 1, 5e-3, falling=False).mean - start).abs().max()) > 4e-3
