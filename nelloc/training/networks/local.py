"""Local autoregressive network in floating point, trained as it will be coded.

The network is a multilayer perceptron over a pixel's context, normalised or raw (1x1 convolutions in the thesis's
Algorithm 5). Weights and activations are rounded in the forward pass just as in the integer network, with
straight-through gradients, so the exported network is the trained one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

import torch
from torch import Tensor, nn

from nelloc.errors import NellocError
from nelloc.exact.context import INPUT_CLIP, INPUT_STEPS, RAW_ACTIVITY, Inputs, input_count
from nelloc.exact.model import SUM_LIMIT, output_bits, output_count
from nelloc.training.networks.mixture import component_count

# Activations are 8-bit unsigned steps of 1/32; the first layer's weights have 10 bits and a sign.
ACTIVATION_STEPS = 32
ACTIVATION_MAX = 255
FIRST_WEIGHT_MAX = 511
WEIGHT_MAX = 127
# Share of an integer sum's range for its weights; the rest is for the bias.
WEIGHT_ROOM = 0.93 * SUM_LIMIT
# Bounds of the values that are rounded to a step from 0 to the one below ACTIVATION_MAX.
_LOWEST_INSIDE, _HIGHEST_INSIDE = -0.5 / ACTIVATION_STEPS, (ACTIVATION_MAX - 0.5) / ACTIVATION_STEPS


@dataclass(frozen=True)
class LocalConfig:
    """Shape of a local network: ``horizon``, hidden ``width``, residual ``blocks`` (thesis r), ``components`` K.

    ``depth`` is the number of hidden layers after the residual blocks (the thesis has one). ``channels`` is 3 (RGB) or
    1 (gray), ``inputs`` the form of the context, ``joint`` whether the channels of a pixel share their component, and
    ``borders`` whether the distances to the tile's borders are inputs. Raises NellocError for an invalid shape.
    """

    horizon: int = 3
    width: int = 256
    blocks: int = 0
    components: int = 10
    channels: int = 3
    inputs: Inputs = "normalised"
    joint: bool = True
    depth: int = 1
    borders: bool = False

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise NellocError(f"{self.channels} channels: a model has 3 (RGB) or 1 (gray)")
        if self.inputs not in get_args(Inputs):
            raise NellocError(f"inputs {self.inputs}: unknown; choose one of {', '.join(get_args(Inputs))}")
        if self.horizon < (1 if self.inputs == "raw" else 2):
            raise NellocError(f"horizon {self.horizon}: choose at least 2, or 1 with raw inputs")
        if self.borders and self.horizon * INPUT_STEPS > INPUT_CLIP:
            raise NellocError(f"horizon {self.horizon}: choose at most {INPUT_CLIP // INPUT_STEPS} with borders")

    @property
    def layer_sizes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each dense layer: the first, three per block, ``depth`` more, and the last."""
        middle = [(self.width, self.width)] * (3 * self.blocks + self.depth)
        inputs = input_count(self.horizon, self.channels, self.inputs, self.borders)
        return [(inputs, self.width), *middle, (self.width, output_count(self.components, self.channels))]

    @property
    def skips(self) -> list[int | None]:
        """For each layer, the earlier layer whose output is added to its own, or None."""
        ends = range(3, 3 * self.blocks + 1, 3)
        return [index - 3 if index in ends else None for index in range(len(self.layer_sizes))]


# The thesis's local models for colour (Appendix D.1.3, Algorithm 5) at horizon 3, by their number of residual blocks.
THESIS = {f"thesis-r{blocks}": LocalConfig(blocks=blocks, inputs="raw", joint=False) for blocks in (0, 1, 3)}


