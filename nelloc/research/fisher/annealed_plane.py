"""Denoising score matching with annealed noise in the plane: ours, beside Figures 3.4 and 3.5.

Gaussian noise of scale s connects the components of p like a bridge, but the energy is fitted to p * N(0, s^2), not to
p. As the noise is annealed to zero, the divergence becomes blind to the proportions. Energies are fitted to the four
Gaussians of Figure 3.3: one to all levels of noise, given as a condition, and one to the lowest level alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.fisher.densities import gaussian_mixture
from nelloc.research.fisher.divergences import (
    Grid,
    LogDensity,
    denoising_score_matching,
    fisher_divergence,
    kl_divergence,
    kl_monte_carlo,
)
from nelloc.research.fisher.energy import Energy, Training, fitted, normalised, train
from nelloc.research.fisher.energy_density import (
    draw,
    four_gaussians,
    label_axes,
    peak,
    weights_of,
)
from nelloc.research.plots import new_figure

# Scale of the energies' quadratic term, about the data's deviation; points to train on, and to estimate KL.
SCALE = 5.0
POINTS, TEST_POINTS = 10_000, 100_000
TRUE, MODEL, DISTANCE = 0.2, 0.8, 5.0
# Scales of the noise, and the drawn ones.
LEVELS = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25)
DRAWN = (8.0, 2.0, 0.25)
# Wide enough for the largest noise.
GRID = Grid(40, 501, 2)


@dataclass(frozen=True)
class Estimate:
    """Estimate of the noised target at a level that is drawn, by one of the fits, and its KL."""

    fit: str
    level: float
    log_density: LogDensity
    kl: float


def run(settings: Settings) -> ExperimentResult:
    """Compute the Fisher divergence at each level of noise, and fit energies to the levels."""
    by_noise = divergences_by_noise()
    fitted, drawn = fit_levels(settings)
    numbers = {"levels": list(LEVELS)} | by_noise | fitted
    return ExperimentResult(numbers, {"divergence": draw_divergences(by_noise), "energies": draw_estimates(drawn)})


def divergences_by_noise() -> dict[str, list[float]]:
    """FD and KL between two noised mixtures on the line with different proportions, by the scale of the noise."""
    grid = Grid(60, 6001)
    scales = [2 ** (step / 4) for step in range(-16, 17)]
    fisher, kl = [], []
    for scale in scales:
        p, q = (
            gaussian_mixture((share, 1 - share), ((-DISTANCE,), (DISTANCE,)), math.hypot(1, scale))
            for share in (TRUE, MODEL)
        )
        fisher.append(fisher_divergence(p, q, grid))
        kl.append(kl_divergence(p, q.log_prob, grid))
    return {"noise": scales, "fisher_by_noise": fisher, "kl_by_noise": kl}


def draw_divergences(by_noise: dict[str, list[float]]) -> Figure:
    """Draw FD and KL by the scale of the noise."""
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    axes.loglog(by_noise["noise"], by_noise["kl_by_noise"], label="KL")
    axes.loglog(by_noise["noise"], by_noise["fisher_by_noise"], "--", label="FD")
    axes.set(xlabel="scale of the noise, in units of x", ylabel="KL in nats, FD per squared unit of x", ylim=(1e-6, 3))
    axes.set_title("divergence of the noised mixtures")
    axes.legend()
    return figure


def fit_levels(settings: Settings) -> tuple[dict[str, Any], list[Estimate]]:
    """Fit an energy to all levels, and one to the lowest alone; return their KL and weights, and those to be drawn."""
    target = four_gaussians()
    training = Training(settings.epochs_or(60, 200))
    points = target.density.sample(torch.Size((POINTS,))).float()
    numbers: dict[str, Any] = {}
    drawn = []
    for name, levels in {"annealed": LEVELS, "least_alone": LEVELS[-1:]}.items():
        energy = fit(settings, name, points, levels, training)
        rows = []
        for level in levels:
            noised = four_gaussians(noise=level)
            estimate = normalised(at_level(energy, level), GRID)
            kl, _ = kl_monte_carlo(noised.density, estimate, noised.density.sample(torch.Size((TEST_POINTS,))))
            rows.append({"level": level, "kl": kl, "weights": weights_of(target, estimate, GRID)})
            if level in DRAWN:
                drawn.append(Estimate(name, level, estimate, kl))
        numbers[name] = rows
        numbers[f"{name}_kl"] = rows[-1]["kl"]
    return numbers, drawn


def draw_estimates(estimates: list[Estimate]) -> Figure:
    """Draw the noised target and its estimate in a column for each estimate."""
    figure = new_figure(12, 7.3)
    panels = figure.subplots(2, len(DRAWN) + 1, sharex=True, sharey=True)
    for column, each in zip(panels.T, estimates, strict=True):
        noised = four_gaussians(noise=each.level).density
        top = peak(noised.log_prob, GRID)
        draw(column[0], noised.log_prob, top, f"true, noise {each.level}", GRID)
        title = f"{each.fit.replace('_', ' ')}: KL {each.kl:.2g} nats"
        image = draw(column[1], each.log_density, top, title, GRID)
        scale = figure.colorbar(image, ax=column, location="bottom", extend="max")
        scale.set_label("density, up to the true maximum")
    label_axes(panels)
    return figure


def at_level(energy: Energy, level: float | Tensor) -> LogDensity:
    """Energy of points (n, 2) at one scale of noise, or at one (n, 1) for each point."""

    def log_density(points: Tensor) -> Tensor:
        condition = torch.as_tensor(level, dtype=points.dtype).log().expand(len(points), 1)
        return energy(torch.cat([points, condition], -1))

    return log_density


def fit(settings: Settings, name: str, points: Tensor, levels: tuple[float, ...], training: Training) -> Energy:
    """Fit an energy to ``points`` with noise of all ``levels``, equally often, by denoising score matching."""
    scales = torch.tensor(levels).unsqueeze(-1)

    def by_denoising(energy: Energy) -> None:
        def loss(batch: Tensor) -> Tensor:
            scale = scales[torch.randint(len(levels), (len(batch),))]
            return denoising_score_matching(at_level(energy, scale), batch, torch.randn_like(batch), scale)

        train(energy, points, loss, training, settings.progress)

    return fitted(settings, name, by_denoising, lambda: Energy(SCALE, conditions=1))
