"""Standard tables of the mixture in model files; without torch."""

from __future__ import annotations

import math

import numpy as np

from nelloc.exact.context import SCALE_ORIGIN, SCALE_STEPS
from nelloc.exact.model import (
    COARSE_BITS,
    COARSE_STEPS,
    LOGISTIC_STEPS,
    LOGIT_STEPS,
    SCALE_FRACTION_BITS,
    MixtureTables,
)

# Range of the logarithm of a scale, in gray levels.
MIN_LOG2_SCALE, MAX_LOG2_SCALE = -5.0, 7.0
# Beyond this the logistic CDF rounds to 0 or 1 at 15 bits.
_LOGISTIC_END = 11.0
_LOGIT_END = 10.0


def mixture_tables() -> MixtureTables:
    """Standard tables of the logistic CDF, the exponential and the inverse scales."""
    positions = np.arange(round(_LOGISTIC_END * COARSE_STEPS) + 1) / COARSE_STEPS
    logistic = [round(2**COARSE_BITS / (1 + math.exp(-x))) for x in positions]
    exponential = [round(2**16 * math.exp(-n / LOGIT_STEPS)) for n in range(round(_LOGIT_END * LOGIT_STEPS) + 1)]
    count = round((SCALE_ORIGIN + MAX_LOG2_SCALE) * SCALE_STEPS) + 1
    scales = [2 ** (index / SCALE_STEPS - SCALE_ORIGIN) for index in range(count)]
    per_step = 2**SCALE_FRACTION_BITS * LOGISTIC_STEPS / 64
    inverse = [round(per_step / scale) for scale in scales]
    return MixtureTables(*(np.array(table, np.int32) for table in (logistic, exponential, inverse)))
