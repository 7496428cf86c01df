"""Figures 3.4 and 3.5: denoising score matching with annealed noise, beside FD and MFD, on the line.

The data are the two Gaussians of Figure 3.1. At each iteration the deviation of the noise is multiplied by a constant.
The thesis gives 0.9999, and says that noise of 3.0 is below 0.001 after 10,000 iterations, but 3.0 x 0.9999^10000 is
1.10. So both are run: that factor, and the factor that ends at 0.001.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.fisher.densities import Bridged, Density, gaussian, gaussian_mixture, two_gaussians
from nelloc.research.fisher.divergences import Grid, LogDensity, kl_divergence
from nelloc.research.fisher.energy import corrected, normalised
from nelloc.research.plots import new_figure
from nelloc.research.stages import stage

TRUE, DISTANCE = 0.2, 5.0
BRIDGE_SCALE, BETA = 3.0, 0.5  # those of Figure 3.2
UNITS, LAYERS = 30, 3
ITERATIONS, BATCH, LEARNING_RATE = 10_000, 300, 3e-4
FIRST_NOISE, FACTOR, LAST_NOISE = 3.0, 0.9999, 1e-3
SNAPSHOTS = 5
# The network is bounded, so its density can only be normalised on a limited line.
GRID = Grid(15, 3001)


class LineEnergy(nn.Module):
    """Unnormalised log density of points of the line: a network of tanh units, in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([1] + [UNITS] * LAYERS))
        self.last = nn.Linear(UNITS, 1)

    def forward(self, points: Tensor) -> Tensor:
        """Log densities (n,) of points (n, 1)."""
        hidden = points
        for layer in self.hidden:
            hidden = torch.tanh(layer(hidden))
        return self.last(hidden).squeeze(-1)

    def score_and_curvature(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """First and second derivative of the log density at points (n, 1), each (n, 1), by the chain rule."""
        hidden, first, second = points, torch.ones_like(points), torch.zeros_like(points)
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            hidden = torch.tanh(layer(hidden))
            first, second = first @ layer.weight.T, second @ layer.weight.T
            slope = 1 - hidden.square()
            second = slope * second - 2 * hidden * slope * first.square()
            first = slope * first
        return first @ self.last.weight.T, second @ self.last.weight.T


# Loss of an energy on points (n, 1) of p, at an iteration.
Loss = Callable[[LineEnergy, Tensor, int], Tensor]


def denoising(first: float, factor: float) -> Loss:
    """Loss of equation 3.17 with noise of deviation first x factor^iteration."""

    def loss(energy: LineEnergy, points: Tensor, iteration: int) -> Tensor:
        scale = first * factor**iteration
        noise = torch.randn_like(points)
        value, _ = energy.score_and_curvature(points + scale * noise)
        return (noise / scale + value).square().mean() / 2

    return loss


def matching(energy: LineEnergy, points: Tensor, iteration: int) -> Tensor:
    """Loss of equation 3.6."""
    value, curvature = energy.score_and_curvature(points)
    return (value.square() / 2 + curvature).mean()


def train(settings: Settings, name: str, p: Density, loss: Loss, iterations: int) -> list[LineEnergy]:
    """Train by Adam on new points of p; return the energy after each SNAPSHOTS-th part of ``iterations``."""

    def make() -> dict[str, Tensor]:
        energy = LineEnergy()
        kept: dict[str, Tensor] = {}
        rate = LEARNING_RATE * ITERATIONS / iterations
        optimiser = torch.optim.Adam(energy.parameters(), rate)
        settings.progress.expect(iterations, name)
        for iteration in range(1, iterations + 1):
            value = loss(energy, p.sample(torch.Size((BATCH,))).float(), iteration)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            settings.progress.advance(remark=f"loss {value.item():.4g}")
            if iteration in snapshots(iterations):
                at = snapshots(iterations).index(iteration)
                kept |= {f"{at}.{key}": tensor.clone() for key, tensor in energy.state_dict().items()}
        return kept

    found = stage(settings, name, make, iterations=iterations)
    energies = []
    for at in range(len(snapshots(iterations))):
        energies.append(LineEnergy())
        mine = {key: tensor for key, tensor in found.items() if key.startswith(f"{at}.")}
        energies[-1].load_state_dict({key.partition(".")[2]: tensor for key, tensor in mine.items()})
    return energies


def snapshots(iterations: int) -> list[int]:
    """Iterations after which densities are drawn, including the last."""
    return sorted({max(1, iterations * part // SNAPSHOTS) for part in range(1, SNAPSHOTS + 1)})


def last_noise(first: float, factor: float, iterations: int) -> float:
    """Deviation of the noise after a number of iterations."""
    return first * factor**iterations


def run(settings: Settings) -> ExperimentResult:
    """Denoising with both readings of the annealing (Figure 3.4); FD and MFD (Figure 3.5)."""
    iterations = settings.choose(2000, ITERATIONS)
    if settings.epochs is not None:
        iterations = settings.epochs
    p = two_gaussians(TRUE, DISTANCE)
    numbers: dict[str, Any] = {
        "iterations": iterations,
        "noise after 10,000 iterations, factor 0.9999": last_noise(FIRST_NOISE, FACTOR, ITERATIONS),
        "factor that ends at 0.001": (LAST_NOISE / FIRST_NOISE) ** (1 / ITERATIONS),
    }
    annealed = denoise(settings, p, iterations)
    for name, found in annealed.items():
        rows = [each.measure(p) for each in found]
        numbers[name] = rows
        numbers[f"proportion, denoising, {name}"] = rows[-1]["proportion"]
        numbers[f"KL, denoising, {name}"] = rows[-1]["kl"]
    matched = match(settings, p, iterations)
    for name, estimate in matched.items():
        numbers[f"proportion, {name}"] = proportion(estimate)
        numbers[f"KL, {name}"] = kl_divergence(p, estimate, GRID)
    compared = {"(a) FD": matched["FD"], "(b) MFD": matched["MFD"]}
    return ExperimentResult(numbers, {"annealing": draw_annealing(p, annealed), "compared": draw_compared(p, compared)})


@dataclass(frozen=True)
class Denoised:
    """Estimate after some iterations of denoising, and the deviation of the noise there."""

    iteration: int
    noise: float
    estimate: LogDensity

    def measure(self, p: Density) -> dict[str, Any]:
        """Measure its proportion on the left, and its KL from p and from p with noise."""
        return {
            "iteration": self.iteration,
            "noise": self.noise,
            "proportion": proportion(self.estimate),
            "kl_of_noised": kl_divergence(noised(self.noise), self.estimate, GRID),
            "kl": kl_divergence(p, self.estimate, GRID),
        }


def denoise(settings: Settings, p: Density, iterations: int) -> dict[str, list[Denoised]]:
    """Train an energy with each factor of the annealing; return estimates during the training."""
    stretch = ITERATIONS / iterations  # a shorter run ends at the same noise
    factors = {
        "factor 0.9999": FACTOR**stretch,
        "down to 0.001": (LAST_NOISE / FIRST_NOISE) ** (1 / iterations),
    }
    found = {}
    for name, factor in factors.items():
        energies = train(settings, f"denoising-{name.split()[-1]}", p, denoising(FIRST_NOISE, factor), iterations)
        found[name] = [
            Denoised(iteration, last_noise(FIRST_NOISE, factor, iteration), normalised(energy, GRID))
            for iteration, energy in zip(snapshots(iterations), energies, strict=False)
        ]
    return found


def match(settings: Settings, p: Density, iterations: int) -> dict[str, LogDensity]:
    """Train energies by FD and by MFD."""
    bridge = gaussian((0.0,), BRIDGE_SCALE)
    by_fd = normalised(train(settings, "fd", p, matching, iterations)[-1], GRID)
    bridged = normalised(train(settings, "mfd", Bridged(p, bridge, BETA), matching, iterations)[-1], GRID)
    return {
        "FD": by_fd,
        "MFD": corrected(bridged, bridge, BETA, GRID, floor=0.0),
        "MFD, kept above zero": corrected(bridged, bridge, BETA, GRID),
    }


def draw_annealing(p: Density, annealed: dict[str, list[Denoised]]) -> Figure:
    """Draw the estimates during denoising, a row for each factor."""
    figure = new_figure(15, 6)
    panels = figure.subplots(2, SNAPSHOTS, sharey="row", squeeze=False)
    for row, (name, found) in zip(panels, annealed.items(), strict=True):
        for axes, each in zip(row, found, strict=False):
            _draw(axes, p, each.estimate, f"iteration {each.iteration:,}, noise {each.noise:.3g}")
        row[0].set_ylabel(f"{name}\ndensity")
    panels[0, 0].legend()
    return figure


def draw_compared(p: Density, estimates: dict[str, LogDensity]) -> Figure:
    """Draw the estimates by FD and by MFD."""
    figure = new_figure(9, 4)
    for axes, (name, estimate) in zip(figure.subplots(1, 2, sharey=True), estimates.items(), strict=True):
        _draw(axes, p, estimate, f"{name}: {proportion(estimate):.2f} on the left")
        axes.set_ylabel("density")
        axes.legend()
    return figure


def noised(scale: float) -> Density:
    """Add Gaussian noise of deviation ``scale`` to p."""
    return gaussian_mixture((TRUE, 1 - TRUE), ((-DISTANCE,), (DISTANCE,)), math.hypot(1, scale))


def proportion(log_density: LogDensity) -> float:
    """Mass on the left of zero."""
    points = GRID.points
    left = (points.squeeze(-1) < 0).double() + 0.5 * (points.squeeze(-1) == 0)
    return GRID.integral(log_density(points).exp() * left)


def _draw(axes: Any, p: Density, estimate: LogDensity, title: str) -> None:
    points = GRID.points
    axes.plot(GRID.axis, p.log_prob(points).exp(), "k--", label="p")
    axes.plot(GRID.axis, estimate(points).exp(), label="model")
    axes.set(title=title, xlabel="x", xlim=(-10, 10))
