"""Probabilities and their logarithms in integers: tables that are the same on every machine.

A *stretched* probability p is log2(p / (1 - p)) in steps of 1/256. Both tables are in docs/methods/adaptive.md,
section 12.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

STEPS = 256  # of a stretched probability, for each bit
PROBABILITY_BITS = 22
STRETCH_BITS = 12
LIMIT = 16 * STEPS - 1


@cache
def stretch_table() -> NDArray[np.int64]:
    """Stretched probabilities (2**STRETCH_BITS,) of (2p + 1) / (2 * 2**STRETCH_BITS)."""
    size = 1 << STRETCH_BITS
    logarithm = [(n**STEPS).bit_length() - 1 for n in range(1, 2 * size, 2)]
    return np.array(logarithm, np.int64) - np.array(logarithm[::-1], np.int64)


@cache
def squash_table() -> NDArray[np.int64]:
    """Probabilities (2 * LIMIT + 1,), in 1/2**PROBABILITY_BITS, of the stretched ones from -LIMIT to LIMIT."""
    roots = [_root(16 * STEPS + k) for k in range(STEPS)]
    odds = [roots[x % STEPS] << x // STEPS for x in range(LIMIT + 1)]
    upper = np.array([(odd << PROBABILITY_BITS) // (odd + (1 << 16)) for odd in odds], np.int64)
    return np.concatenate([(1 << PROBABILITY_BITS) - upper[:0:-1], upper])


def _root(exponent: int) -> int:
    """The largest integer whose 256th power is at most 2**exponent."""
    guess = int(2 ** (exponent / STEPS))
    while guess**STEPS > 1 << exponent:
        guess -= 1
    while (guess + 1) ** STEPS <= 1 << exponent:
        guess += 1
    return guess
