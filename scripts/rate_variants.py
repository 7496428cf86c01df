"""Variants of the local network that scripts/search_rate.py trains: their networks, samplers and front ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from train_shipped import POOL_WEIGHTS

from nelloc.exact.context import FIRST_PIXEL, window
from nelloc.training.batches import Batch, BatchMaker
from nelloc.training.data import Drawn, PixelPool, PixelSampler
from nelloc.training.networks.local import LocalConfig
from nelloc.training.networks.mixture import log_likelihood

ACTIVATION_LIMIT = 8.0


@dataclass(frozen=True)
class Variant:
    """Row of the table: a network and its training, as differences to the first row."""

    name: str
    about: str
    horizon: int = 3
    hidden: tuple[int, ...] = (256, 256)
    blocks: int = 0
    components: int = 10
    inputs: str = "normalised"  # or "fixed" (differences to the base, one scale), "raw"
    joint: bool = True
    second_layer: int = 0  # width of a layer that sees the decoded channels; 0: linear dependence
    activation: str = "clipped"  # or "relu", "gated"
    border: str = "replicate"  # or "constant"
    colour: str = "RGB"  # order of coding, or "G,R-G,B-G" modulo 256
    pools: tuple[float, ...] = POOL_WEIGHTS
    experts: int = 1
    edges: bool = False
    optimiser: str = "muon"  # or "adamw"
    teacher: float = 0.0  # share of the values that a larger network draws instead of nature


BASE = Variant("base", "width 256, two hidden layers, h = 3, K = 10, joint mixture, normalised context")
VARIANTS = [
    BASE,
    replace(BASE, name="inputs-raw", about="raw values in, absolute means and scales out", inputs="raw"),
    replace(BASE, name="inputs-fixed", about="differences to the base, one scale for all", inputs="fixed"),
    replace(BASE, name="k3", about="K = 3", components=3),
    replace(BASE, name="k5", about="K = 5", components=5),
    replace(BASE, name="separate", about="per-channel mixture: weights do not follow the coded channels", joint=False),
    replace(BASE, name="second-layer", about="a layer of 32 that sees the decoded channels", second_layer=32),
    replace(BASE, name="width-160-deep", about="four hidden layers of 160", hidden=(160,) * 4),
    replace(BASE, name="width-128-deep", about="six hidden layers of 128", hidden=(128,) * 6),
    replace(BASE, name="width-192-deep", about="three hidden layers of 192", hidden=(192,) * 3),
    replace(BASE, name="wide-first", about="hidden layers of 448 and 128", hidden=(448, 128)),
    replace(BASE, name="width-128", about="width 128", hidden=(128, 128)),
    replace(BASE, name="width-512", about="width 512", hidden=(512, 512)),
    replace(BASE, name="r1", about="one residual block of three layers (thesis r = 1)", blocks=1),
    replace(BASE, name="h2", about="h = 2", horizon=2),
    replace(BASE, name="h4", about="h = 4", horizon=4),
    replace(BASE, name="h5", about="h = 5", horizon=5),
    replace(BASE, name="relu", about="ReLU without an upper limit", activation="relu"),
    replace(BASE, name="gated", about="gated units (half of the width gates the other)", activation="gated"),
    replace(BASE, name="order-grb", about="channels in the order G, R, B", colour="GRB"),
    replace(BASE, name="colour-transform", about="G, R-G, B-G modulo 256", colour="G,R-G,B-G"),
    replace(BASE, name="border-constant", about="mid-gray out of the tile", border="constant"),
    replace(BASE, name="edges", about="three more inputs: distances to the tile's borders", edges=True),
    replace(BASE, name="half-size", about="half-size photographs only", pools=(0, 1, 0)),
    replace(BASE, name="native", about="full-size photographs only", pools=(1, 0, 0)),
    replace(BASE, name="no-small", about="both sizes of photographs, no 32 x 32 images", pools=(0.86, 0.14, 0)),
    replace(BASE, name="experts-8", about="8 sets of the last two layers, chosen by the activity", experts=8),
    replace(BASE, name="adamw", about="AdamW instead of Muon for the hidden layers", optimiser="adamw"),
    replace(
        BASE,
        name="distilled",
        about="half of the values drawn by a larger network",
        teacher=0.5,
    ),
]


class VariantSampler(PixelSampler):
    """Sampler of a variant's contexts: another border, or another colour order."""

    def __init__(self, variant: Variant, pools: list[PixelPool], weights: tuple[float, ...], seed: int, **keywords):
        super().__init__(pools, weights, variant.horizon, seed, **keywords)
        self._variant = variant

    def _gather(self, pool, places):
        context, value, borders = super()._gather(pool, places)
        variant = self._variant
        if variant.border == "constant":
            di, dj = np.array(window(variant.horizon)).T[:, :, None]
            outside = (-di > places.above) | (-dj > places.left) | (dj > places.right)
            context = np.where(outside[:, None], np.uint8(FIRST_PIXEL), context)
        if variant.colour == "GRB":
            context, value = context[:, [1, 0, 2]], value[[1, 0, 2]]
        elif variant.colour == "G,R-G,B-G":
            context = _decorrelate(context.transpose(1, 0, 2)).transpose(1, 0, 2)
            value = _decorrelate(value)
        return Drawn(context, value, borders)


