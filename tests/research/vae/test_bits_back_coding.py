"""Bits-back coding: lossless, at the rate of the ELBO, and without invented bits."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from strokes import small_vae, strokes, trained_vae  # noqa: E402

from nelloc.errors import NellocError  # noqa: E402
from nelloc.research.vae.bits_back import (  # noqa: E402
    BitsBackCoder,
    Message,
    Stack,
    decode,
    encode,
    enough_initial_words,
    initial_words,
    latent_tables,
)
from nelloc.research.vae.bits_back_rates import beyond_the_bins, rate_of  # noqa: E402
from nelloc.research.vae.bounds import amortised_elbo, elbo, standard_noise  # noqa: E402
from nelloc.research.vae.coded_rate import coded_rate  # noqa: E402
from nelloc.research.vae.models import Posterior  # noqa: E402
from nelloc.research.vae.optimal import optimal_posterior  # noqa: E402

KINDS = ["binary", "gray", "colour"]


def back(coder: BitsBackCoder, message: Message, count: int):
    return torch.stack(list(decode(coder, message, count)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [0, 3])
def test_images_come_back(kind, steps):
    images = strokes(20 if steps == 0 else 4, kind, seed=2).to(torch.uint8)
    coder = BitsBackCoder(small_vae(kind), steps)
    assert torch.equal(back(coder, encode(coder, images), len(images)), images)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(0, 4), kind=st.sampled_from(KINDS))
def test_any_images_come_back(seed, count, kind):
    vae = small_vae(kind)
    generator = torch.Generator().manual_seed(seed)
    shape = (count, vae.likelihood.channels, 8, 8)
    images = torch.randint(0, vae.likelihood.levels, shape, generator=generator).to(torch.uint8)
    message = encode(BitsBackCoder(vae), images)
    found = list(decode(BitsBackCoder(vae), message, count))
    assert all(torch.equal(a, b) for a, b in zip(found, images, strict=True))


@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.parametrize("kind", ["binary", "gray"])
def test_the_net_rate_is_the_negative_elbo(kind, steps):
    vae = trained_vae(kind)
    images = strokes(300 if steps == 0 else 100, kind, seed=3)
    message = encode(BitsBackCoder(vae, steps), images.to(torch.uint8))
    posteriors = [optimal_posterior(vae, image[None], steps) for image in images]
    posterior = Posterior(*(torch.cat([getattr(p, name) for p in posteriors]) for name in ("mean", "deviation")))
    with torch.no_grad():
        bits = -elbo(vae, images, posterior, standard_noise(50, len(images), vae, 0)).sum().item() / math.log(2)
    assert message.net_bits == pytest.approx(bits, rel=0.03)


def test_optimal_inference_saves_bits():
    vae = trained_vae()
    with torch.no_grad():
        vae.encoder[-1].bias += 0.5  # an encoder that is a little wrong everywhere
    images = strokes(40, seed=4).to(torch.uint8)
    plain, improved = (encode(BitsBackCoder(vae, steps, 0.1), images).net_bits for steps in (0, 20))
    assert improved < plain


def test_an_empty_stack_is_an_error_and_not_a_source_of_bits():
    vae = small_vae()
    image = strokes(1).to(torch.uint8)
    with pytest.raises(NellocError, match="ran empty"):
        encode(BitsBackCoder(vae), image, initial=0)
    with pytest.raises(NellocError, match="ran empty"):
        encode(BitsBackCoder(vae), image, initial=1)
    assert encode(BitsBackCoder(vae), image, initial=enough_initial_words(vae)).net_bits > 0


def test_the_stack_gives_its_bits_and_nothing_more():
    words = initial_words(6)
    stack = Stack(words)
    taken = [stack.pop_uniform(1, 8) for _ in range(19)]
    with pytest.raises(NellocError, match="ran empty"):
        stack.pop_uniform(1, 8)  # 192 bits less 20 bytes are 32: fewer than a word and the mark above it
    stack = Stack(words)
    assert [stack.pop_uniform(1, 8) for _ in range(19)] == taken
    for byte in reversed(taken):
        stack.push_uniform(byte, 8)
    assert np.array_equal(stack.words(), words)


def test_the_gross_size_counts_the_initial_words():
    vae = small_vae()
    coder = BitsBackCoder(vae)
    message = encode(coder, strokes(20).to(torch.uint8))
    gross = 32 * len(message.words)
    assert 0 <= gross - (message.net_bits + 32 * message.initial) <= 64


def test_a_wrong_model_or_damaged_words_do_not_pass():
    images = strokes(5).to(torch.uint8)
    coder = BitsBackCoder(trained_vae())
    message = encode(coder, images)
    with pytest.raises(NellocError):
        list(decode(BitsBackCoder(small_vae(seed=1)), message, 5))
    words = message.words.copy()
    words[0] ^= 1
    with pytest.raises(NellocError, match="does not end as it began"):
        list(decode(coder, Message(words, message.initial, message.net_bits), 5))
    with pytest.raises(NellocError, match="zero word"):
        list(decode(coder, Message(np.zeros(3, np.uint32), 2, 0), 1))


def test_latent_tables_are_the_posteriors_mass_in_bins_of_equal_prior_mass():
    prior = latent_tables(Posterior(torch.zeros(1, 1), torch.ones(1, 1)))
    np.testing.assert_allclose(prior, 2**-12, rtol=1e-9)
    narrow = latent_tables(Posterior(torch.tensor([[0.5]]), torch.tensor([[0.1]])))
    assert narrow.sum() == pytest.approx(1)
    normal = torch.distributions.Normal(0.5, 0.1)
    half = normal.cdf(torch.tensor(0.6)).item()
    edge = int(torch.distributions.Normal(0.0, 1.0).cdf(torch.tensor(0.6)).item() * 2**12)
    assert narrow[0, :edge].sum() == pytest.approx(half, abs=0.005)


def test_initial_words_are_a_fixed_sequence():
    assert initial_words(3).tolist() == initial_words(5)[:3].tolist()
    assert initial_words(1000).min() > 0


def test_the_rate_depends_on_the_chain_as_a_whole_not_on_its_order():
    vae = trained_vae()
    images = strokes(60, seed=5)
    one, other = (encode(BitsBackCoder(vae), order.to(torch.uint8)).net_bits for order in (images, images.flip(0)))
    bits = -amortised_elbo(vae, images, samples=50).sum().item() / math.log(2)
    assert one == pytest.approx(bits, rel=0.05)
    assert other == pytest.approx(bits, rel=0.05)


def test_the_rates_standard_error_is_how_far_chains_of_the_same_images_lie_apart():
    """One sample of each posterior is coded: other bits on the stack, from another order, give another net size."""
    vae, images = trained_vae(), strokes(60, seed=8)
    with torch.no_grad():
        posterior = vae.posterior(images)
    rate, error = rate_of(vae, images, posterior)
    torch.manual_seed(3)
    orders = [torch.randperm(60) for _ in range(30)]
    coded = [encode(BitsBackCoder(vae), images[order].to(torch.uint8)) for order in orders]
    nets = torch.tensor([message.net_bits for message in coded]).double()
    nets /= images.numel()
    assert 0.6 < float(nets.std()) / error < 1.6
    # and in the mean over chains there is next to nothing between the net rate and the ELBO
    assert float(nets.mean()) == pytest.approx(rate, abs=4 * error / 30**0.5)


def test_images_beyond_the_outermost_bin_are_counted():
    """Half of 2**-12 of a normal's mass lies beyond 3.668."""
    vae, images = trained_vae(), strokes(20, seed=8)
    with torch.no_grad():
        vae.encoder[-1].weight[:3] = 0
        for bias, expected in ((3.66, 0.0), (3.68, 1.0)):
            vae.encoder[-1].bias[:3] = torch.tensor([bias, 0.0, 0.0])
            assert beyond_the_bins(vae, images) == expected


