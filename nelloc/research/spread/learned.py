"""Spread noise with parameters, learned by maximising the spread divergence (thesis 2.4)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.distributions import Independent, LowRankMultivariateNormal, Normal


class LowRankNoise(nn.Module):
    """Gaussian noise of covariance deviation^2 I + strength^2 Q Q^T, with learned orthonormal Q (thesis 2.4.1).

    Q is (dimensions, rank). Only the directions of the ``rank`` strong components are learned, so the entropy does not
    change. Without such a bound the largest divergence would be that of no noise, since noise can only lower it.
    """

    def __init__(self, dimensions: int, rank: int, deviation: float, strength: float) -> None:
        super().__init__()
        self.deviation, self.strength = deviation, strength
        self.basis = nn.Parameter(torch.randn(dimensions, rank))

    def directions(self) -> Tensor:
        """Matrix Q: an orthonormal basis of the span of the parameters."""
        return torch.linalg.qr(self.basis).Q

    def covariance(self) -> Tensor:
        """Covariance (dimensions, dimensions)."""
        directions = self.directions()
        identity = torch.eye(len(directions), dtype=directions.dtype)
        return self.deviation**2 * identity + self.strength**2 * directions @ directions.T

    def forward(self, x: Tensor) -> LowRankMultivariateNormal:
        """Noise p(y | x) of points (..., dimensions): batch shape (...), event shape (dimensions,)."""
        variance = torch.full((x.shape[-1],), self.deviation**2, dtype=x.dtype)
        return LowRankMultivariateNormal(x, self.strength * self.directions(), variance)


def isotropic_deviation(deviation: float, strength: float, rank: int, dimensions: int) -> float:
    """Deviation of isotropic Gaussian noise with the same entropy as ``LowRankNoise`` of these settings."""
    return deviation * math.exp(rank / (2 * dimensions) * math.log1p((strength / deviation) ** 2))


class ContractiveConvolution(nn.Module):
    """3 x 3 convolution divided by its operator norm if that exceeds ``bound`` (Behrmann et al., 2019).

    The norm is that of the linear map from images to images, found by power iteration with the convolution and its
    transpose; the norm of the reshaped kernel, as in torch.nn.utils, is another number.
    """

    u: Tensor

    def __init__(self, inputs: int, outputs: int, size: int, bound: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        self.bound = bound
        self.register_buffer("u", torch.randn(1, inputs, size, size))
        self.iterate(20)

    @torch.no_grad()
    def iterate(self, count: int) -> None:
        """Improve the estimate of the leading singular vector; call it after each change of the weights."""
        for _ in range(count):
            v = F.conv2d(self.u, self.weight, padding=1)
            u = F.conv_transpose2d(v, self.weight, padding=1)
            self.u = u / torch.linalg.vector_norm(u).clamp(min=1e-12)

    def norm(self) -> Tensor:
        """Estimated operator norm, never above the true one."""
        return torch.linalg.vector_norm(F.conv2d(self.u, self.weight, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve images (N, channels, height, width)."""
        weight = self.weight * (self.bound / self.norm()).clamp(max=1)
        return F.conv2d(x, weight, self.bias, padding=1)


class ContractiveResidual(nn.Module, ABC):
    """Map f(x) = x + h(x) of images: h, the ``residual``, has a Lipschitz constant below 1, so f has an inverse."""

    @abstractmethod
    def residual(self, x: Tensor) -> Tensor:
        """Compute h(x) of images (N, channels, size, size), of the same shape."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute f(x)."""
        return x + self.residual(x)

    @torch.no_grad()
    def invert(self, y: Tensor, steps: int = 100) -> Tensor:
        """Solve f(x) = y by the fixed-point iteration x <- y - h(x); a step shrinks the error by h's constant."""
        x = y
        for _ in range(steps):
            x = y - self.residual(x)
        return x


class InvertibleResidual(ContractiveResidual):
    """Map with two convolutions as h, of Lipschitz constant at most ``bound`` < 1."""

    def __init__(self, channels: int, width: int, size: int, bound: float) -> None:
        super().__init__()
        # ELU has the Lipschitz constant 1, so two convolutions of norm sqrt(bound) make one of at most bound.
        self.first = ContractiveConvolution(channels, width, size, math.sqrt(bound))
        self.second = ContractiveConvolution(width, channels, size, math.sqrt(bound))
        with torch.no_grad():
            self.second.weight.mul_(0.1)  # start near the identity

    def residual(self, x: Tensor) -> Tensor:
        """Compute h(x)."""
        return self.second(F.elu(self.first(x)))


class LinearResidual(ContractiveResidual):
    """Map with one 3 x 3 convolution as h, of operator norm at most ``bound`` < 1 (A.7).

    The thesis divides the kernel by the spectral norm of its matrix, which does not bound that of the convolution.
    """

    def __init__(self, channels: int, size: int, bound: float) -> None:
        super().__init__()
        self.convolution = ContractiveConvolution(channels, channels, size, bound)
        with torch.no_grad():
            self.convolution.weight.mul_(0.1)  # start near the identity, with which the model was trained

    def residual(self, x: Tensor) -> Tensor:
        """Compute h(x)."""
        return self.convolution(x)  # type: ignore[no-any-return]


class TransformedNoise(nn.Module):
    """Spread noise N(y; f(x), deviation^2 I) with a learned, invertible f of images (thesis 2.4.2, A.7).

    f is a chain of invertible residual blocks, or, without ``blocks``, a single convolution as in A.7. Being injective
    it keeps the noise valid, and its Lipschitz constant is at most (1 + bound)^blocks; without a bound the divergence
    could become arbitrarily large. Points are images flattened to (..., channels * size * size).
    """

    def __init__(
        self, channels: int, size: int, deviation: float, *, blocks: int = 2, width: int = 16, bound: float = 0.9
    ) -> None:
        super().__init__()
        self.shape, self.deviation = (channels, size, size), deviation
        self.blocks = nn.ModuleList(InvertibleResidual(channels, width, size, bound) for _ in range(blocks))
        if not blocks:
            self.blocks.append(LinearResidual(channels, size, bound))

    def iterate(self, count: int) -> None:
        """Update the estimated norms after a change of the weights, by ``count`` power iterations."""
        for layer in self.layers():
            layer.iterate(count)

    def layers(self) -> list[ContractiveConvolution]:
        """Convolutions of f."""
        return [module for module in self.modules() if isinstance(module, ContractiveConvolution)]

    def mean(self, x: Tensor) -> Tensor:
        """Compute f(x), flattened like ``x``."""
        images = x.reshape(-1, *self.shape)
        for block in self.blocks:
            images = block(images)
        return images.reshape(x.shape)

    def invert(self, y: Tensor) -> Tensor:
        """Solve f(x) = y for x."""
        images = y.reshape(-1, *self.shape)
        for block in reversed(self.blocks):
            assert isinstance(block, InvertibleResidual | LinearResidual)
            images = block.invert(images)
        return images.reshape(y.shape)

    def forward(self, x: Tensor) -> Independent:
        """Noise p(y | x) of points (..., channels * size * size)."""
        return Independent(Normal(self.mean(x), self.deviation), 1)
