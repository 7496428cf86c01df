"""The training loop: random pixels in, a checkpoint that carries its configuration out."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from nelloc.errors import NellocError
from nelloc.models.local import LocalConfig, LocalNetwork
from nelloc.models.mixture import bits_per_dimension, log_likelihood
from nelloc.training.batches import PIXELS_PER_PASS, Batch, batches_from, evaluate
from nelloc.training.data import PixelSampler

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
