"""Figure 3.1: the Fisher divergence is blind to the proportions of a mixture of two Gaussians that are far apart."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.fisher.densities import two_gaussians
from nelloc.research.fisher.divergences import Grid, fisher_divergence, kl_divergence, score
from nelloc.research.plots import new_figure

TRUE, MODEL = 0.2, 0.8
DISTANCES = (1.0, 2.0, 3.0, 4.0, 5.0)
# The caption has "0.01 to 0.09"; the figure needs a grid of 0.01 over all proportions.
PROPORTIONS = [step / 100 for step in range(1, 100)]


@dataclass(frozen=True)
class Measured:
    """FD and KL by proportion, and FD by distance."""

    fisher: list[float]
    kl: list[float]
    apart: list[float]


def run(settings: Settings) -> ExperimentResult:
    """FD and KL from a mixture with proportion TRUE to those with other proportions."""
    found = measure(settings)
    model = PROPORTIONS.index(MODEL)
    return ExperimentResult(
        {
            "fisher": found.fisher[model],
            "kl": found.kl[model],
            "largest_fisher": max(found.fisher),
            "proportions": PROPORTIONS,
            "fisher_by_proportion": found.fisher,
            "kl_by_proportion": found.kl,
            "distances": list(DISTANCES),
            "fisher_by_distance": found.apart,
        },
        {"": draw(found)},
    )


def measure(settings: Settings) -> Measured:
    """Measure FD and KL by proportion, and FD by distance."""
    grid = Grid(20, settings.choose(1001, 4001))
    p = two_gaussians(TRUE)
    settings.progress.expect(len(PROPORTIONS) + len(DISTANCES))
    fisher, kl = [], []
    for proportion in PROPORTIONS:
        q = two_gaussians(proportion)
        fisher.append(fisher_divergence(p, q, grid))
        kl.append(kl_divergence(p, q.log_prob, grid))
        settings.progress.advance()
    apart = []
    for distance in DISTANCES:
        apart.append(fisher_divergence(two_gaussians(TRUE, distance), two_gaussians(MODEL, distance), grid))
        settings.progress.advance()
    return Measured(fisher, kl, apart)


def draw(found: Measured) -> Figure:
    """Draw densities, scores and divergences."""
    figure = new_figure(12, 4)
    densities, scores, divergences = figure.subplots(1, 3)
    line = Grid(10, 801)
    points = line.points
    for proportion, name, style in ((TRUE, "p", "-"), (MODEL, "q", "--")):
        density, label = two_gaussians(proportion), f"{name}, {proportion} on the left"
        densities.plot(line.axis, density.log_prob(points).exp(), style, label=label)
        scores.plot(line.axis, score(density.log_prob)(points).squeeze(-1), style, label=label)
    densities.set(title="(a) densities", xlabel="x", ylabel="density, per unit of x", ylim=(-0.01, 0.45))
    scores.set(title="(b) scores: equal but near 0", xlabel="x", ylabel="d log p / dx, per unit of x", ylim=(-8, 6))
    divergences.plot(PROPORTIONS, found.fisher, label="FD(p || q)")
    divergences.plot(PROPORTIONS, found.kl, "k:", label="KL(p || q), ours")
    divergences.axvline(TRUE, color="gray", linestyle=":", label="p's proportion")
    divergences.set(
        title="(c) divergence from p",
        xlabel="q's proportion on the left",
        ylabel="FD per squared unit of x, KL in nats",
        ylim=(-0.1, 2),
    )
    densities.legend(loc="upper center")
    scores.legend(loc="lower left")
    divergences.legend(loc="upper center")
    return figure
