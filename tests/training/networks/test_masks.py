"""An autoregressive model: nothing it says of a channel of a pixel depends on that channel or on a later one."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the models need torch")

from nelloc.exact.context import (  # noqa: E402
    FIRST_PIXEL,
    border_distances,
    context_sources,
)
from nelloc.exact.model import output_count  # noqa: E402
from nelloc.exact.wavefront import wavefront_order  # noqa: E402
from nelloc.training.batches import BatchMaker, luma  # noqa: E402
from nelloc.training.networks.local import LocalConfig, LocalNetwork  # noqa: E402
from nelloc.training.networks.mixture import UNIFORM_WEIGHT, channel_log_likelihood, log_likelihood  # noqa: E402

KINDS = [
    {},
    {"channels": 1},
    {"inputs": "raw"},
    {"inputs": "raw", "channels": 1, "horizon": 1},
    {"inputs": "raw", "horizon": 4, "blocks": 1},
    {"horizon": 2, "blocks": 1},
    {"borders": True},
]


def outputs_of(network, image):
    """Mixture parameters, base and activity (H, W, numbers) of every pixel of ``image`` (H, W, 3)."""
    height, width, _ = image.shape
    order, sources = context_sources(height, width, network.config.horizon)
    known = np.concatenate([image.reshape(-1, 3), np.full((1, 3), FIRST_PIXEL, np.uint8)])
    distances = border_distances(*np.divmod(order, width), width, network.config.horizon)
    batch = BatchMaker(network.config)(known[sources].transpose(0, 2, 1), image.reshape(-1, 3)[order].T, distances)
    with torch.no_grad():
        said = torch.cat([network(batch.inputs), batch.base, batch.activity[:, None]], dim=1)
    return said[torch.from_numpy(np.argsort(order))].reshape(height, width, -1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_of_a_pixel_depends_on_its_window_only(kind):
    """By brute force: each pixel in turn is changed; with the borders of the codec."""
    torch.manual_seed(0)
    config = LocalConfig(**({"width": 16, "components": 2} | kind))
    network = LocalNetwork(config)
    height, width, h = 6, 11, config.horizon
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    before = outputs_of(network, image)
    reached = set()
    for i in range(height):
        for j in range(width):
            changed = image.copy()
            changed[i, j] ^= 0x80
            rows, columns = torch.nonzero((outputs_of(network, changed) != before).any(2), as_tuple=True)
            reached |= {(int(r) - i, int(c) - j) for r, c in zip(rows, columns, strict=True)}
    assert all((di, dj) > (0, 0) and di <= h and abs(dj) <= h for di, dj in reached)
    assert {(0, 1), (h, -h), (h, h), (0, h)} <= reached


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_every_neighbour_is_coded_in_an_earlier_step(horizon):
    height, width = 7, 9
    order, sources = context_sources(height, width, horizon)
    _, starts = wavefront_order(height, width, horizon)
    step = np.empty(height * width, np.int64)
    step[order] = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    inside = sources < height * width
    assert (step[np.where(inside, sources, 0)] < step[order])[inside].all()
    assert (~inside).any(axis=0).sum() == 1  # the first pixel alone has no neighbours


@pytest.mark.parametrize("joint", [False, True])
def test_a_channels_likelihood_depends_on_the_channels_before_it(joint):
    torch.manual_seed(0)
    outputs = torch.randn(5, output_count(3, 3)).double()
    value = torch.randint(90, 130, (5, 3)).double().requires_grad_()
    base, activity = torch.full((5, 3), 110.0).double(), torch.full((5,), 9.0).double()
    nats = channel_log_likelihood(outputs, value, base, activity)
    for channel in range(3):
        (gradient,) = torch.autograd.grad(nats[:, channel].square().sum(), value, retain_graph=True)
        assert (gradient[:, channel + 1 :] == 0).all()
        assert (gradient[:, : channel + 1] != 0).all()
    (gradient,) = torch.autograd.grad(log_likelihood(outputs, value, base, activity, joint=joint).sum(), value)
    assert (gradient != 0).all()


def logistic_uniform(value, mean, scale):
    """P(value) of one component, from the formula."""
    upper = 1.0 if value == 255 else 0.5 * (1 + math.tanh((value + 0.5 - mean) / scale / 2))
    lower = 0.0 if value == 0 else 0.5 * (1 + math.tanh((value - 0.5 - mean) / scale / 2))
    return (1 - UNIFORM_WEIGHT) * (upper - lower) + UNIFORM_WEIGHT / 256


def probability(parameters, pixel, joint):
    """P of the first channels of a pixel, as many as ``pixel`` has, one by one in plain Python."""
    outputs, base, activity, channels = parameters
    k = len(outputs) // output_count(1, channels)
    weight = [math.exp(g) for g in outputs[:k]]
    weight = [w / sum(weight) for w in weight]
    rows = [outputs[start : start + k] for start in range(k, len(outputs), k)]
    means, scales, coefficients = rows[:channels], rows[channels : 2 * channels], rows[2 * channels :]
    v = [x - b for x, b in zip(pixel, base, strict=False)]
    masses = []
    for p, x in enumerate(pixel):
        masses.append([])
        for i in range(k):
            shift = coefficients[0][i] * v[0] if p == 1 else 0.0
            shift = coefficients[1][i] * v[0] + coefficients[2][i] * v[1] if p == 2 else shift
            scale = min(max(activity * 2 ** scales[p][i], 2**-5), 2**7)
            masses[p].append(logistic_uniform(x, base[p] + activity * means[p][i] + shift, scale))
    if joint:
        return sum(w * math.prod(mass[i] for mass in masses) for i, w in enumerate(weight))
    return math.prod(sum(w * m for w, m in zip(weight, mass, strict=True)) for mass in masses)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("components", [1, 3])
def test_the_likelihood_factorises_into_distributions(channels, joint, components):
    """Each channel's conditional sums to 1 over its 256 values, and their product is the likelihood."""
    torch.manual_seed(components)
    outputs = 0.7 * torch.randn(1, output_count(components, channels)).double()
    base, activity = [250.25, 30.5, 100.0][:channels], 11.0
    parameters = (outputs[0].tolist(), base, activity, channels)

    def batch_likelihood(pixels):
        value = torch.tensor(pixels, dtype=torch.float64)
        n = len(value)
        bases = torch.tensor([base], dtype=torch.float64).expand(n, -1)
        activities = torch.full((n,), activity, dtype=torch.float64)
        return log_likelihood(outputs.expand(n, -1), value, bases, activities, joint=joint).exp()

    known = [243, 17, 255][:channels]
    assert float(batch_likelihood([known])[0]) == pytest.approx(probability(parameters, known, joint), rel=1e-9)
    for channel in range(channels):
        first = known[:channel]
        total = sum(probability(parameters, [*first, x], joint) for x in range(256))
        assert total == pytest.approx(probability(parameters, first, joint) if first else 1.0, rel=1e-9)
    # The library's own likelihood, summed over all that the last channel, or the last two, may be.
    last = batch_likelihood([[*known[:-1], x] for x in range(256)])
    assert float(last.sum()) == pytest.approx(probability(parameters, known[:-1], joint) if known[1:] else 1, rel=1e-9)
    if channels == 3:
        values = torch.cartesian_prod(torch.tensor(known[:1]), torch.arange(256), torch.arange(256))
        total = float(batch_likelihood(values.tolist()).sum())
        assert total == pytest.approx(probability(parameters, known[:1], joint), rel=1e-9)


def test_gray_is_what_pillow_makes_of_rgb():
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    gray = np.asarray(Image.fromarray(pixels).convert("L"))
    assert np.array_equal(luma(pixels, axis=2)[:, :, 0], gray)
    same = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    assert np.array_equal(luma(same, axis=1)[:, 0], same[:, 0])
