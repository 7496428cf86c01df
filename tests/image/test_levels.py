"""Levels that a plane lacks are found if chance does not explain them, and samples come back from numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nelloc.image.levels import Levels, find, is_bright, missing, occurring, reduce_planes, restore_planes


def smooth(low, high, side=96, kind=np.uint8):
    """A plane whose levels are all about equally likely."""
    return np.random.default_rng(1).integers(low, high + 1, (side, side)).astype(kind)


@given(st.sets(st.integers(0, 255), min_size=1), st.data())
def test_samples_come_back_from_their_numbers(chosen, data):
    values = np.array(sorted(chosen), np.uint16)
    own = Levels(values, data.draw(st.integers(0, 256 - len(values))))
    plane = np.random.default_rng(len(values)).choice(values, (3, 5)).astype(np.uint8)
    coded = reduce_planes(plane[None], [own], np.uint8)
    assert (coded == np.searchsorted(values, plane) + own.offset).all()
    assert own.hold(coded[0])
    assert np.array_equal(restore_planes(coded, [own])[0], plane)


def test_numbers_of_no_level_give_the_nearest_and_are_not_held():
    own = Levels(np.array([7, 9, 200], np.uint16), 4)
    coded = np.array([[0, 3, 4, 5, 6, 7, 255]], np.uint8)
    assert own.restore(coded, np.uint8).tolist() == [[7, 7, 7, 9, 200, 200, 200]]
    assert not own.hold(coded)
    assert own.hold(coded[:, 2:5])
    assert (own.end, own.numbered(253).end) == (7, 256)


def test_samples_are_bright_if_the_highest_level_is_not_rarer_than_the_lowest():
    planes = np.array([[[3, 3, 3, 9]], [[1, 5, 5, 5]], [[0, 7, 7, 7]]], np.uint8)
    first, second, _ = lists = [occurring(plane) for plane in planes]
    assert is_bright(planes, lists)
    assert is_bright(planes, [first, second, None])
    assert not is_bright(planes, [first, None, None])


def test_a_plane_without_a_list_keeps_its_samples():
    planes = np.stack([smooth(0, 255), smooth(0, 9)])
    own = occurring(planes[1])
    assert np.array_equal(reduce_planes(planes, [None, own], np.uint8), planes)
    assert np.array_equal(restore_planes(planes, [None, own]), planes)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (30, 90), (0, 63)])
def test_a_plane_with_all_levels_between_its_extremes_has_no_list(low, high):
    assert find(smooth(low, high)) is None


def test_levels_that_few_pixels_leave_out_by_chance_are_not_missing():
    assert find(smooth(0, 255, side=64)) is None
    assert find(smooth(0, 65535, side=200, kind=np.uint16)) is None  # 40000 pixels cannot have 65536 levels


def test_a_stretched_plane_has_the_levels_that_occur():
    plane = smooth(20, 220)
    stretched = ((plane.astype(int) - 20) * 255 // 200).astype(np.uint8)
    own = find(stretched)
    assert own is not None
    assert own.values.tolist() == [k * 255 // 200 for k in range(201)]


def test_twelve_bits_scaled_by_an_odd_factor_are_found():
    plane = smooth(0, 4095, side=200, kind=np.uint16) * np.uint16(15) + np.uint16(3)
    own = find(plane)
    assert own is not None
    assert set(own.values.tolist()) == set(plane.ravel().tolist())


@pytest.mark.parametrize("levels", [2, 7])
def test_a_drawing_of_few_levels_has_no_list(levels):
    assert find(smooth(0, levels - 1) * np.uint8(30)) is None


def test_a_small_plane_has_no_list():
    assert find(smooth(0, 120, side=63) * np.uint8(2)) is None
    assert find(smooth(0, 120, side=64) * np.uint8(2)) is not None


def test_the_missing_share_is_what_chance_does_not_explain():
    # Half of 64 levels, so often that each of 32 would be seen: 128 of 256 are missing.
    assert missing(np.tile([10_000, 0], 32), 32) == 128
    assert missing(np.full(64, 10_000), 32) == 0
    # One pixel is seen as one level, whatever there could be.
    assert missing(np.array([1, *[0] * 30, 1]), 32) == 0
    # A block counts by its pixels.
    assert missing(np.concatenate([np.full(32, 3), np.tile([300, 0], 16)]), 32) in range(120, 128)
