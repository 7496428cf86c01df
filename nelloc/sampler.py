"""Images drawn from a model: one more use of the decoders, whose digits are drawn instead of decoded.

The arithmetic is that of decoding, and the random numbers are integers too, so that a model and a seed give the same
image on every machine and with every decoder (thesis Figures 5.4 and D.1b).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nelloc.decoders import DECODERS
from nelloc.decoders.interface import EncodedTile
from nelloc.exact import backends
from nelloc.exact.engine import Engine
from nelloc.exact.mixture import FREQUENCY_BITS
from nelloc.exact.model import ExactModel


class DrawnDigits:
    """Digits drawn with the frequencies that a decoder would decode them by.

    The raw output of NumPy's bit generators is the same in every version and on every machine.
    """

    def __init__(self, seed: int, image: int):
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, image]))

    def decode(self, frequencies: NDArray[np.float64]) -> NDArray[np.int32]:
        """Digits (N,), given their frequencies (N, RADIX) as the entropy coder takes them: less one each."""
        numbers = self._bits.random_raw(len(frequencies)) >> np.uint64(64 - FREQUENCY_BITS)
        upper = np.cumsum(frequencies + 1, axis=1)
        return (numbers.astype(np.float64)[:, None] >= upper[:, :-1]).sum(axis=1, dtype=np.int32)


def sample(
    model: ExactModel,
    height: int,
    width: int,
    count: int,
    seed: int,
    *,
    decoder: str = "sheared",
    backend: str = backends.DEFAULT_BACKEND,
    progress: Callable[[int], None] = lambda pixels: None,
) -> NDArray[np.uint8]:
    """``count`` images of the model's channels, (count, height, width, channels) uint8, each one tile.

    Image k depends on the model, the size, ``seed`` and k alone. ``progress`` is told how many pixels were drawn since
    it was last told. Raises NellocError for a backend that cannot be used.
    """
    engine = Engine.of(model, backends.prepare(model, backend))
    tiles = [EncodedTile(height, width, engine.channels, DrawnDigits(seed, image)) for image in range(count)]
    return np.stack(DECODERS[decoder](engine, tiles, progress)).transpose(0, 2, 3, 1)
