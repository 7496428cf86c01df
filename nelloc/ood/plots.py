"""Histograms of log-likelihoods and of the non-local score (thesis Figures 5.1 and 5.3)."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

from nelloc.extras import required
from nelloc.ood.scores import Scores

# Share of values left out of histograms at each end: a few outliers would squeeze the rest.
OUTLIERS = 0.002
BINS = 80


def draw_histograms(sets: Mapping[str, Scores], *, threshold: float | None = None) -> bytes:
    """Draw the likelihoods of both models and the non-local score of named sets of images, as a PNG file.

    Bars are numbers of images, as in the thesis, or their shares if the sets differ in size.
    ``threshold`` of the non-local score is marked. Raises NellocError if matplotlib is missing.
    """
    required("matplotlib", "histograms: drawing needs matplotlib", "train")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = (
        ("full model", "log-likelihood, bits per dimension", lambda scores: -scores.full),
        ("local model", "log-likelihood, bits per dimension", lambda scores: -scores.local),
        ("full against local", "non-local score, bits per dimension", lambda scores: scores.nonlocal_),
    )
    alike = len({len(scores) for scores in sets.values()}) == 1
    for axes, (title, label, values_of) in zip(figure.subplots(1, 3), panels, strict=True):
        values = {name: values_of(scores) for name, scores in sets.items()}
        everything = np.concatenate(list(values.values()))
        low, high = np.quantile(everything, [OUTLIERS, 1 - OUTLIERS])
        margin = 0.02 * (high - low) or 0.1
        edges = np.linspace(low - margin, high + margin, BINS + 1)
        for name, part in values.items():
            weights = np.full(len(part), 1.0 if alike else 100 / len(part))
            axes.hist(np.clip(part, edges[0], edges[-1]), edges, weights=weights, alpha=0.5, label=name)
        axes.set_title(title)
        axes.set_xlabel(label)
        axes.set_ylabel("images" if alike else "images, % of each set")
        if label.startswith("non-local") and threshold is not None:
            axes.axvline(threshold, color="black", linestyle=":", label=f"threshold {threshold:.4g}")
        axes.legend()
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
