"""The image sets that the benchmarks measure, from the data folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc.training.datasets import read_idx, read_sheet

SETS = ("kodak", "cifar10", "thesis-imagenet10", "thesis-1024", "imagenet32-like", "celeba32", "celeba64", "held-out")
# In gray, as Pillow converts to mode L.
GRAY_SETS = {"kodak-gray": "kodak", "cifar10-gray": "cifar10", "held-out-gray": "held-out"}
# Sheets of small images: file below the data folder, side.
SHEETS = {
    "cifar10": ("cifar10/test_0.png", 32),
    "imagenet32-like": ("imagenet32-like/test_0.webp", 32),
    "celeba32": ("celeba/crop150_32_test_0.webp", 32),
    "celeba64": ("celeba/crop140_64_test_0.webp", 64),
    "svhn": ("svhn/approx_0.png", 32),
}
# Gray sets in MNIST's format, of which the first SMALL_LIMIT images are measured; and the approximate SVHN.
IDX = {
    "mnist": "mnist/t10k-images-idx3-ubyte.gz",
    "fashion-mnist": "fashion-mnist/t10k-images-idx3-ubyte.gz",
    "kmnist": "kmnist/t10k-images-idx3-ubyte.gz",
    "omniglot": "omniglot/omniglot-images-idx3-ubyte.gz",
}
SMALL_LIMIT = 1000
# Every test set there is.
ALL_SETS = (*SETS, "svhn", *IDX)
# The photographs that scripts/train_shipped.py holds out: every 22nd by name.
HELD_OUT = slice(11, None, 22)


def load(data: Path, name: str) -> dict[str, NDArray[np.uint8]]:
    """Load the images of one set by name: (H, W, 3) or (H, W) uint8."""
    if name in GRAY_SETS:
        colour = load(data, GRAY_SETS[name])
        return {key: np.asarray(Image.fromarray(image).convert("L")) for key, image in colour.items()}
    if name in IDX:
        return {f"{n:05}": image for n, image in enumerate(read_idx(data / IDX[name])[:SMALL_LIMIT])}
    if name in SHEETS:
        path, size = SHEETS[name]
        return {f"test_{n:04}": image for n, image in enumerate(read_sheet(data / path, size))}
    folder = data / ("train-natural" if name == "held-out" else name)
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"))
    images = {}
    for path in paths[HELD_OUT] if name == "held-out" else paths:
        with Image.open(path) as image:
            # The 1024 x 1024 images are RGBA with constant alpha.
            images[path.stem] = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return images


# Sets of small images of one size: files below the data folder, and the side of those of a sheet.
SMALL_SETS: dict[str, tuple[tuple[str, ...], int | None]] = {
    "fashion-train": (("fashion-mnist/train-images-idx3-ubyte.gz",), None),
    "fashion": (("fashion-mnist/t10k-images-idx3-ubyte.gz",), None),
    "mnist": (("mnist/t10k-images-idx3-ubyte.gz",), None),
    "kmnist": (("kmnist/t10k-images-idx3-ubyte.gz",), None),
    "omniglot": (("omniglot/omniglot-images-idx3-ubyte.gz",), None),
    "cifar10-train": (tuple(f"cifar10/train_{n}.png" for n in range(4)), 32),
    "cifar10": (("cifar10/test_0.png",), 32),
    "svhn": (("svhn/approx_0.png",), 32),
    "celeba": (("celeba/crop150_32_test_0.webp",), 32),
}
# Training and test sets of models: their own test images first.
TRAINING_SETS = {"fashion": "fashion-train", "cifar10": "cifar10-train"}
TEST_SETS = {"fashion": ("fashion", "mnist", "kmnist", "omniglot"), "cifar10": ("cifar10", "svhn", "celeba")}


def load_set(data: Path, name: str) -> NDArray[np.uint8]:
    """Load the images of one of SMALL_SETS, (N, C, H, W) uint8."""
    files, side = SMALL_SETS[name]
    arrays = [read_idx(data / file) if side is None else read_sheet(data / file, side) for file in files]
    images = np.concatenate(arrays)
    return images[:, None] if images.ndim == 3 else np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def saved_as_jpeg(image: NDArray[np.uint8], quality: int, subsampling: int = 2) -> NDArray[np.uint8]:
    """Save an RGB image (H, W, 3) as a JPEG, of 4:2:0 unless Pillow's ``subsampling`` says otherwise, and decode it."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))
