"""Training in several processes started by torchrun: each draws its own pixels, and gradients are averaged."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from nelloc.errors import NellocError
from nelloc.training.networks.devices import find_device


@dataclass(frozen=True)
class Processes:
    """Position of this process, the ``rank``-th of ``count`` that train one network, and its device."""

    rank: int = 0
    count: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009 (a device is immutable)

    @property
    def writes(self) -> bool:
        """True in the one process that validates and writes files."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor], number: float) -> float:
        """Replace ``tensors`` by their means over all processes; return the mean of ``number``."""
        if self.count == 1:
            return number
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors] + [torch.tensor([number], device=self.device)])
        self._sum(flat)
        flat /= self.count
        start = 0
        for tensor in tensors:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()
        return float(flat[-1])

    def any(self, flag: bool) -> bool:
        """Return True in all processes if ``flag`` is True in one."""
        if self.count == 1:
            return flag
        total = torch.tensor([float(flag)], device=self.device)
        self._sum(total)
        return bool(total.item() > 0)

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Replace ``tensors`` by those of the process that writes."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor.detach(), src=0)

    def wait(self) -> None:
        """Wait until all processes are here."""
        self.any(False)

    def _sum(self, tensor: Tensor) -> None:
        try:
            distributed.all_reduce(tensor)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise NellocError(f"another training process has ended ({reason}); read what it printed") from error


@contextmanager
def joined(device: str | None = None) -> Iterator[Processes]:
    """Join the processes of a run: those that torchrun has started, or this one alone.

    ``device`` is a torch device name, by default a CUDA GPU if there is one. Raises NellocError if it cannot be used.
    """
    count = int(os.environ.get("WORLD_SIZE", 1))
    chosen = find_device(device, int(os.environ.get("LOCAL_RANK", 0)) if count > 1 else 0)
    if count == 1:
        yield Processes(device=chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), count, chosen)
    finally:
        distributed.destroy_process_group()
