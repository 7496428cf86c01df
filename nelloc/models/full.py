"""The full PixelCNN, in floating point, and local PixelCNNs as convolutions: likelihoods of whole images.

Thesis Algorithm 6: a masked first layer of kernel 2h + 1, residual blocks whose middle layer is a masked 3x3
convolution, and 1x1 layers otherwise. Each block widens the receptive field by a pixel to every causal side, so that
the model sees structure and not only texture. With a ``kernel`` of 1 there is nothing that widens it, and the model
is the local one (Algorithm 5), that is ``LocalNetwork`` with raw inputs, acting on whole images.

It follows the thesis but in two things: ReLU comes after the sum of a residual block, as the integer network has
it, and the coefficients of the channel autoregression are not squashed by tanh. Pixels outside the image are mid-gray.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from nelloc.errors import NellocError
from nelloc.exact.context import RAW_ACTIVITY
from nelloc.exact.model import output_count
from nelloc.models.local import start_from_fixed_components
from nelloc.models.mixture import log_likelihood

MIDDLE = 127.5  # what the raw inputs, rescaled to -1..1, are relative to


@dataclass(frozen=True)
class FullConfig:
    """Shape of a PixelCNN: as LocalConfig has it, with the ``kernel`` of the middle layer of each of the ``blocks``.

    Raises NellocError for a shape that there is not.
    """

    horizon: int = 3
    width: int = 256
    blocks: int = 1
    components: int = 10
    channels: int = 3
    kernel: int = 3
    joint: bool = False

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise NellocError(f"{self.channels} channels: a model has 3 (RGB) or 1 (gray)")
        if self.horizon < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise NellocError(f"horizon {self.horizon}, kernel {self.kernel}: choose at least 1, and an odd kernel")

    @property
    def reach(self) -> int:
        """How far, in pixels to each side and upwards, an output may depend on the image."""
        return self.horizon + self.blocks * (self.kernel // 2)


class MaskedConvolution(nn.Conv2d):
    """A convolution that sees only pixels before the current one in raster order, and this one too if ``current``.

    Outside the image it sees zeros. Thesis Appendix D.1.3 (masks A and B of van den Oord et al. 2016).
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, *, current: bool):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        before = torch.arange(kernel * kernel) < kernel * kernel // 2 + current
        self.register_buffer("mask", before.reshape(kernel, kernel).float(), persistent=False)
        nn.init.normal_(self.weight, std=math.sqrt(2 / (inputs * int(before.sum()))))
        nn.init.zeros_(cast(Tensor, self.bias))

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.mask, self.bias)


class FullNetwork(nn.Module):
    """Images (N, C, H, W) in gray levels to mixture parameters (N, 10K or 3K, H, W), and to likelihoods."""

    def __init__(self, config: FullConfig):
        super().__init__()
        self.config = config
        width = config.width
        self.first = MaskedConvolution(config.channels, width, 2 * config.horizon + 1, current=False)
        kernels = (1, config.kernel, 1)
        self.blocks = nn.ModuleList(
            nn.ModuleList(MaskedConvolution(width, width, kernel, current=True) for kernel in kernels)
            for _ in range(config.blocks)
        )
        self.closing = MaskedConvolution(width, width, 1, current=True)
        self.last = MaskedConvolution(width, output_count(config.components, config.channels), 1, current=True)
        start_from_fixed_components(self.last, config.channels, "raw")

    def forward(self, images: Tensor) -> Tensor:
        x = torch.relu(self.first((images - MIDDLE) / MIDDLE))
        for block in self.blocks:
            first, middle, last = cast(nn.ModuleList, block)
            x = torch.relu(x + last(torch.relu(middle(torch.relu(first(x))))))
        return self.last(torch.relu(self.closing(x)))

    def log_likelihood(self, images: Tensor) -> Tensor:
        """Natural log-likelihood (N,) of ``images`` (N, C, H, W), whole numbers 0 to 255 of floating type."""
        return self.pixel_log_likelihood(images).sum((1, 2))

    def pixel_log_likelihood(self, images: Tensor) -> Tensor:
        """The same pixel by pixel, each given those before it: (N, H, W)."""
        n, channels, height, width = images.shape
        if channels != self.config.channels:
            raise NellocError(f"images of {channels} channels: the model has {self.config.channels}; convert them")
        outputs = _rows(self(images))
        value = _rows(images)
        base = torch.full_like(value, MIDDLE)
        activity = torch.full_like(value[:, 0], RAW_ACTIVITY)
        nats = log_likelihood(outputs, value, base, activity, joint=self.config.joint)
        return nats.reshape(n, height, width)


def _rows(images: Tensor) -> Tensor:
    """(N, C, H, W) as pixels (N*H*W, C)."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[1])
