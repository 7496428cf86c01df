"""Which products are faster on this machine: those of bfloat16 or those of float32."""

from __future__ import annotations

import time
from functools import cache

import torch

# Rows of contexts and the width of a layer, about as in training.
_ROWS, _WIDTH, _TRIES = 2048, 256, 5


@cache
def bfloat16_is_faster(device: torch.device) -> bool:
    """True if a layer's product takes less time in bfloat16 on ``device``, measured once.

    CPUs differ by a factor of three either way: those with AMX, or Zen 4's units, are fast at it, and others emulate
    it. On other devices it always is.
    """
    if device.type != "cpu":
        return True
    return _seconds(torch.bfloat16) < _seconds(torch.float32)


def _seconds(dtype: torch.dtype) -> float:
    """The shortest of some products, so that other work on the machine does not decide."""
    rows, weight = torch.ones(_ROWS, _WIDTH, dtype=dtype), torch.ones(_WIDTH, _WIDTH, dtype=dtype)
    times = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        torch.nn.functional.linear(rows, weight)
        times.append(time.perf_counter() - start)
    return min(times)
