"""Figure 3.2: the mixture Fisher divergence has its minimum at the true proportion, the Fisher divergence has not.

By quadrature, and as it would be used: by score matching over points of p, of which nothing else is known.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nelloc.research.experiment import Result, Settings
from nelloc.research.fisher.densities import Bridged, Density, gaussian, two_gaussians
from nelloc.research.fisher.divergences import Grid, fisher_divergence, mixture_fisher_divergence, score_matching
from nelloc.research.plots import new_figure

TRUE = 0.2
BRIDGE_SCALE = 5.0
BETAS = (0.5, 0.8, 0.95)
BETA = 0.8
PROPORTIONS = [step / 100 for step in range(5, 96)]
QUICK_POINTS, FULL_POINTS = 100_000, 300_000


def run(settings: Settings) -> Result:
    """FD and MFD from a mixture with proportion TRUE to those with other proportions, exact and estimated."""
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

    figure = new_figure(12, 4)
    exact, estimated = figure.subplots(1, 2)
    for beta in BETAS:
        exact.plot(PROPORTIONS, mixture[beta], label=f"MFD, beta {beta}")
    exact.plot(PROPORTIONS, fisher, "k--", label="FD")
    exact.set(title="by quadrature", ylabel="divergence from p")
    estimated.plot(PROPORTIONS, _above_least(estimates), "C1", label=f"MFD, beta {BETA}")
    estimated.plot(PROPORTIONS, _above_least(blind), "k--", label="FD")
    estimated.set(title=f"by score matching over {count:,} points of p", ylabel="objective, less its least")
    for axes in figure.axes:
        axes.axvline(TRUE, color="gray", linestyle=":")
        axes.set(xlabel="q's proportion on the left", ylim=(-0.001, 0.06))
        axes.legend()
    return Result(
        {
            "true_proportion": TRUE,
            "minimum": _lowest(mixture[BETA]),
            "estimated_minimum": _lowest(estimates),
            "range_of_mixture_fisher": max(mixture[BETA]) - min(mixture[BETA]),
            "range_of_fisher": max(fisher) - min(fisher),
            "minimum_by_beta": {str(beta): _lowest(values) for beta, values in mixture.items()},
            "points": count,
            "proportions": PROPORTIONS,
            "fisher_by_proportion": fisher,
            "mixture_fisher_by_proportion": mixture[BETA],
            "estimate_by_proportion": estimates,
        },
        {"": figure},
    )


def matched(q: Density, points: Tensor) -> float:
    """The score matching objective of q over points of p: FD(p || q) but for a constant."""
    return float(score_matching(q.log_prob, points))


def _above_least(values: list[float]) -> list[float]:
    return [value - min(values) for value in values]


def _lowest(values: list[float]) -> float:
    """The proportion with the least divergence."""
    return PROPORTIONS[values.index(min(values))]
