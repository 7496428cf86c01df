"""Spread EM of deterministic PPCA, x = W z without noise, recovers the principal components (thesis 2.5.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.spread.linear import (
    covariance,
    em_step,
    principal_components,
    spread,
    subspace_distance,
)

DIMENSIONS, RANK, POINTS = 20, 3, 5000
VARIANCE = 0.5
STEPS = 250
ROUNDING = 1e-16  # plotted value of a zero error


@dataclass(frozen=True)
class Measured:
    """Principal components, and errors and deviations of EM by estimator."""

    truth: tuple[Tensor, Tensor]
    errors: dict[str, list[tuple[float, float]]]
    deviations: dict[str, list[float]]


def run(settings: Settings) -> ExperimentResult:
    """EM with noise in data and model, and in the model only, against PCA of the same points (section 2.5.1)."""
    found = measure(settings)
    return ExperimentResult(
        numbers={
            "pca_deviations": found.truth[0].tolist(),
            "spread_em_deviations": found.deviations["spread EM"],
            "model_noise_deviations": found.deviations["EM, noise in the model only"],
            "spread_em_subspace_error": found.errors["spread EM"][-1][0],
            "spread_em_deviation_error": found.errors["spread EM"][-1][1],
            "model_noise_deviation_error": found.errors["EM, noise in the model only"][-1][1],
            "steps": STEPS,
        },
        figures={"ppca": draw(found)},
    )


def measure(settings: Settings) -> Measured:
    """Run EM with both covariances."""
    settings.progress.expect(2 * STEPS)
    x = points()
    _, singular, directions = torch.linalg.svd(x, full_matrices=False)
    truth = (singular[:RANK] / POINTS**0.5, directions[:RANK].T)
    start = torch.randn(DIMENSIONS, RANK, dtype=torch.float64)
    data = covariance(x)
    errors: dict[str, list[tuple[float, float]]] = {}
    deviations: dict[str, list[float]] = {}
    for name, given in (("spread EM", spread(data, VARIANCE)), ("EM, noise in the model only", data)):
        weights, errors[name] = start, [_errors(start, truth)]
        for _ in range(STEPS):
            weights = em_step(weights, given, VARIANCE)
            errors[name].append(_errors(weights, truth))
            settings.progress.advance()
        deviations[name] = principal_components(weights)[0].tolist()
    return Measured(truth, errors, deviations)


def draw(found: Measured) -> Figure:
    """Draw both errors by step."""
    figure = new_figure(10, 4)
    panels = figure.subplots(1, 2)
    for panel, index, title, unit in (
        (panels[0], 0, "subspace", "largest difference of the projections, no unit"),
        (panels[1], 1, "deviations along the components", "largest error, in units of x"),
    ):
        for name, values in found.errors.items():
            panel.semilogy([max(value[index], ROUNDING) for value in values], label=name)
        panel.set(title=title, xlabel="steps of EM", ylabel=unit)
        panel.legend()
    return figure


def points() -> Tensor:
    """Points around a subspace of RANK dimensions, centred; the variance outside it is small but not zero."""
    directions = torch.linalg.qr(torch.randn(DIMENSIONS, RANK, dtype=torch.float64)).Q
    x = torch.randn(POINTS, RANK, dtype=torch.float64) * torch.tensor([2.0, 1.5, 1.0], dtype=torch.float64)
    x = x @ directions.T + 0.1 * torch.randn(POINTS, DIMENSIONS, dtype=torch.float64)
    return x - x.mean(0)


def _errors(weights: Tensor, truth: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """Errors of the subspace, and of the deviations in it."""
    deviations, directions = principal_components(weights)
    return float(subspace_distance(directions, truth[1])), float((deviations - truth[0]).abs().max())
