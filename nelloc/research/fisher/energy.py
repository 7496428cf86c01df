"""Energy-based model of the plane: training by score matching, and its density (thesis section 3.4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from nelloc.codec.progress import Progress
from nelloc.research.experiment import Settings
from nelloc.research.fisher.densities import Density
from nelloc.research.fisher.divergences import Grid, LogDensity
from nelloc.research.stages import stage

# Lower bound of a corrected density; see ``corrected``.
FLOOR = 0.01


class Energy(nn.Module):
    """Unnormalised log density f(x / scale, c) - |x / scale|^2 / 2 of points x of the plane, in float32.

    f is a multilayer perceptron of swish units; ``conditions`` is the number of additional inputs c. It grows linearly,
    so the quadratic term makes the density normalisable on the whole plane. If ``scale`` is None there is neither the
    term nor the scale: the network alone, as in the thesis (appendix B.2), which can only be normalised on a limited
    region.
    """

    def __init__(self, scale: float | None, *, width: int = 64, layers: int = 3, conditions: int = 0):
        super().__init__()
        self.scale = scale or 1.0
        self.confinement = 0.0 if scale is None else 1.0
        sizes = [2 + conditions] + [width] * layers
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        self.last = nn.Linear(width, 1)

    def forward(self, points: Tensor) -> Tensor:
        """Log densities (n,) of rows (n, 2 + conditions): a point, then its conditions."""
        scaled = torch.cat([points[:, :2] / self.scale, points[:, 2:]], -1)
        hidden = scaled
        for layer in self.hidden:
            hidden = nn.functional.silu(layer(hidden))
        return self.last(hidden).squeeze(-1) - self.confinement * scaled[:, :2].square().sum(-1) / 2

    def score_and_laplacian(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Result of ``divergences.score_and_laplacian`` for an energy without conditions, ten times as fast.

        Both are carried forward through the layers: the first derivatives (2, n, units), and the sum of the second ones
        (n, units). The backward pass through them is then that of an ordinary network.
        """
        hidden = points / self.scale
        first = (torch.eye(2) / self.scale).unsqueeze(1).expand(2, len(points), 2)
        second = torch.zeros_like(hidden)
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            inputs = layer(hidden)
            gate = inputs.sigmoid()
            hidden = inputs * gate
            slope = gate * (1 + inputs * (1 - gate))
            curvature = gate * (1 - gate) * (2 + inputs * (1 - 2 * gate))
            first, second = first @ layer.weight.T, second @ layer.weight.T
            second = slope * second + curvature * first.square().sum(0)
            first = slope * first
        last = self.last.weight[0]
        curved = self.confinement / self.scale**2
        return (first @ last).T - curved * points, second @ last - 2 * curved

    def score_matching(self, points: Tensor) -> Tensor:
        """Hyvarinen's objective over ``points`` (eq. 1.20)."""
        value, trace = self.score_and_laplacian(points)
        return (value.square().sum(-1) / 2 + trace).mean()


@dataclass(frozen=True)
class Training:
    """Training settings of an energy: Adam, with a constant rate or one ``falling`` along a cosine."""

    epochs: int
    batch: int = 250
    learning_rate: float = 6e-3
    falling: bool = True

    def steps(self, points: int) -> int:
        """Number of optimiser steps."""
        return self.epochs * math.ceil(points / self.batch)


def train(
    energy: nn.Module, points: Tensor, loss: Callable[[Tensor], Tensor], training: Training, progress: Progress
) -> list[float]:
    """Minimise ``loss`` of batches of ``points`` (n, 2); return the mean loss of each epoch."""
    steps = training.steps(len(points))
    progress.expect(steps)
    optimiser = torch.optim.Adam(energy.parameters(), training.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    history = []
    for _ in range(training.epochs):
        total = 0.0
        for batch in points[torch.randperm(len(points))].split(training.batch):
            value = loss(batch)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            if training.falling:
                schedule.step()
            total += value.item() * len(batch)
            progress.advance(remark=f"loss {value.item():.4g}")
        history.append(total / len(points))
    return history


def fit_fisher(energy: Energy, points: Tensor, training: Training, progress: Progress) -> list[float]:
    """Fit an energy to ``points`` of p by the Fisher divergence (eq. 3.6)."""
    return train(energy, points, energy.score_matching, training, progress)


def fit_mixture_fisher(
    energy: Energy, points: Tensor, bridge: Density, beta: float, training: Training, progress: Progress
) -> list[float]:
    """Fit an energy to beta p + (1 - beta) m by the Fisher divergence (eq. 3.8).

    p is given by the ``points``; points of the ``bridge`` m are drawn as needed.
    """

    def loss(batch: Tensor) -> Tensor:
        chosen = torch.rand(len(batch), 1) < beta
        return energy.score_matching(torch.where(chosen, batch, bridge.sample(batch.shape[:1]).float()))

    return train(energy, points, loss, training, progress)


def fitted(settings: Settings, name: str, fit: Callable[[Energy], object], new: Callable[[], Energy]) -> Energy:
    """Train a ``new`` energy by ``fit``, or load it from the stage ``name`` of an interrupted run."""

    def make() -> dict[str, Tensor]:
        energy = new()
        fit(energy)
        return energy.state_dict()

    energy = new()
    energy.load_state_dict(stage(settings, name, make))
    return energy


def normalised(energy: LogDensity, grid: Grid) -> LogDensity:
    """Log density of an energy in float64, normalised by Simpson's rule (eq. 3.9)."""

    def log_density(points: Tensor) -> Tensor:
        with torch.no_grad():
            return energy(points.float()).double() - normaliser

    normaliser = 0.0
    normaliser = grid.log_normaliser(log_density(grid.points))
    return log_density


def corrected(log_bridged: LogDensity, bridge: Density, beta: float, grid: Grid, *, floor: float = FLOOR) -> LogDensity:
    """Log density of q = (q~ - (1 - beta) m) / beta from the normalised one of q~ (eq. 3.10), normalised again.

    Where q is nearly zero, an estimate of q~ may be less than (1 - beta) m, and the difference is no more precise than
    q~. So q is kept above ``floor`` (1 - beta) m / beta. With a floor of 0 it is the thesis's max(., 0), and -inf
    there.
    """
    whole = difference(log_bridged, bridge, beta, floor)
    normaliser = grid.log_normaliser(whole(grid.points))
    return lambda points: whole(points) - normaliser


def difference(log_bridged: LogDensity, bridge: Density, beta: float, floor: float = 0.0) -> LogDensity:
    """Logarithm of q as ``corrected`` has it, but not normalised again: with a floor of 0 that of eq. 3.10."""

    def log_density(points: Tensor) -> Tensor:
        known = math.log1p(-beta) + bridge.log_prob(points)
        above = log_bridged(points).exp() - known.exp()
        return torch.maximum(above, floor * known.exp()).log() - math.log(beta)

    return log_density
