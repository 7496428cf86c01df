"""Logistic-uniform mixture over RGB or gray pixels, in floating point (training and evaluation).

Thesis eq. 5.7 with two changes: one mixture component is shared by the three channels of a pixel (a *joint* mixture;
without it each channel has a mixture of its own with the same weights, as in that equation), and means and scales are
relative to the local base and activity, which are constants for raw inputs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nelloc.exact.model import output_count
from nelloc.training.networks.tables import MAX_LOG2_SCALE, MIN_LOG2_SCALE

# The uniform part of the mixture, as the integer CDF has it: 256 / (2**21 + 256).
UNIFORM_WEIGHT = 256 / (2**21 + 256)


def log_likelihood(outputs: Tensor, value: Tensor, base: Tensor, activity: Tensor, *, joint: bool = True) -> Tensor:
    """Natural log-likelihood of pixels of C channels, 3 (RGB) or 1 (gray).

    ``outputs`` (N, 10K) network outputs, (N, 3K) for gray; ``value`` (N, C) and ``base`` (N, C) in gray levels,
    ``activity`` (N,) in gray levels. Returns (N,) nats. The means of channel G depend linearly on R, those of B on R
    and G (thesis Appendix D.1.3; Salimans et al. 2017, section 2.2). Without ``joint`` the components of the three
    channels are independent of each other.
    """
    return mixed(outputs, channel_log_likelihood(outputs, value, base, activity), joint=joint)


def mixed(outputs: Tensor, channel_nats: Tensor, *, joint: bool = True) -> Tensor:
    """Natural log-likelihood (N,) of pixels from that of some of their channels in each component, (N, C, K)."""
    log_weight = torch.log_softmax(outputs[:, : channel_nats.shape[2]], dim=1)
    if joint:
        return torch.logsumexp(log_weight + channel_nats.sum(1), dim=1)
    return torch.logsumexp(log_weight[:, None] + channel_nats, dim=2).sum(1)


def channel_log_likelihood(outputs: Tensor, value: Tensor, base: Tensor, activity: Tensor) -> Tensor:
    """Natural log-likelihood (N, C, K) of each channel in each component, given the channels before it."""
    n, channels = value.shape
    k = component_count(outputs.shape[1], channels)
    mean, log2_scale, *rest = outputs[:, k:].reshape(n, -1, channels, k).unbind(1)
    activity = activity[:, None, None]
    deviation = value - base
    distance = deviation[:, :, None] - mean * activity
    if channels == 3:
        distance = distance - _linear(rest[0], deviation)
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
    return torch.log(probability)


def draw(outputs: Tensor, base: Tensor, activity: Tensor, random: torch.Generator, *, joint: bool = True) -> Tensor:
    """Draw pixels (N, C) of integer gray levels from the mixtures that ``log_likelihood`` evaluates.

    A logistic value is rounded and clipped to 0..255, in agreement with the differences of its CDF; with probability
    UNIFORM_WEIGHT it is uniform over the 256 levels instead. ``random`` and all tensors are on the CPU.
    """
    n, channels = base.shape
    k = component_count(outputs.shape[1], channels)
    mean, log2_scale, *rest = outputs[:, k:].reshape(n, -1, channels, k).unbind(1)
    scale = torch.exp2((log2_scale + torch.log2(activity[:, None, None])).clamp(MIN_LOG2_SCALE, MAX_LOG2_SCALE))
    weight = torch.softmax(outputs[:, :k].double(), dim=1)
    component = torch.multinomial(weight, 1 if joint else channels, replacement=True, generator=random)
    component = component.expand(n, channels)
    value = torch.zeros_like(base)
    for channel in range(channels):
        centre = base[:, channel, None] + mean[:, channel] * activity[:, None]
        if channel:
            centre = centre + _linear(rest[0], value - base)[:, channel]
        chosen = component[:, channel, None]
        uniform = torch.rand(n, dtype=torch.float64, generator=random)
        spread = torch.logit(uniform, eps=1e-12) * scale[:, channel].gather(1, chosen)[:, 0]
        logistic = (centre.gather(1, chosen)[:, 0] + spread).round().clamp(0, 255)
        anything = torch.randint(256, (n,), generator=random)
        is_uniform = torch.rand(n, dtype=torch.float64, generator=random) < UNIFORM_WEIGHT
        value[:, channel] = torch.where(is_uniform, anything, logistic).to(base.dtype)
    return value


def _linear(coefficient: Tensor, deviation: Tensor) -> Tensor:
    """Contribution of the channels before each one to its means: (N, 3, K)."""
    red, green = deviation[:, 0, None], deviation[:, 1, None]
    return torch.stack(
        [
            torch.zeros_like(coefficient[:, 0]),
            coefficient[:, 0] * red,
            coefficient[:, 1] * red + coefficient[:, 2] * green,
        ],
        dim=1,
    )


def component_count(outputs: int, channels: int) -> int:
    """Number of components K, from the number of outputs."""
    return outputs // output_count(1, channels)


def bits_per_dimension(log_likelihood: Tensor, channels: int = 3) -> Tensor:
    """Convert nats per pixel to mean bits per sub-pixel."""
    return -log_likelihood.mean() / (channels * math.log(2))
