"""The trained network is the coded network: rounding, likelihood and export."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the models need torch")

from nelloc.exact import backends  # noqa: E402
from nelloc.exact.context import INPUT_CLIP, input_count  # noqa: E402
from nelloc.exact.model import load_model  # noqa: E402
from nelloc.models.export import export  # noqa: E402
from nelloc.models.local import LocalConfig, LocalNetwork, round_outputs  # noqa: E402
from nelloc.models.mixture import UNIFORM_WEIGHT, log_likelihood, output_bits  # noqa: E402


def network(seed=0, **shape):
    torch.manual_seed(seed)
    made = LocalNetwork(LocalConfig(**({"width": 24, "components": 4} | shape)))
    with torch.no_grad():
        for layer in made.linear:
            # In sixteenths, which the integer network holds exactly whatever its step is.
            layer.bias.copy_(torch.round(16 * layer.bias + 2 * torch.randn(layer.bias.shape)) / 16)
    return made


@pytest.mark.parametrize("shape", [{}, {"blocks": 1}, {"blocks": 2, "horizon": 2}, {"width": 256, "components": 10}])
def test_the_exported_network_gives_the_rounded_networks_integers(shape):
    trained = network(**shape)
    model = load_model(export(trained))
    random = np.random.default_rng(0)
    features = input_count(trained.config.horizon)
    inputs = random.integers(-INPUT_CLIP, INPUT_CLIP + 1, (features, 400))
    with torch.no_grad():
        rounded = round_outputs(trained(torch.from_numpy(inputs.T.astype(np.float32)))).numpy()
    steps = np.exp2(output_bits(trained.config.components))
    assert np.array_equal(rounded * steps, backends.integer_outputs(model, inputs).T)


def test_export_is_deterministic():
    assert export(network(3)) == export(network(3))
    assert export(network(3)) != export(network(4))


def test_the_likelihood_is_a_distribution_over_all_colours():
    """Summed over one channel given the others' order, by brute force in float64."""
    torch.manual_seed(1)
    outputs = torch.randn(1, 40).double()
    base, activity = torch.tensor([[100.25, 30.5, 250.0]]).double(), torch.tensor([3.0]).double()
    # P(R, G, B) summed over B for two values of G gives P(R, G); ratios must not depend on the order of summing.
    blue = torch.arange(256).double()
    value = torch.stack([torch.full((256,), 101.0), torch.full((256,), 29.0), blue], dim=1)
    joint = log_likelihood(outputs.expand(256, -1), value, base.expand(256, -1), activity.expand(256)).exp().sum()
    green = torch.arange(256).double()
    total = 0.0
    for g in green:
        value[:, 1] = g
        part = log_likelihood(outputs.expand(256, -1), value, base.expand(256, -1), activity.expand(256))
        total += float(part.exp().sum())
    assert 0 < float(joint) < total < 1
    # One component: the channels' marginal is the closed form of a logistic plus the uniform part.
    outputs = torch.zeros(1, 10).double()
    outputs[0, 1:4] = torch.tensor([0.5, -1.0, 2.0])
    expected = 1.0
    value = torch.tensor([[102.0, 29.0, 255.0]]).double()
    for channel in range(3):
        mean = float(base[0, channel]) + float(outputs[0, 1 + channel]) * 3
        x = float(value[0, channel])
        upper = 1.0 if x == 255 else 1 / (1 + math.exp(-(x + 0.5 - mean) / 3))
        lower = 0.0 if x == 0 else 1 / (1 + math.exp(-(x - 0.5 - mean) / 3))
        expected *= (1 - UNIFORM_WEIGHT) * (upper - lower) + UNIFORM_WEIGHT / 256
    assert float(log_likelihood(outputs, value, base, activity).exp()) == pytest.approx(expected, rel=1e-6)


def test_gradients_reach_every_weight_through_the_rounding():
    trained = network(blocks=1)
    inputs = torch.randint(-100, 100, (64, input_count(3))).float()
    value, base = torch.randint(0, 256, (64, 3)).float(), torch.full((64, 3), 128.0)
    (-log_likelihood(trained(inputs), value, base, torch.full((64,), 20.0)).mean()).backward()
    for layer in trained.linear:
        assert layer.weight.grad is not None
        assert torch.isfinite(layer.weight.grad).all()
        assert (layer.weight.grad != 0).any()
