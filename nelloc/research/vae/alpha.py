"""Figure 4.3: sleep, and reverse half-asleep with different shares of the model's own images."""

from __future__ import annotations

import statistics
from typing import Any

import torch
from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import train_encoder
from nelloc.research.vae.inference import HalfAsleep, Objective, sleep
from nelloc.research.vae.setup import pictures, setup, trained_vae

QUICK_SEEDS, SEEDS = 2, 3
METHODS: dict[str, Objective] = {
    "sleep": sleep,
    "alpha 0": HalfAsleep(0.0),
    "alpha 0.5": HalfAsleep(0.5),
    "alpha 1": HalfAsleep(1.0),
}
TITLES = {"alpha 0": "alpha 0: the VAE's", "alpha 0.5": "alpha 0.5: half-asleep", "alpha 1": "alpha 1: reverse sleep"}
FULL_RATE = 3e-4


def run(settings: Settings) -> ExperimentResult:
    """Train four encoders for one decoder of binary MNIST, each with several seeds; test rates after each epoch."""
    numbers = measure(settings)
    return ExperimentResult(numbers, {"": draw(numbers["curves"])})


def measure(settings: Settings) -> dict[str, Any]:
    """Train the encoders, and summarise their test rates."""
    images = pictures(settings, "binary")
    chosen = setup(settings, "binary")
    kept, _ = trained_vae(settings, "binary", images, settings.seed)
    rate = chosen.encoder_rate if settings.small else FULL_RATE
    count = settings.choose(QUICK_SEEDS, SEEDS, SEEDS)
    curves: dict[str, list[list[float]]] = {}
    for name, objective in METHODS.items():
        curves[name] = []
        for seed in range(settings.seed, settings.seed + count):
            plan = chosen.encoder_plan(seed, rate=rate)
            found = train_encoder(settings, "binary", images, kept[-1], name, objective, plan)
            curves[name].append(found.curve)
    ends = {name: [curve[-1] for curve in each] for name, each in curves.items()}
    return {
        "epochs of the VAE": kept[-1].epoch,
        "as trained": curves["alpha 0"][0][0],
        **{name: statistics.mean(values) for name, values in ends.items()},
        **{f"{name}, deviation of {count} seeds": statistics.stdev(values) for name, values in ends.items()},
        "seeds in which alpha 0.5 is the best": sum(
            min(ends, key=lambda name: ends[name][number]) == "alpha 0.5" for number in range(count)
        ),
        "curves": curves,
    }


def draw(curves: dict[str, list[list[float]]]) -> Figure:
    """Draw mean and deviation of the test rates by method."""
    figure = new_figure(9, 4.5)
    axes = figure.subplots()
    for name, each in curves.items():
        values = torch.tensor(each)
        mean, deviation = values.mean(0), values.std(0)
        (line,) = axes.plot(mean, label=TITLES.get(name, name))
        axes.fill_between(range(len(mean)), mean - deviation, mean + deviation, color=line.get_color(), alpha=0.3)
    low = min(min(curve) for each in curves.values() for curve in each)
    high = max(curve[-1] for each in curves.values() for curve in each)
    axes.set(ylim=(low - 0.1 * (high - low), max(high, curves["alpha 0"][0][0]) + 0.2 * (high - low)))
    axes.set(xlabel="epochs of the encoder", ylabel="test bits per dimension", title="Binary MNIST")
    figure.legend(loc="outside right upper")
    return figure
