"""Promises of large arrays: they hold what is put into them, leave no file behind, and need no disk."""

from __future__ import annotations

import mmap
import tempfile

import numpy as np
import pytest

from nelloc.image import mapped_array


def lies_in_a_file(array: np.ndarray) -> bool:
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap.mmap)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_array, "LARGE", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_small_arrays_are_in_memory_and_large_ones_in_a_file(folder):
    assert not lies_in_a_file(mapped_array.empty((3, 18, 18), np.uint8))
    assert lies_in_a_file(mapped_array.empty((3, 18, 19), np.uint8))
    assert lies_in_a_file(mapped_array.empty((1, 25, 20), np.uint16))


def test_a_large_array_holds_what_is_put_into_it_and_its_file_has_no_name(folder):
    array = mapped_array.empty((2, 300, 2000), np.uint16)
    assert (array.shape, array.dtype) == ((2, 300, 2000), np.uint16)
    expected = np.random.default_rng(0).integers(0, 1 << 16, array.shape, dtype=np.uint16)
    array[:] = expected
    np.testing.assert_array_equal(array, expected)
    assert list(folder.iterdir()) == []


def test_groups_are_joined_in_their_order(folder):
    first, second = np.full((3, 20, 30), 1, np.uint8), np.full((1, 20, 30), 2, np.uint8)
    joined = mapped_array.joined([first, second])
    assert lies_in_a_file(joined)
    np.testing.assert_array_equal(joined, np.concatenate([first, second]))


def test_without_room_on_the_disk_the_memory_is_used(folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "missing"))
    array = mapped_array.empty((3, 100, 100), np.uint8)
    array[:] = 7
    assert not lies_in_a_file(array)
