r"""Tables 5.1 to 5.4: performance of full and local models of one set of images on others, by horizon.

    python benchmarks/generalise.py --data ../shared/data --out benchmarks/results/generalise
    python benchmarks/generalise.py --data ../shared/data --out benchmarks/results/generalise --images cifar10

Trains small models (WIDTH channels, once over TRAINING_IMAGES images) with several seeds, a full PixelCNN of horizon 3
and local models of horizons 1 to 5, and writes the bits per dimension of test sets to OUT.csv, their means and ranges
to OUT.md and a plot to OUT.png. Rows that are in the file already are not measured again, so the run can be stopped and
continued. Colour models have normalised inputs, which start at horizon 2, and a joint mixture: from raw values such a
short training learns too little. With --pair the two models of a longer training are measured instead, a seed at a
time:

    python scripts/train_pair.py --data ../shared/data --name fashion --out runs/fashion-2 --local-horizon 3 \
        --passes 5 --seed 2
    python benchmarks/generalise.py --data ../shared/data --out benchmarks/results/generalise --pair runs/fashion-2 \
        --passes 5 --seed 2

With --thesis the networks are those of appendix D.1.3 instead, trained on all available images, as often as in the
thesis (100 times gray, 1,000 times colour) or as --passes gives; only the optimiser is this program's. They take days
of a CPU core, so the results do not include them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import report
import torch
from images import TEST_SETS, TRAINING_SETS, load_set
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nelloc.bench import markdown
from nelloc.ood.pair import PARTS, load
from nelloc.ood.scores import bits_per_dimension
from nelloc.training.images import ImageBatch, ImageSampler
from nelloc.training.loop import Trainer, TrainingConfig
from nelloc.training.networks.full import FullConfig, FullNetwork

WIDTH, FULL_BLOCKS, LOCAL_BLOCKS = 32, 4, 1
HORIZON = 3  # of the full model
SHAPES = {
    "fashion": FullConfig(width=WIDTH, channels=1),
    "cifar10": FullConfig(width=WIDTH, components=5, joint=True, inputs="normalised"),
}
TRAINING_IMAGES = {"fashion": 6000, "cifar10": 2000}  # number of first images, each seen once
BATCH = 8  # images
TEST_IMAGES = {"fashion": 500, "cifar10": 300}  # number of first images of each set
MODELS = {
    "fashion": [("full", HORIZON), *(("local", horizon) for horizon in range(1, 6))],
    "cifar10": [("full", HORIZON), *(("local", horizon) for horizon in range(2, 6))],
}
FIELDS = ("images", "model", "horizon", "seed", "set", "bpd")
# Appendix D.1.3: width, blocks and first kernel (2 horizon + 1) of both models, and how often they see each image.
THESIS = {
    "fashion": {
        "full": FullConfig(width=256, blocks=5, channels=1, horizon=3),
        "local": FullConfig(width=256, blocks=1, channels=1, horizon=3, kernel=1),
    },
    "cifar10": {
        "full": FullConfig(width=256, blocks=10, horizon=4),
        "local": FullConfig(width=256, blocks=10, horizon=3, kernel=1),
    },
}
THESIS_PASSES = {"fashion": 100, "cifar10": 1000}
THESIS_BATCH = 100  # images
LIKE_THESIS = "-thesis-"  # between the images and how often networks of the thesis's shape have seen each
LONGER = "-passes-"  # between the images and how often the models of a pair have seen each
TABLES = {"fashion": "Tables 5.1 and 5.3", "cifar10": "Tables 5.2 and 5.4"}


def trained(images: NDArray[np.uint8], like: FullConfig, part: str, horizon: int, seed: int) -> FullNetwork:
    """Train a model on ``images`` (N, C, H, W), once over each; it is a full or a local one ``like`` another."""
    shape = replace(
        like,
        horizon=horizon,
        blocks=FULL_BLOCKS if part == "full" else LOCAL_BLOCKS,
        kernel=3 if part == "full" else 1,
    )
    return fitted(images, shape, seed, 1, BATCH)


def fitted(images: NDArray[np.uint8], shape: FullConfig, seed: int, passes: int, together: int) -> FullNetwork:
    """Train a model of a ``shape``, ``passes`` times over ``images``, ``together`` in a batch."""
    height, width = images.shape[2:]
    pixels = passes * len(images) * height * width
    batch = together * height * width
    config = TrainingConfig(network=shape, pixels=pixels, batch=batch, warm_up=pixels // 50, seed=seed)
    trainer = Trainer(config)
    drawer = ImageSampler(images, seed).open(0, 1)
    while trainer.seen < pixels:
        trainer.step(ImageBatch.of(*drawer.draw(batch)))
    network = trainer.parent()
    assert isinstance(network, FullNetwork)
    return network


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    """Write means over seeds, and the ranges."""
    made = (
        "Made by `python benchmarks/generalise.py`: bits per dimension of the first "
        f"{TEST_IMAGES['fashion']} images of each gray set and {TEST_IMAGES['cifar10']} of each colour set, as the "
        "mean over seeds ± half of the range; lower is better. Where not "
        f"said otherwise, models have {WIDTH} channels (the thesis's have 256), full ones {FULL_BLOCKS} residual "
        f"blocks with 3x3 kernels, local ones {LOCAL_BLOCKS} of 1x1, and have seen each of "
        f"{TRAINING_IMAGES['fashion']} images of Fashion-MNIST or {TRAINING_IMAGES['cifar10']} of CIFAR-10 once. "
        "Colour models have normalised inputs and a joint mixture of 5 components, gray ones the thesis's."
    )
    parts = [f"![Local models less the full one, by horizon]({path.stem}.png)"]
    for name, title in TABLES.items():
        parts += section([row for row in rows if row["images"] == name], f"Trained on {name}: thesis {title}")
        for longer in dict.fromkeys(row["images"] for row in rows if row["images"].startswith(name + LONGER)):
            passes = longer.removeprefix(name + LONGER)
            of_pairs = [row for row in rows if row["images"] == longer]
            parts += section(of_pairs, f"Trained on {name}, longer: 64 channels, {passes} passes over all images")
        for wide in dict.fromkeys(row["images"] for row in rows if row["images"].startswith(name + LIKE_THESIS)):
            passes = wide.removeprefix(name + LIKE_THESIS)
            of_wide = [row for row in rows if row["images"] == wide]
            parts += section(of_wide, f"Trained on {name}, networks of thesis D.1.3: {passes} passes over all images")
    report.write_report(path, report.document("How models of one set of images do on others", made, *parts))


def section(rows: list[dict[str, str]], title: str) -> list[str]:
    """Format one table: a model in a row, a test set in a column."""
    if not rows:
        return []
    seeds = sorted({row["seed"] for row in rows})
    sets = list(dict.fromkeys(row["set"] for row in rows))
    lines = []
    for part, horizon in dict.fromkeys((row["model"], row["horizon"]) for row in rows):
        cells = []
        for test in sets:
            keys = (part, horizon, test)
            values = [float(row["bpd"]) for row in rows if (row["model"], row["horizon"], row["set"]) == keys]
            spread = f" ± {(max(values) - min(values)) / 2:.3f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.3f}{spread}")
        lines.append([f"{part}, horizon {horizon}", *cells])
    return [f"## {title}", f"Seeds: {', '.join(seeds)}.", markdown.table(["model", *sets], lines)]


def plot(path: Path, rows: list[dict[str, str]]) -> None:
    """Plot the additional bits of local models over the full one, by horizon: a panel for each training set."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (trained_on, title) in zip(figure.subplots(1, len(TABLES)), TABLES.items(), strict=True):
        own = [row for row in rows if row["images"] == trained_on]
        bpd = {(r["model"], int(r["horizon"]), r["seed"], r["set"]): float(r["bpd"]) for r in own}
        horizons = sorted({horizon for model, horizon, _, _ in bpd if model == "local"})
        for test in dict.fromkeys(row["set"] for row in own):
            # Paired by seed, which decides the order of the images too.
            leads = [
                [
                    bpd["local", horizon, seed, test] - full
                    for (model, _, seed, name), full in bpd.items()
                    if model == "full" and name == test and ("local", horizon, seed, test) in bpd
                ]
                for horizon in horizons
            ]
            means = [statistics.mean(lead) for lead in leads]
            spread = [(max(lead) - min(lead)) / 2 for lead in leads]
            axes.errorbar(horizons, means, spread, marker="o", capsize=3, label=test)
        axes.axhline(0, color="#444444", linewidth=1)
        axes.set_xticks(horizons)
        axes.set_xlabel("horizon of the local model")
        axes.set_ylabel("bits per dimension more than the full model")
        axes.set_title(f"trained on {trained_on} ({title})")
        axes.legend()
    figure.savefig(path, dpi=100)


