"""Fine-tuning of a model on images: a few minutes of training that minimise the bits of pixels and model together.

Weights keep the base model's step size, so only integers change. Every weight pays for its difference to the base in
bits, as it will be coded; the pull towards no difference is a proximal step after each step of Adam, so that few pixels
change few weights and many pixels change all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from nelloc.codec.progress import Progress
from nelloc.errors import NellocError
from nelloc.exact.callbacks import Advance
from nelloc.exact.model import ExactModel, load_model
from nelloc.exact.model_delta import Adapted, apply_differences, encode_differences, parse_differences
from nelloc.training.adapt.pixels import TilePool, TileSampler
from nelloc.training.batches import LOCAL_PASS_PIXELS, Batch, BatchMaker
from nelloc.training.networks.devices import bfloat16_is_faster
from nelloc.training.networks.export import export, restore, sum_fraction_bits
from nelloc.training.networks.local import LocalConfig, LocalNetwork, weight_limit
from nelloc.training.networks.mixture import channel_log_likelihood, mixed


@dataclass(frozen=True)
class AdaptSettings:
    """Settings of an adaptation.

    ``pixels`` is the length of a round, ``batch`` that of a step; shifts are the numbers of bits by which differences
    are coarser than weights. ``price`` scales the cost of differences, in bits (KNEE); the last ``kept`` layers are not
    changed.
    """

    pixels: int
    batch: int = 1024
    learning_rate: float = 2e-3
    warm_up: float = 0.05
    weight_shifts: tuple[int, int, int] = (3, 1, 1)
    bias_bits: int = 2
    price: float = 3.0
    kept: int = 0
    seed: int = 1

    @property
    def steps(self) -> int:
        """Number of optimiser steps."""
        return max(1, round(self.pixels / self.batch))

    def rate_at(self, step: int) -> float:
        """Learning rate after ``seen`` pixels: linear warm-up, then cosine decay to zero."""
        rising = min(1.0, (step + 1) / max(1.0, self.warm_up * self.steps))
        return self.learning_rate * rising * 0.5 * (1 + math.cos(math.pi * step / self.steps))


# A difference of d steps is assumed to cost price * log2(1 + |d| / KNEE) bits.
KNEE = 0.3
BETAS = (0.9, 0.99)


class Tuning:
    """A model that is fine-tuned on images, in one round or more. Equal arguments and machines give equal models.

    Parameters
    ----------
    images : sequence of ndarray
        Images (planes, H, W) uint8.
    base : ExactModel
        Model to start from.
    tile : int
        Largest side of the tiles that the images will be cut into.
    plan : AdaptSettings
        Rates of the training.
    threads : int
        Threads of torch.
    progress : Progress, optional
        Is told the pixels of each round, and those trained on.

    Raises
    ------
    NellocError
        If the model cannot be adapted.
    """

    def __init__(
        self,
        images: Sequence[NDArray[np.uint8]],
        base: ExactModel,
        tile: int,
        plan: AdaptSettings,
        *,
        threads: int = 1,
        progress: Progress | None = None,
    ):
        network = restore(base, "model", fixed_steps=True)
        self._plain = export(network)
        if load_model(self._plain).sha256 != base.sha256:
            raise NellocError(
                "model: was not made by this version of nelloc, so it cannot be adapted; use a shipped one"
            )
        pool = TilePool.of(images, tile, seed=plan.seed)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._plan, self._threads, self._progress = plan, threads, progress or Progress()
        self._sampler = TileSampler(pool, base.horizon, plan.seed)
        self._tuned = Tuned(network.to(self._device), plan, pool.total)

    def train(self, pixels: int) -> int:
        """Train on about ``pixels`` more; return how many it were. Rates rise and fall in each round."""
        plan = replace(self._plan, pixels=pixels)
        self._progress.expect(plan.steps * plan.batch)
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            _train(self._tuned, self._sampler, plan, self._device, self._progress.advance)
        finally:
            torch.set_num_threads(before)
        return plan.steps * plan.batch

    def once(self) -> Adapted:
        """Train for one round of ``plan.pixels``; returns the model."""
        self.train(self._plan.pixels)
        return self.adapted()

    def adapted(self) -> Adapted:
        """The model as it is now."""
        model = export(self._tuned.rounded())
        differences = encode_differences(self._plain, model)
        if apply_differences(parse_differences(differences, "model"), self._plain, "model") != model:
            raise NellocError("model: does not come back from its differences; please report this")
        return Adapted(load_model(model, "adapted model"), differences)


def _train(tuned: Tuned, sampler: TileSampler, plan: AdaptSettings, device: torch.device, advance: Advance) -> None:
    network = tuned.network
    network.low_precision = bfloat16_is_faster(device)
    maker = BatchMaker(network.config)
    optimiser = torch.optim.Adam(tuned.moving.values(), lr=plan.learning_rate, betas=BETAS)

    def draw() -> tuple[Batch, Tensor]:
        drawn = sampler.draw(plan.batch)
        batch = maker(drawn.context, drawn.value, drawn.borders)
        parts = (batch.inputs, batch.value, batch.base, batch.activity, torch.from_numpy(drawn.gray))
        *moved, gray = (part.to(device) for part in parts)
        return Batch(*moved), gray

    with ThreadPoolExecutor(1) as ahead:  # the next batch is made while this one is trained on
        following = ahead.submit(draw)
        for step in range(plan.steps):
            batch, gray = following.result()
            if step + 1 < plan.steps:
                following = ahead.submit(draw)
            rate = plan.rate_at(step)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
            for part, is_gray in zip(batch.split(LOCAL_PASS_PIXELS), gray.split(LOCAL_PASS_PIXELS), strict=True):
                outputs = functional_call(network, tuned.straight_through(), (part.inputs,))
                (bits(outputs, part, is_gray, network.config).sum() / len(gray)).backward()
            optimiser.step()
            tuned.shrink(optimiser, step, rate)
            advance(len(gray))


def bits(outputs: Tensor, batch: Batch, gray: Tensor, config: LocalConfig) -> Tensor:
    """Bits of each pixel (N,): of all its channels, or of the first alone where ``gray`` (N,) is True."""
    nats = channel_log_likelihood(outputs, batch.value, batch.base, batch.activity)
    total = mixed(outputs, nats, joint=config.joint)
    if gray.any():
        total = torch.where(gray, mixed(outputs, nats[:, :1]), total)
    return total / -math.log(2)


class Tuned:
    """Network being adapted: its ``moving`` weights, those of its base, and the steps in which they differ."""

    def __init__(self, network: LocalNetwork, plan: AdaptSettings, pixels: int):
        self.network, self.pixels, self.price = network, pixels, plan.price
        self.base = {name: tensor.detach().clone() for name, tensor in network.named_parameters()}
        self.step: dict[str, Tensor] = {}
        self.limit: dict[str, Tensor] = {}
        fractions = network.fraction_bits
        assert fractions is not None
        last = len(fractions) - 1
        fixed = {f"layers.{last - number}.{part}" for number in range(plan.kept) for part in ("weight", "bias")}
        self.moving = {name: tensor for name, tensor in network.named_parameters() if name not in fixed}
        for index, fraction in enumerate(fractions):
            fine = torch.exp2(-fraction.to(self.base["layers.0.bias"].device).float())[:, None]
            coarse = plan.weight_shifts[0 if index == 0 else 2 if index == last else 1]
            self.step[f"layers.{index}.weight"] = fine * 2**coarse
            self.limit[f"layers.{index}.weight"] = fine * weight_limit(index)
            sums, outputs = sum_fraction_bits(network.config, index, fraction.numpy())
            bias = np.minimum(sums, outputs + plan.bias_bits)
            self.step[f"layers.{index}.bias"] = torch.exp2(-torch.from_numpy(bias).float()).to(fine.device)

    def straight_through(self) -> dict[str, Tensor]:
        """Rounded weights by name, with straight-through gradients to the unrounded ones."""
        return {
            name: tensor + (self._rounded(name, tensor.detach()) - tensor.detach())
            for name, tensor in self.moving.items()
        }

    def rounded(self) -> LocalNetwork:
        """A copy of the network with rounded weights, on the CPU."""
        network = deepcopy(self.network)
        with torch.no_grad():
            for name, tensor in self.moving.items():
                network.get_parameter(name).copy_(self._rounded(name, tensor))
        return network.cpu()

    def shrink(self, optimiser: torch.optim.Adam, step: int, rate: float) -> None:
        """Pull every weight towards its base by the bit cost of its difference, in Adam's metric."""
        with torch.no_grad():
            for name, tensor in self.moving.items():
                # Adam's divisor: the root of the mean squared gradient.
                size = (optimiser.state[tensor]["exp_avg_sq"] / (1 - BETAS[1] ** (step + 1))).sqrt() + 1e-8
                change = tensor - self.base[name]
                slope = self.price / math.log(2) / (change.abs() + KNEE * self.step[name]) / self.pixels
                tensor.copy_(self.base[name] + change.sign() * (change.abs() - rate * slope / size).clamp_min(0))

    def _rounded(self, name: str, tensor: Tensor) -> Tensor:
        """Base plus an integer number of steps, clipped to the range of the integer network."""
        base, step = self.base[name], self.step[name]
        steps = torch.floor((tensor - base) / step + 0.5)
        if name in self.limit:
            limit = self.limit[name]
            steps = steps.clamp(torch.ceil((-limit - base) / step), torch.floor((limit - base) / step))
        return base + steps * step
