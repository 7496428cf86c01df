"""Batches: drawn pixels through the codec's integer front end, and a network's rate on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from nelloc.exact.context import LEVELS_PER_OCTAVE, MIN_ACTIVITY, ContextTables, Normaliser
from nelloc.models.local import LocalNetwork, round_outputs
from nelloc.models.mixture import bits_per_dimension, log_likelihood
from nelloc.training.data import PixelSampler

# Pixels per pass through the network: small enough for activations to stay in cache.
PIXELS_PER_PASS = 4096


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
