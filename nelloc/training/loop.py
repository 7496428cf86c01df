"""The training loop: random pixels in, a checkpoint that carries its configuration out."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from nelloc.errors import NellocError
from nelloc.exact.context import LEVELS_PER_OCTAVE, MIN_ACTIVITY, ContextTables, Normaliser
from nelloc.models.local import LocalConfig, LocalNetwork, round_outputs
from nelloc.models.mixture import bits_per_dimension, log_likelihood
from nelloc.training.data import PixelSampler

# Pixels per pass through the network: small enough for activations to stay in cache.
PIXELS_PER_PASS = 4096
FORMAT = 1


@dataclass(frozen=True)
class TrainingConfig:
    """What a checkpoint records: the network and how it is trained. Lengths are in pixels."""

    network: LocalConfig = field(default_factory=LocalConfig)
    pixels: int = 700_000_000
    batch: int = 8192
    learning_rate: float = 2e-3
    warm_up: int = 2_000_000
    decay: float = 0.5
    weight_decay: float = 1e-4
    average: float = 0.999
    clip_gradient: float = 1.0
    full_precision: float = 0.03
    seed: int = 1

    def rate_at(self, seen: int) -> float:
        """Learning rate after ``seen`` pixels: linear warm-up, plateau, then cosine to zero over the last ``decay``."""
        if seen < self.warm_up:
            return self.learning_rate * (seen + self.batch) / (self.warm_up + self.batch)
        start = self.pixels * (1 - self.decay)
        progress = min(1.0, max(0.0, (seen - start) / max(1.0, self.pixels - start)))
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class Batch:
    """N training pixels.

    ``inputs`` (N, features) in input steps; ``value``, ``base`` (N, 3) and ``activity`` (N,) in gray levels.
    """

    inputs: Tensor
    value: Tensor
    base: Tensor
    activity: Tensor

    def split(self, size: int) -> Iterator[Batch]:
        """Parts of at most ``size`` pixels."""
        parts = (t.split(size) for t in (self.inputs, self.value, self.base, self.activity))
        return (Batch(*part) for part in zip(*parts, strict=True))


class BatchMaker:
    """Turns contexts and values into batches, through the integer front end of the codec."""

    def __init__(self, horizon: int):
        tables = ContextTables.standard()
        self._normalise = Normaliser(horizon, tables)
        levels = np.arange(len(tables.thresholds))
        self._activity = torch.tensor(MIN_ACTIVITY * 2 ** (levels / LEVELS_PER_OCTAVE), dtype=torch.float32)

    def __call__(self, context: NDArray[np.uint8], value: NDArray[np.uint8]) -> Batch:
        """``context`` (window, 3, N) and ``value`` (3, N), uint8."""
        quarters = np.ascontiguousarray(context).astype(np.float32) * np.float32(4)
        normalised = self._normalise(quarters)
        return Batch(
            inputs=_rows(normalised.inputs),
            value=_rows(value.astype(np.float32)),
            base=_rows(normalised.base) / 4,
            activity=self._activity[torch.from_numpy(normalised.level.astype(np.int64))],
        )


def _rows(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.T))


def evaluate(network: LocalNetwork, batch: Batch, *, rounding: bool = True) -> float:
    """Bits per dimension of ``batch``: as the integer network has it, or without ``rounding`` the float parent's."""
    kept = network.rounding, network.low_precision
    network.rounding, network.low_precision = rounding, False
    total = 0.0
    with torch.no_grad():
        for part in batch.split(4 * PIXELS_PER_PASS):
            outputs = network(part.inputs)
            outputs = round_outputs(outputs) if rounding else outputs
            nats = log_likelihood(outputs, part.value, part.base, part.activity)
            total += float(bits_per_dimension(nats)) * len(part.value)
    network.rounding, network.low_precision = kept
    return total / len(batch.value)


