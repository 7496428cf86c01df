"""The trained network is the coded network: rounding, likelihood and export."""

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the models need torch")

from nelloc import NellocError  # noqa: E402
from nelloc.codec.encode import encode_pixels  # noqa: E402
from nelloc.codec.options import EncodeOptions  # noqa: E402
from nelloc.exact import backends  # noqa: E402
from nelloc.exact.context import (  # noqa: E402
    FIRST_PIXEL,
    INPUT_CLIP,
    border_distances,
    context_sources,
    input_count,
)
from nelloc.exact.model import load_model, output_bits  # noqa: E402
from nelloc.image import from_array  # noqa: E402
from nelloc.training.batches import BatchMaker, evaluate, luma  # noqa: E402
from nelloc.training.networks.export import export  # noqa: E402
from nelloc.training.networks.local import THESIS, LocalConfig, LocalNetwork, round_outputs  # noqa: E402
from nelloc.training.networks.mixture import UNIFORM_WEIGHT, log_likelihood  # noqa: E402


def network(seed=0, **shape):
    torch.manual_seed(seed)
    made = LocalNetwork(LocalConfig(**({"width": 24, "components": 4} | shape)))
    with torch.no_grad():
        for layer in made.linear:
            # In sixteenths, which the integer network holds exactly whatever its step is.
            layer.bias.copy_(torch.round(16 * layer.bias + 2 * torch.randn(layer.bias.shape)) / 16)
    return made


KINDS = [
    {"channels": 1},
    {"inputs": "raw", "joint": False},
    {"inputs": "raw", "channels": 1, "horizon": 1},
    {"inputs": "raw", "horizon": 5, "blocks": 1},
    {"borders": True, "horizon": 6},
]
SHAPES = [{}, {"blocks": 1}, {"blocks": 2, "horizon": 2}, {"width": 256, "components": 10}]


@pytest.mark.parametrize("shape", SHAPES + KINDS)
def test_the_exported_network_gives_the_rounded_networks_integers(shape):
    trained = network(**shape)
    model = load_model(export(trained))
    random = np.random.default_rng(0)
    features = model.layers[0].weight.shape[1]
    inputs = random.integers(-INPUT_CLIP, INPUT_CLIP + 1, (features, 400))
    with torch.no_grad():
        rounded = round_outputs(trained(torch.from_numpy(inputs.T.astype(np.float32))), model.channels).numpy()
    steps = np.exp2(output_bits(trained.config.components, model.channels))
    assert np.array_equal(rounded * steps, backends.integer_outputs(model, inputs).T)


@pytest.mark.parametrize("shape", [{}, *KINDS])
@pytest.mark.parametrize("rounding", [True, False])
def test_coded_bits_are_those_of_the_trained_network(shape, rounding, tmp_path):
    """Tables and integers cost next to nothing against the rounded network, and little against its float parent."""
    trained = network(**shape)
    config = trained.config
    rows, columns = np.mgrid[:40, :50]
    random = np.random.default_rng(1)
    image = 128 + 50 * np.sin(rows / 9 + columns / 7)[..., None] + random.normal(size=(40, 50, 3)) * 6
    image = np.clip(image, 0, 255).astype(np.uint8)
    value = image.reshape(-1, 3)
    coded = luma(image, axis=2)[:, :, 0] if config.channels == 1 else image
    order, sources = context_sources(40, 50, config.horizon)
    known = np.concatenate([value, np.full((1, 3), FIRST_PIXEL, np.uint8)])
    distances = border_distances(*np.divmod(order, 50), 50, config.horizon)
    batch = BatchMaker(config)(known[sources].transpose(0, 2, 1), value[order].T, distances)
    model = tmp_path / "model.nlm"
    model.write_bytes(export(trained))
    (encoded,) = encode_pixels(
        [from_array(coded, "image")], EncodeOptions(model=model, learn=False), verify=True, measure=True
    )
    expected = evaluate(trained, batch, rounding=rounding)
    assert encoded.model_bits / coded.size == pytest.approx(expected, abs=0.002 if rounding else 0.03)


def test_rows_of_many_large_weights_are_exported_within_their_bound():
    """At horizon 8 a row has room for half of its weights at their largest, at width 1024 for half of them too."""
    trained = network(horizon=8, width=1024)
    with torch.no_grad():
        for layer in trained.linear[:2]:
            layer.weight.fill_(0.4)
    load_model(export(trained))


def test_the_thesis_models_are_what_it_says():
    """Appendix D.1.3: 256 channels, ten logistics, 100 outputs for colour and 30 for gray, raw values."""
    for name, config in THESIS.items():
        assert (config.width, config.components, config.inputs, config.joint) == (256, 10, "raw", False)
        assert name == f"thesis-r{config.blocks}"
        assert config.layer_sizes[0] == (72, 256)
        assert config.layer_sizes[-1] == (256, 100)
        assert len(config.layer_sizes) == 3 + 3 * config.blocks
        gray = replace(config, channels=1)
        assert (gray.layer_sizes[0], gray.layer_sizes[-1]) == ((24, 256), (256, 30))


def test_shapes_that_there_are_not_are_refused():
    for wrong in ({"channels": 2}, {"inputs": "cooked"}, {"horizon": 1}, {"inputs": "raw", "horizon": 0}):
        with pytest.raises(NellocError):
            LocalConfig(**wrong)


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
