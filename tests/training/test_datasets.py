"""Data sets in one file: what is read is what was written, and what is missing or damaged is named."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nelloc import NellocError
from nelloc.training.datasets import read_idx, read_sheet

RANDOM = np.random.default_rng(1)


def idx(array, kind=8):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.tobytes()


@pytest.mark.parametrize("shape", [(5, 28, 28), (7,), (0, 28, 28)])
@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_idx_files_are_read_gzipped_or_not(tmp_path, shape, pack):
    array = RANDOM.integers(0, 256, shape, np.uint8)
    path = tmp_path / "images.gz"
    path.write_bytes(pack(idx(array)))
    assert read_idx(path).dtype == np.uint8
    assert np.array_equal(read_idx(path), array)


@pytest.mark.parametrize("suffix", ["png", "webp"])
@pytest.mark.parametrize("size", [3, 32])
def test_sheets_are_read(tmp_path, suffix, size):
    images = RANDOM.integers(0, 256, (4, size, size, 3), np.uint8)
    path = tmp_path / f"sheet.{suffix}"
    Image.fromarray(images.reshape(4, size * size, 3)).save(path, lossless=True)
    assert np.array_equal(read_sheet(path, size), images)


def test_missing_files_are_named(tmp_path):
    for read in (read_idx, lambda path: read_sheet(path, 32)):
        with pytest.raises(NellocError, match="absent: cannot be read"):
            read(tmp_path / "absent")


@given(st.data())
def test_a_cut_or_changed_idx_file_is_refused_or_read_as_such(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("idx") / "images.gz"
    array = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    whole = gzip.compress(idx(array), mtime=0)
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(NellocError, match=r"images\.gz: "):
        read_idx(path)
    place = data.draw(st.integers(10, len(whole) - 1))  # after gzip's own header, which may be changed unseen
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        found = read_idx(path)
    except NellocError as error:
        message = str(error)
    else:  # some bits say nothing: those that fill up deflate's last byte
        message = "images.gz: " if np.array_equal(found, array) else "other images"
    assert "images.gz: " in message


def test_other_idx_files_are_refused(tmp_path):
    path = tmp_path / "images"
    array = RANDOM.integers(0, 256, (3, 4), np.uint8)
    for wrong, words in (
        (idx(array, kind=13), "not an idx file"),
        (b"", "not an idx file"),
        (b"\0\0\x08\x04", "not an idx file"),
        (idx(array)[:-1], "holds 11 values where it announces 3 x 4"),
        (idx(array) + b"\0", "holds 13 values"),
    ):
        path.write_bytes(wrong)
        with pytest.raises(NellocError, match=words):
            read_idx(path)


def test_a_sheet_of_another_size_or_no_image_is_refused(tmp_path):
    path = tmp_path / "sheet.png"
    Image.new("RGB", (64, 2)).save(path)
    assert read_sheet(path, 8).shape == (2, 8, 8, 3)
    with pytest.raises(NellocError, match="rows have 64 pixels, not 7 x 7"):
        read_sheet(path, 7)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(NellocError, match="cannot be read"):
        read_sheet(path, 8)


def test_the_sets_of_the_data_folder(data):
    assert read_idx(data / "fashion-mnist/train-images-idx3-ubyte.gz").shape == (15_000, 28, 28)
    assert read_idx(data / "mnist/t10k-labels-idx1-ubyte.gz").shape == (10_000,)
    assert read_sheet(data / "svhn/approx_0.png", 32).shape == (526, 32, 32, 3)
