"""Data sets of the experiments, as tensors; missing or wrong files are named in errors."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from nelloc.errors import NellocError
from nelloc.research.experiment import DATA_HINT, Settings
from nelloc.training.datasets import read_idx, read_sheet

Part = Literal["train", "test"]

_IDX_NAMES = {"train": "train", "test": "t10k"}


def mnist_images(settings: Settings, part: Part) -> Tensor:
    """Load digits, uint8 (N, 28, 28). Raises NellocError if the file is missing or has other images."""
    path = settings.folder("mnist") / f"{_IDX_NAMES[part]}-images-idx3-ubyte.gz"
    images = read_idx(path)
    if images.shape[1:] != (28, 28) or not len(images):
        raise NellocError(f"{path}: has no images of 28 x 28; {DATA_HINT}")
    return torch.from_numpy(images.copy())


def mnist_labels(settings: Settings, part: Part) -> Tensor:
    """Load the labels of ``mnist_images``, int64 (N,). Raises NellocError for a file with other content."""
    path = settings.folder("mnist") / f"{_IDX_NAMES[part]}-labels-idx1-ubyte.gz"
    labels = read_idx(path)
    if labels.ndim != 1 or not len(labels) or labels.max() > 9:
        raise NellocError(f"{path}: has no labels of digits; {DATA_HINT}")
    return torch.from_numpy(labels.copy()).long()


def labelled_digits(settings: Settings, part: Part, most: int | None = None) -> tuple[Tensor, Tensor]:
    """Load the first digits, at most ``most``, and their labels. Raises NellocError if their numbers differ."""
    images, labels = mnist_images(settings, part), mnist_labels(settings, part)
    if len(images) != len(labels):
        raise NellocError(f"{settings.folder('mnist')}: has {len(images)} images but {len(labels)} labels; {DATA_HINT}")
    return images[:most], labels[:most]


def cifar10(settings: Settings, part: Part) -> Tensor:
    """Load photographs, uint8 (N, 3, 32, 32): available sheets of the training set, or the first of the test set.

    Raises NellocError if there is none.
    """
    folder = settings.folder("cifar10")
    paths = sorted(folder.glob("train_*.png")) if part == "train" else [folder / "test_0.png"]
    if not paths:
        raise NellocError(f"{folder}: has no train_0.png; {DATA_HINT}")
    return _channels_first(np.concatenate([read_sheet(path, 32) for path in paths]))


def celeba(settings: Settings, part: Part) -> Tensor:
    """Load faces, uint8 (N, 3, 64, 64), from a sheet. Raises NellocError if it cannot be read."""
    return _channels_first(read_sheet(settings.folder("celeba") / f"crop140_64_{part}_0.webp", 64))


def _channels_first(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
