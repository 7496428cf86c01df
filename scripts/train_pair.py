"""Train a pair of models that is shipped in weights/ood for `nelloc ood-score`: the exact data and settings.

    python scripts/train_pair.py --data ../shared/data --name fashion --out runs/fashion

A stopped run continues when it is started again. The pair is then runs/fashion/pair.safetensors.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from nelloc.errors import NellocError
from nelloc.ood.training import PairConfig, train_part, trainer_of, write_pair
from nelloc.training.datasets import read_idx, read_sheet
from nelloc.training.images import planes
from nelloc.training.loop import Listener
from nelloc.training.networks.full import FullConfig

EVERY = 2_500_000  # pixels between validations, each of which also saves


# Images held out for validation, the last ones; the settings; and how often each model sees the other images.
HELD_OUT = {"fashion": 1000, "cifar10": 200}
# Normalised contexts teach common features fast, so that the full model gets to the specific ones.
COLOUR = FullConfig(width=48, blocks=4, components=5, joint=True, inputs="normalised", dilated=True)
PAIRS = {
    "fashion": PairConfig(("fashion-mnist/train",), 28, 28, FullConfig(width=64, blocks=5, channels=1)),
    "cifar10": PairConfig(("cifar10/train",), 32, 32, COLOUR, flip=0.5),
}
PASSES = {"fashion": {"local": 1, "full": 5}, "cifar10": {"full": 10, "local": 1}}


def load(data: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Load images to train on and held-out ones, (N, C, H, W) uint8."""
    if name == "fashion":
        images = read_idx(data / "fashion-mnist" / "train-images-idx3-ubyte.gz")
    else:
        images = np.concatenate([read_sheet(data / "cifar10" / f"train_{n}.png", 32) for n in range(4)])
    return planes(images[: -HELD_OUT[name]]), planes(images[-HELD_OUT[name] :])


class Printing(Listener):
    """Prints validations and messages."""

    def report(self, row):
        print(row, flush=True)

    def message(self, text):
        print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--name", choices=sorted(PAIRS), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--local-horizon", type=int, help="of the local model, for comparison with the one shipped")
    parser.add_argument("--passes", type=int, help="how often both models see the images, also for comparison")
    parser.add_argument("--seed", type=int, default=1, help="seed of both models; the shipped pairs have 1")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    training, held_out = load(asked.data, asked.name)
    listener = Printing()
    trainers = {}
    for part, usual in PASSES[asked.name].items():
        pixels = (asked.passes or usual) * training[:, 0].size
        config = replace(PAIRS[asked.name], pixels=pixels, seed=asked.seed)
        config = replace(config, local_horizon=asked.local_horizon or config.local_horizon)
        trainers[part] = trainer_of(config, part, asked.out)
        images = training, held_out[:500]
        train_part(trainers[part], images, config, part, asked.out, every=EVERY, listener=listener)
    print(write_pair(config, trainers, asked.out))


if __name__ == "__main__":
    try:
        main()
    except NellocError as error:
        sys.exit(f"train_pair: {error}")
