"""Plot of a training run: bits per dimension over the pixels seen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from nelloc import storage
from nelloc.extras import failure


def draw_curve(history: Sequence[dict[str, float]], path: Path) -> bool:
    """Draw the validations of a run as a PNG file; return False if matplotlib cannot be used.

    Raises NellocError if the file cannot be written.
    """
    if failure("matplotlib") is not None:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in history[-1] if name.endswith("_bpd")]
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name in names:
        rows = [row for row in history if name in row]
        label = f"{name.removesuffix('_bpd')}: {rows[-1][name]:.3f}"
        style = {"linestyle": ":", "color": "gray"} if name == "training_bpd" else {"marker": ".", "markersize": 5}
        axes.plot([row["megapixels"] for row in rows], [row[name] for row in rows], label=label, **style)
    # The first rows of a run are far above the others, and would flatten them.
    late = [row[name] for row in history[len(history) // 20 :] for name in names if name in row]
    low, high = min(late), max(late)
    margin = 0.05 * (high - low) or 0.1
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(left=0)
    axes.set_xlabel("pixels seen, millions")
    axes.set_ylabel("bits per dimension")
    axes.grid(alpha=0.3)
    axes.legend(title="held-out images and training")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    storage.write(path, picture.getvalue(), force=True)
    return True
