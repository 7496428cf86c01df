"""Figure C.2: classification of digits from samples of the posterior, over the training."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from nelloc.research import data
from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import COLOURS, asleep_encoder
from nelloc.research.vae.models import VAE, Kind, Posterior
from nelloc.research.vae.setup import TITLES, pictures, trained_vae

SEEDS = 3
WIDTH, DROPOUT, EPOCHS, LEARNING_RATE, BATCH = 200, 0.1, 10, 3e-4, 100
SAMPLES = 100  # of each test image


@dataclass(frozen=True)
class Coded:
    """Posteriors of images, and the images' digits (N,)."""

    posterior: Posterior
    labels: Tensor


def run(settings: Settings, kind: Kind) -> ExperimentResult:
    """Train a classifier of latents anew for each saved encoder, with three seeds (appendix C.3)."""
    numbers = measure(settings, kind)
    return ExperimentResult(numbers, {"": draw(numbers["epochs kept"], numbers["accuracy"], kind)})


def measure(settings: Settings, kind: Kind) -> dict[str, Any]:
    """Train encoders and classifiers, and measure test accuracies."""
    images = pictures(settings, kind)
    _, labels = data.labelled_digits(settings, "train", len(images.train))
    _, test_labels = data.labelled_digits(settings, "test", len(images.test))
    kept, _ = trained_vae(settings, kind, images, settings.seed)
    found: dict[str, list[list[float]]] = {"VAE": [], "half-asleep": []}
    settings.progress.expect(2 * SEEDS * len(kept), "classifiers")
    for model in kept:
        encoders = {
            "VAE": model.vae,
            "half-asleep": asleep_encoder(settings, kind, images, model, settings.seed).vae,
        }
        for name, vae in encoders.items():
            train = Coded(encode(vae, images.train), labels.to(vae.device))
            test = Coded(encode(vae, images.test), test_labels.to(vae.device))
            seeds = range(settings.seed, settings.seed + SEEDS)
            found[name].append([accuracy(train, test, seed) for seed in seeds])
            settings.progress.advance(SEEDS)
    numbers: dict[str, Any] = {"images to learn from": len(images.train), "test images": len(images.test)}
    for name, rows in found.items():
        numbers[name] = statistics.mean(rows[-1])
        numbers[f"{name}, deviation of {SEEDS} seeds"] = statistics.stdev(rows[-1])
    numbers["epochs at which half-asleep is better"] = sum(
        statistics.mean(half) > statistics.mean(plain)
        for half, plain in zip(found["half-asleep"], found["VAE"], strict=True)
    )
    return numbers | {"epochs kept": [model.epoch for model in kept], "accuracy": found}


def draw(epochs: list[int], accuracies: dict[str, list[list[float]]], kind: Kind) -> Figure:
    """Draw mean and deviation of the test accuracies by epoch and encoder."""
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    for name, rows in accuracies.items():
        means, deviations = [statistics.mean(row) for row in rows], [statistics.stdev(row) for row in rows]
        axes.errorbar(epochs, means, yerr=deviations, fmt="o-", capsize=3, color=COLOURS[name], label=name)
    axes.set(xlabel="epochs of the VAE", ylabel="test accuracy, more is better", title=TITLES[kind])
    axes.legend()
    return figure


binary, gray = (partial(run, kind=kind) for kind in ("binary", "gray"))


def encode(vae: VAE, images: Tensor) -> Posterior:
    """Encode images, uint8, to posteriors."""
    with torch.no_grad():
        parts = [vae.posterior(part.float()) for part in images.split(1000)]
    return Posterior(torch.cat([p.mean for p in parts]), torch.cat([p.deviation for p in parts]))


def accuracy(train: Coded, test: Coded, seed: int) -> float:
    """Test accuracy of a classifier of latents, trained on one sample of each image per epoch.

    Its prediction is the mean over SAMPLES latents of the image's posterior.
    """
    generator = torch.Generator(train.labels.device).manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        latent, classes = train.posterior.mean.shape[1], 10
        layers: list[nn.Module] = []
        for inputs in (latent, WIDTH):
            layers += [nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT)]
        network = nn.Sequential(*layers, nn.Linear(WIDTH, classes)).to(train.labels.device)
        optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
        for _ in range(EPOCHS):
            latents = _draw(train.posterior, generator)
            order = torch.randperm(len(latents), generator=generator, device=latents.device)
            for chosen in order.split(BATCH):
                loss = functional.cross_entropy(network(latents[chosen]), train.labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    network.eval()
    with torch.no_grad():
        total = torch.zeros(len(test.labels), classes, device=test.labels.device)
        for _ in range(SAMPLES):
            total += network(_draw(test.posterior, generator)).softmax(-1)
    return (total.argmax(1) == test.labels).double().mean().item()


def _draw(posterior: Posterior, generator: torch.Generator) -> Tensor:
    return posterior.at(torch.randn(posterior.mean.shape, generator=generator, device=generator.device))
