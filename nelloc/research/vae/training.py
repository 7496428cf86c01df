"""Training loop of this room: a VAE, or only its encoder, epoch by epoch, resumable."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nelloc import __version__, disk
from nelloc.errors import NellocError
from nelloc.exact.callbacks import Watch
from nelloc.research import tensor_file
from nelloc.research.tensor_file import TensorFile
from nelloc.research.vae.inference import Objective
from nelloc.research.vae.models import VAE, frozen
from nelloc.training.networks.devices import bfloat16_is_faster

Row = dict[str, float]

# Share of the epochs, at least one, that are trained in float32 after those in bfloat16.
FULL_PRECISION = 0.03

# A gradient of more than OUTLIER times the average of about AVERAGED_STEPS steps is skipped; ordinary ones reach half.
OUTLIER = 20.0
AVERAGED_STEPS = 100

# Share of an epoch's losses that must be finite: single ones that are not are skipped.
LEAST_FINITE = 0.9

# Largest share of a run's time for writing checkpoints, which may have hundreds of megabytes.
WRITING_SHARE = 0.05


@dataclass(frozen=True)
class EpochSettings:
    """Length and settings of a training.

    The learning rate rises linearly over the first ``warm_up`` steps. ``encoder_only`` freezes the decoder.
    """

    epochs: int
    batch: int = 100
    learning_rate: float = 1e-3
    seed: int = 0
    encoder_only: bool = False
    warm_up: int = 0


class OutlierGuard:
    """Guard that skips the next step of a fused optimiser if the gradient is not finite, or far larger than usual.

    A single such batch can make a wide network diverge. ``usual`` is the running average of the gradient's norm,
    float32 (), infinite before the first step; norms above OUTLIER times that are clipped to this in the average.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, trained: nn.Module):
        self._optimiser, self._weights = optimiser, list(trained.parameters())
        self.usual = torch.full((), torch.inf, device=self._weights[0].device)

    def judge(self) -> None:
        """Check the current gradients, and inform the optimiser."""
        norm = torch.nn.utils.get_total_norm([weight.grad for weight in self._weights if weight.grad is not None])
        limit = OUTLIER * self.usual
        skipped = ~(norm.isfinite() & (norm <= limit))
        self._optimiser.found_inf = skipped.float()  # type: ignore[attr-defined] # as GradScaler does
        counted = torch.where(skipped, limit, norm)
        self.usual = torch.where(self.usual.isfinite(), self.usual.lerp(counted, 1 / AVERAGED_STEPS), counted)


def fit(
    vae: VAE,
    images: Tensor,
    objective: Objective,
    plan: EpochSettings,
    *,
    measure: Callable[[int], Row] = lambda epoch: {},
    progress: Watch = lambda: None,
    checkpoint: Path | None = None,
    low_precision: bool = False,
) -> list[Row]:
    """Train ``vae`` in place on images (N, channels, rows, columns); return a row of measurements for each epoch.

    ``measure`` makes a row after each epoch, ``progress`` is called after each. With ``checkpoint``, the state is saved
    there after epochs, as often as WRITING_SHARE allows and after the last, and a run that finds one continues from it;
    the result equals that of an unbroken run, because each epoch draws its randomness from ``plan.seed`` and its
    number. Raises NellocError for a checkpoint of another start, plan, objective or of other images, for a damaged one,
    and for a diverged loss. With ``low_precision`` all but the last epochs are trained in bfloat16, if this machine is
    faster with it, or if the checkpoint's run started so.
    """
    trained = vae.encoder if plan.encoder_only else vae
    optimiser = torch.optim.Adam(trained.parameters(), lr=plan.learning_rate, fused=True)
    guard = OutlierGuard(optimiser, trained)
    rows: list[Row] = []
    origin = _origin(vae, images, objective, plan) if checkpoint is not None else {}
    if checkpoint is not None and disk.exists(checkpoint):
        rows, low_precision = _restore(checkpoint, origin, vae, optimiser, guard)
    else:
        low_precision = low_precision and bfloat16_is_faster(images.device)
    for _ in rows:
        progress()
    next_writing = 0.0
    low_epochs = plan.epochs - max(1, round(FULL_PRECISION * plan.epochs)) if low_precision else 0
    for epoch in range(len(rows) + 1, plan.epochs + 1):
        vae.train()
        vae.low_precision = epoch <= low_epochs
        losses = _train_epoch(vae, images, objective, plan, optimiser, guard, epoch)
        if losses.isfinite().double().mean() < LEAST_FINITE:
            raise NellocError(f"training: the loss of epoch {epoch} is not a number; try another --seed")
        vae.eval()
        vae.low_precision = False
        rows.append({"epoch": epoch, **measure(epoch)})
        if checkpoint is not None and (epoch == plan.epochs or time.monotonic() >= next_writing):
            start = time.monotonic()
            _keep(checkpoint, origin, vae, optimiser, guard, rows, low_precision)
            next_writing = time.monotonic() + (time.monotonic() - start) / WRITING_SHARE
        progress()
    return rows


