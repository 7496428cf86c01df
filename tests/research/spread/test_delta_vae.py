"""Training the delta-VAE: bounds rise, noise is learned against the model, a failed run is named."""

import itertools
import math

import pytest
import torch

from nelloc.errors import NellocError
from nelloc.research.experiment import Settings
from nelloc.research.spread import celeba, mnist
from nelloc.research.spread.delta_vae import Training, convolutional_vae, dense_vae, train, train_kept, with_noise
from nelloc.research.spread.learned import LowRankNoise, TransformedNoise
from nelloc.research.spread.noise import gaussian_noise, laplace_noise
from nelloc.training.datasets import read_sheet


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def images(count: int = 200, dimensions: int = 36) -> torch.Tensor:
    """Two patterns, uint8."""
    pattern = torch.zeros(2, dimensions, dtype=torch.uint8)
    pattern[0, : dimensions // 2] = 255
    pattern[1, dimensions // 2 :] = 255
    return pattern[torch.randint(2, (count,))]


@pytest.mark.parametrize("noise", [gaussian_noise(0.3), laplace_noise(0.2)], ids=["gaussian", "laplace"])
def test_samples_of_a_trained_model_are_like_the_data(noise):
    model = dense_vae(36, 32, 2)
    history = train("small", model, images(), with_noise(noise), Training(20, 20, 1e-2))
    assert history[-1] > history[0]
    samples = model.sample(200)
    nearest = torch.cdist(samples, images().unique(dim=0).float() / 255).min(-1).values
    assert float((nearest < 1).float().mean()) > 0.8


def test_noise_learned_against_a_model_keeps_off_the_direction_in_which_it_is_wrong():
    """The untrained model is gray; the data differ from that along one direction, the difference of the patterns."""
    noise = LowRankNoise(10, 5, 0.2, 1.0)
    difference = torch.cat([torch.ones(5), -torch.ones(5)]) / 10**0.5
    before = float((difference @ noise.directions()).square().sum().detach())
    train(
        "small",
        dense_vae(10, 32, 2),
        images(300, 10),
        with_noise(noise),
        Training(20, 20, 0, 0.03),
        noise,
    )
    after = float((difference @ noise.directions()).square().sum().detach())
    assert before > 0.2
    assert after < 0.1


def test_the_transformation_is_trained_to_lower_the_bound_and_stays_invertible():
    noise = TransformedNoise(1, 16, 0.3, blocks=1, width=4, bound=0.9)
    model = convolutional_vae(1, 16, 4, 2)
    data = images(60, 256)
    start = [parameter.detach().clone() for parameter in noise.parameters()]
    train("small", model, data, with_noise(noise), Training(3, 20, 1e-3, 0.1), noise)
    assert any(not torch.equal(before, after.detach()) for before, after in zip(start, noise.parameters(), strict=True))
    noise.iterate(200)
    x = torch.rand(4, 256)
    with torch.no_grad():
        assert torch.allclose(noise.invert(noise.mean(x)), x, atol=1e-3)


def test_a_finished_training_is_found_again_with_the_random_numbers_after_it(tmp_path):
    results = []
    for _ in range(2):
        torch.manual_seed(4)
        noise, model = LowRankNoise(36, 2, 0.2, 1.0), dense_vae(36, 8, 2)
        settings = Settings(stages=tmp_path / "stages")
        history = train_kept(settings, "small", model, images(), with_noise(noise), Training(2, 20, 1e-2), noise)
        parts = [*model.parameters(), *noise.parameters()]
        results.append((history, torch.cat([part.detach().flatten() for part in parts]), model.sample(3)))
        assert [path.name for path in (tmp_path / "stages").iterdir()] == ["small.safetensors"]
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])
    assert torch.equal(results[0][2], results[1][2])
    # and to the bit what an unbroken training gives
    torch.manual_seed(4)
    noise, model = LowRankNoise(36, 2, 0.2, 1.0), dense_vae(36, 8, 2)
    assert train("small", model, images(), with_noise(noise), Training(2, 20, 1e-2), noise) == results[0][0]
    assert torch.equal(model.sample(3), results[0][2])


def test_a_bound_that_is_no_number_is_an_error():
    with pytest.raises(NellocError, match="no longer a number"):
        train(
            "broken",
            dense_vae(36, 8, 2),
            images(),
            lambda model, x: torch.full((len(x),), float("nan"), requires_grad=True),
            Training(1, 20, 1e-3),
        )


