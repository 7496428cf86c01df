"""Figure C.2: digits told by a linear classifier of the posterior's mean."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from nelloc.datasets import read_idx
from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import train_encoder
from nelloc.research.vae.inference import HalfAsleep, Objective, reverse_sleep, wake
from nelloc.research.vae.models import VAE
from nelloc.research.vae.optimal import optimal_posterior
from nelloc.research.vae.setup import pictures, setup, trained_vae

METHODS: dict[str, Objective] = {"plain": wake, "half-asleep": HalfAsleep(), "reverse sleep": reverse_sleep}


def run(settings: Settings) -> Result:
    """Binary MNIST: the classifier learns from training images and is tested on the whole test set."""
    images = pictures(settings, "binary")
    folder = settings.folder("mnist")
    labels = [
        torch.from_numpy(read_idx(folder / f"{part}-labels-idx1-ubyte.gz").copy()).long() for part in ("train", "t10k")
    ]
    train_labels, test_labels = labels[0][: len(images.train)], labels[1]
    vae, _ = trained_vae(settings, "binary", images, settings.seed)
    accuracies = {"as trained": _accuracy(vae, images.train, train_labels, images.test, test_labels)}
    for name, objective in METHODS.items():
        found = train_encoder(settings, "binary", images, vae, name.replace(" ", "-"), objective, settings.seed).vae
        accuracies[name] = _accuracy(found, images.train, train_labels, images.test, test_labels)
    few, steps = settings.choose(1000, 2000), setup(settings, "binary").optimal_steps // 2
    optimal = [optimal_posterior(vae, part[:few].float(), steps).mean for part in (images.train, images.test)]
    classifier = fit_linear(optimal[0], train_labels[:few])
    accuracies["optimal inference, fewer images"] = _share(classifier, optimal[1], test_labels[:few])

    figure = new_figure(7, 3.5)
    axes = figure.subplots()
    axes.barh(list(accuracies), list(accuracies.values()), color="tab:blue")
    axes.set(
        xlim=(0.95 * min(accuracies.values()), 1.02 * max(accuracies.values())),
        xlabel="test accuracy",
        title="Linear classifier of E_q[z]",
    )
    axes.invert_yaxis()
    return Result({"train images": len(images.train), **accuracies}, {"": figure})


def fit_linear(features: Tensor, labels: Tensor, steps: int = 100) -> tuple[Tensor, Tensor]:
    """Weights (D, classes) and biases (classes,) of softmax regression on features (N, D), by L-BFGS."""
    classes = int(labels.max()) + 1
    weight = torch.zeros(features.shape[1], classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = functional.cross_entropy(features @ weight + bias, labels) + 1e-4 * (weight**2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return weight.detach(), bias.detach()


@torch.no_grad()
def _means(vae: VAE, images: Tensor) -> Tensor:
    return torch.cat([vae.posterior(part.float()).mean for part in images.split(1000)])


def _accuracy(vae: VAE, train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor) -> float:
    return _share(fit_linear(_means(vae, train), train_labels), _means(vae, test), test_labels)


def _share(classifier: tuple[Tensor, Tensor], features: Tensor, labels: Tensor) -> float:
    weight, bias = classifier
    return ((features @ weight + bias).argmax(1) == labels).double().mean().item()