class _RoundActivation(torch.autograd.Function):
    """ReLU to 8-bit steps; the gradient passes where the activation is inside its range."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        y = (x * ACTIVATION_STEPS).add_(0.5).floor_()
        return y.clamp_(0, ACTIVATION_MAX).mul_(1 / ACTIVATION_STEPS)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        # One fused operation; boolean masks take several.
        return torch.ops.aten.hardtanh_backward(gradient, x, _LOWEST_INSIDE, _HIGHEST_INSIDE)


def weight_limit(layer: int) -> int:
    """Largest weight, in steps, of a layer given by its index."""
    return FIRST_WEIGHT_MAX if layer == 0 else WEIGHT_MAX


def weight_fraction_bits(weight: Tensor, limit: int) -> Tensor:
    """Fractional bits of each row, so that its largest weight is at most ``limit`` steps and its sums fit.

    (rows,) int32. A row of many large weights gets fewer, so that no sum can reach ``SUM_LIMIT``; the first layers of
    horizon 3 and hidden layers of up to 479 units always fit.
    """
    size = weight.detach().abs()
    largest = size.amax(dim=1).clamp_min(2.0**-12)
    steps = torch.full_like(largest, limit + 0.49) / largest
    room = WEIGHT_ROOM / (INPUT_CLIP if limit == FIRST_WEIGHT_MAX else ACTIVATION_MAX)
    if (limit + 0.49) * weight.shape[1] > room:
        steps = torch.minimum(steps, room / (size.sum(dim=1).clamp_min(2.0**-12)))
    return torch.floor(torch.log2(steps)).clamp(4, 14).to(torch.int32)


def round_weights(weight: Tensor, limit: int, fraction_bits: Tensor | None = None) -> Tensor:
    """Round weights to ``limit`` steps with a power-of-two step per row, straight-through.

    ``fraction_bits`` (rows,) if the steps should not follow the weights.
    """
    bits = weight_fraction_bits(weight, limit) if fraction_bits is None else fraction_bits
    scale = torch.exp2(bits.to(weight.device).float())[:, None]
    rounded = torch.floor(weight.detach() * scale + 0.5).clamp_(-limit, limit) / scale
    return weight + (rounded - weight).detach()


class LocalNetwork(nn.Module):
    """Network from contexts (N, features), in input steps, to (N, 10K) mixture parameters, (N, 3K) for gray.

    ``rounding`` off evaluates the float network: the same weights without any rounding. ``low_precision`` computes the
    products after the first layer in bfloat16 (its inputs, being 8-bit integers times a power of two, are exact in
    bfloat16). ``fraction_bits``, if not None, has the fractional bits of each layer's rows; otherwise they follow the
    weights.
    """

    def __init__(self, config: LocalConfig):
        super().__init__()
        self.config = config
        linear = [nn.Linear(inputs, outputs) for inputs, outputs in config.layer_sizes]
        self.rounding = True
        self.low_precision = False
        self.fraction_bits: list[Tensor] | None = None
        for layer in linear:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        start_from_fixed_components(linear[-1], config.channels, config.inputs)
        self.layers = nn.ModuleList(linear)

    @property
    def linear(self) -> list[nn.Linear]:
        """Dense layers, first to last."""
        return cast(list[nn.Linear], list(self.layers))

    @property
    def matrices(self) -> list[Tensor]:
        """Weights of the hidden layers, first to last."""
        return [layer.weight for layer in self.linear[:-1]]

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute mixture parameters (N, outputs) of inputs (N, features)."""
        *hidden, last = self.linear
        x = inputs * (1 / INPUT_STEPS)
        outputs: list[Tensor] = []
        for index, (layer, skip) in enumerate(zip(hidden, self.config.skips, strict=False)):
            x = self._product(layer, x, index)
            if skip is not None:
                x = x + outputs[skip]
            x = self._activate(x)
            outputs.append(x)
        return self._product(last, x, len(hidden))

    def _product(self, layer: nn.Linear, x: Tensor, index: int) -> Tensor:
        weight = layer.weight
        if self.rounding:
            fixed = None if self.fraction_bits is None else self.fraction_bits[index]
            weight = round_weights(weight, weight_limit(index), fixed)
        if self.low_precision and index > 0:
            return nn.functional.linear(x.bfloat16(), weight.bfloat16()).float() + layer.bias
        return nn.functional.linear(x, weight, layer.bias)

    def _activate(self, x: Tensor) -> Tensor:
        return _RoundActivation.apply(x) if self.rounding else x.clamp(0, ACTIVATION_MAX / ACTIVATION_STEPS)


def start_from_fixed_components(last: nn.Module, channels: int, inputs: Inputs) -> None:
    """Initialise ``last`` to nearly constant components whose means and scales cover the values' range."""
    weight, bias = cast(Tensor, last.weight), cast(Tensor, last.bias)
    k, c = component_count(len(bias), channels), channels
    # Residuals are about as large as the activity; raw values 0..255 need components of 8 to 32 gray levels.
    mean, scale = (1.0, (-1.5, 0.5)) if inputs == "normalised" else (110 / RAW_ACTIVITY, (-1.0, 1.0))
    with torch.no_grad():
        weight.mul_(0.1)
        bias[k : (1 + c) * k] = torch.linspace(-mean, mean, k).repeat(c)
        bias[(1 + c) * k : (1 + 2 * c) * k] = torch.linspace(*scale, k).repeat(c)


def round_outputs(outputs: Tensor, channels: int = 3) -> Tensor:
    """Round outputs to the integer network's fixed-point steps (no gradient)."""
    bits = torch.tensor(output_bits(component_count(outputs.shape[1], channels), channels), dtype=torch.float32)
    scale = torch.exp2(bits)
    return torch.floor(outputs * scale + 0.5) / scale
