"""Table 5.5 and Figures 5.1 and 5.3: out-of-distribution detection by likelihoods and by the non-local score.

    python benchmarks/ood.py --data ../shared/data --out benchmarks/results/ood

For each shipped pair, the area under the ROC curve (AUROC) and the false positive rate at a true positive rate of 95 %
between its own test images and other sets. Writes OUT.md, OUT.csv and a plot for each pair, OUT-PAIR.png.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import report
import torch
from images import TEST_SETS, load_set

from nelloc.bench import markdown
from nelloc.exact import model_store
from nelloc.ood.metrics import auroc, false_positive_rate
from nelloc.ood.pair import find
from nelloc.ood.plots import draw_histograms
from nelloc.ood.scores import Scores, codecs, score

# AUROC of the thesis, Table 5.5: full likelihood, non-local score.
THESIS: dict[tuple[str, str], tuple[float, float]] = {
    ("fashion", "mnist"): (0.074, 1.000),
    ("fashion", "omniglot"): (0.361, 1.000),
    ("cifar10", "svhn"): (0.113, 0.969),
    ("cifar10", "celeba"): (0.602, 0.949),
}
NAMES = {
    "nonlocal": "non-local score",
    "full": "full likelihood",
    "local": "local likelihood",
    "complexity_png": "input complexity, PNG",
    "complexity_generic": "input complexity, smallest codec",
}


@dataclass(frozen=True)
class Row:
    """Performance of one score of one pair at separating its test images from another set."""

    pair: str
    other: str
    score: str
    images: int
    other_images: int
    auroc: float
    fpr_at_95_tpr: float


def compare(pair: str, sets: dict[str, Scores]) -> list[Row]:
    """Compute all scores, for the first set against each of the others."""
    own, *others = sets
    rows = []
    for other in others:
        inside, outside = sets[own].all(), sets[other].all()
        for name in NAMES:
            area = auroc(inside[name], outside[name])
            rate = false_positive_rate(inside[name], outside[name])
            rows.append(Row(pair, other, name, len(sets[own]), len(sets[other]), round(area, 4), round(rate, 4)))
    return rows


def section(pair: str, sets: dict[str, Scores], rows: list[Row]) -> list[str]:
    """Format a pair's tables in Markdown."""
    others = list(sets)[1:]
    lines = []
    for name, words in NAMES.items():
        cells = [f"{row.auroc:.3f} ({row.fpr_at_95_tpr:.3f})" for row in rows if row.score == name]
        lines.append([words, *cells])
    for index, words in enumerate(("full likelihood", "non-local score")):
        values = [THESIS.get((pair, other)) for other in others]
        if any(values):
            lines.append([f"thesis, {words}", *(f"{v[index]:.3f}" if v else "-" for v in values)])
    rates = []
    for name, scores in sets.items():
        means = (scores.local, scores.full, scores.png, scores.generic)
        rates.append([name, len(scores), *(f"{part.mean():.3f}" for part in means)])
    return [
        f"## {pair}",
        markdown.table(["AUROC (FPR at 95 % TPR)", *(f"{pair} against {other}" for other in others)], lines),
        markdown.table(["mean bits per dimension", "images", "local", "full", "PNG", "smallest codec"], rates),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", action="append", help="pair; may be repeated.  [default: those shipped]")
    parser.add_argument("--limit", type=int, help="only the first images of each set")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    made = (
        f"Made by `{report.command_line('benchmarks/ood.py')}`. Beside the rows of the thesis's Table 5.5. "
        f"Codecs: {', '.join(peer.label for peer in codecs())}."
    )
    parts: list[str] = []
    for model in asked.model or [name for name in TEST_SETS if name in model_store.shipped_pairs()]:
        pair, name = find(model), Path(model).stem if model not in TEST_SETS else model
        sets = {}
        for test in TEST_SETS[name]:
            sets[test] = score(pair, load_set(asked.data, test)[: asked.limit])
            print(name, test, f"{sets[test].nonlocal_.mean():.4f}", flush=True)
        own = compare(name, sets)
        rows += own
        parts += section(name, sets, own)
        asked.out.with_name(f"{asked.out.name}-{name}.png").write_bytes(draw_histograms(sets))
    text = report.document("Images out of distribution", made, *parts)
    report.write_report(asked.out.with_suffix(".md"), text)
    report.write_rows(asked.out.with_suffix(".csv"), Row, rows)


if __name__ == "__main__":
    main()
