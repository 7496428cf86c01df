"""Figure C.2: digits told by a linear classifier of the posterior's mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from nelloc.research import data
from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure, show_values
from nelloc.research.vae.encoders import train_encoder
from nelloc.research.vae.inference import HalfAsleep, Objective, reverse_sleep, wake
from nelloc.research.vae.models import VAE
from nelloc.research.vae.optimal import optimal_posterior
from nelloc.research.vae.setup import pictures, setup, trained_vae

METHODS: dict[str, Objective] = {"plain": wake, "half-asleep": HalfAsleep(), "reverse sleep": reverse_sleep}


@dataclass(frozen=True)
class Part:
    """Images, uint8 (N, 1, rows, columns), and their digits (N,)."""

    images: Tensor
    labels: Tensor


def run(settings: Settings) -> Result:
    """Binary MNIST: the classifier learns from training images and is tested on test images, the same for each."""
    images = pictures(settings, "binary")
    count = settings.choose(2000, 10_000)
    train = _part(settings, "train", images.train[:count])
    test = _part(settings, "test", images.test[:count])
    vae, _ = trained_vae(settings, "binary", images, settings.seed)
    accuracies = {"as trained": _accuracy(partial(_encoded, vae), train, test)}
    for name, objective in METHODS.items():
        found = train_encoder(settings, "binary", images, vae, name, objective, settings.seed).vae
        accuracies[name] = _accuracy(partial(_encoded, found), train, test)
    steps = setup(settings, "binary").optimal_steps // 2
    accuracies["optimal inference"] = _accuracy(partial(_fitted, vae, steps), train, test)

    errors = {name: math.sqrt(value * (1 - value) / len(test.images)) for name, value in accuracies.items()}
    figure = new_figure(7, 3.5)
    axes = figure.subplots()
    show_values(axes, list(accuracies), accuracies, errors, digits=3)
    title = f"Linear classifier of E_q[z], {len(test.images):,} test images"
    axes.set(xlabel="test accuracy ± standard error, more is better", title=title)
    numbers = {"images to learn from": len(train.images), "test images": len(test.images), **accuracies}
    return Result(numbers, {"": figure})


def _part(settings: Settings, name: data.Part, images: Tensor) -> Part:
    """The first images with their labels."""
    _, labels = data.labelled_digits(settings, name, len(images))
    return Part(images, labels.to(images.device))


def fit_linear(features: Tensor, labels: Tensor, steps: int = 100) -> tuple[Tensor, Tensor]:
    """Weights (D, classes) and biases (classes,) of softmax regression on features (N, D), by L-BFGS."""
    classes = int(labels.max()) + 1
    weight = features.new_zeros(features.shape[1], classes, requires_grad=True)
    bias = features.new_zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = functional.cross_entropy(features @ weight + bias, labels) + 1e-4 * (weight**2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return weight.detach(), bias.detach()


@torch.no_grad()
def _encoded(vae: VAE, images: Tensor) -> Tensor:
    return torch.cat([vae.posterior(part.float()).mean for part in images.split(1000)])


def _fitted(vae: VAE, steps: int, images: Tensor) -> Tensor:
    return torch.cat([optimal_posterior(vae, part.float(), steps).mean for part in images.split(1000)])


def _accuracy(means: Callable[[Tensor], Tensor], train: Part, test: Part) -> float:
    weight, bias = fit_linear(means(train.images), train.labels)
    return ((means(test.images) @ weight + bias).argmax(1) == test.labels).double().mean().item()
