"""Equation 3.3: on disconnected supports the Fisher divergence is zero for densities that differ.

p and q share two bumps that do not touch, in different proportions. On each bump log p - log q is a constant, so the
scores are equal wherever p has mass, and FD(p || q) = 0. A bridge whose support covers both heals it.
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.fisher.densities import Bridged, Bumps, gaussian
from nelloc.research.fisher.divergences import Grid, fisher_divergence, kl_divergence, mixture_fisher_divergence
from nelloc.research.plots import new_figure

TRUE, MODEL = 0.2, 0.8
BETA, BRIDGE_SCALE = 0.8, 2.0
PROPORTIONS = [step / 20 for step in range(1, 20)]


@dataclass(frozen=True)
class Measured:
    """FD, MFD and KL by proportion."""

    fisher: list[float]
    mixture: list[float]
    kl: list[float]


def run(settings: Settings) -> ExperimentResult:
    """FD, MFD and KL from two bumps with proportion TRUE to those with other proportions."""
    found = measure(settings)
    model = PROPORTIONS.index(MODEL)
    return ExperimentResult(
        {
            "fisher": found.fisher[model],
            "mixture_fisher": found.mixture[model],
            "kl": found.kl[model],
            "largest_fisher": max(found.fisher),
            "proportions": PROPORTIONS,
            "mixture_fisher_by_proportion": found.mixture,
            "kl_by_proportion": found.kl,
        },
        {"": draw(found)},
    )


def measure(settings: Settings) -> Measured:
    """Measure FD, MFD and KL by proportion."""
    grid = Grid(12, settings.choose(2001, 8001))
    bridge = gaussian((0.0,), BRIDGE_SCALE)
    p = Bumps(TRUE)
    settings.progress.expect(len(PROPORTIONS))
    fisher, mixture, kl = [], [], []
    for proportion in PROPORTIONS:
        q = Bumps(proportion)
        fisher.append(fisher_divergence(p, q, grid))
        mixture.append(mixture_fisher_divergence(p, q, bridge, BETA, grid))
        kl.append(kl_divergence(p, q.log_prob, grid))
        settings.progress.advance()
    return Measured(fisher, mixture, kl)


def draw(found: Measured) -> Figure:
    """Draw densities with and without the bridge, and divergences."""
    figure = new_figure(12, 4)
    densities, bridged, divergences = figure.subplots(1, 3)
    line, bridge = Grid(5, 1001), gaussian((0.0,), BRIDGE_SCALE)
    for proportion, name, style in ((TRUE, "p", "-"), (MODEL, "q", "--")):
        label = f"{name}, {proportion} on the left"
        densities.plot(line.axis, Bumps(proportion).log_prob(line.points).exp(), style, label=label)
        mixed = Bridged(Bumps(proportion), bridge, BETA)
        bridged.plot(line.axis, mixed.log_prob(line.points).exp(), style, label=label)
    densities.set(title="disjoint supports", xlabel="x", ylabel="density, per unit of x", ylim=(-0.03, 1.1))
    bridged.set(
        title=f"{BETA} of it and {1 - BETA:.1f} of the bridge",
        xlabel="x",
        ylabel="density, per unit of x",
        ylim=(-0.03, 0.9),
    )
    divergences.plot(PROPORTIONS, found.kl, "-", label="KL(p || q)")
    divergences.plot(PROPORTIONS, found.mixture, "-.", label="MFD(p || q)")
    divergences.plot(PROPORTIONS, found.fisher, "--", label="FD(p || q), zero")
    divergences.axvline(TRUE, color="gray", linestyle=":", label="p's proportion")
    divergences.set(
        title="divergence from p",
        xlabel="q's proportion on the left",
        ylabel="KL in nats, MFD and FD per squared unit of x",
    )
    densities.legend(loc="upper center")
    bridged.legend(loc="upper center")
    divergences.legend(loc="upper center")
    return figure
