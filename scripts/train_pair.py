"""Train the pairs of models that are shipped for telling images out of distribution: the exact data and settings.

python scripts/train_pair.py --data ../shared/data --name fashion --part local --out runs/fashion
python scripts/train_pair.py --data ../shared/data --name fashion --part full --out runs/fashion
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nelloc.datasets import read_idx, read_sheet
from nelloc.errors import NellocError
from nelloc.models.full import FullConfig
from nelloc.training.images import ImageBatch, ImageSampler, planes
from nelloc.training.loop import CHECKPOINT, Trainer, TrainingConfig
from nelloc.training.run import Listener, finish

HELD_OUT = {"fashion": 1000, "cifar10": 200}  # the last training images validate
IMAGES_PER_BATCH = 16


def training_images(data: Path, name: str) -> NDArray[np.uint8]:
    """The training images of a pair, (N, C, H, W)."""
    if name == "fashion":
        return planes(read_idx(data / "fashion-mnist" / "train-images-idx3-ubyte.gz"))
    return planes(np.concatenate([read_sheet(data / "cifar10" / f"train_{n}.png", 32) for n in range(4)]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--name", choices=sorted(HELD_OUT), required=True)
    parser.add_argument("--part", choices=("local", "full"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--passes", type=float, default=8, help="how often each image is seen")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--horizon", type=int, default=3)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--matrix-rate", type=float, default=0.02)
    parser.add_argument("--flip", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train", type=int, help="images to train on")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    images = training_images(asked.data, asked.name)
    training, held_out = images[: -HELD_OUT[asked.name]], images[-HELD_OUT[asked.name] :]
    training = training[: asked.train]
    _, channels, height, width = images.shape
    folder = asked.out / asked.part
    if (folder / CHECKPOINT).exists():
        trainer = Trainer.resume(folder)
    else:
        shape = FullConfig(
            horizon=asked.horizon,
            width=asked.width,
            blocks=asked.blocks,
            channels=channels,
            kernel=3 if asked.part == "full" else 1,
        )
        pixels = round(asked.passes * len(training)) * height * width
        trainer = Trainer(
            TrainingConfig(
                network=shape,
                pixels=pixels,
                batch=IMAGES_PER_BATCH * height * width,
                warm_up=pixels // 50,
                learning_rate=asked.rate,
                matrix_rate=asked.matrix_rate,
                seed=asked.seed,
            )
        )
    listener = Listener(report=lambda row: print(row, flush=True), messages=print)
    source = ImageSampler(training, trainer.data_seed, flip=asked.flip)
    every = max(trainer.config.batch, min(5_000_000, trainer.config.pixels // 20))
    finish(trainer, source, {"held-out": ImageBatch.of(held_out[:500])}, folder, every=every, listener=listener)


if __name__ == "__main__":
    try:
        main()
    except NellocError as error:
        sys.exit(f"train_pair: {error}")
