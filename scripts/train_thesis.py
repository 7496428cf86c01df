"""Train a local model of the thesis by the thesis's recipe (Appendix D.1.3.2): Adam at 3e-4, batches of 100 images.

    python scripts/train_thesis.py --data ../shared/data --out runs/thesis-r1 --model thesis-r1 --epochs 12
    python scripts/train_thesis.py --data ../shared/data --out runs/thesis-r1 --resume

The rate is constant and nothing is averaged, augmented, decayed or clipped, as the thesis names nothing of that. A
batch has as many pixels as its images have, drawn at random from all images, which gives less noisy gradients than
whole images. The thesis's runs are 1,000 epochs of CIFAR-10 or 400 of ImageNet32; where that is out of reach, --images
makes batches smaller and steps more. --resume goes on, with --epochs to a new length; Ctrl-C and SIGTERM save. The
integer model is runs/thesis-r1/model.nlm at the end of a run; `nelloc export runs/thesis-r1 r1.nlm` makes it any time.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from nelloc.errors import NellocError
from nelloc.training.data import PixelPool, PixelSampler
from nelloc.training.datasets import read_sheet
from nelloc.training.loop import Listener, Trainer
from nelloc.training.networks.local import THESIS, LocalConfig
from nelloc.training.run import check_free, run, validation_batch
from nelloc.training.thesis import BATCH, adam

SIDE = 32
SHEETS = {"cifar10": "train_*.png", "imagenet32-like": "train_*.webp"}
# The last training images of each set are never trained on: they validate.
HELD_OUT = 200


def load(data: Path, names: list[str]) -> tuple[list[PixelPool], dict[str, PixelPool]]:
    """Load the training pool of each set in ``names``, and its validation pool by name."""
    training, validation = [], {}
    for name in names:
        paths = sorted((data / name).glob(SHEETS[name]))
        if not paths:
            raise NellocError(f"{data / name}: no {SHEETS[name]} there; give the folder of the data sets with --data")
        images = [image for path in paths for image in read_sheet(path, SIDE)]
        training.append(PixelPool.from_images(images[:-HELD_OUT]))
        validation[name] = PixelPool.from_images(images[-HELD_OUT:])
    return training, validation


class Printing(Listener):
    """Prints validations."""

    def report(self, row):
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)


def train(args: argparse.Namespace) -> None:
    pools, validation = load(args.data, args.on or ["cifar10"])
    whole = sum(len(pool) for pool in pools)
    pixels = None if args.epochs is None else int(args.epochs * whole)
    if args.resume:
        trainer = Trainer.resume(args.out, pixels=pixels)
    else:
        check_free(args.out)
        network = replace(THESIS[args.model], width=args.width)
        trainer = Trainer(adam(network, args.images * SIDE * SIDE, pixels or 1000 * whole, args.seed))
    network = trainer.config.network
    source = PixelSampler(
        pools, [len(pool) for pool in pools], network.horizon, trainer.data_seed, tile_sizes=[SIDE], gray=0, flip=0
    )
    batches = {name: validation_batch(pool, network, tile=SIDE) for name, pool in validation.items()}
    on = "".join(f"--on {name} " for name in args.on)
    again = f"python scripts/train_thesis.py --data {args.data} --out {args.out} {on}--resume"
    run(trainer, source, batches, args.out, every=int(args.every * whole), listener=Printing(), again=again)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", choices=THESIS, default="thesis-r0")
    parser.add_argument("--width", type=int, default=LocalConfig.width, help="of the hidden layers")
    parser.add_argument("--on", choices=SHEETS, action="append", default=[], help="set, or sets; default: cifar10")
    parser.add_argument("--images", type=int, default=BATCH, help="images of a batch")
    parser.add_argument("--epochs", type=float, default=None, help="default: 1000, the thesis's for CIFAR-10")
    parser.add_argument("--every", type=float, default=1, help="epochs between validations, each of which saves")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    try:
        train(args)
    except NellocError as error:
        sys.exit(f"train_thesis: {error}")


if __name__ == "__main__":
    main()
