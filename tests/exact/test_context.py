"""The neighbours of a pixel are those of the sequential decoder, which goes pixel by pixel."""

import numpy as np
import pytest

from nelloc.exact.context import FIRST_PIXEL, context_sources, neighbour_offsets, window
from nelloc.exact.decoders.sequential import _neighbour


@pytest.mark.parametrize("shape", [(5, 6), (1, 7), (6, 1), (2, 2), (1, 1)])
@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_a_context_has_the_neighbours_of_the_sequential_decoder(shape, horizon):
    height, width = shape
    image = np.random.default_rng(0).integers(0, 256, (1, height, width))
    rows, columns = np.divmod(np.arange(height * width), width)
    down, right = neighbour_offsets(horizon, rows, columns, width - 1 - columns)
    values = image[0, rows + down, columns + right]
    values[:, 0] = FIRST_PIXEL
    expected = [
        [int(_neighbour(image, row, column, di, dj, FIRST_PIXEL)[0]) for row, column in zip(rows, columns, strict=True)]
        for di, dj in window(horizon)
    ]
    np.testing.assert_array_equal(values, expected)
    order, sources = context_sources(height, width, horizon)
    padded = np.append(image, FIRST_PIXEL)
    np.testing.assert_array_equal(padded[sources], values[:, order])


def test_offsets_of_the_first_pixel_are_zero():
    down, right = neighbour_offsets(2, np.array([0]), np.array([0]), np.array([5]))
    assert not down.any()
    assert not right.any()
