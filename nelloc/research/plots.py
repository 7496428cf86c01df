"""Figures that need no display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def new_figure(width: float = 8, height: float = 5) -> Figure:
    """Make an empty figure of a size in inches, at 100 dots each; draw on ``figure.subplots(rows, columns)``."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def show_values(
    axes: Axes,
    rows: Sequence[str],
    values: Mapping[str, float],
    errors: Mapping[str, float] | None = None,
    *,
    digits: int = 4,
    shift: float = 0.0,
    hollow: bool = False,
    label: str | None = None,
) -> None:
    """Draw a point for each of ``values`` in its row, from top to bottom, labelled with ``digits`` decimals.

    ``errors`` are standard errors, drawn and printed. Two series in the same rows are distinguished by a ``shift``
    downwards, in rows, and by ``hollow`` points.
    """
    places = {name: row + shift for row, name in enumerate(rows)}
    axes.errorbar(
        list(values.values()),
        [places[name] for name in values],
        xerr=[errors[name] for name in values] if errors else None,
        fmt="o",
        color="tab:orange" if hollow else "tab:blue",
        markerfacecolor="white" if hollow else None,
        capsize=3,
        label=label,
    )
    for name, value in values.items():
        error = errors[name] if errors else 0.0
        text = f"{value:.{digits}f}" + (f" ± {error:.{digits}f}" if errors else "")
        axes.annotate(
            text,
            (value + error, places[name]),
            (8, 0),
            textcoords="offset points",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", alpha=0.4)
    # Leave room on the right for the label of the largest value.
    width = axes.dataLim.width or 1.0
    axes.set_xlim(axes.dataLim.x0 - 0.1 * width, axes.dataLim.x1 + 0.4 * width)
