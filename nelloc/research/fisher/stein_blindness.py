"""Appendix B.1.4: the kernel Stein discrepancy is as blind as the Fisher divergence, and healed by the same bridge."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.fisher.densities import Bridged, gaussian, two_gaussians
from nelloc.research.fisher.divergences import Grid
from nelloc.research.fisher.stein import estimated_stein_discrepancy, kernel_stein_discrepancy
from nelloc.research.plots import new_figure

TRUE, MODEL, SHIFT = 0.2, 0.8, 0.5
BETA, BRIDGE_SCALE = 0.5, 3.0  # those of Figure 3.2
PROPORTIONS = [step / 20 for step in range(1, 20)]


@dataclass(frozen=True)
class Measured:
    """KSD^2 by proportion, without and with the bridge; and estimates from points."""

    plain: list[float]
    bridged: list[float]
    estimates: dict[str, float]


def run(settings: Settings) -> ExperimentResult:
    """KSD^2 between mixtures of different proportions, as they are and with a bridge."""
    found = measure(settings)
    model = PROPORTIONS.index(MODEL)
    return ExperimentResult(
        {
            "stein": found.plain[model],
            "bridged_stein": found.bridged[model],
            "largest_stein": max(found.plain),
            **{f"estimated_stein_of_{name}": value for name, value in found.estimates.items()},
            "proportions": PROPORTIONS,
            "stein_by_proportion": found.plain,
            "bridged_stein_by_proportion": found.bridged,
        },
        {"": draw(found)},
    )


def measure(settings: Settings) -> Measured:
    """Measure KSD^2 by proportion, without and with the bridge."""
    grid = Grid(20, settings.choose(601, 1201))
    bridge = gaussian((0.0,), BRIDGE_SCALE)
    p = two_gaussians(TRUE)
    plain, bridged = [], []
    settings.progress.expect(len(PROPORTIONS))
    for proportion in PROPORTIONS:
        q = two_gaussians(proportion)
        plain.append(kernel_stein_discrepancy(p, q, grid))
        bridged.append(kernel_stein_discrepancy(Bridged(p, bridge, BETA), Bridged(q, bridge, BETA), grid))
        settings.progress.advance()
    # The same from points, as in a goodness-of-fit test; and a q that is merely shifted, which KSD detects.
    points = p.sample(torch.Size((settings.choose(2000, 4000),)))
    estimates = {
        "true": estimated_stein_discrepancy(points, p),
        "model": estimated_stein_discrepancy(points, two_gaussians(MODEL)),
        "shifted": estimated_stein_discrepancy(points + SHIFT, p),
    }
    return Measured(plain, bridged, estimates)


def draw(found: Measured) -> Figure:
    """Draw KSD^2 by proportion."""
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    axes.semilogy(
        PROPORTIONS, [max(value, 1e-14) for value in found.bridged], "C1", label=f"with a bridge, beta {BETA}"
    )
    axes.semilogy(PROPORTIONS, [max(value, 1e-14) for value in found.plain], "k--", label="as they are")
    axes.axvline(TRUE, color="gray", linestyle=":")
    axes.set(xlabel="q's proportion on the left", ylabel="squared kernel Stein discrepancy from p", ylim=(1e-13, 0.1))
    axes.legend()
    return figure