def _decorrelate(planes):
    """Convert to G, R-G, B-G modulo 256, differences around 128."""
    red, green, blue = planes
    return np.stack([green, red - green + np.uint8(128), blue - green + np.uint8(128)])


class VariantBatchMaker(BatchMaker):
    """Front end of a variant."""

    def __init__(self, variant: Variant):
        super().__init__(LocalConfig(horizon=variant.horizon, borders=variant.edges))
        self._variant = variant

    def __call__(self, context, value, borders):
        variant = self._variant
        batch = super().__call__(context, value, borders)
        if variant.inputs != "normalised":
            quarters = torch.from_numpy(context.astype(np.float32) * 4)
            base = batch.base * 4 if variant.inputs == "fixed" else torch.full_like(batch.base, 510)
            differences = (quarters - base.T).flatten(0, 1).T / 4
            level = batch.inputs[:, -4:-1] if variant.inputs == "fixed" else torch.zeros(len(base), 3)
            scale = 64 / 12 if variant.inputs == "fixed" else 64 / 64
            inputs = torch.cat([differences * scale, level, torch.zeros(len(base), 1)], dim=1)
            activity = torch.full_like(batch.activity, 8.0 if variant.inputs == "fixed" else 64.0)
            batch = Batch(inputs, batch.value, base / 4, activity)
        return batch


