"""Figures 4.3 to 4.5: reverse half-asleep against an encoder that goes on with its training images alone."""

from __future__ import annotations

import statistics
from functools import partial

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import bits_of_test_set, optimal_bits, train_encoder
from nelloc.research.vae.inference import HalfAsleep, Objective, wake
from nelloc.research.vae.models import Kind
from nelloc.research.vae.setup import TITLES, measured_images, pictures, trained_vae

SEEDS = 3
ALPHA = 0.5
METHODS: dict[str, Objective] = {"plain": wake, "half-asleep": HalfAsleep(ALPHA)}


def run(settings: Settings, kind: Kind) -> Result:
    """Three VAEs from three seeds; for each, both encoders for its decoder, with the same number of steps."""
    images = pictures(settings, kind)
    measured = measured_images(settings, kind, images)
    rates: dict[str, list[float]] = {name: [] for name in ("as trained", *METHODS)}
    # Of the measured images, as optimal inference takes long: the curves' ends, and below them the best there is.
    ends: dict[str, list[float]] = {name: [] for name in (*rates, "optimal inference")}
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    colours = {"plain": "tab:red", "half-asleep": "tab:blue"}
    for seed in range(settings.seed, settings.seed + SEEDS):
        first = seed == settings.seed
        vae, rows = trained_vae(settings, kind, images, seed)
        rates["as trained"].append(bits_of_test_set(vae, images))
        best = optimal_bits(settings, kind, vae, measured)
        ends["as trained"].append(rows[-1]["test"])
        ends["optimal inference"].append(best)
        axes.plot(range(1, len(rows) + 1), [row["test"] for row in rows], color="black", alpha=0.5)
        for name, objective in METHODS.items():
            found = train_encoder(settings, kind, images, vae, name, objective, seed)
            rates[name].append(found.test)
            ends[name].append(found.curve[-1])
            epochs = range(len(rows), len(rows) + len(found.curve))
            axes.plot(epochs, found.curve, color=colours[name], label=name if first else None)
        axes.axhline(best, color="gray", linestyle=":", label="optimal inference" if first else None)
    lowest = min(min(values) for values in ends.values())
    highest = max(max(ends[name]) for name in ("as trained", *METHODS))
    margin = 0.3 * (highest - lowest)
    axes.set(xlabel="epoch", ylabel="test bits per dimension", ylim=(lowest - margin, highest + 2 * margin))
    axes.set_xlim(left=0.4 * len(rows))
    axes.set_title(f"{TITLES[kind]}: black, encoder and decoder; coloured, the encoder alone")
    axes.legend()
    numbers = {
        "train images": len(images.train),
        "epochs": len(rows),
        **{f"{name} (mean of {SEEDS} seeds)": statistics.mean(values) for name, values in rates.items()},
        "measured test images": len(measured),
        **{f"{name}, measured test images": statistics.mean(values) for name, values in ends.items()},
        "seeds in which half-asleep is better": sum(
            half < plain for half, plain in zip(rates["half-asleep"], rates["plain"], strict=True)
        ),
        "test bpd by seed": rates,
    }
    return Result(numbers, {"": figure})


binary, gray, colour = (partial(run, kind=kind) for kind in TITLES)
