"""Train a model that is shipped in weights/: the exact data, split and settings.

The commands of every model are in weights/MODEL_CARD.md: most start from an earlier model with --init. One from random
weights, and its continuation after a stop:

    python scripts/train_shipped.py --data ../shared/data --out runs/gray --model default-gray --megapixels 350
    python scripts/train_shipped.py --data ../shared/data --out runs/gray --resume

The integer model is then runs/gray/model.nlm; `nelloc export runs/gray gray.nlm` makes it at any time.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from nelloc.errors import NellocError
from nelloc.exact import model_store
from nelloc.training.batches import Batch
from nelloc.training.data import PixelPool, PixelSampler, halve, image_paths, load_images
from nelloc.training.datasets import read_sheet
from nelloc.training.loop import Listener, Trainer, TrainingConfig
from nelloc.training.networks.export import restore
from nelloc.training.networks.grow import with_borders
from nelloc.training.networks.local import LocalConfig
from nelloc.training.processes import Processes, joined
from nelloc.training.run import VALIDATION_TILE, check_free, run, validation_batch
from nelloc.training.shapes import parse_shape

# Every HOLD_OUT-th photograph, by sorted name, is never trained on: it validates.
HOLD_OUT = 22
# Small images: the last 200 of the last training sheet validate.
SMALL_HELD_OUT = 200
POOL_WEIGHTS = (0.68, 0.14, 0.18)  # photographs, photographs at half size, 32x32 images
# The same, with fewer of the 32x32 images, and the training images of CIFAR-10 and of CelebA.
THUMBNAIL_WEIGHTS = (0.62, 0.13, 0.10, 0.11, 0.04)
# ``--thumbnails 2``: more of these, for a model that has seen its fill of the photographs.
MORE_THUMBNAIL_WEIGHTS = (0.50, 0.10, 0.10, 0.25, 0.05)
WEIGHTS = (POOL_WEIGHTS, THUMBNAIL_WEIGHTS, MORE_THUMBNAIL_WEIGHTS)


def load(data: Path, *, thumbnails: int = 0) -> tuple[list[PixelPool], dict[str, PixelPool]]:
    """Load training pools and validation pools by source.

    The training pools are photographs, halves and small images, and with ``thumbnails`` the training images of CIFAR-10
    and of CelebA (32x32 and 64x64).
    """
    paths = image_paths(data / "train-natural")
    held = paths[HOLD_OUT // 2 :: HOLD_OUT]
    photographs = load_images([p for p in paths if p not in set(held)])
    small = [
        image for path in sorted((data / "imagenet32-like").glob("train_*.webp")) for image in read_sheet(path, 32)
    ]
    training = [photographs, [halve(p) for p in photographs], small[:-SMALL_HELD_OUT]]
    validation = {"small": PixelPool.from_images(small[-SMALL_HELD_OUT:])}
    for source in ("imagenet", "bsds", "cam", "unsplash"):
        images = load_images([p for p in held if p.name.startswith(source)])
        validation[source] = PixelPool.from_images(images)
    if thumbnails:
        cifar = [image for path in sorted((data / "cifar10").glob("train_*.png")) for image in read_sheet(path, 32)]
        faces = [
            image
            for size in (32, 64)
            for path in sorted((data / "celeba").glob(f"*_{size}_train_*.webp"))
            for image in read_sheet(path, size)
        ]
        training += [cifar[:-SMALL_HELD_OUT], faces]
        validation["cifar"] = PixelPool.from_images(cifar[-SMALL_HELD_OUT:])
    return [PixelPool.from_images(images) for images in training], validation


def validation_batches(pools: dict[str, PixelPool], network: LocalConfig) -> dict[str, Batch]:
    """Draw the same VALIDATION_PIXELS random pixels of each pool in every run."""
    return {
        name: validation_batch(pool, network, tile=32 if name in ("small", "cifar") else VALIDATION_TILE)
        for name, pool in pools.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="default", help="a shape, as nelloc train --model takes it")
    parser.add_argument("--init", default=None, help="an integer model to start from, instead of random weights")
    parser.add_argument("--borders", action="store_true", help="with --init: let the network see the tile's borders")
    parser.add_argument(
        "--thumbnails",
        type=int,
        choices=range(len(WEIGHTS)),
        nargs="?",
        const=1,
        default=0,
        help="train on CIFAR-10's and CelebA's training images too; 2: on more of them",
    )
    parser.add_argument("--batch", type=int, default=TrainingConfig.batch)
    parser.add_argument("--learning-rate", type=float, default=TrainingConfig.learning_rate)
    parser.add_argument(
        "--matrix-rate", type=float, default=TrainingConfig.matrix_rate, help="Muon's; 0: AdamW for all"
    )
    parser.add_argument("--megapixels", type=float, default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw the pixels; a GPU needs several")
    parser.add_argument("--every", type=float, default=10, help="megapixels between validations, each of which saves")
    parser.add_argument("--device", default=None)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    try:
        with joined(args.device) as processes:
            run_training(args, processes)
    except NellocError as error:
        sys.exit(f"train_shipped: {error}")


def run_training(args: argparse.Namespace, processes: Processes) -> None:
    pixels = None if args.megapixels is None else int(args.megapixels * 1e6)
    if args.resume:
        trainer = Trainer.resume(args.out, pixels=pixels, processes=processes)
    else:
        check_free(args.out)
        start = None if args.init is None else restore(model_store.find(args.init), args.init)
        if start is not None and args.borders and not start.config.borders:
            start = with_borders(start)
        config = TrainingConfig(
            network=parse_shape(args.model) if start is None else start.config,
            seed=args.seed,
            batch=args.batch,
            learning_rate=args.learning_rate,
            matrix_rate=args.matrix_rate,
        )
        if pixels is not None:
            config = replace(config, pixels=pixels)
        trainer = Trainer(config, network=start, processes=processes)
    network = trainer.config.network
    pools, validation = load(args.data, thumbnails=args.thumbnails)
    weights = WEIGHTS[args.thumbnails]
    thumbnails = f"--thumbnails {args.thumbnails} " if args.thumbnails else ""
    source = PixelSampler(pools, weights, network.horizon, trainer.data_seed)
    run(
        trainer,
        source,
        validation_batches(validation, network),
        args.out,
        every=int(args.every * 1e6),
        workers=args.workers,
        listener=Printing(),
        again=f"python scripts/train_shipped.py --data {args.data} --out {args.out} {thumbnails}--resume",
    )


class Printing(Listener):
    """Prints validations."""

    def report(self, row):
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
