"""Table 4.1 and Figure 4.5: test rates of half-asleep and of the denoising regulariser."""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

import torch
from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import half_asleep, train_encoder
from nelloc.research.vae.inference import Denoising, Objective
from nelloc.research.vae.models import Kind
from nelloc.research.vae.setup import TITLES, bits, pictures, setup, trained_vae

DEVIATIONS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
QUICK_SEEDS, FULL_SEEDS = 1, 3
# Gray digits take three times as long as the others (section 4.4.1).
LONGER = {"binary": 1, "gray": 3, "colour": 1}


def run(settings: Settings, kind: Kind) -> ExperimentResult:
    """Train an encoder by each method, from that of one VAE and for its decoder; half of each batch's loss is clean."""
    numbers = measure(settings, kind)
    return ExperimentResult(numbers, {"": draw(numbers, kind)})


def measure(settings: Settings, kind: Kind) -> dict[str, Any]:
    """Train the encoders, and summarise their test rates."""
    images = pictures(settings, kind)
    chosen = setup(settings, kind)
    kept, _ = trained_vae(settings, kind, images, settings.seed)
    methods: dict[str, Objective] = {f"denoising {deviation}": Denoising(deviation) for deviation in DEVIATIONS}
    methods["half-asleep"] = half_asleep(kind)
    epochs = chosen.encoder_epochs * (1 if settings.small else LONGER[kind])
    seeds = range(settings.seed, settings.seed + settings.choose(QUICK_SEEDS, FULL_SEEDS))
    numbers: dict[str, Any] = {"epochs of the VAE": kept[-1].epoch, "VAE": bits(kept[-1].vae, images.test)}
    spread: dict[str, float] = {}
    curves: dict[str, list[list[float]]] = {}
    for name, objective in methods.items():
        plans = [chosen.encoder_plan(seed, epochs) for seed in seeds]
        found = [train_encoder(settings, kind, images, kept[-1], name, objective, plan) for plan in plans]
        curves[name] = [encoder.curve for encoder in found]
        numbers[name] = statistics.mean(encoder.test for encoder in found)
        spread[name] = statistics.stdev([encoder.test for encoder in found]) if len(found) > 1 else 0.0
    best = min((name for name in methods if name != "half-asleep"), key=lambda name: numbers[name])
    return numbers | {
        "half-asleep less the best denoising": numbers["half-asleep"] - numbers[best],
        "best denoising": best,
        "seeds": len(seeds),
        "deviation by seed": spread,
        "curves": curves,
    }


def draw(numbers: dict[str, Any], kind: Kind) -> Figure:
    """Draw mean and deviation of the test rates by method."""
    curves, start = numbers["curves"], numbers["VAE"]
    figure = new_figure(9, 5)
    axes = figure.subplots()
    for name, each in curves.items():
        values = torch.tensor(each)
        mean, deviation = values.mean(0), values.std(0) if len(each) > 1 else torch.zeros_like(values[0])
        (line,) = axes.plot(mean, label=name, linewidth=2.5 if name == "half-asleep" else 1.2)
        axes.fill_between(range(len(mean)), mean - deviation, mean + deviation, color=line.get_color(), alpha=0.3)
    axes.axhline(start, color="gray", linestyle=":", label="VAE, as trained")
    low = min(min(curve) for each in curves.values() for curve in each)
    highest = max([start, *(numbers[name] for name in curves)])
    axes.set(ylim=(low - 0.1 * (highest - low), highest + 0.3 * (highest - low)))
    axes.set(xlabel="epochs of the encoder", ylabel="test bits per dimension", title=TITLES[kind])
    figure.legend(loc="outside right upper")
    return figure


binary, gray, colour = (partial(run, kind=kind) for kind in TITLES)
