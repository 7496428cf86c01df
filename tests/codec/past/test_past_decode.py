"""What coefficients decode to: the pixels that libjpeg-turbo gives, in the core and in NumPy."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from jpeg_writer import write
from past_pictures import random_picture
from PIL import Image

from nelloc.codec.past.coefficients import Component, JpegCoefficients
from nelloc.codec.past.decode import decode, decode_in_numpy
from nelloc.exact import native

needs_core = pytest.mark.skipif(native.missing() is not None, reason="the compiled core is not built")


def as_pillow_has_it(image: JpegCoefficients) -> np.ndarray:
    parts = [(one.h, one.v, one.quantisation, one.coefficients) for one in image.components]
    found = np.asarray(Image.open(io.BytesIO(write(image.width, image.height, parts))))
    return found[None] if found.ndim == 2 else found.transpose(2, 0, 1)


@needs_core
@pytest.mark.parametrize("start", range(0, 400, 50))
def test_core_gives_the_pixels_of_libjpeg_turbo(start):
    for seed in range(start, start + 50):
        image = random_picture(seed)
        assert np.array_equal(decode(image), as_pillow_has_it(image)), f"seed {seed}"


def test_numpy_gives_the_pixels_of_libjpeg_turbo():
    for seed in range(1000, 1100):
        image = random_picture(seed)
        assert np.array_equal(decode_in_numpy(image), as_pillow_has_it(image)), f"seed {seed}"


@pytest.mark.parametrize("sampling", [(1, 1), (2, 1), (2, 2), (1, 2)])
def test_smallest_sizes(sampling):
    """Where a component has one or two columns, it is not enlarged smoothly."""
    rng = np.random.default_rng(3)
    for width in range(1, 10):
        for height in (1, 2, 3, 9):
            parts = []
            for h, v in (sampling, (1, 1), (1, 1)):
                shape = -(-height // (8 * sampling[1])) * v, -(-width // (8 * sampling[0])) * h, 64
                numbers = rng.integers(-20, 20, shape).astype(np.int16)
                parts.append(Component(h, v, np.full(64, 7, np.uint16), numbers))
            image = JpegCoefficients(width, height, tuple(parts))
            expected = as_pillow_has_it(image)
            assert np.array_equal(decode_in_numpy(image), expected), (width, height)
            if native.missing() is None:
                assert np.array_equal(decode(image), expected), (width, height)


@needs_core
def test_coefficients_far_beyond_those_of_pictures():
    """No decoder of JPEG agrees on these; the format does."""
    rng = np.random.default_rng(5)
    table = np.full(64, 16, np.uint16)
    for _ in range(20):
        numbers = rng.integers(-2047, 2048, (2, 3, 64)).astype(np.int16)
        image = JpegCoefficients(24, 16, (Component(1, 1, table, numbers),))
        assert np.array_equal(decode(image), decode_in_numpy(image))


@pytest.mark.parametrize("decoder", [pytest.param(decode, marks=needs_core), decode_in_numpy])
def test_refuses_what_the_format_does_not_have(decoder):
    image = random_picture(1)
    one = image.components[0]
    large = replace(one, quantisation=np.full(64, 65535, np.uint16), coefficients=np.ones_like(one.coefficients))
    with pytest.raises(ValueError, match=r"range|bits|factors"):
        decoder(replace(image, components=(large, *image.components[1:])))
    flat = np.zeros((1, 3, 64), np.int16)
    thirds = (Component(3, 1, one.quantisation, flat), *[Component(1, 1, one.quantisation, flat[:, :1])] * 2)
    with pytest.raises(ValueError, match=r"range|bits|factors"):
        decoder(JpegCoefficients(24, 8, thirds))
