"""Scores are what the models and codecs say of each image."""

import io
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pairs need torch")

from pairs import noise, random_pair  # noqa: E402
from PIL import Image  # noqa: E402

from nelloc.codec.encode import encode_pixels  # noqa: E402
from nelloc.codec.options import EncodeOptions  # noqa: E402
from nelloc.exact.context import INPUT_STEPS  # noqa: E402
from nelloc.image import from_array  # noqa: E402
from nelloc.ood.plots import draw_histograms  # noqa: E402
from nelloc.ood.scores import bits_per_dimension, codecs, score  # noqa: E402
from nelloc.training.networks.export import export  # noqa: E402
from nelloc.training.networks.full import FullConfig, FullNetwork  # noqa: E402
from nelloc.training.networks.local import LocalConfig, LocalNetwork  # noqa: E402


@pytest.mark.parametrize("channels", [1, 3])
def test_scores_are_those_of_single_images(channels):
    pair, images = random_pair(channels=channels), noise(5, channels=channels)
    told = []
    scores = score(pair, images, told.append)
    assert (len(scores), sum(told)) == (5, 5)
    for number, image in enumerate(images):
        with torch.no_grad():
            nats = [float(net.log_likelihood(torch.tensor(image[None]).float())) for net in (pair.local, pair.full)]
        local, full = (-value / (image.size * math.log(2)) for value in nats)
        assert scores.local[number] == pytest.approx(local, rel=1e-5)
        assert scores.nonlocal_[number] == pytest.approx(local - full, abs=1e-4)
        file = io.BytesIO()
        picture = Image.fromarray(image[0] if channels == 1 else image.transpose(1, 2, 0).copy())
        picture.save(file, "PNG", optimize=True)
        assert scores.png[number] == 8 * file.tell() / image.size
        assert scores.generic[number] <= scores.png[number]
        assert scores.complexity_png[number] == pytest.approx(scores.png[number] - full, rel=1e-5)
    assert codecs()[0].name == "png"
    assert len(score(pair, images[:0])) == 0


def test_the_probabilities_of_all_images_sum_to_one():
    """Over two pixels: -log2 p of every image, for a model of one that is fixed and one that follows it."""
    pair = random_pair(height=1, width=2)
    first, second = np.meshgrid(np.arange(0, 256, 51), np.arange(256), indexing="ij")
    images = np.stack([first, second], axis=2).astype(np.uint8).reshape(-1, 1, 1, 2)
    for network in (pair.local, pair.full):
        nats = -bits_per_dimension(network, images) * 2 * math.log(2)
        with torch.no_grad():
            alone = network.pixel_log_likelihood(torch.tensor(images[::256]).float())[:, 0, 0].exp().numpy()
        assert np.exp(nats).reshape(6, 256).sum(1) == pytest.approx(alone, rel=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_local_model_says_what_its_integer_model_codes(tmp_path, channels):
    """Within 0.02 bits per dimension: what rounding costs, and other pixels out of the image."""
    shape = {"horizon": 2, "width": 16, "components": 3, "channels": channels, "blocks": 0}
    torch.manual_seed(0)
    local = LocalNetwork(LocalConfig(inputs="raw", joint=False, **shape))
    network = FullNetwork(FullConfig(kernel=1, **shape))
    with torch.no_grad():
        for linear, layer in zip(local.linear, [network.first, network.closing, network.last], strict=True):
            weight = linear.weight
            if layer is network.first:
                # Window order, then channels, in steps of 1/64; the convolution has channels first, and -1 to 1.
                weight = weight.unflatten(1, (-1, channels)).transpose(1, 2).flatten(1) * 255 / INPUT_STEPS
            layer.weight.copy_(weight)
            layer.bias.copy_(linear.bias)
    rows, columns = np.mgrid[:40, :40]
    smooth = np.stack([128 + 60 * np.sin(rows / (4 + c) + columns / 7) for c in range(channels)])
    image = (smooth + np.random.default_rng(0).normal(size=smooth.shape) * 3).astype(np.uint8)
    path = tmp_path / "local.nlm"
    path.write_bytes(export(local))
    pixels = from_array(image[0] if channels == 1 else image.transpose(1, 2, 0).copy())
    (coded,) = encode_pixels([pixels], EncodeOptions(model=path, learn=False), verify=False, measure=True)
    assert coded.model_bits / image.size == pytest.approx(bits_per_dimension(network, image[None])[0], abs=0.02)


def test_histograms_are_drawn():
    pair = random_pair()
    sets = {"one": score(pair, noise(9)), "another": score(pair, noise(4, seed=1) // 2)}
    drawn = Image.open(io.BytesIO(draw_histograms(sets, threshold=0.1)))
    assert (drawn.format, drawn.size) == ("PNG", (1500, 400))
