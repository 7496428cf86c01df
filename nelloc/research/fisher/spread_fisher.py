"""Equations 3.12 to 3.15: the spread Fisher divergence separates densities that the Fisher divergence does not.

Noise on both sides gives disjoint supports a common one, so the divergence is zero for equal densities only. For
Gaussians it has a closed form, which is compared with the quadrature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.fisher.densities import Bumps, Spread, gaussian, two_gaussians
from nelloc.research.fisher.divergences import Grid, fisher_divergence, score_matching, spread_fisher_divergence
from nelloc.research.plots import new_figure

TRUE, MODEL = 0.2, 0.8
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
DRAWN = (0.5, 1.0, 2.0)
PROPORTIONS = [step / 20 for step in range(1, 20)]
# Mean and deviation of two Gaussians for the closed form.
FIRST, SECOND = (0.0, 1.0), (1.0, 2.0)


def gaussian_spread_fisher(first: tuple[float, float], second: tuple[float, float], scale: float) -> float:
    """Spread FD of two Gaussians, each given by mean and deviation, in closed form.

    With noise they are N(a, A) and N(b, B), A and B their variances, and under the first E ((x - b) / B - (x - a) /
    A)^2 / 2 = (A (1 / B - 1 / A)^2 + (a - b)^2 / B^2) / 2.
    """
    (a, deviation_a), (b, deviation_b) = first, second
    var_a, var_b = deviation_a**2 + scale**2, deviation_b**2 + scale**2
    return (var_a * (1 / var_b - 1 / var_a) ** 2 + (a - b) ** 2 / var_b**2) / 2


@dataclass(frozen=True)
class Measured:
    """Spread FD by the scale of the noise and by proportion, with errors of the closed forms."""

    by_scale: dict[str, list[float]]
    errors: list[float]
    by_proportion: dict[float, list[float]]
    plain: float
    equation_error: float


def run(settings: Settings) -> ExperimentResult:
    """Spread FD by the noise's scale and by proportion; closed form and score matching beside the quadrature."""
    found = measure(settings)
    return ExperimentResult(
        {
            "fisher_of_bumps": found.plain,
            "scales": list(SCALES),
            **{f"spread_fisher_of_{name.split()[0].lower()}": values for name, values in found.by_scale.items()},
            "minimum": {
                f"noise {scale:g}": PROPORTIONS[values.index(min(values))]
                for scale, values in found.by_proportion.items()
            },
            "largest_error_against_the_closed_form": max(abs(error) for error in found.errors),
            "error_of_equation_3.15": found.equation_error,
        },
        {"": draw(found)},
    )


def measure(settings: Settings) -> Measured:
    """Measure the spread FD by scale and proportion."""
    grid = Grid(24, settings.choose(1201, 2401))
    settings.progress.expect(len(SCALES) + len(DRAWN) * len(PROPORTIONS))
    sources = {"bumps with a gap": Bumps, "Gaussians at -5 and 5": two_gaussians}
    by_scale: dict[str, list[float]] = {name: [] for name in sources}
    errors = []
    for scale in SCALES:
        for name, source in sources.items():
            by_scale[name].append(spread_fisher_divergence(source(TRUE), source(MODEL), scale, grid))
        first, second = (gaussian((mean,), deviation) for mean, deviation in (FIRST, SECOND))
        found = spread_fisher_divergence(first, second, scale, grid)
        errors.append(found - gaussian_spread_fisher(FIRST, SECOND, scale))
        settings.progress.advance()
    by_proportion: dict[float, list[float]] = {scale: [] for scale in DRAWN}
    for scale in DRAWN:
        for proportion in PROPORTIONS:
            by_proportion[scale].append(spread_fisher_divergence(Bumps(TRUE), Bumps(proportion), scale, grid))
            settings.progress.advance()
    plain = fisher_divergence(Bumps(TRUE), Bumps(MODEL), grid)
    return Measured(by_scale, errors, by_proportion, plain, matching_error(grid, 1.0))


def draw(found: Measured) -> Figure:
    """Draw the spread FD by scale and proportion."""
    figure = new_figure(11, 4.5)
    scales, proportions = figure.subplots(1, 2)
    for name, values in found.by_scale.items():
        scales.loglog(SCALES, [max(value, 1e-12) for value in values], "o-", label=name)
    scales.set(xlabel="deviation of the noise, in units of x", ylabel="spread FD of proportions 0.2 and 0.8")
    scales.set_xticks(SCALES, [f"{scale:g}" for scale in SCALES])
    scales.minorticks_off()
    for scale in DRAWN:
        proportions.plot(PROPORTIONS, found.by_proportion[scale], label=f"bumps, noise of deviation {scale:g}")
    proportions.axvline(TRUE, color="gray", linestyle=":", label="p's proportion")
    proportions.axhline(0, color="black", linestyle="--", label="FD without noise")
    proportions.set(xlabel="q's proportion on the left", ylabel="spread FD from p")
    for axes in (scales, proportions):
        axes.legend()
    return figure


def matching_error(grid: Grid, scale: float) -> float:
    """Error of equation 3.15 with its constant against 3.14, for the two Gaussians, by quadrature.

    The constant is E |score of p~|^2 / 2, that is 1 / (2 variance) for a Gaussian.
    """
    p, q = (Spread(gaussian((mean,), deviation), scale, grid) for mean, deviation in (FIRST, SECOND))
    weights = p.log_prob(grid.points).exp() * grid.weights
    each = torch.stack([score_matching(q.log_prob, point[None]) for point in grid.points])
    objective = float((weights * each).sum()) + 1 / (2 * math.hypot(FIRST[1], scale) ** 2)
    return objective - gaussian_spread_fisher(FIRST, SECOND, scale)
