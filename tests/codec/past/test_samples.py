"""Blocks of planes: what is summed, and what is put around them."""

import numpy as np
import pytest

from nelloc.codec.past.samples import framed, in_whole_blocks, over_blocks


@pytest.mark.parametrize("function", [np.add, np.maximum, np.logical_and])
@pytest.mark.parametrize(("height", "width", "down", "across"), [(1, 1, 8, 8), (17, 30, 8, 16), (9, 5, 3, 5)])
def test_each_block_of_a_plane_is_reduced_by_itself(function, height, width, down, across):
    plane = np.random.default_rng(height).integers(0, 256, (height, width), np.uint8)
    whole = in_whole_blocks(plane, down, across)
    found = over_blocks(function, whole, down, across)
    assert found.shape == (-(-height // down), -(-width // across))
    for (row, column), number in np.ndenumerate(found):
        inside = whole[row * down : (row + 1) * down, column * across : (column + 1) * across]
        assert number == function.reduce(inside, axis=None)


@pytest.mark.parametrize("shape", [(0, 16), (8, 0), (0, 0)])
def test_a_plane_without_blocks_has_no_numbers(shape):
    found = over_blocks(np.add, np.zeros(shape, np.uint8))
    assert found.shape == (shape[0] // 8, shape[1] // 8)


def test_a_frame_is_what_numpy_pads():
    plane = np.arange(6, dtype=np.int16).reshape(2, 3)
    expected = np.pad(plane, ((1, 2), (3, 0)), constant_values=-7)
    found = framed(plane, (1, 2, 3, 0), -7)
    assert found.dtype == plane.dtype
    assert np.array_equal(found, expected)
    assert framed(plane, (0, 0, 0, 0)) is plane
