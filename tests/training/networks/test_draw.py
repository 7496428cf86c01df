"""Drawing pixels and images: as often as their likelihood says, and from what was drawn before."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the models need torch")

from nelloc.exact.model import output_count  # noqa: E402
from nelloc.training.networks.full import MIDDLE, FullConfig, FullNetwork, sample  # noqa: E402
from nelloc.training.networks.mixture import draw, log_likelihood  # noqa: E402


def test_gray_values_are_drawn_as_often_as_their_likelihood_says():
    n = 200_000
    outputs = torch.tensor([0.3, -0.5, 0.0, -7.5, 0.2, 6.5, -2.0, -4.0, 2.0])
    base, activity = torch.tensor([[127.5]]), torch.tensor([16.0])
    values = torch.arange(256.0)[:, None]
    nats = log_likelihood(outputs.expand(256, -1), values, base.expand(256, 1), activity.expand(256))
    share = nats.double().exp().numpy()
    assert share.sum() == pytest.approx(1, abs=1e-6)
    random = torch.Generator().manual_seed(0)
    drawn = draw(outputs.expand(n, -1), base.expand(n, 1), activity.expand(n), random)
    counts = np.bincount(drawn[:, 0].int().numpy(), minlength=256)
    assert np.all(np.abs(counts - n * share) <= 5 * np.sqrt(n * share) + 3)


@pytest.mark.parametrize("joint", [True, False])
def test_pixels_take_the_bits_that_are_expected(joint):
    """The mean of -log p of what is drawn is the entropy, which halves of the sample and its reordering disagree on."""
    n, k = 100_000, 3
    torch.manual_seed(1)
    outputs = torch.randn(output_count(k, 3))
    base, activity = torch.full((n, 3), 120.0), torch.full((n,), 16.0)
    drawn = draw(outputs.expand(n, -1), base, activity, torch.Generator().manual_seed(0), joint=joint)

    def nats(values, joint=joint):
        return log_likelihood(outputs.expand(n, -1), values, base, activity, joint=joint).double()

    own = nats(drawn)
    # Gibbs: no other distribution gives the values a higher mean likelihood than the one that they come from.
    error = own.std() / np.sqrt(n)
    assert nats(drawn[:, [1, 0, 2]]).mean() < own.mean() - 3 * error
    assert nats(drawn, joint=not joint).mean() < own.mean() - 3 * error
    # Importance sampling: the mean of q / p over what p drew is 1, for another mixture q.
    others = outputs + 0.05 * torch.randn(len(outputs))
    ratio = (log_likelihood(others.expand(n, -1), drawn, base, activity, joint=joint).double() - own).exp()
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / np.sqrt(n)


def network(channels=1, **shape):
    torch.manual_seed(3)
    made = FullNetwork(FullConfig(horizon=2, width=8, components=2, channels=channels, **shape))
    with torch.no_grad():
        made.last.weight.mul_(10)
    return made


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [{}, {"inputs": "normalised", "dilated": True}])
def test_an_image_is_drawn_from_its_own_conditionals(monkeypatch, channels, shape):
    """What the network saw of the image, cut to its reach, gives the outputs that the whole image does."""
    made = network(channels, blocks=2, **shape)
    seen = []

    def recorded(outputs, *arguments, **options):
        seen.append(outputs)
        return draw(outputs, *arguments, **options)

    monkeypatch.setattr("nelloc.training.networks.full.draw", recorded)
    images = sample(made, 7, 11, 3, seed=5)
    assert (images.shape, images.dtype) == ((3, channels, 7, 11), torch.uint8)
    with torch.no_grad():
        whole = made(images.float())
    assert torch.allclose(torch.stack(seen, dim=2), whole.flatten(2), atol=1e-4)
    assert (images != MIDDLE).all()
    assert torch.equal(sample(made, 7, 11, 3, seed=5), images)
    assert not torch.equal(sample(made, 7, 11, 3, seed=6), images)