@pytest.mark.parametrize("experiment", [mnist, celeba])
def test_missing_data_is_named(experiment, tmp_path):
    with pytest.raises(NellocError, match="--data"):
        experiment.run(Settings(length="quick"))
    with pytest.raises(NellocError, match=str(tmp_path)):
        experiment.run(Settings(length="quick", data=tmp_path))
    for name in ("mnist", "celeba"):
        (tmp_path / name).mkdir()
    with pytest.raises(NellocError, match="cannot be read"):
        experiment.run(Settings(length="quick", data=tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("experiment", [mnist, celeba])
def test_a_short_run_on_the_data(experiment, monkeypatch, data):
    """An epoch on few images: all numbers are there and finite, and f can be undone."""
    monkeypatch.setattr("nelloc.research.data.read_sheet", lambda path, size: read_sheet(path, size)[:100])
    monkeypatch.setattr(mnist, "QUICK_IMAGES", 3000)
    monkeypatch.setattr(mnist, "SAMPLES", 1000)
    numbers = experiment.run(Settings(length="quick", epochs=1, data=data)).numbers
    single = [value for value in numbers.values() if isinstance(value, float)]
    assert len(single) >= 6
    assert all(math.isfinite(value) for value in single)
    if experiment is celeba:
        assert numbers["largest_error_of_inverse_of_f"] < 1e-3
        # f has a Lipschitz constant of at most 1.9.
        assert numbers["stretch_by_f"] <= 1 + celeba.BOUND
    else:
        assert numbers["noise_variance_of_integrated_bound"] < numbers["noise_variance_of_plain_bound"]


def test_interleaved_noise_learns_after_every_few_epochs_of_the_model_alone():
    """A.6: noise that stands still while the model learns, and a model that stands still while the noise does."""
    noise, model = LowRankNoise(36, 2, 0.2, 1.0), dense_vae(36, 8, 2)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def bound(model, x):
        seen.append((noise.basis.detach().clone(), next(model.parameters()).detach().clone()))
        return with_noise(noise)(model, x)

    training = Training(4, 100, 1e-2, 1e-2, "interleaved", model_epochs=2, noise_epochs=1)
    train("small", model, images(200), bound, training, noise)
    moves = [
        (torch.equal(before[0], after[0]), torch.equal(before[1], after[1]))
        for before, after in itertools.pairwise(seen)
    ]
    # Two batches an epoch: two epochs of the model, one of the noise, twice.
    model_moves, noise_moves = (True, False), (False, True)
    assert moves == [*[model_moves] * 4, *[noise_moves] * 2, *[model_moves] * 4, noise_moves]


def test_alternating_noise_learns_before_the_model_does():
    """A.7: a step of the noise, then one of the model on the same batch."""
    noise, model = TransformedNoise(1, 16, 0.5, blocks=0), convolutional_vae(1, 16, 2, 3)
    seen: list[torch.Tensor] = []

    def bound(model, x):
        seen.append(next(noise.parameters()).detach().clone())
        return with_noise(noise)(model, x)

    train("small", model, images(40, 256), bound, Training(1, 20, 1e-3, 1e-2, "alternating"), noise)
    assert len(seen) == 4
    assert [torch.equal(a, b) for a, b in itertools.pairwise(seen)] == [False, True, False]


def test_the_rate_falls_by_its_decay():
    """A.7: 0.9 every 100,000 steps; here every second of four, until nothing moves."""
    model = dense_vae(36, 8, 2)
    seen: list[torch.Tensor] = []

    def bound(model, x):
        seen.append(torch.cat([part.detach().flatten() for part in model.parameters()]))
        return with_noise(gaussian_noise(0.3))(model, x)

    train("small", model, images(80), bound, Training(1, 20, 1e-2, decay=0.0, decay_steps=2))
    assert [torch.equal(a, b) for a, b in itertools.pairwise(seen)] == [False, False, True]


def test_networks_have_the_thesiss_shapes():
    """A.6 and A.7: three layers of 400; 5 x 5 kernels, 128 to 1024 filters, and pictures of the right size."""
    dense = dense_vae(784, 400, 64)
    sizes = [layer.out_features for layer in dense.encoder if isinstance(layer, torch.nn.Linear)]
    assert sizes == [400, 400, 400, 64]
    deep = convolutional_vae(3, 64, 2, 100)
    convolutions = [layer for layer in deep.encoder if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [2, 4, 8, 16]
    assert {layer.kernel_size for layer in convolutions} == {(5, 5)}
    mean, deviation = deep.encode(torch.rand(2, 3 * 64 * 64))
    assert mean.shape == deviation.shape == (2, 100)
    assert deep.decode(mean).shape == (2, 3 * 64 * 64)
    assert len(set(deviation.flatten().tolist())) == 1