def measured(
    network: FullNetwork, tests: dict[str, NDArray[np.uint8]], keys: tuple[str, str, str, str]
) -> list[dict[str, str]]:
    """Make a row for each test set; ``keys`` are the fields before it."""
    rows = []
    for name, images in tests.items():
        bpd = f"{bits_per_dimension(network, images).mean():.5f}"
        rows.append(dict(zip(FIELDS, (*keys, name, bpd), strict=True)))
        print(*rows[-1].values(), flush=True)
    return rows


def write(out: Path, rows: list[dict[str, str]]) -> None:
    """Write OUT.csv, OUT.md and OUT.png."""
    report.write_csv(out.with_suffix(".csv"), FIELDS, [[row[field] for field in FIELDS] for row in rows])
    write_table(out.with_suffix(".md"), rows)
    plot(out.with_suffix(".png"), rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", choices=sorted(TRAINING_IMAGES), default="fashion", help="training set")
    parser.add_argument("--seed", type=int, action="append", help="may be repeated; 1, 2 and 3 if not given")
    parser.add_argument("--pair", type=Path, help="measure the models of this pair, of one --seed and --passes")
    parser.add_argument("--passes", type=int, help="over its images, of the pair; or of the thesis's networks")
    parser.add_argument("--thesis", action="store_true", help="train the networks of appendix D.1.3: days of a core")
    parser.add_argument("--minutes", type=float, default=1e9, help="minutes after which no training is started")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    table, start = asked.out.with_suffix(".csv"), time.monotonic()
    rows = report.read_csv(table)
    done = {(row["images"], row["model"], row["horizon"], row["seed"]) for row in rows}
    tests = {name: load_set(asked.data, name)[: TEST_IMAGES[asked.images]] for name in TEST_SETS[asked.images]}
    if asked.pair is not None:
        if asked.passes is None or asked.seed is None or len(asked.seed) != 1:
            parser.error("--pair needs the one --seed and the --passes that it was trained with")
        pair, images, seed = load(asked.pair), f"{asked.images}{LONGER}{asked.passes}", str(asked.seed[0])
        rows = [row for row in rows if (row["images"], row["seed"]) != (images, seed)]
        for part in PARTS:
            network = getattr(pair, part)
            rows += measured(network, tests, (images, part, str(network.config.horizon), seed))
        write(asked.out, rows)
        return
    training = load_set(asked.data, TRAINING_SETS[asked.images])
    if asked.thesis:
        passes = asked.passes or THESIS_PASSES[asked.images]
        name = f"{asked.images}{LIKE_THESIS}{passes}"
        for seed in asked.seed or (1, 2, 3):
            for part, shape in THESIS[asked.images].items():
                keys = (name, part, str(shape.horizon), str(seed))
                if keys not in done:
                    rows += measured(fitted(training, shape, seed, passes, THESIS_BATCH), tests, keys)
                    write(asked.out, rows)
        return
    training = training[: TRAINING_IMAGES[asked.images]]
    for seed in asked.seed or (1, 2, 3):
        for part, horizon in MODELS[asked.images]:
            if (asked.images, part, str(horizon), str(seed)) in done or time.monotonic() - start > 60 * asked.minutes:
                continue
            network = trained(training, SHAPES[asked.images], part, horizon, seed)
            rows += measured(network, tests, (asked.images, part, str(horizon), str(seed)))
            write(asked.out, rows)


if __name__ == "__main__":
    main()
