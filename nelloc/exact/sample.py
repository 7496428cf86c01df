"""Images drawn from a model: coding whose digits are drawn instead of decoded.

The arithmetic is that of decoding, and the random numbers are integers too, so that a model and a seed give the same
image on every machine and with every decoder (thesis Figures 5.4 and D.1b).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.callbacks import Advance
from nelloc.exact.mixture import FREQUENCY_BITS
from nelloc.exact.model import ExactModel
from nelloc.exact.tile_coder import tile_coder


def random_numbers(seed: int, image: int) -> Callable[[int], NDArray[np.uint32]]:
    """Make a function that draws a given number of random numbers, of FREQUENCY_BITS bits, for one image.

    The raw output of NumPy's bit generators is the same in every version and on every machine.
    """
    return partial(_numbers, np.random.PCG64(np.random.SeedSequence([seed, image])))


def _numbers(bits: np.random.PCG64, count: int) -> NDArray[np.uint32]:
    return (bits.random_raw(count) >> np.uint64(64 - FREQUENCY_BITS)).astype(np.uint32)


def sample(
    model: ExactModel,
    height: int,
    width: int,
    count: int,
    seed: int,
    *,
    decoder: str | None = None,
    backend: str | None = None,
    progress: Advance = lambda pixels: None,
) -> NDArray[np.uint8]:
    """Draw ``count`` images of the model's channels, (count, height, width, channels) uint8, each one tile.

    Image k depends on the model, the size, ``seed`` and k alone. ``progress`` receives the number of pixels drawn since
    its last call. Raises NellocError for a backend that cannot be used.
    """
    draws = [random_numbers(seed, image) for image in range(count)]
    images = tile_coder(model, backend=backend, decoder=decoder).draw((model.channels, height, width), draws, progress)
    return np.stack(images).transpose(0, 2, 3, 1)
