"""Noise in the model alone is inconsistent, and annealing does not heal that (thesis eq. 2.9, Figure A.1).

Data lie on a plane in five dimensions, x = W z. The most likely N(0, W W^T + variance I) subtracts the noise's variance
from the data's; the spread estimate does not. If EM runs while the model's noise is annealed to zero, its steps shrink
with the noise (z is then known exactly, and W does not change), so the weights freeze on the way: the error falls like
one over the number of steps, while that of spread EM, at fixed noise, falls exponentially.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.spread.linear import best_weights, covariance, em_step, principal_components, spread

DIMENSIONS, DEVIATIONS, POINTS = 5, (1.0, 0.7), 1000
START_VARIANCE, END_VARIANCE = 0.5, 1e-8
DRAWN = (0.5, 0.1, 0.01, 0.001)  # variances of the noise in Figure A.1


@dataclass(frozen=True)
class Measured:
    """Estimates of the largest variance by noise and by step of EM, and their final errors."""

    truth: float
    lengths: list[int]
    variances: Tensor
    alone: Tensor
    both: Tensor
    traces: dict[int, list[float]]
    annealed_errors: list[float]
    spread_errors: list[float]


def run(settings: Settings) -> ExperimentResult:
    """Noise in the model only, fixed (eq. 2.9) or annealed (Figure A.1), against noise in data and model (eq. 2.23)."""
    found = measure(settings)
    at_half = int((found.variances - 0.5).abs().argmin())
    return ExperimentResult(
        numbers={
            "data_variance": found.truth,
            "model_noise_variance": float(found.variances[at_half]),
            "estimate_model_noise_only": float(found.alone[at_half]),
            "estimate_spread": float(found.both[at_half]),
            "largest_error_of_spread_estimate": float((found.both - found.truth).abs().max()),
            "steps": found.lengths,
            "relative_error_annealed": found.annealed_errors,
            "relative_error_spread_em": found.spread_errors,
        },
        figures={"annealing": draw(found)},
    )


def measure(settings: Settings) -> Measured:
    """Measure estimates by noise, and the course of EM."""
    x = plane(POINTS)
    data = covariance(x)
    truth = float(torch.linalg.eigvalsh(data)[-1])
    lengths = settings.choose([10, 30, 100, 300, 1000, 3000], [10, 30, 100, 300, 1000, 3000, 10_000, 30_000])
    settings.progress.expect(2 * len(lengths) + 1)

    variances = torch.linspace(0.02, 1.2, 60, dtype=torch.float64)
    alone = torch.stack([_leading(best_weights(data, float(v), 2)) for v in variances])
    both = torch.stack([_leading(best_weights(spread(data, float(v)), float(v), 2)) for v in variances])
    settings.progress.advance()

    start = 0.3 * torch.randn(DIMENSIONS, 2, dtype=torch.float64)
    traces: dict[int, list[float]] = {}
    annealed_errors, spread_errors = [], []
    for length in lengths:
        traces[length] = [_leading(w).item() for w in annealed_em(start, data, length)]
        annealed_errors.append(abs(traces[length][-1] - truth) / truth)
        settings.progress.advance()
        weights = start
        for _ in range(length):
            weights = em_step(weights, spread(data, START_VARIANCE), START_VARIANCE)
        spread_errors.append(abs(_leading(weights).item() - truth) / truth)
        settings.progress.advance()
    return Measured(truth, lengths, variances, alone, both, traces, annealed_errors, spread_errors)


def draw(found: Measured) -> Figure:
    """Draw the objective, the estimates and the course of EM."""
    figure = new_figure(11, 8)
    (flat, optimum), (path, error) = figure.subplots(2, 2)
    squares = torch.linspace(0, 1.5, 301, dtype=torch.float64)
    for variance in DRAWN:
        flat.plot(squares, scaled_objective(squares, variance), label=f"variance {variance:g}")
    flat.set(title="objective of eq. A.4 (Figure A.1)", xlabel="squared length of theta_q", ylabel="nats x variance")
    flat.legend(fontsize=8)
    optimum.plot(found.variances, found.alone, label="noise in the model only")
    optimum.plot(found.variances, found.both, label="spread: noise in data and model")
    optimum.axhline(found.truth, color="black", linestyle=":", label="data")
    optimum.set(title="maximum likelihood estimate", xlabel="variance of the noise", ylabel="largest variance of W z")
    optimum.legend(fontsize=8)
    for length, values in found.traces.items():
        if length <= 1000:
            path.plot(torch.linspace(0, 1, len(values)), values, label=f"{length} steps")
    path.axhline(found.truth, color="black", linestyle=":")
    path.set(
        title="EM while the model's noise is annealed",
        xlabel="part of the steps",
        ylabel="largest variance of W z",
        ylim=(0, 1.1 * found.truth),
    )
    path.legend(fontsize=8, loc="lower right", ncols=2)
    error.loglog(found.lengths, found.annealed_errors, "o-", label="annealed noise in the model")
    error.loglog(
        found.lengths, [max(value, 1e-16) for value in found.spread_errors], "s-", label="spread EM, fixed noise"
    )
    error.set(title="error in the end", xlabel="steps of EM", ylabel="relative error of the largest variance")
    error.legend(fontsize=8)
    return figure


def scaled_objective(squares: Tensor, variance: float) -> Tensor:
    """Expected log-likelihood times the noise's variance, up to constants, for a line of unit length (eq. A.4).

    ``squares`` are the squared lengths of the model's line, which has the data's direction.
    """
    return squares / (variance + squares) - variance * torch.log1p(squares / variance)


def plane(count: int) -> Tensor:
    """Points on a plane through zero, with deviations DEVIATIONS along two directions in it."""
    directions = torch.linalg.qr(torch.randn(DIMENSIONS, 2, dtype=torch.float64)).Q
    x = torch.randn(count, 2, dtype=torch.float64) * torch.tensor(DEVIATIONS, dtype=torch.float64) @ directions.T
    return x - x.mean(0)


def annealed_em(start: Tensor, data: Tensor, length: int) -> list[Tensor]:
    """Weights after each step of EM with noise in the model alone, annealed geometrically."""
    factor = (END_VARIANCE / START_VARIANCE) ** (1 / length)
    found, variance = [start], START_VARIANCE
    for _ in range(length):
        found.append(em_step(found[-1], data, variance))
        variance *= factor
    return found


def _leading(weights: Tensor) -> Tensor:
    """Largest variance of W z in any direction."""
    return principal_components(weights)[0][0] ** 2
