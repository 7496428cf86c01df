"""Figures 4.3 to 4.5: reverse half-asleep against an encoder that goes on with its training images alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import bits_of_test_set, optimal_bits, train_encoder
from nelloc.research.vae.inference import HalfAsleep, Objective, wake
from nelloc.research.vae.models import Kind
from nelloc.research.vae.setup import TITLES, measured_images, pictures, trained_vae

SEEDS = 3
ALPHA = 0.5
METHODS: dict[str, Objective] = {"plain": wake, "half-asleep": HalfAsleep(ALPHA)}
COLOURS = {"as trained": "black", "plain": "tab:red", "half-asleep": "tab:blue", "optimal inference": "tab:green"}
MARKERS = ("o", "s", "^")  # one for each seed


def run(settings: Settings, kind: Kind) -> Result:
    """Three VAEs from three seeds; for each, both encoders for its decoder, with the same number of steps."""
    images = pictures(settings, kind)
    measured = measured_images(settings, kind, images)
    rates: dict[str, list[float]] = {name: [] for name in ("as trained", *METHODS)}
    # Of the measured images, as optimal inference takes long: the curves' ends, and below them the best there is.
    ends: dict[str, list[float]] = {name: [] for name in (*rates, "optimal inference")}
    figure = new_figure(9, 5)
    axes = figure.subplots()
    seeds = range(settings.seed, settings.seed + SEEDS)
    for seed, marker in zip(seeds, MARKERS, strict=True):
        vae, rows = trained_vae(settings, kind, images, seed)
        rates["as trained"].append(bits_of_test_set(vae, images))
        best = optimal_bits(settings, kind, vae, measured)
        ends["as trained"].append(rows[-1]["test"])
        ends["optimal inference"].append(best)
        _draw(axes, range(1, len(rows) + 1), [row["test"] for row in rows], "as trained", marker)
        for name, objective in METHODS.items():
            found = train_encoder(settings, kind, images, vae, name, objective, seed)
            rates[name].append(found.test)
            ends[name].append(found.curve[-1])
            epochs = range(len(rows), len(rows) + len(found.curve))
            _draw(axes, epochs, found.curve, name, marker)
        _draw(axes, epochs, [best] * len(epochs), "optimal inference", marker)
    lowest = min(min(values) for values in ends.values())
    highest = max(max(ends[name]) for name in ("as trained", *METHODS))
    margin = 0.15 * (highest - lowest)
    axes.set(xlabel="epoch", ylabel="test bits per dimension", ylim=(lowest - margin, highest + margin))
    axes.set(xlim=(0.4 * len(rows), None), title=TITLES[kind])
    _legend(figure, seeds)
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


def _draw(axes: Axes, epochs: Sequence[int], values: Sequence[float], name: str, marker: str) -> None:
    """A curve in the colour of what it is of, with a few markers of its seed."""
    every = max(1, len(epochs) // 5)
    axes.plot(epochs, values, color=COLOURS[name], linewidth=1, marker=marker, markersize=6, markevery=every, alpha=0.8)


def _legend(figure: Figure, seeds: Sequence[int]) -> None:
    """Beside the curves: colours are methods, markers are seeds."""
    titles = {"as trained": "encoder and decoder", **{name: f"encoder alone: {name}" for name in METHODS}}
    methods = [Line2D([], [], color=colour, label=titles.get(name, name)) for name, colour in COLOURS.items()]
    marked = [
        Line2D([], [], color="gray", marker=marker, linestyle="none", label=f"seed {seed}")
        for seed, marker in zip(seeds, MARKERS, strict=True)
    ]
    # Legends are filled by columns: methods above, seeds below.
    pairs = [handle for pair in zip_longest(methods, marked) for handle in pair if handle]
    figure.legend(handles=pairs, loc="outside lower center", ncols=len(methods))
