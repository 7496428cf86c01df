"""Train a model that is shipped in weights/: the exact data, split and settings.

    python scripts/train_shipped.py --data ../shared/data --out runs/default
    python scripts/train_shipped.py --data ../shared/data --out runs/default --resume

Then `python scripts/export_model.py runs/default weights/default.nlm` makes the integer model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from nelloc.models.local import LocalConfig
from nelloc.training.batches import Batch, BatchMaker
from nelloc.training.data import PixelPool, PixelSampler, halve, image_paths, load_images, sheet_images
from nelloc.training.loop import Trainer, TrainingConfig, train

# Every HOLD_OUT-th photograph, by sorted name, is never trained on: it validates.
HOLD_OUT = 22
# Small images: the last 200 of the last training sheet validate.
SMALL_HELD_OUT = 200
VALIDATION_PIXELS = 40_000
POOL_WEIGHTS = (0.76, 0.12, 0.12)  # photographs, photographs at half size, 32x32 images


def load(data: Path) -> tuple[list[PixelPool], dict[str, PixelPool]]:
    """Training pools (photographs, halves, small images) and validation pools by source."""
    paths = image_paths(data / "train-natural")
    held = paths[HOLD_OUT // 2 :: HOLD_OUT]
    photographs = load_images([p for p in paths if p not in set(held)])
    sheets = load_images(sorted((data / "imagenet32-like").glob("train_*.webp")))
    small = [image for sheet in sheets for image in sheet_images(sheet, 32)]
    training = [photographs, [halve(p) for p in photographs], small[:-SMALL_HELD_OUT]]
    validation = {"small": PixelPool.from_images(small[-SMALL_HELD_OUT:])}
    for source in ("imagenet", "bsds", "cam", "unsplash"):
        images = load_images([p for p in held if p.name.startswith(source)])
        validation[source] = PixelPool.from_images(images)
    return [PixelPool.from_images(images) for images in training], validation


def validation_batches(pools: dict[str, PixelPool], horizon: int) -> dict[str, Batch]:
    """The same VALIDATION_PIXELS random pixels of each pool in every run."""
    make = BatchMaker(horizon)
    batches = {}
    for name, pool in pools.items():
        tile = 32 if name == "small" else 256
        sampler = PixelSampler([pool], [1.0], horizon, seed=0, tile_sizes=[tile], gray=0, flip=0)
        batches[name] = make(*sampler.draw(VALIDATION_PIXELS))
    return batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--blocks", type=int, default=0)
    parser.add_argument("--megapixels", type=float, default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pixels = None if args.megapixels is None else int(args.megapixels * 1e6)
    if args.resume:
        trainer = Trainer.resume(args.out, pixels=pixels)
    else:
        network = LocalConfig(width=args.width, blocks=args.blocks)
        config = TrainingConfig(network=network, seed=args.seed)
        if pixels is not None:
            config = TrainingConfig(network=network, seed=args.seed, pixels=pixels)
        trainer = Trainer(config)
    horizon = trainer.config.network.horizon
    pools, validation = load(args.data)
    # A resumed run draws other pixels than the ones it has seen.
    sampler = PixelSampler(pools, POOL_WEIGHTS, horizon, seed=trainer.config.seed + trainer.seen)
    batches = validation_batches(validation, horizon)
    train(trainer, sampler, batches, args.out, report=lambda row: print(_line(row), flush=True))


def _line(row: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in row.items())


if __name__ == "__main__":
    main()
