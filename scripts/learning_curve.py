"""Print a checkpoint's validation history as a Markdown table.

python scripts/learning_curve.py weights/checkpoints/default
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

from nelloc.bench import markdown

ROWS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    args = parser.parse_args()
    history = json.loads((args.checkpoint / "checkpoint.json").read_text())["history"]
    names = [name for name in history[0] if name.endswith("_bpd") and name != "training_bpd"]
    heads = ["megapixels", *(name.removesuffix("_bpd") for name in names)]
    print("\n".join(markdown.head(heads)))
    times = [b["megapixels"] - a["megapixels"] for a, b in pairwise([{"megapixels": 0}, *history])]
    minutes = sum(time / row["megapixels_per_second"] for time, row in zip(times, history, strict=True)) / 60
    step = max(1, len(history) // ROWS)
    chosen = history[::-1][::step][::-1]
    for row in chosen:
        print(markdown.row([f"{row['megapixels']:.0f}", *(f"{row[name]:.3f}" for name in names)]))
    print(f"\n{minutes:.0f} minutes of training.")


if __name__ == "__main__":
    main()
