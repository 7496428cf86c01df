"""The one training loop of this room: a VAE, or only its encoder, epoch by epoch, resumable."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from nelloc import storage
from nelloc.errors import NellocError
from nelloc.models.precision import bfloat16_is_faster
from nelloc.research.vae.inference import Objective
from nelloc.research.vae.models import VAE, frozen

Row = dict[str, float]

# The share of the epochs, at least one, that are trained in float32 after those in bfloat16.
FULL_PRECISION = 0.03


@dataclass(frozen=True)
class Plan:
    """How long and how to train. ``encoder_only`` leaves the decoder as it is."""

    epochs: int
    batch: int = 100
    learning_rate: float = 1e-3
    seed: int = 0
    encoder_only: bool = False


def fit(
    vae: VAE,
    images: Tensor,
    objective: Objective,
    plan: Plan,
    *,
    measure: Callable[[int], Row] = lambda epoch: {},
    progress: Callable[[], None] = lambda: None,
    checkpoint: Path | None = None,
    low_precision: bool = False,
) -> list[Row]:
    """Train ``vae`` in place on images (N, channels, rows, columns), and return a row of measurements for each epoch.

    ``measure`` is asked for a row after each epoch, ``progress`` is told of each. With ``checkpoint``, the state after
    each epoch is kept there, and a run that finds one goes on from it; the result is that of an unbroken run, because
    each epoch draws its randomness from ``plan.seed`` and its own number. Raises NellocError for a checkpoint of
    another plan or a diverged loss. With ``low_precision`` all but the last epochs are trained in bfloat16, if this
    machine is faster at it.
    """
    trained = vae.encoder if plan.encoder_only else vae
    optimiser = torch.optim.Adam(trained.parameters(), lr=plan.learning_rate, fused=True)
    rows: list[Row] = []
    if checkpoint is not None and checkpoint.exists():
        rows = _restore(checkpoint, vae, optimiser, plan)
    for _ in rows:
        progress()
    low_precision = low_precision and bfloat16_is_faster(images.device)
    low_epochs = plan.epochs - max(1, round(FULL_PRECISION * plan.epochs)) if low_precision else 0
    for epoch in range(len(rows) + 1, plan.epochs + 1):
        generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + epoch)
        vae.train()
        vae.low_precision = epoch <= low_epochs
        with frozen(vae.decoder if plan.encoder_only else torch.nn.Module()):
            for indices in torch.randperm(len(images), generator=generator).split(plan.batch):
                loss = objective(vae, images[indices].float(), generator)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        if not torch.isfinite(loss):
            raise NellocError(f"training: the loss of epoch {epoch} is not a number; try another --seed")
        vae.eval()
        vae.low_precision = False
        rows.append({"epoch": epoch, **measure(epoch)})
        if checkpoint is not None:
            _keep(checkpoint, vae, optimiser, plan, rows)
        progress()
    return rows


def _keep(path: Path, vae: VAE, optimiser: torch.optim.Optimizer, plan: Plan, rows: list[Row]) -> None:
    buffer = io.BytesIO()
    state = {"vae": vae.state_dict(), "optimiser": optimiser.state_dict(), "rows": rows}
    torch.save({**state, "plan": asdict(plan), "architecture": asdict(vae.architecture)}, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    storage.write(path, buffer.getvalue(), force=True)


def _restore(path: Path, vae: VAE, optimiser: torch.optim.Optimizer, plan: Plan) -> list[Row]:
    """The rows of the epochs that were done."""
    try:
        state = torch.load(path, weights_only=True)
        rows: list[Row] = state["rows"]
        if state["plan"] != asdict(plan) or state["architecture"] != asdict(vae.architecture):
            raise NellocError(f"{path}: belongs to another run; remove it, or give another --out")
        vae.load_state_dict(state["vae"])
        optimiser.load_state_dict(state["optimiser"])
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise NellocError(f"{path}: not a checkpoint of this command ({error}); remove it") from error
    vae.eval()
    return rows
