"""Delta-VAE on MNIST with fixed Laplace, fixed Gaussian and learned noise (thesis 2.4.1, Figure 2.6, A.6).

Laplace and Gaussian noise have the deviation 0.3; the learned covariance is 0.3^2 I plus twenty orthonormal directions
of variance 1, which is the text's u^T u = 1 for a rank of 20. A VAE with the same Gaussian noise in the model only is
trained for comparison. The Frechet distance between samples and test images is taken on the last hidden layer of a
classifier trained here; it is not the Inception FID.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from nelloc.research.data import labelled_digits
from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.spread.delta_vae import Bound, DeltaVAE, Training, batches, dense_vae, train_kept, with_noise
from nelloc.research.spread.elbo import kl_to_standard_normal, spread_elbo, spread_elbo_gaussian
from nelloc.research.spread.frechet import frechet_distance
from nelloc.research.spread.learned import LowRankNoise
from nelloc.research.spread.noise import gaussian_noise, laplace_noise

SIDE = 28
DIMENSIONS = SIDE * SIDE
DEVIATION = 0.3
RANK, STRENGTH = 20, 1.0
WIDTH, LATENT, BATCH = 400, 64, 100
QUICK_EPOCHS, FULL_EPOCHS = 4, 200
QUICK_RATE, FULL_RATE, QUICK_NOISE_RATE, FULL_NOISE_RATE = 1e-3, 5e-4, 5e-3, 5e-5
FEATURES = 64
SAMPLES, QUICK_IMAGES = 10_000, 10_000


@dataclass(frozen=True)
class Method:
    """Bound to train with, and the noise to learn against it, if any."""

    title: str
    bound: Bound
    noise: LowRankNoise | None = None


def methods() -> dict[str, Method]:
    """List the three noises, and noise in the model only."""
    learned = LowRankNoise(DIMENSIONS, RANK, DEVIATION, STRENGTH)
    return {
        "laplace": Method("fixed Laplace noise", with_noise(laplace_noise(DEVIATION / 2**0.5))),
        "gaussian": Method("fixed Gaussian noise", with_noise(gaussian_noise(DEVIATION))),
        "learned": Method("learned covariance, rank 20", with_noise(learned), learned),
        "model_only": Method("noise in the model only (VAE)", model_noise_elbo),
    }


def model_noise_elbo(model: DeltaVAE, x: Tensor) -> Tensor:
    """Ordinary ELBO with the likelihood N(x; g(z), DEVIATION^2 I)."""
    mean, deviation = model.encode(x)
    z = mean + deviation * torch.randn_like(mean)
    return gaussian_noise(DEVIATION)(model.decode(z)).log_prob(x) - kl_to_standard_normal(mean, deviation)


@dataclass(frozen=True)
class Measured:
    """Numbers of the experiment; samples, distances and titles of each method; the learned noise."""

    numbers: dict[str, Any]
    samples: dict[str, Tensor]
    distances: dict[str, float]
    titles: dict[str, str]
    noise: LowRankNoise


def run(settings: Settings) -> ExperimentResult:
    """Samples and Frechet distances of the delta-VAE with each noise on MNIST (Figure 2.6, A.6)."""
    found = measure(settings)
    return ExperimentResult(found.numbers, {"samples": draw(found), "noise": _noise_figure(found.noise)})


def measure(settings: Settings) -> Measured:
    """Train the models and the classifier, and measure distances of samples and variances of bounds."""
    images, labels = labelled_digits(settings, "train", settings.choose(QUICK_IMAGES, None))
    test, test_labels = labelled_digits(settings, "test")
    images, test = images.flatten(1), test.flatten(1)
    epochs = settings.epochs_or(QUICK_EPOCHS, FULL_EPOCHS)
    chosen = methods()
    rate = settings.choose(QUICK_RATE, FULL_RATE)
    noise_rate = settings.choose(QUICK_NOISE_RATE, FULL_NOISE_RATE)
    every = settings.choose(2, 10)
    training = Training(epochs, BATCH, rate, noise_rate, "interleaved", model_epochs=every)
    # All start from one epoch of an ordinary VAE (Figure 2.6).
    start = dense_vae(DIMENSIONS, WIDTH, LATENT)
    train_kept(settings, "start", start, images, model_noise_elbo, Training(1, BATCH, rate))
    state = torch.get_rng_state()
    settings.progress.expect(1, "classifier")

    classifier = train_classifier(images, labels, settings.choose(2, 3))
    settings.progress.advance()
    test_features = features(classifier, test.float() / 255)
    with torch.no_grad():
        accuracy = float((classifier(test.float() / 255).argmax(-1) == test_labels).float().mean())

    histories: dict[str, list[float]] = {}
    samples: dict[str, Tensor] = {}
    distances: dict[str, float] = {}
    trained: dict[str, DeltaVAE] = {}
    for key, method in chosen.items():
        torch.set_rng_state(state)  # the same start and the same order of the data for all
        trained[key] = copy.deepcopy(start)
        histories[key] = train_kept(settings, key, trained[key], images, method.bound, training, method.noise)
        torch.set_rng_state(state)  # and the same latents
        samples[key] = trained[key].sample(SAMPLES)
        distances[key] = frechet_distance(features(classifier, samples[key]), test_features)
    learned = chosen["learned"].noise
    assert learned is not None
    plain, integrated = bound_variances(trained["gaussian"], test[:1000].float() / 255)
    numbers = {
        "epochs": epochs,
        "classifier_test_accuracy": accuracy,
        **{f"frechet_classifier_{key}": value for key, value in distances.items()},
        "frechet_classifier_train_images": frechet_distance(
            features(classifier, images[:SAMPLES].float() / 255), test_features
        ),
        **{f"bound_{key}": values[-1] for key, values in histories.items()},
        "bounds": histories,
        "noise_variance_of_plain_bound": plain,
        "noise_variance_of_integrated_bound": integrated,
    }
    titles = {key: method.title for key, method in chosen.items()}
    return Measured(numbers, samples, distances, titles, learned)


def draw(found: Measured) -> Figure:
    """Draw samples of each method."""
    figure = new_figure(8, 8.6)
    for panel, (key, title) in zip(figure.subplots(2, 2).flat, found.titles.items(), strict=True):
        show(panel, found.samples[key][:100], f"{title}: {found.distances[key]:.1f}")
    figure.suptitle("samples g(z), and their Frechet distance on the classifier's features")
    return figure


def train_classifier(images: Tensor, labels: Tensor, epochs: int) -> nn.Sequential:
    """Train a classifier of digits with a hidden layer of FEATURES units before the last."""
    network = nn.Sequential(
        nn.Linear(DIMENSIONS, 256), nn.ReLU(), nn.Linear(256, FEATURES), nn.ReLU(), nn.Linear(FEATURES, 10)
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    together = torch.cat([images, labels[:, None].to(torch.uint8)], 1)
    for _ in range(epochs):
        for rows in batches(together, BATCH):
            target = (rows[:, -1] * 255).round().long()
            loss = nn.functional.cross_entropy(network(rows[:, :-1]), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network


@torch.no_grad()
def features(classifier: nn.Sequential, x: Tensor) -> Tensor:
    """Activations of the last hidden layer, (N, FEATURES)."""
    return classifier[:-1](x)


@torch.no_grad()
def bound_variances(model: DeltaVAE, x: Tensor, draws: int = 20) -> tuple[float, float]:
    """Variance by the noise of a point's spread ELBO in its plain and in its integrated form, in nats^2."""
    model.eval()
    noise = gaussian_noise(DEVIATION)
    plain = torch.stack([spread_elbo(x, noise, model.encode, model.decode) for _ in range(draws)])
    integrated = torch.stack([spread_elbo_gaussian(x, DEVIATION, model.encode, model.decode) for _ in range(draws)])
    return float(plain.var(0).mean()), float(integrated.var(0).mean())


def show(panel: Axes, images: Tensor, title: str) -> None:
    """Draw 100 images of digits as 10 rows of 10."""
    grid = images.reshape(10, 10, SIDE, SIDE).permute(0, 2, 1, 3).reshape(10 * SIDE, 10 * SIDE)
    panel.imshow(grid.numpy(), cmap="gray", vmin=0, vmax=1)
    panel.set_title(title)
    panel.set_axis_off()


def _noise_figure(noise: LowRankNoise) -> Figure:
    figure = new_figure(5, 4.5)
    panel = figure.subplots()
    with torch.no_grad():
        variance = noise.deviation**2 + noise.strength**2 * noise.directions().square().sum(1)
    picture = panel.imshow(variance.sqrt().reshape(SIDE, SIDE).numpy(), cmap="viridis")
    panel.set(title="learned noise: standard deviation of each pixel")
    panel.set_axis_off()
    figure.colorbar(picture, ax=panel)
    return figure
