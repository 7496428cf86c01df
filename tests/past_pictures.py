"""Random pictures of JPEG coefficients, with any table and sampling, for tests of what they decode to."""

from __future__ import annotations

import numpy as np

from nelloc.codec.past.coefficients import Component, JpegCoefficients

# Factors of luma; chroma has 1, and None is a gray picture.
SAMPLINGS = [(1, 1), (2, 1), (2, 2), (1, 2), (4, 1), None]
_FREQUENCY = np.add.outer(np.arange(8), np.arange(8)).ravel()


def random_picture(seed: int, largest: int = 70) -> JpegCoefficients:
    """A picture of a random size up to ``largest``, sampling, quality and amount of detail, all legal in a file."""
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in rng.integers(1, largest, 2))
    sampling = SAMPLINGS[rng.integers(len(SAMPLINGS))]
    quality = int(rng.integers(1, 101))
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    across, down = sampling or (1, 1)
    detail = rng.choice([30, 100, 400, 1000]) * rng.uniform(0.2, 1)
    components = []
    for h, v in [(across, down), (1, 1), (1, 1)] if sampling else [(1, 1)]:
        table = np.clip(((16 + 4 * _FREQUENCY) * rng.uniform(0.6, 1.6, 64) * scale + 50) / 100, 1, 255)
        table = table.astype(np.uint16)
        shape = -(-height // (8 * down)) * v, -(-width // (8 * across)) * h, 64
        numbers = rng.laplace(size=shape) * detail / (1 + _FREQUENCY**1.5)
        numbers[..., 0] = rng.uniform(-1000, 1000, shape[:2]) * rng.uniform()
        numbers = np.clip(np.round(numbers / table), -1023, 1023)
        if rng.uniform() < 0.3:
            numbers[..., rng.integers(1, 64) :] = 0
        components.append(Component(h, v, table, numbers.astype(np.int16)))
    return JpegCoefficients(width, height, tuple(components))
