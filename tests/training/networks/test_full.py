"""The PixelCNN on whole images: what it sees, and that it is the local network where its kernels are 1."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the models need torch")

from nelloc import NellocError  # noqa: E402
from nelloc.exact.context import (  # noqa: E402
    FIRST_PIXEL,
    INPUT_STEPS,
    context_sources,
    window,
)
from nelloc.training.batches import BatchMaker  # noqa: E402
from nelloc.training.networks.full import MIDDLE, FullConfig, FullNetwork  # noqa: E402
from nelloc.training.networks.local import LocalConfig, LocalNetwork  # noqa: E402
from nelloc.training.networks.mixture import bits_per_dimension, log_likelihood  # noqa: E402


def network(seed=0, **shape):
    torch.manual_seed(seed)
    made = FullNetwork(FullConfig(**({"width": 12, "components": 2, "horizon": 2} | shape))).double()
    with torch.no_grad():
        made.last.weight.mul_(10)  # as if trained: outputs depend on the image, not on biases alone
        for module in made.modules():
            if getattr(module, "bias", None) is not None:
                module.bias.add_(0.2 * torch.rand_like(module.bias))
    return made


def dependence(made, height, width, channels):
    """For every pixel, the offsets of the pixels that its outputs depend on, by gradient."""
    image = (torch.rand(1, channels, height, width, dtype=torch.float64) * 255).requires_grad_()
    outputs = made(image)
    seen = {}
    for i in range(height):
        for j in range(width):
            (gradient,) = torch.autograd.grad(outputs[0, :, i, j].square().sum(), image, retain_graph=True)
            rows, columns = torch.nonzero(gradient[0].abs().sum(0), as_tuple=True)
            seen[i, j] = {(int(r) - i, int(c) - j) for r, c in zip(rows, columns, strict=True)}
    return seen


def inside(offsets, i, j, height, width):
    return {(di, dj) for di, dj in offsets if 0 <= i + di < height and 0 <= j + dj < width}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("horizon", "blocks"), [(1, 0), (2, 2), (3, 1)])
def test_a_local_model_sees_its_window_and_nothing_else(channels, horizon, blocks):
    made = network(horizon=horizon, blocks=blocks, channels=channels, kernel=1)
    for (i, j), seen in dependence(made, 8, 9, channels).items():
        assert seen == inside(window(horizon), i, j, 8, 9)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("blocks", [1, 3])
def test_a_full_model_sees_further_with_every_block_but_never_ahead(channels, blocks):
    made = network(horizon=1, blocks=blocks, channels=channels)
    reach = made.config.reach
    assert reach == 1 + blocks
    everything = dependence(made, 7, 9, channels)
    for seen in everything.values():
        assert all(di < 0 or (di == 0 and dj < 0) for di, dj in seen)
        assert all(-di <= reach and abs(dj) <= reach for di, dj in seen)
    furthest = {-di for seen in everything.values() for di, _ in seen}
    assert max(furthest) == reach
    assert (0, -reach) in everything[6, 8]


@pytest.mark.parametrize("blocks", [2, 3])
def test_dilated_kernels_see_twice_as_far_with_every_block_but_never_ahead(blocks):
    made = network(horizon=1, blocks=blocks, channels=1, dilated=True)
    assert made.config.reach == 2**blocks
    everything = dependence(made, 10, 11, 1)
    for seen in everything.values():
        assert all(di < 0 or (di == 0 and dj < 0) for di, dj in seen)
        assert all(-di <= 2**blocks and abs(dj) <= 2**blocks for di, dj in seen)
    assert {(-(2**blocks), 0), (0, -(2**blocks))} <= everything[9, 10]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kernel", "reach"), [(1, 2), (3, 5)])
def test_with_normalised_inputs_it_sees_as_far_and_never_ahead(channels, kernel, reach):
    """By brute force, as contexts pass no gradient: each pixel in turn is changed."""
    made = network(channels=channels, kernel=kernel, blocks=2, inputs="normalised", dilated=True)
    assert made.config.reach == reach
    image, reached = torch.randint(0, 256, (1, channels, 7, 12)).double(), set()

    def said(image):
        front = made.front(image)
        with torch.no_grad():
            return torch.cat([made.outputs(front.inputs), front.base, front.activity], dim=1)[0]

    before = said(image)
    for i in range(7):
        for j in range(12):
            changed = image.clone()
            changed[:, :, i, j] = (changed[:, :, i, j] + 128) % 256
            rows, columns = torch.nonzero((said(changed) != before).any(0), as_tuple=True)
            reached |= {(int(r) - i, int(c) - j) for r, c in zip(rows, columns, strict=True)}
    assert all((di, dj) > (0, 0) and di <= reach and abs(dj) <= reach for di, dj in reached)
    assert {(0, 1), (0, reach), (reach, 0), (reach, reach)} <= reached


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("joint", [False, True])
def test_with_kernels_of_one_and_normalised_inputs_it_is_the_codecs_network(channels, joint):
    """Pixel by pixel: the same outputs, bases, activities and likelihoods, at the borders too."""
    shape = {"horizon": 2, "width": 12, "components": 2, "channels": channels, "joint": joint}
    made = network(kernel=1, inputs="normalised", **shape)
    local = LocalNetwork(LocalConfig(blocks=1, **shape)).double()
    local.rounding = False
    layers = [made.first, *made.blocks[0], made.closing, made.last]
    with torch.no_grad():
        made.first.weight.mul_(0.1)  # so that activations stay below 8, where the codec's end
    image = torch.randint(100, 140, (1, channels, 5, 6))
    order, sources = context_sources(5, 6, 2)
    values = np.broadcast_to(image[0].flatten(1).numpy().astype(np.uint8), (3, 30))  # a batch maker takes RGB
    known = np.concatenate([values.T, np.full((1, 3), FIRST_PIXEL, np.uint8)])
    batch = BatchMaker(local.config)(known[sources].transpose(0, 2, 1), values[:, order], np.zeros((3, 30)))
    with torch.no_grad():
        for linear, layer in zip(local.linear, layers, strict=True):
            linear.weight.copy_(layer.weight)
            linear.bias.copy_(layer.bias)
        outputs = local(batch.inputs.double())
        nats = log_likelihood(outputs, batch.value, batch.base.double(), batch.activity.double(), joint=joint)
        assert torch.allclose(outputs, made(image.double())[0].flatten(1).T[order], rtol=0, atol=1e-9)
        own = made.pixel_log_likelihood(image.double()).flatten()[order]
    assert torch.allclose(own, nats, rtol=0, atol=1e-9)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixel_likelihoods_depend_on_the_pixel_and_those_before_it_only(channels):
    made = network(channels=channels)
    image = torch.randint(1, 255, (1, channels, 5, 6)).double().requires_grad_()
    nats = made.pixel_log_likelihood(image)
    for i in range(5):
        for j in range(6):
            (gradient,) = torch.autograd.grad(nats[0, i, j], image, retain_graph=True)
            later = gradient[0].flatten(1)[:, i * 6 + j + 1 :]
            assert (later == 0).all()
            assert (gradient[0, :, i, j] != 0).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_with_kernels_of_one_it_is_the_local_network_on_every_pixel(channels):
    shape = {"horizon": 2, "width": 12, "components": 2, "channels": channels, "blocks": 2}
    made = network(seed=3, kernel=1, **shape)  # whose activations stay below 8, where the local network's end
    local = LocalNetwork(LocalConfig(inputs="raw", **shape)).double()
    local.rounding = False
    convolutions = [made.first, *(layer for block in made.blocks for layer in block), made.closing, made.last]
    offsets = window(2)
    with torch.no_grad():
        for linear, convolution in zip(local.linear, convolutions, strict=True):
            weight = convolution.kernel[:, :, 0, 0]
            if convolution is made.first:
                # Window order, then channels; inputs are in steps of 1/64 where the convolution has -1..1.
                weight = torch.stack([convolution.kernel[:, :, 2 + di, 2 + dj] for di, dj in offsets], dim=1)
                weight = weight.flatten(1) * INPUT_STEPS / 255
            linear.weight.copy_(weight)
            linear.bias.copy_(convolution.bias)
        image = torch.randint(0, 256, (1, channels, 6, 7)).double()
        padded = torch.nn.functional.pad(image[0], (2, 2, 2, 2), value=MIDDLE)
        contexts = [padded[:, 2 + di : 8 + di, 2 + dj : 9 + dj] for di, dj in offsets]
        inputs = 2 * torch.stack(contexts).flatten(0, 1).flatten(1).T - 255
        expected = made(image)[0].flatten(1).T
        assert torch.allclose(local(inputs), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("inputs", ["raw", "normalised"])
def test_it_learns(channels, joint, inputs):
    torch.manual_seed(0)
    made = FullNetwork(FullConfig(width=16, components=3, channels=channels, joint=joint, inputs=inputs))
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    waves = [128 + 80 * torch.sin(rows / (3 + n) + columns / 5) for n in range(4)]
    images = torch.stack(waves).round()[:, None].repeat(1, channels, 1, 1)
    optimiser = torch.optim.Adam(made.parameters(), 1e-2)
    bits = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = bits_per_dimension(made.log_likelihood(images), channels * 256)
        loss.backward()
        optimiser.step()
        bits.append(loss.item())
    assert bits[-1] < bits[0] - 1.5


def test_wrong_shapes_are_refused():
    for wrong in (
        {"channels": 2},
        {"kernel": 2},
        {"horizon": 0},
        {"inputs": "cooked"},
        {"inputs": "normalised", "horizon": 1},
    ):
        with pytest.raises(NellocError):
            FullConfig(**wrong)
    with pytest.raises(NellocError, match="images of 1 channels: the model has 3"):
        network().log_likelihood(torch.zeros(1, 1, 4, 4))
