"""Colours of a tile are counted as if one by one, in little memory."""

import numpy as np
import pytest

from nelloc.codec.adaptive.colours import MAX_COLOURS, count_colours


@pytest.mark.parametrize("colours", [1, 200, MAX_COLOURS, MAX_COLOURS + 1])
@pytest.mark.parametrize("planes", [1, 3])
def test_colours_are_counted(colours, planes):
    numbers = np.arange(400 * 300) % colours  # more than are counted in one step
    numbers[-1] = colours - 1
    samples = np.stack([numbers.reshape(400, 300) * factor for factor in (1, 5, 11)[:planes]]).astype(np.uint16)
    expected = len({tuple(pixel) for pixel in samples.reshape(planes, -1).T.tolist()})
    assert count_colours(samples, 16) == expected == colours


def test_more_colours_than_a_palette_holds_are_not_all_counted():
    samples = np.arange(1 << 16, dtype=np.uint16).repeat(4).reshape(1, 512, 512)
    assert MAX_COLOURS < count_colours(samples, 16) < 1 << 16
