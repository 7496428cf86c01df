"""Spread noise p(y | x), added to data and model alike, and the condition under which it keeps distributions apart.

A noise here is a function from points x, shape (..., D), to a torch distribution over y with the batch shape (...) and
the event shape (D,). Its parameters can be learned if it is a module (see `learned.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace, Normal

Noise = Callable[[Tensor], Distribution]


def gaussian_noise(deviation: float) -> Noise:
    """Isotropic Gaussian noise, N(y; x, deviation^2 I) (thesis eq. 2.16)."""
    return lambda x: Independent(Normal(x, deviation), 1)


def laplace_noise(scale: float) -> Noise:
    """Independent Laplace noise of density exp(-|y - x| / scale) / (2 scale) in each dimension (thesis eq. 2.17).

    Its standard deviation is sqrt(2) scale.
    """
    return lambda x: Independent(Laplace(x, scale), 1)


def gaussian_transform(frequency: Tensor, deviation: float) -> Tensor:
    """Characteristic function of one-dimensional Gaussian noise, positive everywhere (thesis eq. 2.16)."""
    return torch.exp(-0.5 * (deviation * frequency) ** 2)


def laplace_transform(frequency: Tensor, scale: float) -> Tensor:
    """Characteristic function of one-dimensional Laplace noise, positive everywhere (thesis eq. 2.17)."""
    return 1 / (1 + (scale * frequency) ** 2)


def band_limited_density(offset: Tensor, cutoff: float) -> Tensor:
    """Density (1 - cos(cutoff t)) / (pi cutoff t^2) of one-dimensional noise that is *not* valid (thesis 2.2)."""
    # sinc(s) = sin(pi s) / (pi s), and 1 - cos a = 2 sin^2(a / 2)
    return cutoff / (2 * torch.pi) * torch.sinc(cutoff * offset / (2 * torch.pi)) ** 2


def band_limited_transform(frequency: Tensor, cutoff: float) -> Tensor:
    """Characteristic function of that noise: a triangle, zero for all frequencies above ``cutoff``.

    Distributions that differ only there are equal after such noise, so their spread divergence is zero.
    """
    return (1 - frequency.abs() / cutoff).clamp(min=0)


def is_valid(transform: Callable[[Tensor], Tensor], frequencies: Tensor) -> bool:
    """Check the validity condition on ``frequencies`` for stationary noise with this characteristic function.

    Spreading multiplies characteristic functions by the noise's. If that is nonzero everywhere it can be divided out
    again: then the spread distributions are equal only if the distributions are (thesis 2.2, the condition before eq.
    2.16). A grid can refute the condition but not prove it; the closed forms above do.
    """
    return bool((transform(frequencies) != 0).all())
