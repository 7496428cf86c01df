"""The logistic-uniform mixture over RGB pixels, in floating point (training and evaluation).

Thesis section 5.5 with two changes: one mixture component is shared by the three channels of a
pixel (a joint mixture), and means and scales are relative to the local base and activity.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# The uniform part of the mixture, as the integer CDF has it: 256 / (2**21 + 256).
UNIFORM_WEIGHT = 256 / (2**21 + 256)
MIN_LOG2_SCALE, MAX_LOG2_SCALE = -5.0, 7.0
# Fractional bits of the integer network's outputs: logits, means, log2-scales, channel coefficients.
LOGIT_BITS, MEAN_BITS, SCALE_BITS, COEFFICIENT_BITS = 6, 8, 5, 8


def output_bits(components: int) -> list[int]:
    """Fractional bits of each of the 10*K outputs: logits K, means 3K, log2-scales 3K, coefficients 3K."""
    k = components
    return [LOGIT_BITS] * k + [MEAN_BITS] * 3 * k + [SCALE_BITS] * 3 * k + [COEFFICIENT_BITS] * 3 * k


def log_likelihood(outputs: Tensor, value: Tensor, base: Tensor, activity: Tensor) -> Tensor:
    """Natural log-likelihood of RGB pixels.

    ``outputs`` (N, 10K) network outputs; ``value`` (N, 3) and ``base`` (N, 3) in gray levels,
    ``activity`` (N,) in gray levels. Returns (N,) nats. Channel G's means depend linearly on R,
    B's on R and G (thesis Appendix D.1.3; Salimans et al. 2017, section 2.2).
    """
    n, k = outputs.shape[0], outputs.shape[1] // 10
    log_weight = torch.log_softmax(outputs[:, :k], dim=1)
    mean, log2_scale, coefficient = outputs[:, k:].reshape(n, 3, 3, k).unbind(1)
    activity = activity[:, None, None]
    deviation = value - base
    red, green = deviation[:, 0, None], deviation[:, 1, None]
    linear = torch.stack(
        [
            torch.zeros_like(coefficient[:, 0]),
            coefficient[:, 0] * red,
            coefficient[:, 1] * red + coefficient[:, 2] * green,
        ],
        dim=1,
    )
    distance = deviation[:, :, None] - mean * activity - linear
    log2_scale = (log2_scale + torch.log2(activity)).clamp(MIN_LOG2_SCALE, MAX_LOG2_SCALE)
    inverse = torch.exp2(-log2_scale)
    # Symmetry of the logistic: evaluate in the lower tail, where float32 keeps its precision.
    centre = -distance.abs() * inverse
    half = 0.5 * inverse
    first, last = (value == 0)[:, :, None], (value == 255)[:, :, None]
    below = distance < 0
    lower_open, upper_open = (first & below) | (last & ~below), (first & ~below) | (last & below)
    upper = torch.where(upper_open, 1.0, torch.sigmoid(centre + half))
    lower = torch.where(lower_open, 0.0, torch.sigmoid(centre - half))
    probability = (1 - UNIFORM_WEIGHT) * (upper - lower) + UNIFORM_WEIGHT / 256
    return torch.logsumexp(log_weight + torch.log(probability).sum(1), dim=1)


def bits_per_dimension(log_likelihood: Tensor) -> Tensor:
    """Mean bits per sub-pixel from nats per RGB pixel."""
    return -log_likelihood.mean() / (3 * math.log(2))
