"""Batches: drawn pixels through the codec's integer front end, and a network's rate on them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from nelloc.errors import NellocError
from nelloc.exact.context import RAW_ACTIVITY, ContextTables, Normaliser, standard_activity
from nelloc.training.data import PixelSource
from nelloc.training.images import ImageBatch, ImageSampler
from nelloc.training.networks.full import FullConfig
from nelloc.training.networks.local import LocalConfig, LocalNetwork, round_outputs
from nelloc.training.networks.mixture import bits_per_dimension, log_likelihood

# Pixels per pass through a local network: few enough for activations to stay in cache.
LOCAL_PASS_PIXELS = 4096


class TrainingBatch(Protocol):
    """Batch of a training step: pixels for a local network, or whole images for a convolutional one."""

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        ...

    def passes(self) -> Iterator[TrainingBatch]:
        """Split into parts that fit a CPU's cache."""

    def to(self, device: torch.device) -> TrainingBatch:
        """Copy to ``device``."""

    def bits(self, network: Any) -> Tensor:
        """Mean bits per dimension under ``network``, with gradients."""

    def rate(self, network: Any) -> float:
        """Mean bits per dimension under ``network`` as it is used for coding."""


@dataclass(frozen=True)
class Batch:
    """Batch of N training pixels of C channels.

    ``inputs`` (N, features) in input steps; ``value``, ``base`` (N, C) and ``activity`` (N,) in gray levels.
    """

    inputs: Tensor
    value: Tensor
    base: Tensor
    activity: Tensor

    def split(self, size: int) -> Iterator[Batch]:
        """Split into parts of at most ``size`` pixels."""
        parts = (t.split(size) for t in (self.inputs, self.value, self.base, self.activity))
        return (Batch(*part) for part in zip(*parts, strict=True))

    def to(self, device: torch.device) -> Batch:
        """Copy to ``device``."""
        return Batch(*(t.to(device) for t in (self.inputs, self.value, self.base, self.activity)))

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return len(self.value)

    def passes(self) -> Iterator[Batch]:
        """Split into parts of LOCAL_PASS_PIXELS."""
        return self.split(LOCAL_PASS_PIXELS)

    def bits(self, network: LocalNetwork) -> Tensor:
        """Mean bits per dimension, with gradients."""
        joint, channels = network.config.joint, network.config.channels
        nats = log_likelihood(network(self.inputs), self.value, self.base, self.activity, joint=joint)
        return bits_per_dimension(nats, channels)

    def rate(self, network: LocalNetwork) -> float:
        """Mean bits per dimension of the integer network."""
        return evaluate(network, self)


class BatchMaker:
    """Converter of contexts and values to batches for one network shape, by the codec's integer front end."""

    def __init__(self, config: LocalConfig):
        tables = ContextTables.of(config.channels, config.inputs)
        levels = len(tables.thresholds)
        activity = [RAW_ACTIVITY] if config.inputs == "raw" else standard_activity(levels)
        self._channels = config.channels
        self._horizon = config.horizon
        self._normalise = Normaliser(config.horizon, tables, config.channels, config.inputs, config.borders)
        self._activity = torch.tensor(activity, dtype=torch.float32)

    def __call__(
        self, context: NDArray[np.uint8], value: NDArray[np.uint8], borders: NDArray[np.integer | np.floating]
    ) -> Batch:
        """Make a batch of the arrays of a ``Drawn``, uint8 RGB; a gray model gets their luma."""
        if self._channels == 1:
            context, value = luma(context, axis=1), luma(value, axis=0)
        quarters = np.ascontiguousarray(context).astype(np.float32) * np.float32(4)
        distances = np.clip(borders, 0, self._horizon).astype(np.float32)
        normalised = self._normalise(quarters, distances)
        return Batch(
            inputs=_rows(normalised.inputs),
            value=_rows(value.astype(np.float32)),
            base=_rows(normalised.base) / 4,
            activity=self._activity[torch.from_numpy(normalised.level.astype(np.int64))],
        )


def luma(pixels: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    """Convert RGB along ``axis`` to one gray channel like Pillow's mode L (ITU-R 601, rounded to nearest)."""
    red, green, blue = np.split(pixels.astype(np.uint32), 3, axis)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)


def _rows(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.T))


def evaluate(network: LocalNetwork, batch: Batch, *, rounding: bool = True) -> float:
    """Bits per dimension of ``batch`` under the integer network, or without ``rounding`` under the float network."""
    config = network.config
    kept = network.rounding, network.low_precision
    network.rounding, network.low_precision = rounding, False
    total = 0.0
    with torch.no_grad():
        device = network.linear[0].weight.device
        for part in batch.split(4 * LOCAL_PASS_PIXELS):
            outputs = network(part.inputs.to(device)).cpu()
            outputs = round_outputs(outputs, config.channels) if rounding else outputs
            nats = log_likelihood(outputs, part.value, part.base, part.activity, joint=config.joint)
            total += float(bits_per_dimension(nats, config.channels)) * len(part.value)
    network.rounding, network.low_precision = kept
    return total / len(batch.value)


class BatchStream:
    """Endless iterator of batches of ``size`` pixels for networks of ``config``, made ahead in worker processes.

    For a convolutional network a batch has images with about ``size`` pixels together. ``messages`` is called with
    warnings about the images read. Iterating raises NellocError if no image can be read. Equal arguments give equal
    batches. Use it inside ``reading_images``.
    """

    def __init__(
        self,
        source: PixelSource | ImageSampler,
        config: LocalConfig | FullConfig,
        size: int,
        *,
        workers: int = 1,
        messages: Callable[[str], None] = lambda _: None,
    ):
        maker = BatchMaker(config) if isinstance(config, LocalConfig) else ImageBatch.of
        dataset = _Dataset(source, maker, size)
        self._loader = DataLoader(
            dataset, batch_size=None, num_workers=workers, prefetch_factor=4, worker_init_fn=_leave_signals_to_main
        )
        self._messages = messages

    def __iter__(self) -> Iterator[TrainingBatch]:
        for batch, messages, problem in self._loader:
            for message in messages:
                self._messages(message)
            if problem is not None:
                raise NellocError(problem)
            yield batch


@contextmanager
def reading_images() -> Iterator[None]:
    """Context in which batches are used; converts the death of a data worker into NellocError."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise NellocError(
            "the process that reads training images has died, perhaps of too little memory; a checkpoint that was "
            "saved is as it was: resume it, or start again, with a smaller --memory"
        ) from error


class _Dataset(IterableDataset):
    """Endless (batch, messages, problem) of a DataLoader worker; it ends after a problem."""

    def __init__(self, source: PixelSource | ImageSampler, maker: Callable[..., TrainingBatch], size: int):
        self._source, self._maker, self._size = source, maker, size

    def __iter__(self) -> Iterator[tuple[TrainingBatch | None, list[str], str | None]]:
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        try:
            drawer = self._source.open(number, count)
            while True:
                batch = self._maker(*drawer.draw(self._size))
                yield batch, drawer.messages(), None
        except NellocError as error:
            # Passed as text: the message of an exception would be the worker's traceback.
            yield None, [], str(error)


def _leave_signals_to_main(_: int) -> None:
    """Ignore Ctrl-C, which reaches all processes of a terminal: the main process stops the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgrp"):
        os.setpgrp()
