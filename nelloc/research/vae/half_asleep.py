"""Figure 4.4: test rates by the VAE's encoder, optimal inference and reverse half-asleep, over the training."""

from __future__ import annotations

from functools import partial
from typing import Any

from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import COLOURS, asleep_encoder, optimal_encoder
from nelloc.research.vae.models import Kind
from nelloc.research.vae.setup import TITLES, bits, pictures, trained_vae


def run(settings: Settings, kind: Kind) -> ExperimentResult:
    """Train both other encoders for the decoder of each saved VAE."""
    numbers = measure(settings, kind)
    return ExperimentResult(numbers, {"": draw(numbers["epochs kept"], numbers["test bpd"], kind)})


def measure(settings: Settings, kind: Kind) -> dict[str, Any]:
    """Train the encoders, and measure their test rates."""
    images = pictures(settings, kind)
    kept, _ = trained_vae(settings, kind, images, settings.seed)
    curves: dict[str, list[float]] = {name: [] for name in COLOURS}
    for model in kept:
        curves["VAE"].append(bits(model.vae, images.test))
        curves["half-asleep"].append(asleep_encoder(settings, kind, images, model, settings.seed).test)
        curves["optimal inference"].append(optimal_encoder(settings, kind, images, model, settings.seed).test)
    epochs = [model.epoch for model in kept]
    return {
        "train images": len(images.train),
        "test images": len(images.test),
        **{f"{name}, after {epochs[-1]} epochs": values[-1] for name, values in curves.items()},
        "epochs at which half-asleep is better than the VAE": sum(
            half < plain for half, plain in zip(curves["half-asleep"], curves["VAE"], strict=True)
        ),
        "epochs kept": epochs,
        "test bpd": curves,
    }


def draw(epochs: list[int], curves: dict[str, list[float]], kind: Kind) -> Figure:
    """Draw the test rates by epoch and encoder."""
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(epochs, values, "o-", color=COLOURS[name], label=name)
    axes.set(xlabel="epochs", ylabel="test bits per dimension", title=TITLES[kind])
    axes.legend()
    return figure


binary, gray, colour = (partial(run, kind=kind) for kind in TITLES)