class VariantNetwork(nn.Module):
    """Network of any variant. Maps inputs (N, features) to outputs (N, 10K), and computes their log-likelihood."""

    def __init__(self, variant: Variant, features: int):
        super().__init__()
        self.variant, k = variant, variant.components
        gate = 2 if variant.activation == "gated" else 1
        # Gated units: three quarters of the width, twice, so that multiply-adds stay near the base's.
        sizes = [features]
        self.hidden = nn.ModuleList()
        for index, width in enumerate(variant.hidden):
            width = width if gate == 1 else round(width * 0.75)
            copies = variant.experts if index == len(variant.hidden) - 1 else 1
            self.hidden.append(_Dense(sizes[-1], gate * width, copies))
            sizes.append(width)
        self.residual = nn.ModuleList(
            nn.ModuleList(_Dense(sizes[1], sizes[1]) for _ in range(3)) for _ in range(variant.blocks)
        )
        self.head = _Dense(sizes[-1], (3 * k if variant.second_layer else 10 * k), variant.experts)
        self.second = nn.ModuleList()
        if variant.second_layer:
            w = variant.second_layer
            for known in (1, 2):
                self.second.append(nn.ModuleList([_Dense(sizes[-1] + 2 * known, w), _Dense(w, 2 * k)]))
        with torch.no_grad():
            for weight in self.head.weights:
                weight.mul_(0.1)
            planes = 1 if variant.second_layer else 3
            self.head.bias[..., k : k + planes * k] = torch.linspace(-1, 1, k).repeat(planes)
            self.head.bias[..., k + planes * k : k + 2 * planes * k] = torch.linspace(-1.5, 0.5, k).repeat(planes)
            for _, last in self.second:
                last.weights[0].mul_(0.1)
                last.bias[:k], last.bias[k:] = torch.linspace(-1, 1, k), torch.linspace(-1.5, 0.5, k)
        self.register_buffer("levels", torch.zeros(max(0, variant.experts - 1)))

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds per pixel; of several sets of weights a pixel uses one."""
        return sum(layer.weights[0].numel() for layer in self.modules() if isinstance(layer, _Dense))

    @property
    def matrices(self) -> list[Tensor]:
        """Weights of the hidden layers, like LocalNetwork's: all but those of layers that end in outputs."""
        layers = [*self.hidden, *(layer for block in self.residual for layer in block), *(a for a, _ in self.second)]
        return [weight for layer in layers for weight in layer.weights]

    def log_likelihood(self, batch: Batch) -> Tensor:
        """Log-likelihood (N,) in nats."""
        variant = self.variant
        x, counts, order = batch.inputs / 64, None, None
        if variant.experts > 1:
            which = torch.bucketize(batch.inputs[:, -1].contiguous(), self.levels)
            order = torch.argsort(which)
            counts = torch.bincount(which, minlength=variant.experts).tolist()
            x = x[order]
            batch = Batch(batch.inputs, batch.value[order], batch.base[order], batch.activity[order])
        x = self._activate(self.hidden[0](x, counts, exact=True))
        for a, b, c in self.residual:
            x = self._activate(x + c(self._activate(b(self._activate(a(x))))))
        for layer in self.hidden[1:]:
            x = self._activate(layer(x, counts))
        outputs = self.head(x, counts)
        if variant.second_layer:
            outputs = self._second(outputs, x, batch)
        return log_likelihood(outputs, batch.value, batch.base, batch.activity, joint=variant.joint)

    def _second(self, first: Tensor, x: Tensor, batch: Batch) -> Tensor:
        k = self.variant.components
        logits, mean, scale = first.split(k, dim=1)
        known = (batch.value - batch.base) / (1.5 * batch.activity[:, None])
        means, scales = [mean], [scale]
        for plane, (layer, last) in enumerate(self.second, 1):
            decoded = known[:, :plane].clamp(-6, 6)
            # The decoded channel itself enters the mean, as in the linear dependence; the layer corrects it.
            seen = torch.cat([x, decoded, decoded.abs()], dim=1)
            m, s = last(self._activate(layer(seen))).split(k, dim=1)
            means.append(m + 1.5 * known[:, plane - 1 : plane])
            scales.append(s)
        zeros = torch.zeros_like(first[:, :1]).expand(-1, 3 * k)
        return torch.cat([logits, *means, *scales, zeros], dim=1)

    def _activate(self, x: Tensor) -> Tensor:
        if self.variant.activation == "relu":
            return x.clamp_min(0)
        if self.variant.activation == "gated":
            value, gate = x.chunk(2, dim=1)
            return (value.clamp(0, ACTIVATION_LIMIT) * gate.clamp(0, 1)).clamp(0, ACTIVATION_LIMIT)
        return x.clamp(0, ACTIVATION_LIMIT)


class _Dense(nn.Module):
    """Dense layer, or ``copies`` of one of which each row of the input uses one; each has its own matrix."""

    def __init__(self, inputs: int, outputs: int, copies: int = 1):
        super().__init__()
        shape = (copies,) if copies > 1 else ()
        weights = torch.randn(copies, outputs, inputs) * math.sqrt(2 / inputs)
        self.weights = nn.ParameterList(weight.clone() for weight in weights)
        self.bias = nn.Parameter(torch.zeros(*shape, outputs))

    def forward(self, x: Tensor, counts: list[int] | None = None, *, exact: bool = False) -> Tensor:
        if len(self.weights) == 1:
            return _product(x, self.weights[0], self.bias, exact)
        parts = zip(x.split(counts), self.weights, self.bias, strict=True)
        return torch.cat([_product(part, w, b, exact) for part, w, b in parts])


def _product(x, weight, bias, exact):
    if exact or not torch.is_grad_enabled():
        return nn.functional.linear(x, weight, bias)
    return nn.functional.linear(x.bfloat16(), weight.bfloat16()).float() + bias
