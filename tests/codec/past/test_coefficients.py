"""Coefficients of JPEG images come back from what they are coded to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from nelloc.codec.past import core
from nelloc.codec.past.coefficients import (
    Component,
    JpegCoefficients,
    block_shapes,
    decode_coefficients,
    encode_coefficients,
)
from nelloc.errors import NellocError

pytestmark = pytest.mark.skipif(not core.available(), reason="the compiled core is not built")
FACTORS = [
    [(1, 1)],
    [(2, 2)],
    [(1, 1)] * 3,
    [(2, 2), (1, 1), (1, 1)],
    [(2, 1), (1, 2), (1, 1)],
    [(1, 1), (2, 4), (4, 1)],
]


def image(width: int, height: int, factors, seed: int, largest: int, density: float) -> JpegCoefficients:
    rng = np.random.default_rng(seed)
    components = []
    for (h, v), (rows, columns) in zip(factors, block_shapes(width, height, factors), strict=True):
        numbers = rng.integers(-largest, largest + 1, (rows, columns, 64))
        numbers *= rng.random(numbers.shape) < density
        table = rng.integers(1, 65536 if seed % 3 == 0 else 100, 64).astype(np.uint16)
        components.append(Component(h, v, table, numbers.astype(np.int16)))
    return JpegCoefficients(width, height, tuple(components))


@settings(max_examples=60, deadline=None)
@given(
    some.integers(1, 70),
    some.integers(1, 50),
    some.sampled_from(FACTORS),
    some.integers(0, 1000),
    some.sampled_from([0, 1, 3, 200, 2047, 32767]),
    some.sampled_from([0.02, 0.3, 1.0]),
)
def test_coefficients_come_back(width, height, factors, seed, largest, density):
    given_image = image(width, height, factors, seed, largest, density)
    found = decode_coefficients(encode_coefficients(given_image))
    assert (found.width, found.height) == (width, height)
    for one, other in zip(given_image.components, found.components, strict=True):
        assert (one.h, one.v) == (other.h, other.v)
        assert np.array_equal(one.quantisation, other.quantisation)
        assert np.array_equal(one.coefficients, other.coefficients)


def test_the_least_coefficient_comes_back():
    numbers = np.full((1, 2, 64), -32768, np.int16)
    given_image = JpegCoefficients(16, 8, (Component(1, 1, np.full(64, 65535, np.uint16), numbers),))
    found = decode_coefficients(encode_coefficients(given_image))
    assert np.array_equal(found.components[0].coefficients, numbers)


def test_flat_images_take_few_bytes_and_come_back():
    given_image = image(2000, 1500, [(2, 2), (1, 1), (1, 1)], 1, 0, 1.0)
    data = encode_coefficients(given_image)
    assert len(data) < 1200
    assert not any(one.coefficients.any() for one in decode_coefficients(data).components)


def test_damaged_bytes_are_refused():
    data = encode_coefficients(image(40, 30, FACTORS[3], 2, 5, 0.3))
    for at in range(0, len(data), 7):
        with pytest.raises(NellocError, match="damaged"):
            decode_coefficients(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
    for size in range(0, len(data), 11):
        with pytest.raises(NellocError, match="damaged"):
            decode_coefficients(data[:size])


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"height": 70000},
        {"components": ()},
        {"width": 41},
    ],
)
def test_what_does_not_go_together_is_refused(change):
    good = image(40, 30, FACTORS[2], 2, 5, 0.3)
    with pytest.raises(ValueError, match=r"JPEG image|coefficients"):
        JpegCoefficients(**{"width": 40, "height": 30, "components": good.components} | change)
