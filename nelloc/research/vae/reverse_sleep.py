"""Figure 4.2: a perfect model, and encoders trained on a fixed or an unlimited number of its images.

A trained VAE is the true source. It generates images to train on and to test; a new encoder for its decoder learns from
those (wake), from latents with their images (sleep), or by the ELBO of new images (reverse sleep).
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import train_encoder
from nelloc.research.vae.inference import Objective, reverse_sleep, sleep, wake
from nelloc.research.vae.models import new_vae
from nelloc.research.vae.setup import Kept, Pictures, pictures, setup, trained_vae

ENCODERS: dict[str, Objective] = {"wake": wake, "sleep": sleep, "reverse sleep": reverse_sleep}
# Epochs of the VAE and of the encoders. Those of a medium run take 8,000 steps, about the thesis's 10,000: sleep learns
# slowest, and is above wake before.
FULL_EPOCHS, FULL_RATE = 100, 1e-3
QUICK_ENCODER_EPOCHS, MEDIUM_ENCODER_EPOCHS = 100, 400
QUICK_TRAIN, FULL_TRAIN = 1_000, 10_000
TEST = 1_000
# Seeds of the source's images and of the new encoder's initial weights, beside the run's own.
SOURCE_SEED = 1_000


def run(settings: Settings) -> ExperimentResult:
    """Train three new encoders for the decoder of binary MNIST's VAE, which is the source of images."""
    numbers = measure(settings)
    return ExperimentResult(numbers, {"": draw(numbers["curves"])})


def measure(settings: Settings) -> dict[str, Any]:
    """Draw images from the source, train the encoders, and measure their test rates."""
    images = pictures(settings, "binary")
    chosen = setup(settings, "binary")
    epochs = chosen.epochs if settings.small or settings.epochs else FULL_EPOCHS
    rate = chosen.learning_rate if settings.small else FULL_RATE
    # Saved as often as in other experiments with such a VAE, which may find it.
    chosen = replace(chosen, epochs=epochs, learning_rate=rate)
    kept, _ = trained_vae(settings, "binary", images, settings.seed, chosen)
    source = kept[-1].vae
    generator = torch.Generator(source.device).manual_seed(SOURCE_SEED + settings.seed)
    count = settings.choose(QUICK_TRAIN, FULL_TRAIN)
    drawn = source.sample(count + TEST, generator)[1].to(torch.uint8)
    sampled = Pictures(drawn[:count], drawn[count:])
    fresh = copy.deepcopy(source)
    fresh.encoder.load_state_dict(
        new_vae(chosen.architecture, SOURCE_SEED + settings.seed, source.device).encoder.state_dict()
    )
    start = Kept(epochs, fresh.eval())
    numbers: dict[str, Any] = {"images drawn to train on": count, "images drawn to test": TEST}
    curves: dict[str, list[float]] = {}
    encoder_epochs = settings.epochs_or(QUICK_ENCODER_EPOCHS, FULL_EPOCHS, MEDIUM_ENCODER_EPOCHS)
    plan = chosen.encoder_plan(settings.seed, encoder_epochs, rate)
    for name, objective in ENCODERS.items():
        found = train_encoder(settings, "binary", sampled, start, f"perfect {name}", objective, plan, chosen=chosen)
        numbers[name], curves[name] = found.test, found.curve[1:]
    order = sorted(ENCODERS, key=lambda name: numbers[name])
    return numbers | {"order, best first": order, "curves": curves}


def draw(curves: dict[str, list[float]]) -> Figure:
    """Draw the test rates by epoch and encoder."""
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(range(1, len(curve) + 1), curve, label=name)
    low = min(min(curve) for curve in curves.values())
    high = max(curve[len(curve) // 5] for curve in curves.values())
    axes.set(ylim=(low - 0.1 * (high - low), high + 0.1 * (high - low)))
    axes.set(xlabel="epochs of the encoder", ylabel="test bits per dimension", title="images of a VAE of binary MNIST")
    axes.legend()
    return figure