class Trainer:
    """A network, its averaged weights and its optimiser, resumable from a folder."""

    def __init__(self, config: TrainingConfig):
        torch.manual_seed(config.seed)
        self.config = config
        self.network = LocalNetwork(config.network)
        self.averaged = LocalNetwork(config.network)
        self.averaged.load_state_dict(self.network.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self.seen = 0
        self.history: list[dict[str, float]] = []

    def step(self, batch: Batch) -> float:
        """One optimiser step; returns the batch's bits per dimension."""
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = config.rate_at(self.seen)
        self.network.low_precision = self.seen < config.pixels * (1 - config.full_precision)
        self.optimiser.zero_grad(set_to_none=True)
        loss = 0.0
        for part in batch.split(PIXELS_PER_PASS):
            outputs = self.network(part.inputs)
            bits = bits_per_dimension(log_likelihood(outputs, part.value, part.base, part.activity))
            share = len(part.value) / len(batch.value)
            (bits * share).backward()
            loss += bits.item() * share
        if not math.isfinite(loss):
            raise NellocError(
                f"training diverged after {self.seen} pixels (loss {loss}); resume with a lower learning rate"
            )
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip_gradient)
        self.optimiser.step()
        self.seen += len(batch.value)
        with torch.no_grad():
            keep = min(config.average, 1 - 1 / (1 + self.seen / config.batch))
            for mean, new in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(new, 1 - keep)
        return loss

    def save(self, folder: Path) -> None:
        """Write ``checkpoint.safetensors`` and ``checkpoint.json``, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": v for k, v in state.items()}
        about = {
            "format": FORMAT,
            "config": asdict(self.config),
            "seen": self.seen,
            "history": self.history,
        }
        metadata = {"about": json.dumps(about)}
        temporary = folder / "checkpoint.safetensors.part"
        save_file(tensors, temporary, metadata=metadata)
        os.replace(temporary, folder / "checkpoint.safetensors")
        readable = folder / "checkpoint.json.part"
        readable.write_text(json.dumps(about, indent=1) + "\n")
        os.replace(readable, folder / "checkpoint.json")

    @classmethod
    def resume(cls, folder: Path, *, pixels: int | None = None) -> Trainer:
        """Continue a saved run; ``pixels`` replaces its planned length. Raises NellocError if there is none."""
        path = folder / "checkpoint.safetensors"
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads(file.metadata()["about"])
            if about["format"] != FORMAT:
                raise ValueError(f"its format {about['format']} is not {FORMAT}")
            tensors = load_file(path)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise NellocError(f"{path}: no checkpoint to resume there ({error})") from error
        fields = dict(about["config"])
        fields["network"] = LocalConfig(**fields["network"])
        if pixels is not None:
            fields["pixels"] = pixels
        trainer = cls(TrainingConfig(**fields))
        trainer.seen, trainer.history = about["seen"], about["history"]
        trainer.network.load_state_dict(_with_prefix(tensors, "network."))
        trainer.averaged.load_state_dict(_with_prefix(tensors, "averaged."))
        state = trainer.optimiser.state_dict()
        for name, value in _with_prefix(tensors, "optimiser.").items():
            index, key = name.split(".", 1)
            state["state"].setdefault(int(index), {})[key] = value
        trainer.optimiser.load_state_dict(state)
        return trainer


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


class _BatchStream(IterableDataset):
    """Endless batches for a DataLoader worker."""

    def __init__(self, sampler: PixelSampler, maker: BatchMaker, size: int):
        self._sampler, self._maker, self._size = sampler, maker, size

    def __iter__(self) -> Iterator[Batch]:
        while True:
            yield self._maker(*self._sampler.draw(self._size))


def batches_from(sampler: PixelSampler, horizon: int, size: int) -> Iterator[Batch]:
    """Endless batches of ``size`` pixels, made ahead of time in one worker process."""
    stream = _BatchStream(sampler, BatchMaker(horizon), size)
    return iter(DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=4))


def train(
    trainer: Trainer,
    sampler: PixelSampler,
    validation: dict[str, Batch],
    folder: Path,
    *,
    every: int = 20_000_000,
    report: Callable[[dict[str, float]], None],
) -> None:
    """Train to the planned number of pixels, validating and saving every ``every`` pixels."""
    config = trainer.config
    batches = batches_from(sampler, config.network.horizon, config.batch)
    loss, since, start = 0.0, 0, time.monotonic()
    while trainer.seen < config.pixels:
        loss += trainer.step(next(batches))
        since += 1
        if trainer.seen // every > (trainer.seen - config.batch) // every or trainer.seen >= config.pixels:
            elapsed = time.monotonic() - start
            row = {
                "megapixels": trainer.seen / 1e6,
                "training_bpd": loss / since,
                "megapixels_per_second": since * config.batch / 1e6 / elapsed,
                "learning_rate": config.rate_at(trainer.seen),
            }
            row |= {f"{name}_bpd": evaluate(trainer.averaged, batch) for name, batch in validation.items()}
            trainer.history.append(row)
            trainer.save(folder)
            report(row)
            loss, since, start = 0.0, 0, time.monotonic()
