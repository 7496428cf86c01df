"""Figure 3.3: densities of energy-based models fitted by the Fisher and by the mixture Fisher divergence.

Equations 3.8-3.10 in three steps: fit an energy to beta p + (1 - beta) m by score matching; normalise it with Simpson's
rule; subtract (1 - beta) m. KL(p || q) is estimated over new points of p. Networks, points and iterations are those of
appendix B.2; the learning rate, which it does not give, is Adam's default, and the region of the integrals is ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.fisher.densities import Density, Rings, gaussian_mixture, moment_matched
from nelloc.research.fisher.divergences import Grid, LogDensity, kl_monte_carlo
from nelloc.research.fisher.energy import (
    Energy,
    Training,
    corrected,
    difference,
    fit_fisher,
    fit_mixture_fisher,
    fitted,
    normalised,
)
from nelloc.research.plots import new_figure

BETA = 0.8
# Points to train on, and to estimate KL.
POINTS, TEST_POINTS = 100_000, 10_000
BATCH, LEARNING_RATE = 300, 1e-3
# 90 passes in batches of 300 are the thesis's 30,000 iterations.
QUICK_EPOCHS, MEDIUM_EPOCHS, FULL_EPOCHS = 6, 12, 90
QUICK_WIDTH, FULL_WIDTH = 50, 200
GRID = Grid(15, 301, 2)


@dataclass(frozen=True)
class Target:
    """Density to be estimated; ``part_of`` maps points (n, 2) to the indices of their ``weights``."""

    name: str
    density: Density
    weights: tuple[float, ...]
    part_of: Callable[[Tensor], Tensor]


def four_gaussians(noise: float = 0.0) -> Target:
    """Four unit Gaussians at the corners of a square of side 10, of different weights; a part is a quadrant.

    They go round from the lower left one by the upper left (thesis section 3.4). ``noise`` is the scale of Gaussian
    noise added to them.
    """
    weights = (0.1, 0.2, 0.3, 0.4)
    means = ((-5.0, -5.0), (-5.0, 5.0), (5.0, 5.0), (5.0, -5.0))
    return Target(
        "gaussians",
        gaussian_mixture(weights, means, math.hypot(1, noise)),
        weights,
        lambda points: torch.where(points[:, 0] < 0, (points[:, 1] > 0).long(), 2 + (points[:, 1] < 0).long()),
    )


def three_rings() -> Target:
    """Three concentric circles like those of Wenliang et al. (2019); a part is the neighbourhood of a circle.

    The numbers are those of their public program: radii of 1, 3 and 5, equal mass per length on each, and a deviation
    of 0.2.
    """
    radii = (1.0, 3.0, 5.0)
    weights = tuple(radius / sum(radii) for radius in radii)
    return Target(
        "rings",
        Rings(weights, radii, 0.2),
        weights,
        lambda points: torch.bucketize(points.norm(dim=-1), torch.tensor((2.0, 4.0), dtype=points.dtype)),
    )


@dataclass(frozen=True)
class Estimates:
    """Log densities fitted to a target: by FD, by MFD, by MFD and kept above zero, and by MFD before the correction.

    ``mfd_printed`` is that by MFD as eq. 3.10 has it, not normalised again.
    """

    target: Target
    fd: LogDensity
    mfd: LogDensity
    mfd_kept: LogDensity
    mfd_bridged: LogDensity
    mfd_printed: LogDensity


def run(settings: Settings) -> ExperimentResult:
    """Both targets, by FD and by MFD."""
    training = Training(
        settings.epochs_or(QUICK_EPOCHS, FULL_EPOCHS, MEDIUM_EPOCHS), BATCH, LEARNING_RATE, falling=False
    )
    width = settings.choose(QUICK_WIDTH, FULL_WIDTH)
    numbers: dict[str, Any] = {"points": POINTS, "iterations": training.steps(POINTS), "units": width}
    found = []
    for target in (four_gaussians(), three_rings()):
        points = target.density.sample(torch.Size((POINTS,))).float()
        test = target.density.sample(torch.Size((TEST_POINTS,)))
        found.append(estimate(settings, target, points, training, width))
        numbers |= measure(found[-1], test)
    return ExperimentResult(numbers, {"": draw_estimates(found, numbers)})


def estimate(settings: Settings, target: Target, points: Tensor, training: Training, width: int) -> Estimates:
    """Fit energies to ``points`` of a target by both divergences."""
    bridge = moment_matched(points)

    def new() -> Energy:
        return Energy(None, width=width)

    def by_fd(energy: Energy) -> None:
        fit_fisher(energy, points, training, settings.progress)

    def by_mfd(energy: Energy) -> None:
        fit_mixture_fisher(energy, points, bridge, BETA, training, settings.progress)

    by_fisher = normalised(fitted(settings, f"{target.name}-fd", by_fd, new), GRID)
    bridged = normalised(fitted(settings, f"{target.name}-mfd", by_mfd, new), GRID)
    by_mixture = corrected(bridged, bridge, BETA, GRID, floor=0.0)
    kept = corrected(bridged, bridge, BETA, GRID)
    return Estimates(target, by_fisher, by_mixture, kept, bridged, difference(bridged, bridge, BETA))


def measure(found: Estimates, test: Tensor) -> dict[str, Any]:
    """Measure the KL of each estimate over ``test``, new points of the target, and the weights of its parts."""
    target = found.target
    numbers: dict[str, Any] = {}
    for name in ("fd", "mfd", "mfd_kept", "mfd_bridged"):
        kl, error = kl_monte_carlo(target.density, getattr(found, name), test)
        numbers[f"{target.name}_{name}"] = kl
        if math.isfinite(kl):
            numbers[f"{target.name}_{name}_error"] = error
    # Share of points of p where the estimate is zero, so that KL is infinite; and KL as printed, over the others.
    zero = found.mfd(test) == -math.inf
    numbers[f"{target.name}_mfd_share_at_zero"] = float(zero.double().mean())
    numbers[f"{target.name}_mfd_printed_mass"] = GRID.integral(found.mfd_printed(GRID.points).exp())
    numbers[f"{target.name}_mfd_printed_elsewhere"] = kl_monte_carlo(target.density, found.mfd_printed, test[~zero])[0]
    numbers[f"{target.name}_weights"] = {
        "true": list(target.weights),
        "fd": weights_of(target, found.fd),
        "mfd": weights_of(target, found.mfd),
    }
    return numbers


def draw_estimates(found: Sequence[Estimates], numbers: dict[str, Any]) -> Figure:
    """Draw each target and its estimates in a row."""
    figure = new_figure(10, 6)
    panels = figure.subplots(2, 3, sharex="row", sharey="row")
    for row, each in zip(panels, found, strict=True):
        target = each.target
        top = peak(target.density.log_prob)
        draw(row[0], target.density.log_prob, top, f"{target.name}: true")
        draw(row[1], each.fd, top, f"FD: KL {numbers[f'{target.name}_fd']:.3g} nats")
        kept = numbers[f"{target.name}_mfd_kept"]
        image = draw(row[2], each.mfd, top, f"MFD: KL {numbers[f'{target.name}_mfd']:.3g}, kept above zero {kept:.3g}")
        figure.colorbar(image, ax=row, extend="max", label="density, up to the true maximum")
    for axes in panels[1]:
        axes.set(xlim=(-7, 7), ylim=(-7, 7))
    label_axes(panels)
    return figure


def weights_of(target: Target, log_density: LogDensity, grid: Grid = GRID) -> list[float]:
    """Mass of a normalised density in each part of the target."""
    mass = log_density(grid.points).exp()
    parts = target.part_of(grid.points)
    return [grid.integral(mass * (parts == part)) for part in range(len(target.weights))]


def peak(log_density: LogDensity, grid: Grid = GRID) -> float:
    """Highest density on the grid."""
    return float(log_density(grid.points).max().exp())


def draw(axes: Axes, log_density: LogDensity, top: float, title: str, grid: Grid = GRID) -> AxesImage:
    """Draw the density as an image, with colours from 0 to ``top``; x1 goes right, x2 goes up."""
    values = log_density(grid.points).exp().reshape(grid.size, grid.size).T
    limits = (-grid.limit, grid.limit) * 2
    axes.set(title=title, xlim=(-11, 11), ylim=(-11, 11))
    return axes.imshow(values, origin="lower", extent=limits, cmap="viridis", vmin=0, vmax=top)


def label_axes(panels: np.ndarray) -> None:
    """Label the outer axes of ``panels`` (rows, columns), which share them."""
    for axes in panels[:, 0]:
        axes.set_ylabel("x2")
    for axes in panels[-1]:
        axes.set_xlabel("x1")
