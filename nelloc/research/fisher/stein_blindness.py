"""Appendix B.1.4: the kernel Stein discrepancy is as blind as the Fisher divergence, and healed by the same bridge."""

from __future__ import annotations

import torch

from nelloc.research.experiment import Result, Settings
from nelloc.research.fisher.densities import Bridged, gaussian, two_gaussians
from nelloc.research.fisher.divergences import Grid
from nelloc.research.fisher.stein import estimated_stein_discrepancy, kernel_stein_discrepancy
from nelloc.research.plots import new_figure

TRUE, MODEL, SHIFT = 0.2, 0.8, 0.5
BETA, BRIDGE_SCALE = 0.5, 3.0  # those of Figure 3.2
PROPORTIONS = [step / 20 for step in range(1, 20)]


def run(settings: Settings) -> Result:
    """KSD^2 between mixtures of different proportions, as they are and with a bridge."""
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
    shifted = points + SHIFT

    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    axes.semilogy(PROPORTIONS, [max(value, 1e-14) for value in bridged], "C1", label=f"with a bridge, beta {BETA}")
    axes.semilogy(PROPORTIONS, [max(value, 1e-14) for value in plain], "k--", label="as they are")
    axes.axvline(TRUE, color="gray", linestyle=":")
    axes.set(xlabel="q's proportion on the left", ylabel="squared kernel Stein discrepancy from p", ylim=(1e-13, 0.1))
    axes.legend()
    model = PROPORTIONS.index(MODEL)
    return Result(
        {
            "stein": plain[model],
            "bridged_stein": bridged[model],
            "largest_stein": max(plain),
            "estimated_stein_of_true": estimated_stein_discrepancy(points, p),
            "estimated_stein_of_model": estimated_stein_discrepancy(points, two_gaussians(MODEL)),
            "estimated_stein_of_shifted": estimated_stein_discrepancy(shifted, p),
            "proportions": PROPORTIONS,
            "stein_by_proportion": plain,
            "bridged_stein_by_proportion": bridged,
        },
        {"": figure},
    )
