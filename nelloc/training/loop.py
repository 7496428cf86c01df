"""The training loop: optimiser steps on random pixels, validation, and checkpoints that hold their configuration."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nelloc import storage
from nelloc.codec.progress import Progress
from nelloc.errors import NellocError
from nelloc.training.batches import BatchStream, TrainingBatch, reading_images
from nelloc.training.data import PixelSource
from nelloc.training.folder import DataConfig
from nelloc.training.images import ImageSampler
from nelloc.training.networks.devices import bfloat16_is_faster
from nelloc.training.networks.full import FullConfig, FullNetwork
from nelloc.training.networks.local import LocalConfig, LocalNetwork
from nelloc.training.optimiser import Optimisers
from nelloc.training.processes import Processes

FORMAT = 2
CHECKPOINT = "checkpoint.safetensors"
LOG = "checkpoint.json"
# A rate that is worse than the best by this, in bits per dimension, is divergence and not noise.
DIVERGED = 1.0

Network = LocalNetwork | FullNetwork


@dataclass(frozen=True)
class TrainingConfig:
    """Configuration in a checkpoint: the network and its training. Lengths are in pixels.

    ``learning_rate`` and ``matrix_rate`` are the peaks of AdamW's and Muon's; see ``Optimisers``. ``bfloat16`` selects
    bfloat16 products except in the last ``full_precision`` of the run; None: if they are faster on the devices that the
    run starts on.
    """

    network: LocalConfig | FullConfig = field(default_factory=LocalConfig)
    pixels: int = 700_000_000
    batch: int = 4096
    learning_rate: float = 2e-3
    matrix_rate: float = 0.02
    warm_up: int = 2_000_000
    decay: float = 1.0
    weight_decay: float = 1e-4
    second_moment: float = 0.99
    average: float = 0.999
    clip_gradient: float = 1.0
    full_precision: float = 0.03
    seed: int = 1
    bfloat16: bool | None = None

    def share_at(self, seen: int) -> float:
        """Share of the peak rates after ``seen`` pixels: linear warm-up, plateau, cosine over the last ``decay``."""
        if seen < self.warm_up:
            return (seen + self.batch) / (self.warm_up + self.batch)
        start = self.pixels * (1 - self.decay)
        progress = min(1.0, max(0.0, (seen - start) / max(1.0, self.pixels - start)))
        return 0.5 * (1 + math.cos(math.pi * progress))


class Trainer:
    """Network, averaged weights and optimiser of a run that can be resumed from a folder.

    ``network``, if given, is the starting point, and has the shape in ``config``. ``data`` describes the images in the
    checkpoint; None if they were not given as folders. If ``config.bfloat16`` is None, it is set here, for this run and
    all that resume it.
    """

    def __init__(
        self,
        config: TrainingConfig,
        *,
        network: Network | None = None,
        data: DataConfig | None = None,
        processes: Processes | None = None,
    ):
        torch.manual_seed(config.seed)
        self.data, self.processes = data, processes or Processes()
        if config.batch % self.processes.count:
            raise NellocError(
                f"a batch of {config.batch} pixels cannot be shared by {self.processes.count} processes; "
                "give a multiple with --batch"
            )
        if config.bfloat16 is None:  # in all processes or in none
            slower = self.processes.any(not bfloat16_is_faster(self.processes.device))
            config = replace(config, bfloat16=not slower)
        self.config = config
        self.network: Network = _new(config.network)
        if network is not None:
            self.network.load_state_dict(network.state_dict())
        self.network.to(self.processes.device)
        self.averaged = copy.deepcopy(self.network)
        self.optimisers = Optimisers(
            self.network, config.learning_rate, config.matrix_rate, config.weight_decay, config.second_moment
        )
        self.seen = 0
        self.saved = False  # whether there is a checkpoint
        self.history: list[dict[str, float]] = []

    @property
    def drawn(self) -> int:
        """Pixels of a batch that each process draws."""
        return self.config.batch // self.processes.count

    @property
    def data_seed(self) -> int:
        """Seed for drawing pixels: different in each process, and after the run is resumed."""
        return (self.config.seed + self.seen) * self.processes.count + self.processes.rank

    def step(self, batch: TrainingBatch) -> float:
        """Take one optimiser step; return the batch's bits per dimension.

        Raises NellocError, and changes no weight, if the loss or its gradient is not finite.
        """
        config = self.config
        self.network.low_precision = bool(config.bfloat16) and self.seen < config.pixels * (1 - config.full_precision)
        self.network.zero_grad(set_to_none=True)
        loss = 0.0
        batch = batch.to(self.processes.device)
        # The whole batch fits a GPU's memory, but not a CPU's cache.
        for part in batch.passes() if self.processes.device.type == "cpu" else (batch,):
            bits = part.bits(self.network)
            share = part.pixels / batch.pixels
            (bits * share).backward()
            loss += bits.item() * share
        parameters = list(self.network.parameters())
        loss = self.processes.average([p.grad for p in parameters if p.grad is not None], loss)
        norm = torch.nn.utils.clip_grad_norm_(parameters, config.clip_gradient)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise self._diverged(f"loss {loss:.4g}, gradient {float(norm):.4g}")
        self.optimisers.step(config.share_at(self.seen))
        self.seen += batch.pixels * self.processes.count
        with torch.no_grad():
            # Early on, average over the last tenth of the steps only: the first weights are poor.
            keep = min(config.average, 1 - 10 / (10 + self.seen / config.batch))
            for mean, new in zip(self.averaged.parameters(), parameters, strict=True):
                mean.lerp_(new, 1 - keep)
        return loss

    def record(self, row: dict[str, float]) -> None:
        """Add a validation to the history. Raises NellocError if training has diverged."""
        for name, value in row.items():
            best = min((old[name] for old in self.history if name in old), default=math.inf)
            if name.endswith("_bpd") and not value < best + DIVERGED:
                raise self._diverged(f"{name} {value:.4g} after {best:.4g}")
        self.history.append(row)

    def _diverged(self, why: str) -> NellocError:
        advice = "the last checkpoint is as it was: resume it" if self.saved else "nothing was saved yet: start again"
        return NellocError(
            f"training diverged after {self.seen} pixels ({why}); {advice} with a lower --learning-rate "
            f"than {self.config.learning_rate:g}"
        )

    def parent(self) -> Network:
        """Averaged network on the CPU, from which the model is made."""
        return copy.deepcopy(self.averaged).cpu()

    def coded(self) -> LocalNetwork:
        """Averaged local network. Raises NellocError for a convolutional one, which has no integer model."""
        network = self.parent()
        if not isinstance(network, LocalNetwork):
            raise NellocError("this run trains one of a pair of float models, which cannot code; see nelloc ood-score")
        return network

    def save(self, folder: Path) -> None:
        """Write ``checkpoint.safetensors`` and ``checkpoint.json``, each whole or not at all.

        The first has everything; the second is its readable part. Raises NellocError if they cannot be written.
        """
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}
        tensors |= {f"optimiser.{k}": v for k, v in self.optimisers.state().items()}
        about = {
            "format": FORMAT,
            "config": asdict(self.config),
            "data": None if self.data is None else asdict(self.data),
            "seen": self.seen,
            "history": self.history,
        }
        tensors = {name: tensor.cpu() for name, tensor in tensors.items()}
        data = safetensors.torch.save(tensors, metadata={"about": json.dumps(about)})
        storage.make_folder(folder)
        storage.remove_leftovers(folder)
        storage.write(folder / CHECKPOINT, data, force=True)
        storage.write(folder / LOG, (json.dumps(about, indent=1) + "\n").encode(), force=True)
        self.saved = True

    @classmethod
    def resume(
        cls,
        folder: Path,
        *,
        pixels: int | None = None,
        learning_rate: float | None = None,
        processes: Processes | None = None,
    ) -> Trainer:
        """Continue a saved run. Raises NellocError if there is none, or if it would end without a validation.

        ``pixels`` replaces its planned length, ``learning_rate`` its rate; Muon's rate changes in proportion.
        """
        path = folder / CHECKPOINT
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads(file.metadata()["about"])
                if about["format"] != FORMAT:
                    raise ValueError(f"its format {about['format']} is not {FORMAT}")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            shape = about["config"]["network"]
            network = FullConfig(**shape) if "kernel" in shape else LocalConfig(**shape)
            config = TrainingConfig(**(about["config"] | {"network": network}))
            data = DataConfig.remembered(about.get("data"))
            if pixels is not None:
                config = replace(config, pixels=pixels)
            if learning_rate is not None:
                matrix_rate = config.matrix_rate * learning_rate / config.learning_rate
                config = replace(config, learning_rate=learning_rate, matrix_rate=matrix_rate)
            trainer = cls(config, data=data, processes=processes)
            trainer.seen, trainer.history = int(about["seen"]), list(about["history"])
            trainer._load(tensors)
            trainer.saved = True
            if pixels is not None and trainer.seen >= pixels and not trainer.history:
                seen = f"has seen {trainer.seen / 1e6:g} megapixels and was not validated yet"
                raise NellocError(f"{folder}: {seen}; go on for more with --megapixels")
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise NellocError(f"{path}: no checkpoint to resume there ({error}); leave out --resume") from error
        return trainer

    def _load(self, tensors: dict[str, Tensor]) -> None:
        self.network.load_state_dict(_with_prefix(tensors, "network."))
        self.averaged.load_state_dict(_with_prefix(tensors, "averaged."))
        self.optimisers.load(_with_prefix(tensors, "optimiser."))


def _new(config: LocalConfig | FullConfig) -> Network:
    """Network with random weights."""
    return LocalNetwork(config) if isinstance(config, LocalConfig) else FullNetwork(config)


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


class Listener(Progress):
    """Callbacks of a training run, whose steps are pixels. The base class ignores them."""

    def report(self, row: dict[str, float]) -> None:
        """Report a validation: pixels seen, and bits per dimension by name."""


def train(
    trainer: Trainer,
    source: PixelSource | ImageSampler,
    validation: Mapping[str, TrainingBatch],
    folder: Path,
    *,
    every: int = 20_000_000,
    workers: int = 1,
    listener: Listener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Train to the planned number of pixels, validating and saving every ``every`` pixels.

    Parameters
    ----------
    trainer : Trainer
        Network and optimiser, new or resumed.
    source : PixelSource or ImageSampler
        Training data, opened in each data worker.
    validation : mapping of str to TrainingBatch
        Validation batch of each data set, by its name.
    folder : Path
        Where checkpoints are saved.
    every : int
        Pixels between validations.
    workers : int
        Number of data workers.
    listener : Listener, optional
        Callbacks.
    stop : callable
        Returns True if the run should be saved and left.

    Returns
    -------
    bool
        False if ``stop`` ended the run early.

    Raises
    ------
    NellocError
        If training diverges, no image can be read, or the checkpoint cannot be written.

    Notes
    -----
    With several processes, one of them validates and saves.
    """
    config, processes = trainer.config, trainer.processes
    listener = listener or Listener()
    listener.expect(config.pixels - trainer.seen)
    processes.share([*trainer.network.parameters(), *trainer.averaged.parameters()])
    batches = iter(BatchStream(source, config.network, trainer.drawn, workers=workers, messages=listener.message))
    loss, since, start = 0.0, 0, time.monotonic()
    smooth = 0.0
    with reading_images():
        while trainer.seen < config.pixels:
            if processes.any(stop()):
                if processes.writes:
                    trainer.save(folder)
                return False
            step_loss = trainer.step(next(batches))
            loss += step_loss
            since += 1
            smooth = 0.98 * smooth + 0.02 * step_loss if smooth else step_loss
            listener.advance(config.batch, f"{smooth:.3f} bpd")
            if trainer.seen // every > (trainer.seen - config.batch) // every or trainer.seen >= config.pixels:
                elapsed = time.monotonic() - start
                row = {
                    "megapixels": trainer.seen / 1e6,
                    "training_bpd": loss / since,
                    "megapixels_per_second": since * config.batch / 1e6 / elapsed,
                    "learning_rate": config.learning_rate * config.share_at(trainer.seen),
                }
                if processes.writes:
                    row |= {f"{name}_bpd": batch.rate(trainer.averaged) for name, batch in validation.items()}
                    trainer.record(row)
                    trainer.save(folder)
                    listener.report(row)
                trainer.saved = True  # by the process that writes
                loss, since, start = 0.0, 0, time.monotonic()
    processes.wait()
    return True
