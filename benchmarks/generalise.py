"""Tables 5.1 to 5.4: how full and local models of one set of images do on others, and what the horizon changes.

    python benchmarks/generalise.py --data ../shared/data --out benchmarks/results/generalise
    python benchmarks/generalise.py --data ../shared/data --out benchmarks/results/generalise --images cifar10

Trains small models (WIDTH channels, once over TRAINING_IMAGES images) with several seeds, a full PixelCNN of
horizon 3 and local models of horizons 1 to 5, and writes the bits per dimension of test sets to OUT.csv and their means
and spread to OUT.md. Rows that are in the file already are not measured again, so that it can be stopped and continued.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from images import TEST_SETS, TRAINING_SETS, load_set
from numpy.typing import NDArray

from nelloc.models.full import FullConfig, FullNetwork
from nelloc.ood.scores import bits_per_dimension
from nelloc.training.images import ImageBatch, ImageSampler
from nelloc.training.loop import Trainer, TrainingConfig

WIDTH, FULL_BLOCKS, LOCAL_BLOCKS = 32, 4, 1
HORIZON = 3  # of the full model
TRAINING_IMAGES = {"fashion": 6000, "cifar10": 4000}  # the first so many, each seen once
BATCH = 8  # images
TEST_IMAGES = 500  # the first so many of each set
MODELS = [("full", HORIZON), *(("local", horizon) for horizon in range(1, 6))]
FIELDS = ("images", "model", "horizon", "seed", "set", "bpd")
TABLES = {"fashion": "Tables 5.1 and 5.3", "cifar10": "Tables 5.2 and 5.4"}


def trained(images: NDArray[np.uint8], part: str, horizon: int, seed: int) -> FullNetwork:
    """A model of ``images`` (N, C, H, W) that has seen each once."""
    _, channels, height, width = images.shape
    pixels = len(images) * height * width
    shape = FullConfig(
        horizon=horizon,
        width=WIDTH,
        blocks=FULL_BLOCKS if part == "full" else LOCAL_BLOCKS,
        channels=channels,
        kernel=3 if part == "full" else 1,
    )
    batch = BATCH * height * width
    trainer = Trainer(TrainingConfig(network=shape, pixels=pixels, batch=batch, warm_up=pixels // 50, seed=seed))
    drawer = ImageSampler(images, seed).open(0, 1)
    while trainer.seen < pixels:
        trainer.step(ImageBatch.of(*drawer.draw(batch)))
    network = trainer.parent()
    assert isinstance(network, FullNetwork)
    return network


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    """Means over seeds, and the largest less the smallest."""
    lines = [
        "# How models of one set of images do on others",
        "",
        "Made by `python benchmarks/generalise.py`: bits per dimension of the first "
        f"{TEST_IMAGES} images of each set, as the mean over seeds ± half of the range. All models have "
        f"{WIDTH} channels; full ones {FULL_BLOCKS} residual blocks with 3x3 kernels and horizon {HORIZON}, local ones "
        f"{LOCAL_BLOCKS} of 1x1. Lower is better.",
    ]
    for name, title in TABLES.items():
        own = [row for row in rows if row["images"] == name]
        if not own:
            continue
        seeds = sorted({row["seed"] for row in own})
        sets = list(dict.fromkeys(row["set"] for row in own))
        lines += [
            "",
            f"## Trained on {name}: thesis {title}",
            "",
            f"Each of the first {TRAINING_IMAGES[name]} training images seen once; seeds {', '.join(seeds)}.",
            "",
            f"| model | {' | '.join(sets)} |",
            f"| --- |{' --- |' * len(sets)}",
        ]
        for part, horizon in MODELS:
            cells = []
            for test in sets:
                values = [
                    float(row["bpd"])
                    for row in own
                    if (row["model"], row["horizon"], row["set"]) == (part, str(horizon), test)
                ]
                spread = (max(values) - min(values)) / 2 if values else 0
                cells.append(f"{statistics.mean(values):.3f} ± {spread:.3f}" if values else "-")
            label = "full" if part == "full" else f"local, horizon {horizon}"
            lines.append(f"| {label} | {' | '.join(cells)} |")
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", choices=sorted(TRAINING_IMAGES), default="fashion", help="what is trained on")
    parser.add_argument("--seed", type=int, action="append", help="may be repeated; 1, 2 and 3 if not given")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no training after so many")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    table, start = asked.out.with_suffix(".csv"), time.monotonic()
    rows = list(csv.DictReader(table.open())) if table.exists() else []
    done = {(row["images"], row["model"], row["horizon"], row["seed"]) for row in rows}
    training = load_set(asked.data, TRAINING_SETS[asked.images])[: TRAINING_IMAGES[asked.images]]
    tests = {name: load_set(asked.data, name)[:TEST_IMAGES] for name in TEST_SETS[asked.images]}
    for seed in asked.seed or (1, 2, 3):
        for part, horizon in MODELS:
            if (asked.images, part, str(horizon), str(seed)) in done or time.monotonic() - start > 60 * asked.minutes:
                continue
            network = trained(training, part, horizon, seed)
            for name, images in tests.items():
                bpd = f"{bits_per_dimension(network, images).mean():.5f}"
                rows.append(dict(zip(FIELDS, (asked.images, part, str(horizon), str(seed), name, bpd), strict=True)))
                print(*rows[-1].values(), flush=True)
            with table.open("w", newline="") as file:
                writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
            write_table(asked.out.with_suffix(".md"), rows)


if __name__ == "__main__":
    main()
