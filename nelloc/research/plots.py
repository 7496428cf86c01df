"""Figures that need no display."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def new_figure(width: float = 8, height: float = 5) -> Figure:
    """Make an empty figure of a size in inches, at 100 dots each; draw on ``figure.subplots(rows, columns)``."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
