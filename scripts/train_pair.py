"""Train a pair of models that is shipped in weights/ood for `nelloc ood-score`: the exact data and settings.

    python scripts/train_pair.py --data ../shared/data --name fashion --out runs/fashion

A stopped run continues when it is started again. The pair is then runs/fashion/pair.safetensors. With --thesis it is
that of the thesis's Table 5.5, by its recipe (appendix D.1.3.1: 256 channels, Adam at 3e-4, batches of 100, 100 or
1,000 times over the images), but for the held-out images: days of a core.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from nelloc.errors import NellocError
from nelloc.ood.training import PairConfig, train_part, trainer_of, write_pair
from nelloc.training import thesis
from nelloc.training.datasets import read_idx, read_sheet
from nelloc.training.images import planes
from nelloc.training.loop import Listener, TrainingConfig
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


@dataclass(frozen=True)
class ThesisPair(PairConfig):
    """Pair of appendix D.1.3.1, trained by the thesis's recipe on the images ``name``."""

    name: str = "fashion"

    @property
    def local(self) -> FullConfig:
        """Shape of the local model."""
        return thesis.PAIRS[self.name]["local"]

    def training(self, part: str) -> TrainingConfig:
        """Training configuration of one model."""
        network = thesis.PAIRS[self.name][part]
        return thesis.adam(network, thesis.BATCH * self.height * self.width, self.pixels, self.seed)


def thesis_pair(name: str) -> ThesisPair:
    """Make the settings of the thesis's pair of the images ``name``."""
    like = PAIRS[name]
    return ThesisPair(like.folders, like.height, like.width, thesis.PAIRS[name]["full"], name=name)


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
    parser.add_argument("--thesis", action="store_true", help="networks and training of the thesis: days of a core")
    asked = parser.parse_args()
    if asked.thesis and asked.local_horizon:
        parser.error("--thesis has a local horizon of its own; leave out --local-horizon")
    torch.set_num_threads(asked.threads)
    training, held_out = load(asked.data, asked.name)
    listener = Printing()
    trainers = {}
    for part, usual in PASSES[asked.name].items():
        passes = asked.passes or (thesis.PASSES[asked.name] if asked.thesis else usual)
        like = thesis_pair(asked.name) if asked.thesis else PAIRS[asked.name]
        config = replace(like, pixels=passes * training[:, 0].size, seed=asked.seed)
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