def _train_epoch(
    vae: VAE,
    images: Tensor,
    objective: Objective,
    plan: EpochSettings,
    optimiser: torch.optim.Optimizer,
    guard: OutlierGuard,
    epoch: int,
) -> Tensor:
    """Train on each image once; return the losses of the steps, in nats per image, (steps,)."""
    generator = torch.Generator(images.device).manual_seed(plan.seed * 1_000_003 + epoch)
    batches = torch.randperm(len(images), generator=generator, device=images.device).split(plan.batch)
    losses = []
    with frozen(vae.decoder) if plan.encoder_only else nullcontext():
        for step, indices in enumerate(batches, (epoch - 1) * len(batches) + 1):
            for group in optimiser.param_groups:
                group["lr"] = plan.learning_rate * min(1.0, step / max(1, plan.warm_up))
            loss = objective(vae, images[indices].float(), generator)
            optimiser.zero_grad()
            loss.backward()
            guard.judge()
            optimiser.step()
            losses.append(loss.detach())
    return torch.stack(losses)


def _origin(vae: VAE, images: Tensor, objective: Objective, plan: EpochSettings) -> dict[str, Any]:
    """Everything that the result depends on before the first step, including the initial weights."""
    return {
        "nelloc": __version__,
        "plan": asdict(plan),
        "architecture": asdict(vae.architecture),
        "objective": getattr(objective, "__qualname__", repr(objective)),
        "images": tensor_file.fingerprint([images]),
        "start": tensor_file.fingerprint(vae.state_dict().values()),
    }


def _keep(
    path: Path,
    origin: dict[str, Any],
    vae: VAE,
    optimiser: torch.optim.Optimizer,
    guard: OutlierGuard,
    rows: list[Row],
    low_precision: bool,
) -> None:
    tensors = {f"vae.{name}": tensor for name, tensor in vae.state_dict().items()} | {"guard.usual": guard.usual}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": tensor for name, tensor in state.items()}
    tensor_file.write(path, TensorFile(tensors, origin, {"rows": rows, "low_precision": low_precision}))


def _restore(
    path: Path, origin: dict[str, Any], vae: VAE, optimiser: torch.optim.Optimizer, guard: OutlierGuard
) -> tuple[list[Row], bool]:
    """Rows of the finished epochs, and whether they were in low precision."""
    found = tensor_file.read(path)
    if found is None:
        raise NellocError(f"{path}: is damaged; remove it, and its epochs are trained again")
    if found.origin != origin:
        differing = ", ".join(sorted(key for key in origin if found.origin.get(key) != origin[key]))
        raise NellocError(f"{path}: belongs to another run ({differing} differ); remove it, or give another --out")
    weights: dict[str, Tensor] = {}
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in found.tensors.items():
        part, _, rest = name.partition(".")
        if part == "vae":
            weights[rest] = tensor
        elif part == "guard":
            guard.usual = tensor.to(guard.usual.device)
        else:
            number, _, key = rest.partition(".")
            states.setdefault(int(number), {})[key] = tensor
    vae.load_state_dict(weights)
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})
    for weight, state in optimiser.state.items():  # in the weight's memory layout, which a file does not have
        state |= {name: torch.empty_like(weight).copy_(state[name]) for name in ("exp_avg", "exp_avg_sq")}
    vae.eval()
    return found.notes["rows"], found.notes["low_precision"]
