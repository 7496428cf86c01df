"""Figure 4.3: sleep, and reverse half-asleep with different shares of the model's own images."""

from __future__ import annotations

import statistics

import torch

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import train_encoder
from nelloc.research.vae.inference import HalfAsleep, Objective, sleep
from nelloc.research.vae.setup import pictures, setup, trained_vae

SEEDS = 3
METHODS: dict[str, Objective] = {
    "sleep": sleep,
    "alpha 0": HalfAsleep(0.0),
    "alpha 0.5": HalfAsleep(0.5),
    "alpha 1": HalfAsleep(1.0),
}
TITLES = {"alpha 0": "alpha 0: the VAE's", "alpha 0.5": "alpha 0.5: half-asleep", "alpha 1": "alpha 1: reverse sleep"}
FULL_RATE = 3e-4


def run(settings: Settings) -> Result:
    """Train four encoders for one decoder of binary MNIST, each with three seeds; test rates after each epoch."""
    images = pictures(settings, "binary")
    chosen = setup(settings, "binary")
    kept, _ = trained_vae(settings, "binary", images, settings.seed)
    rate = chosen.encoder_rate if settings.quick else FULL_RATE
    figure = new_figure(9, 4.5)
    axes = figure.subplots()
    ends: dict[str, list[float]] = {}
    curves: dict[str, list[list[float]]] = {}
    for name, objective in METHODS.items():
        curves[name] = []
        for seed in range(settings.seed, settings.seed + SEEDS):
            plan = chosen.encoder_plan(seed, rate=rate)
            found = train_encoder(settings, "binary", images, kept[-1], name, objective, plan)
            curves[name].append(found.curve)
        ends[name] = [curve[-1] for curve in curves[name]]
        values = torch.tensor(curves[name])
        mean, deviation = values.mean(0), values.std(0)
        (line,) = axes.plot(mean, label=TITLES.get(name, name))
        axes.fill_between(range(len(mean)), mean - deviation, mean + deviation, color=line.get_color(), alpha=0.3)
    low, high = min(min(c) for cs in curves.values() for c in cs), max(max(ends[name]) for name in ends)
    start = curves["alpha 0"][0][0]
    axes.set(ylim=(low - 0.1 * (high - low), max(high, start) + 0.2 * (high - low)))
    axes.set(xlabel="epochs of the encoder", ylabel="test bits per dimension", title="Binary MNIST")
    figure.legend(loc="outside right upper")
    numbers = {
        "epochs of the VAE": kept[-1].epoch,
        "as trained": start,
        **{name: statistics.mean(values) for name, values in ends.items()},
        **{f"{name}, deviation of {SEEDS} seeds": statistics.stdev(values) for name, values in ends.items()},
        "seeds in which alpha 0.5 is the best": sum(
            min(ends, key=lambda name: ends[name][number]) == "alpha 0.5" for number in range(SEEDS)
        ),
        "curves": curves,
    }
    return Result(numbers, {"": figure})
