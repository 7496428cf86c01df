"""What experiments read is what they ask for, or it is named."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from nelloc.errors import NellocError  # noqa: E402
from nelloc.research.data import cifar10, labelled_digits, mnist_images  # noqa: E402
from nelloc.research.experiment import Settings  # noqa: E402


def idx(folder: Path, name: str, values: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    head = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    (folder / f"{name}.gz").write_bytes(gzip.compress(head + values.astype(np.uint8).tobytes()))


def test_digits_come_with_their_labels(tmp_path):
    images = np.arange(5 * 784).reshape(5, 28, 28) % 256
    idx(tmp_path / "mnist", "t10k-images-idx3-ubyte", images)
    idx(tmp_path / "mnist", "t10k-labels-idx1-ubyte", np.arange(5))
    found, labels = labelled_digits(Settings(data=tmp_path), "test", 3)
    assert np.array_equal(found, images[:3])
    assert labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("images", [np.zeros(10), np.zeros((10, 28, 27)), np.zeros((0, 28, 28))])
def test_a_file_of_other_images_is_named(tmp_path, images):
    idx(tmp_path / "mnist", "train-images-idx3-ubyte", images)
    with pytest.raises(NellocError, match=r"train-images-idx3-ubyte.gz: has no images of 28 x 28; "):
        mnist_images(Settings(data=tmp_path), "train")


def test_labels_that_are_none_or_do_not_fit_are_named(tmp_path):
    idx(tmp_path / "mnist", "train-images-idx3-ubyte", np.zeros((10, 28, 28)))
    for labels, message in ((np.full(10, 12), "no labels of digits"), (np.zeros(9), "10 images but 9 labels")):
        idx(tmp_path / "mnist", "train-labels-idx1-ubyte", labels)
        with pytest.raises(NellocError, match=message):
            labelled_digits(Settings(data=tmp_path), "train")


def test_a_folder_without_sheets_is_named(tmp_path):
    (tmp_path / "cifar10").mkdir()
    with pytest.raises(NellocError, match=r"cifar10: has no train_0.png"):
        cifar10(Settings(data=tmp_path), "train")
    pixels = np.arange(2 * 3072).astype(np.uint8).reshape(2, 32, 32, 3)
    for name in ("train_0.png", "train_1.png"):
        Image.fromarray(pixels.reshape(2, 1024, 3)).save(tmp_path / "cifar10" / name)
    found = cifar10(Settings(data=tmp_path), "train")
    assert np.array_equal(found[2:].permute(0, 2, 3, 1), pixels)
