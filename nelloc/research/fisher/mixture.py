"""Figure 3.2: the mixture Fisher divergence has its minimum at the true proportion, unlike the Fisher divergence.

By quadrature, as in the thesis, and as in practice: by score matching over points of p, when p is known by samples
only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.fisher.densities import Bridged, Density, gaussian, two_gaussians
from nelloc.research.fisher.divergences import (
    Grid,
    fisher_divergence,
    mixture_fisher_divergence,
    score,
    score_matching,
)
from nelloc.research.plots import new_figure

TRUE, MODEL = 0.2, 0.8
# m = N(0, 9) and beta = 0.5 (thesis section 3.3); the other betas are ours.
BRIDGE_SCALE = 3.0
BETA = 0.5
BETAS = (0.5, 0.8, 0.95)
PROPORTIONS = [step / 100 for step in range(101)]
QUICK_POINTS, FULL_POINTS = 50_000, 300_000


@dataclass(frozen=True)
class Measured:
    """FD and MFD by proportion, by quadrature and by score matching over ``count`` points."""

    count: int
    fisher: list[float]
    mixture: dict[float, list[float]]
    estimates: list[float]
    blind: list[float]
    inner: list[int]


def run(settings: Settings) -> ExperimentResult:
    """FD and MFD from a mixture with proportion TRUE to those with other proportions, exact and estimated."""
    found = measure(settings)
    return ExperimentResult(
        {
            "true_proportion": TRUE,
            "minimum": _lowest(found.mixture[BETA]),
            "estimated_minimum": _lowest(found.estimates),
            "range_of_mixture_fisher": max(found.mixture[BETA][at] for at in found.inner) - min(found.mixture[BETA]),
            "range_of_fisher": max(found.fisher[at] for at in found.inner) - min(found.fisher),
            "minimum_by_beta": {str(beta): _lowest(values) for beta, values in found.mixture.items()},
            "points": found.count,
            "proportions": PROPORTIONS,
            "fisher_by_proportion": found.fisher,
            "mixture_fisher_by_proportion": found.mixture[BETA],
            "estimate_by_proportion": found.estimates,
        },
        {"": draw(found)},
    )


def measure(settings: Settings) -> Measured:
    """Measure FD and MFD by proportion, by quadrature and by score matching."""
    grid = Grid(20, 2001)
    bridge = gaussian((0.0,), BRIDGE_SCALE)
    p = two_gaussians(TRUE)
    count = settings.choose(QUICK_POINTS, FULL_POINTS)
    points = p.sample(torch.Size((count,)))
    bridged_points = Bridged(p, bridge, BETA).sample(torch.Size((count,)))
    fisher: list[float] = []
    mixture: dict[float, list[float]] = {beta: [] for beta in BETAS}
    estimates: list[float] = []
    blind: list[float] = []
    settings.progress.expect(len(PROPORTIONS))
    for proportion in PROPORTIONS:
        q = two_gaussians(proportion)
        fisher.append(fisher_divergence(p, q, grid))
        for beta in BETAS:
            mixture[beta].append(mixture_fisher_divergence(p, q, bridge, beta, grid))
        estimates.append(matched(Bridged(q, bridge, BETA), bridged_points))
        blind.append(matched(q, points))
        settings.progress.advance()
    # At 0 and 1 q has one of the two Gaussians only, and even FD is large.
    inner = [at for at, proportion in enumerate(PROPORTIONS) if 0 < proportion < 1]
    return Measured(count, fisher, mixture, estimates, blind, inner)


def draw(found: Measured) -> Figure:
    """Draw densities, scores and divergences."""
    figure = new_figure(12, 8)
    (densities, scores), (exact, estimated) = figure.subplots(2, 2)
    line, bridge = Grid(12, 961), gaussian((0.0,), BRIDGE_SCALE)
    for proportion, name, style in ((TRUE, "p", "-"), (MODEL, "q", "--")):
        bridged = Bridged(two_gaussians(proportion), bridge, BETA)
        label = f"bridged {name}, {proportion} on the left"
        densities.plot(line.axis, bridged.log_prob(line.points).exp(), style, label=label)
        scores.plot(line.axis, score(bridged.log_prob)(line.points).squeeze(-1), style, label=label)
    densities.set(title="(a) densities with the bridge N(0, 9), beta 0.5", xlabel="x", ylabel="density, per unit of x")
    scores.set(title="(b) their scores", xlabel="x", ylabel="d log p / dx, per unit of x")
    for beta in BETAS:
        exact.plot(PROPORTIONS, found.mixture[beta], label=f"MFD, beta {beta}")
    exact.plot(PROPORTIONS, found.fisher, "k--", label="FD")
    least = PROPORTIONS.index(_lowest(found.mixture[BETA]))
    exact.plot(PROPORTIONS[least], found.mixture[BETA][least], "*", color="C0", markersize=14, label="least MFD")
    exact.set(title="(c) by quadrature", ylabel="divergence from p")
    estimated.plot(PROPORTIONS, _above_least(found.estimates), "C0", label=f"MFD, beta {BETA}")
    estimated.plot(
        [PROPORTIONS[at] for at in found.inner],
        _above_least([found.blind[at] for at in found.inner]),
        "k--",
        label="FD, inner",
    )
    estimated.set(title=f"by score matching over {found.count:,} points of p", ylabel="objective, less its least")
    top = 1.1 * max(max(values) for values in found.mixture.values())
    for axes in (exact, estimated):
        axes.axvline(TRUE, color="gray", linestyle=":")
        axes.set(xlabel="q's proportion on the left", ylim=(-0.02 * top, top))
    for axes in figure.axes:
        axes.legend()
    return figure


def matched(q: Density, points: Tensor) -> float:
    """Score matching objective of q over points of p: FD(p || q) up to a constant."""
    return float(score_matching(q.log_prob, points))


def _above_least(values: list[float]) -> list[float]:
    return [value - min(values) for value in values]


def _lowest(values: list[float]) -> float:
    """Proportion with the lowest divergence."""
    return PROPORTIONS[values.index(min(values))]