def test_a_sample_costs_24_bits_at_most_however_little_a_model_expects_it():
    """The coder's tables have no smaller probability, so that a bad model's net rate is below its negative ELBO."""
    vae = trained_vae("gray")
    with torch.no_grad():
        last = [layer for layer in vae.decoder if isinstance(layer, torch.nn.Linear)][-1]
        last.weight.zero_()
        last.bias.fill_(-5)  # narrow, and far below black
    images = torch.full((10, 1, 8, 8), 255, dtype=torch.uint8)
    with torch.no_grad():
        rate, _ = rate_of(vae, images.float(), vae.posterior(images.float()))
    net = encode(BitsBackCoder(vae), images).net_bits / images.numel()
    assert rate > 40
    assert 20 < net < 25


@pytest.mark.parametrize("kind", KINDS)
def test_the_net_rate_is_what_the_coders_probabilities_and_latents_let_expect(kind):
    """A narrow likelihood far from some samples: the ELBO is far above the net rate, that of the tables is not."""
    vae, images = trained_vae(kind), strokes(100, kind, seed=9)
    with torch.no_grad():
        last = [layer for layer in vae.decoder if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)][-1]
        last.weight *= 3
        posterior = vae.posterior(images)
    noise = standard_noise(16, len(images), vae, 1)
    plain, error = rate_of(vae, images, posterior)
    found = coded_rate(vae, images, posterior, noise)
    net = encode(BitsBackCoder(vae), images.to(torch.uint8)).net_bits / images.numel()
    assert found.pixels <= plain * 1.0001
    assert net == pytest.approx(found.whole, abs=4 * error)


def test_samples_that_the_tables_make_cheaper_are_counted():
    vae = trained_vae("gray")
    with torch.no_grad():
        last = [layer for layer in vae.decoder if isinstance(layer, torch.nn.Linear)][-1]
        last.weight.zero_()
        last.bias.fill_(-5)
        images = torch.full((10, 1, 8, 8), 255.0)
        posterior = vae.posterior(images)
    found = coded_rate(vae, images, posterior, standard_noise(4, 10, vae, 1))
    assert found.beyond == 1
    assert found.pixels == pytest.approx(24, abs=1)


def test_posteriors_beyond_the_bins_are_coded_in_the_outermost():
    """Whatever lies further out costs as much as a narrow posterior in the outermost bin."""
    vae, images = trained_vae(), strokes(20, seed=8)
    noise = standard_noise(16, 20, vae, 1)
    shape = (20, vae.architecture.latent)
    far, outermost = (
        coded_rate(vae, images, Posterior(torch.full(shape, mean), torch.full(shape, deviation)), noise)
        for mean, deviation in ((6.0, 0.1), (3.67, 1e-4))
    )
    assert far.whole == pytest.approx(outermost.whole, rel=1e-6)
    assert far.pixels != pytest.approx(outermost.pixels, rel=0.1)
