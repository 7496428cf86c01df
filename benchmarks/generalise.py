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

With --thesis the networks are those of appendix D.1.3, of all horizons, trained by the thesis's recipe (Adam at 3e-4,
batches of 100) on all available images, as often as in the thesis (100 times gray, 1,000 times colour) or as --passes
gives. They take days of a CPU core, so the results do not include them. Each is trained in a folder below --runs, and a
stopped run continues from there; --horizon selects local models. The pair for Table 5.5 alone:

    python scripts/train_pair.py --data ../shared/data --name fashion --out runs/thesis/fashion --thesis
    python benchmarks/generalise.py --data ../shared/data --out benchmarks/results/generalise \
        --pair runs/thesis/fashion --thesis --passes 100 --seed 1
    python benchmarks/ood.py --data ../shared/data --out benchmarks/results/ood_thesis --model runs/thesis/fashion
"""

from __future__ import annotations

import argparse
import statistics
import sys
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

from nelloc import disk
from nelloc.bench import markdown
from nelloc.errors import NellocError
from nelloc.ood.pair import PARTS, load
from nelloc.ood.scores import bits_per_dimension
from nelloc.training import thesis
from nelloc.training.images import ImageBatch, ImageSampler
from nelloc.training.loop import CHECKPOINT, Trainer, TrainingConfig
from nelloc.training.networks.full import FullConfig, FullNetwork
from nelloc.training.run import finish

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
    return fitted(images, shape, seed)


def fitted(images: NDArray[np.uint8], shape: FullConfig, seed: int) -> FullNetwork:
    """Train a model of a ``shape``, once over ``images``."""
    pixels = images[:, 0].size
    batch = BATCH * images[0, 0].size
    config = TrainingConfig(network=shape, pixels=pixels, batch=batch, warm_up=pixels // 50, seed=seed)
    trainer = Trainer(config)
    drawer = ImageSampler(images, seed).open(0, 1)
    while trainer.seen < pixels:
        trainer.step(ImageBatch.of(*drawer.draw(batch)))
    network = trainer.parent()
    assert isinstance(network, FullNetwork)
    return network


def fitted_like_thesis(images: NDArray[np.uint8], shape: FullConfig, seed: int, passes: int, run: Path) -> FullNetwork:
    """Train a model of a ``shape`` by the thesis's recipe in the folder ``run``, or go on there.

    Raises NellocError if it is stopped.
    """
    if disk.exists(run / CHECKPOINT):
        trainer = Trainer.resume(run)
    else:
        batch = thesis.BATCH * images[0, 0].size
        trainer = Trainer(thesis.adam(shape, batch, passes * images[:, 0].size, seed))
    source = ImageSampler(images, trainer.data_seed)
    some = {"training": ImageBatch.of(images[: thesis.BATCH])}
    finish(trainer, source, some, run, every=images[:, 0].size, again="the same command")
    network = trainer.parent()
    assert isinstance(network, FullNetwork)
    return network


def model_name(part: str, shape: FullConfig) -> str:
    """Name of a model in the table: local ones of more than one block are another row than those of one."""
    return part if part == "full" or shape.blocks == LOCAL_BLOCKS else f"{part}, {shape.blocks} blocks"


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
    parser.add_argument("--horizon", type=int, action="append", help="of local models with --thesis; default: all")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the trainings with --thesis")
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
        kind = LIKE_THESIS if asked.thesis else LONGER
        pair, images, seed = load(asked.pair), f"{asked.images}{kind}{asked.passes}", str(asked.seed[0])
        named = [(model_name(part, getattr(pair, part).config), getattr(pair, part)) for part in PARTS]
        again = {(name, str(network.config.horizon)) for name, network in named}
        rows = [
            row
            for row in rows
            if (row["images"], row["seed"]) != (images, seed) or (row["model"], row["horizon"]) not in again
        ]
        for name, network in named:
            rows += measured(network, tests, (images, name, str(network.config.horizon), seed))
        write(asked.out, rows)
        return
    training = load_set(asked.data, TRAINING_SETS[asked.images])
    if asked.thesis:
        passes = asked.passes or thesis.PASSES[asked.images]
        kind = f"{asked.images}{LIKE_THESIS}{passes}"
        for seed in asked.seed or (1, 2, 3):
            for part, shape in thesis.networks(asked.images):
                name = model_name(part, shape)
                keys = (kind, name, str(shape.horizon), str(seed))
                if keys in done or (part == "local" and asked.horizon and shape.horizon not in asked.horizon):
                    continue
                run = asked.runs / f"{kind}-{part}-blocks{shape.blocks}-horizon{shape.horizon}-seed{seed}"
                rows += measured(fitted_like_thesis(training, shape, seed, passes, run), tests, keys)
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
    try:
        main()
    except NellocError as error:
        sys.exit(f"generalise: {error}")
