"""Likelihoods: normalised, centred, and what their samples follow."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from nelloc.research.vae.distributions import (  # noqa: E402
    Bernoulli,
    ChannelAutoregressiveLogistic,
    DiscretisedLogistic,
    log_mass,
)

LEVELS = torch.arange(256, dtype=torch.float64)


def number(value: float):
    return torch.tensor(value, dtype=torch.float64)


def outputs_of(likelihood, count: int = 3, size: int = 4, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, likelihood.outputs, size, size, generator=generator)


def images_of(likelihood, count: int = 3, size: int = 4, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    shape = (count, likelihood.channels, size, size)
    return torch.randint(0, likelihood.levels, shape, generator=generator).float()


LIKELIHOODS = [Bernoulli(), DiscretisedLogistic(), ChannelAutoregressiveLogistic()]


@settings(deadline=None)  # the first call of a torch function takes long
@given(mean=st.floats(-1.5, 1.5), log_scale=st.floats(-7, 3))
def test_a_discretised_logistic_is_normalised(mean, log_scale):
    total = log_mass(number(mean), number(log_scale), LEVELS).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-12)


@settings(deadline=None)  # the first call of a torch function takes long
@given(level=st.integers(1, 254), log_scale=st.floats(-7, 0))
def test_bins_are_centred_on_their_levels(level, log_scale):
    mass = log_mass(number(level / 127.5 - 1), number(log_scale), LEVELS)
    assert mass[1:-1].argmax() + 1 == level  # the outer bins hold the tails
    reach = min(level, 255 - level) - 1
    below, above = mass[level - reach : level].flip(0), mass[level + 1 : level + reach + 1]
    torch.testing.assert_close(below, above, atol=1e-8, rtol=1e-8)


def test_mass_is_a_difference_of_the_logistic_cdf():
    mean, scale, level = 0.1, 0.05, 150
    cdf = [1 / (1 + math.exp(-(((level + side) / 127.5 - 1) - mean) / scale)) for side in (-0.5, 0.5)]
    found = log_mass(number(mean), number(math.log(scale)), number(level))
    assert found.exp().item() == pytest.approx(cdf[1] - cdf[0], rel=1e-9)


def test_far_tails_keep_finite_values_and_gradients():
    mean = torch.tensor([-30.0, 30.0], requires_grad=True)
    mass = log_mass(mean, torch.tensor(-7.0), torch.tensor(200.0))
    mass.sum().backward()
    assert torch.isfinite(mass).all()
    assert torch.isfinite(mean.grad).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda value: type(value).__name__)
def test_tables_are_what_log_prob_adds_up(likelihood):
    outputs, images = outputs_of(likelihood), images_of(likelihood)
    total = torch.zeros(3, dtype=torch.float64)
    for channel in range(likelihood.channels):
        table = likelihood.table(outputs, images, channel)
        torch.testing.assert_close(table.sum(-1), torch.ones_like(table[..., 0]))
        chosen = table.gather(-1, images[:, channel, ..., None].long())
        total += chosen.log().flatten(1).sum(1)
    torch.testing.assert_close(likelihood.log_prob(outputs, images).double(), total, rtol=1e-4, atol=1e-3)


def test_tables_look_at_earlier_channels_only():
    likelihood = ChannelAutoregressiveLogistic()
    outputs, images = outputs_of(likelihood), images_of(likelihood)
    for channel in range(3):
        blank = images.clone()
        blank[:, channel:] = 0
        torch.testing.assert_close(
            likelihood.table(outputs, images, channel), likelihood.table(outputs, blank, channel), rtol=0, atol=0
        )


def test_blue_follows_red_and_green_linearly():
    likelihood = ChannelAutoregressiveLogistic()
    outputs = torch.zeros(1, 9, 1, 1)
    outputs[0, 3:6] = -6
    outputs[0, 6:, 0, 0] = torch.tensor([0.0, 0.25, -0.5])  # 1, 0.25 and 0.5
    images = torch.tensor([102.0, 51.0, 0.0]).reshape(1, 3, 1, 1)  # -0.2 and -0.6 on [-1, 1]
    assert likelihood.table(outputs, images, 1).argmax() == 102
    assert likelihood.table(outputs, images, 2).argmax() == round((0.25 * -0.2 + 0.5 * -0.6 + 1) * 127.5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda value: type(value).__name__)
def test_samples_follow_the_tables(likelihood):
    outputs = (0.5 * outputs_of(likelihood, 1, 1)).repeat(20_000, 1, 1, 1)
    images = likelihood.sample(outputs, torch.Generator().manual_seed(2))
    for channel in range(likelihood.channels):
        table = likelihood.table(outputs, images, channel)[:, 0, 0]
        levels = torch.arange(likelihood.levels, dtype=torch.float64)
        expected = (table * levels).sum(1)
        spread = ((table * levels**2).sum(1) - expected**2).sqrt()
        error = (images[:, channel, 0, 0] - expected).mean() / (spread.mean() / 20_000**0.5)
        assert abs(error.item()) < 4
