"""The local autoregressive network in floating point, trained as it will be coded.

The network is a multilayer perceptron over a pixel's normalised context (1x1 convolutions in the
thesis's Algorithm 5). Weights and activations are rounded in the forward pass just as the
integer network rounds them, and gradients pass straight through, so that what is exported is
what was trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from nelloc.exact.context import INPUT_STEPS, input_count
from nelloc.models.mixture import output_bits

# Activations are 8-bit unsigned steps of 1/32; the first layer's weights have 10 bits and a sign.
ACTIVATION_STEPS = 32
ACTIVATION_MAX = 255
FIRST_WEIGHT_MAX = 511
WEIGHT_MAX = 127


@dataclass(frozen=True)
class LocalConfig:
    """Shape of a local network: ``horizon``, hidden ``width``, residual ``blocks`` (thesis r), ``components`` K."""

    horizon: int = 3
    width: int = 256
    blocks: int = 0
    components: int = 10

    @property
    def layer_sizes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each dense layer: the first, three per block, and two closing ones."""
        middle = [(self.width, self.width)] * (3 * self.blocks + 1)
        return [(input_count(self.horizon), self.width), *middle, (self.width, 10 * self.components)]

    @property
    def skips(self) -> list[int | None]:
        """For each layer, the earlier layer whose output is added to its own, or None."""
        ends = range(3, 3 * self.blocks + 1, 3)
        return [index - 3 if index in ends else None for index in range(len(self.layer_sizes))]


class _RoundActivation(torch.autograd.Function):
    """ReLU to 8-bit steps; the gradient passes where the activation is inside its range."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        y = (x * ACTIVATION_STEPS).add_(0.5).floor_()
        ctx.save_for_backward((y >= 0).logical_and_(y < ACTIVATION_MAX))
        return y.clamp_(0, ACTIVATION_MAX).mul_(1 / ACTIVATION_STEPS)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (inside,) = ctx.saved_tensors
        return gradient * inside


def weight_fraction_bits(weight: Tensor, limit: int) -> Tensor:
    """Fractional bits of each row, so that its largest weight is at most ``limit``; (rows,) int32."""
    largest = weight.detach().abs().amax(dim=1).clamp_min(2.0**-12)
    bits = torch.floor(torch.log2((limit + 0.49) / largest))
    return bits.clamp(4, 14).to(torch.int32)


def round_weights(weight: Tensor, limit: int) -> Tensor:
    """Weights rounded to ``limit`` steps with a power-of-two step per row, straight-through."""
    scale = torch.exp2(weight_fraction_bits(weight, limit).float())[:, None]
    rounded = torch.floor(weight.detach() * scale + 0.5).clamp_(-limit, limit) / scale
    return weight + (rounded - weight).detach()


class LocalNetwork(nn.Module):
    """Normalised context (N, 3*window + 4), in input steps, to (N, 10K) mixture parameters.

    ``rounding`` off evaluates the float parent: the same weights with nothing rounded.
    ``low_precision`` computes the products after the first layer in bfloat16 (its inputs, being
    8-bit integers times a power of two, are exact in bfloat16).
    """

    def __init__(self, config: LocalConfig):
        super().__init__()
        self.config = config
        linear = [nn.Linear(inputs, outputs) for inputs, outputs in config.layer_sizes]
        self.rounding = True
        self.low_precision = False
        for layer in linear:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        k = config.components
        with torch.no_grad():
            # Start from nearly fixed components whose means and scales cover what residuals need.
            linear[-1].weight.mul_(0.1)
            linear[-1].bias[k : 4 * k] = torch.linspace(-1, 1, k).repeat(3)
            linear[-1].bias[4 * k : 7 * k] = torch.linspace(-1.5, 0.5, k).repeat(3)
        self.layers = nn.ModuleList(linear)

    @property
    def linear(self) -> list[nn.Linear]:
        """The dense layers, first to last."""
        return cast(list[nn.Linear], list(self.layers))

    def forward(self, inputs: Tensor) -> Tensor:
        *hidden, last = self.linear
        x = inputs * (1 / INPUT_STEPS)
        outputs: list[Tensor] = []
        for index, (layer, skip) in enumerate(zip(hidden, self.config.skips, strict=False)):
            x = self._product(layer, x, first=index == 0)
            if skip is not None:
                x = x + outputs[skip]
            x = self._activate(x)
            outputs.append(x)
        return self._product(last, x, first=False)

    def _product(self, layer: nn.Linear, x: Tensor, first: bool) -> Tensor:
        weight = layer.weight
        if self.rounding:
            weight = round_weights(weight, FIRST_WEIGHT_MAX if first else WEIGHT_MAX)
        if self.low_precision and not first:
            return nn.functional.linear(x.bfloat16(), weight.bfloat16()).float() + layer.bias
        return nn.functional.linear(x, weight, layer.bias)

    def _activate(self, x: Tensor) -> Tensor:
        return _RoundActivation.apply(x) if self.rounding else x.clamp(0, ACTIVATION_MAX / ACTIVATION_STEPS)


def round_outputs(outputs: Tensor) -> Tensor:
    """Outputs rounded to the integer network's fixed-point steps (no gradient)."""
    bits = torch.tensor(output_bits(outputs.shape[1] // 10), dtype=torch.float32)
    scale = torch.exp2(bits)
    return torch.floor(outputs * scale + 0.5) / scale
