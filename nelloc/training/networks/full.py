"""Full PixelCNN in floating point, and local PixelCNNs as convolutions: likelihoods of whole images.

Thesis Algorithm 6: a masked first layer of kernel 2h + 1, residual blocks whose middle layer is a masked 3x3
convolution, and 1x1 layers otherwise. Each block widens the receptive field by a pixel to every causal side, so the
model sees structure and not only texture. With a ``kernel`` of 1 nothing widens it, and the model is the local one
(Algorithm 5), that is ``LocalNetwork`` with raw inputs, applied to whole images.

It differs from the thesis in two things: ReLU comes after the sum of a residual block, as in the integer network, and
the coefficients of the channel autoregression are not squashed by tanh. Pixels outside the image are mid-gray.

With *normalised* inputs the first layer is a dense one over each pixel's normalised context, as in the codec's
networks, borders included, and means and scales are relative to the pixel's base and activity: the network learns what
all images share in a fraction of the time.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nelloc.errors import NellocError
from nelloc.exact.callbacks import Advance
from nelloc.exact.context import (
    FIRST_PIXEL,
    INPUT_STEPS,
    RAW_ACTIVITY,
    ContextTables,
    Inputs,
    Normaliser,
    context_sources,
    input_count,
    standard_activity,
)
from nelloc.exact.model import output_count
from nelloc.training.networks.local import start_from_fixed_components
from nelloc.training.networks.mixture import draw, log_likelihood

MIDDLE = 127.5  # reference of the raw inputs, which are rescaled to -1..1


@dataclass(frozen=True)
class FullConfig:
    """Shape of a PixelCNN: LocalConfig with the ``kernel`` of the middle layer of each of the ``blocks``.

    If ``dilated``, the taps of a kernel are 1 pixel apart in the first block, 2 in the second, 4 in the third, and so
    on, which widens the receptive field for the same number of blocks. Raises NellocError for an invalid shape.
    """

    horizon: int = 3
    width: int = 256
    blocks: int = 1
    components: int = 10
    channels: int = 3
    kernel: int = 3
    joint: bool = False
    inputs: Inputs = "raw"
    dilated: bool = False

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise NellocError(f"{self.channels} channels: a model has 3 (RGB) or 1 (gray)")
        if self.horizon < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise NellocError(f"horizon {self.horizon}, kernel {self.kernel}: choose at least 1, and an odd kernel")
        if self.inputs not in get_args(Inputs):
            raise NellocError(f"inputs {self.inputs}: unknown; choose one of {', '.join(get_args(Inputs))}")
        if self.horizon < 2 and self.inputs == "normalised":
            raise NellocError(f"horizon {self.horizon}: choose at least 2, or 1 with raw inputs")

    @property
    def dilations(self) -> list[int]:
        """Distance in pixels between the taps of each block's kernel."""
        return [2**block if self.dilated else 1 for block in range(self.blocks)]

    @property
    def reach(self) -> int:
        """Size of the receptive field, in pixels to each side and upwards."""
        return self.horizon + sum(self.dilations) * (self.kernel // 2)


class Front(NamedTuple):
    """Input of the network: ``inputs`` (N, features, H, W), and the reference of means and scales.

    ``base`` (N, C, H, W) and ``activity`` (N, 1, H, W) are in gray levels.
    """

    inputs: Tensor
    base: Tensor
    activity: Tensor


class MaskedConvolution(nn.Module):
    """Convolution that sees only pixels before the current one in raster order, and that one too if ``current``.

    Outside the image it sees zeros. Thesis Appendix D.1.3 (masks A and B of van den Oord et al. 2016). ``weight`` is a
    matrix (outputs, inputs * taps) with only the visible taps, in raster order; they are ``dilation`` pixels apart.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, current: bool, dilation: int = 1):
        super().__init__()
        self.inputs, self.size, self.dilation = inputs, kernel, dilation
        self.places = kernel * kernel // 2 + current
        self.weight = nn.Parameter(torch.empty(outputs, inputs * self.places))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.normal_(self.weight, std=math.sqrt(2 / (inputs * self.places)))

    @property
    def kernel(self) -> Tensor:
        """Upper half (outputs, inputs, size // 2 + 1, size) of the kernel; the lower half is zero."""
        rows = self.size // 2 + 1
        seen = self.weight.unflatten(1, (self.inputs, self.places))
        return nn.functional.pad(seen, (0, rows * self.size - self.places)).unflatten(2, (rows, self.size))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, inputs, H, W) to (N, outputs, H, W)."""
        # Channels are last in memory, which is several times faster on CPUs.
        rows, bias = x.permute(0, 2, 3, 1), self.bias.to(x.dtype)
        if self.size == 1:
            return nn.functional.linear(rows, self.weight.to(x.dtype), bias).permute(0, 3, 1, 2)
        side = self.size // 2 * self.dilation
        above = nn.functional.pad(rows, (0, 0, 0, 0, side, 0)).permute(0, 3, 1, 2)
        kernel = self.kernel.to(x.dtype, memory_format=torch.channels_last)
        return nn.functional.conv2d(above, kernel, bias, padding=(0, side), dilation=self.dilation)


class FullNetwork(nn.Module):
    """Network from images (N, C, H, W) in gray levels to mixture parameters (N, 10K or 3K, H, W) and likelihoods.

    ``low_precision`` computes all layers after the first in bfloat16.
    """

    def __init__(self, config: FullConfig):
        super().__init__()
        self.config = config
        self.low_precision = False
        width = config.width
        if config.inputs == "raw":
            self.first = MaskedConvolution(config.channels, width, 2 * config.horizon + 1, current=False)
        else:
            features = input_count(config.horizon, config.channels, config.inputs)
            self.first = MaskedConvolution(features, width, 1, current=True)
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                MaskedConvolution(width, width, kernel, current=True, dilation=dilation)
                for kernel in (1, config.kernel, 1)
            )
            for dilation in config.dilations
        )
        self.closing = MaskedConvolution(width, width, 1, current=True)
        self.last = MaskedConvolution(width, output_count(config.components, config.channels), 1, current=True)
        start_from_fixed_components(self.last, config.channels, config.inputs)

    @property
    def matrices(self) -> list[Tensor]:
        """Weights of the hidden layers, first to last."""
        middle = [layer.weight for block in self.blocks for layer in cast(nn.ModuleList, block)]
        return cast(list[Tensor], [self.first.weight, *middle, self.closing.weight])

    def front(self, images: Tensor) -> Front:
        """Compute the network's input from ``images`` (N, C, H, W)."""
        if self.config.inputs == "normalised":
            return _normalised(images, self.config)
        base = torch.full_like(images, MIDDLE)
        return Front((images - base) / MIDDLE, base, torch.full_like(images[:, :1], RAW_ACTIVITY))

    def forward(self, images: Tensor) -> Tensor:
        """Compute mixture parameters of images (N, C, H, W)."""
        return self.outputs(self.front(images).inputs)

    def outputs(self, inputs: Tensor) -> Tensor:
        """Compute mixture parameters from the result of ``front``."""
        x = torch.relu(self.first(inputs))
        x = x.bfloat16() if self.low_precision else x
        for block in self.blocks:
            first, middle, last = cast(nn.ModuleList, block)
            x = torch.relu(x + last(torch.relu(middle(torch.relu(first(x))))))
        return self.last(torch.relu(self.closing(x))).to(inputs.dtype)

    def log_likelihood(self, images: Tensor) -> Tensor:
        """Natural log-likelihood (N,) of ``images`` (N, C, H, W), integers 0 to 255 of a floating type."""
        return self.pixel_log_likelihood(images).sum((1, 2))

    def pixel_log_likelihood(self, images: Tensor) -> Tensor:
        """Natural log-likelihood (N, H, W) of each pixel given those before it."""
        n, channels, height, width = images.shape
        if channels != self.config.channels:
            raise NellocError(f"images of {channels} channels: the model has {self.config.channels}; convert them")
        front = self.front(images)
        outputs, base, activity = _rows(self.outputs(front.inputs)), _rows(front.base), _rows(front.activity)[:, 0]
        nats = log_likelihood(outputs, _rows(images), base, activity, joint=self.config.joint)
        return nats.reshape(n, height, width)


def sample(
    network: FullNetwork,
    height: int,
    width: int,
    count: int,
    seed: int,
    progress: Advance = lambda pixels: None,
) -> Tensor:
    """Draw ``count`` images from ``network``, pixel by pixel: (count, C, height, width) uint8, on the CPU.

    For each pixel the network sees only its receptive field. ``progress`` is called with the number of pixels drawn
    since the last call. One seed gives the same images on the same machine and version of torch.
    """
    config, random = network.config, torch.Generator().manual_seed(seed)
    images = torch.full((count, config.channels, height, width), MIDDLE)
    with torch.no_grad():
        for row in range(height):
            top = max(0, row - config.reach)
            for column in range(width):
                left = max(0, column - config.reach)
                seen = images[:, :, top : row + 1, left : column + config.reach + 1]
                front = network.front(seen)
                here = (slice(None), slice(None), row - top, column - left)
                outputs, base, activity = network.outputs(front.inputs)[here], front.base[here], front.activity[here]
                images[:, :, row, column] = draw(outputs, base, activity[:, 0], random, joint=config.joint)
                progress(count)
    return images.to(torch.uint8)


def _rows(images: Tensor) -> Tensor:
    """Reshape (N, C, H, W) to pixels (N*H*W, C)."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[1])


def _normalised(images: Tensor, config: FullConfig) -> Front:
    """Compute normalised contexts with the codec's integer front end and borders; without gradient."""
    n, channels, height, width = images.shape
    pixels = images.detach().permute(1, 2, 3, 0).flatten(1, 2).float()  # (C, H * W, N)
    known = 4 * torch.cat([pixels, torch.full_like(pixels[:, :1], FIRST_PIXEL)], dim=1)
    contexts = known.cpu().numpy()[:, _sources(height, width, config.horizon)]  # (C, window, H * W, N)
    quarters = contexts.swapaxes(0, 1).reshape(-1, channels, height * width * n)
    normalised = _normaliser(config.horizon, channels)(quarters)
    activity = _activity(channels)[normalised.level]

    def shaped(rows: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(rows).unflatten(1, (height, width, n)).permute(3, 0, 1, 2).to(images)

    return Front(shaped(normalised.inputs) / INPUT_STEPS, shaped(normalised.base) / 4, shaped(activity[None]))


@functools.lru_cache(maxsize=64)
def _sources(height: int, width: int, horizon: int) -> NDArray[np.int64]:
    """Sources of each pixel's context, (window, H * W) in raster order: see ``context_sources``."""
    order, sources = context_sources(height, width, horizon)
    return sources[:, np.argsort(order)]


@functools.cache
def _normaliser(horizon: int, channels: int) -> Normaliser:
    return Normaliser(horizon, ContextTables.standard(channels), channels)


@functools.cache
def _activity(channels: int) -> NDArray[np.float32]:
    """Activity in gray levels of each level."""
    return np.array(standard_activity(len(ContextTables.standard(channels).thresholds)), np.float32)
