"""Two deltas: spread KL grows with their distance, other divergences do not (Figure 2.2, eq. 2.21, A.4).

Not every noise is valid: where its characteristic function is zero, it removes differences of distributions (the
condition before eq. 2.16). Two densities that differ only there become equal under noise without high frequencies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.spread.divergences import (
    mixture_kl,
    spread_kl_of_deltas_gaussian,
    spread_kl_of_deltas_laplace,
)
from nelloc.research.spread.noise import (
    Noise,
    band_limited_density,
    band_limited_transform,
    gaussian_noise,
    gaussian_transform,
    is_valid,
    laplace_noise,
    laplace_transform,
)

VARIANCE = 0.5
LAPLACE_SCALE = (VARIANCE / 2) ** 0.5  # of the same variance
CUTOFF = 3.0
BAND_LIMITED = "band-limited (not valid)"
CELLS = 60  # points of the grid for the mixture divergence: one for 0.1 of distance
SAMPLES = 100_000


@dataclass(frozen=True)
class Measured:
    """Divergences by distance: in closed form and from samples by the noise, and the mixture divergence; and twins.

    ``twins`` are two densities that band-limited noise makes equal, without noise and after each noise.
    """

    distances: Tensor
    curves: dict[str, Tensor]
    estimates: dict[str, Tensor]
    mixture: Tensor
    twins: dict[str, tuple[Tensor, Tensor]]


FREQUENCIES = torch.linspace(-8, 8, 321, dtype=torch.float64)
TRANSFORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "Gaussian": lambda w: gaussian_transform(w, VARIANCE**0.5),
    "Laplace": lambda w: laplace_transform(w, LAPLACE_SCALE),
    BAND_LIMITED: lambda w: band_limited_transform(w, CUTOFF),
}
GRID = torch.linspace(-200, 200, 16_001, dtype=torch.float64)  # wide, as the density K of twins falls like 1 / y^2


def run(settings: Settings) -> ExperimentResult:
    """Divergences of two deltas by their distance (Figure 2.2, eq. 2.21, A.4), and which noise is valid (eq. 2.16)."""
    found = measure()
    at_one = int((found.distances - 1).abs().argmin())
    return ExperimentResult(
        numbers={
            "distance": found.distances.tolist(),
            "spread_kl_gaussian": found.curves["Gaussian noise"].tolist(),
            "spread_kl_laplace": found.curves["Laplace noise"].tolist(),
            "mixture_kl": found.mixture.tolist(),
            "largest_difference_from_squared_distance": float(
                (found.curves["Gaussian noise"] - found.distances**2).abs().max()
            ),
            "spread_kl_gaussian_at_1": float(found.curves["Gaussian noise"][at_one]),
            "spread_kl_gaussian_at_1_from_samples": float(found.estimates["Gaussian noise"][at_one]),
            "spread_kl_laplace_at_1": float(found.curves["Laplace noise"][at_one]),
            "spread_kl_laplace_at_1_from_samples": float(found.estimates["Laplace noise"][at_one]),
            "valid_noise": {name: is_valid(transform, FREQUENCIES) for name, transform in TRANSFORMS.items()},
            "largest_difference_of_two_densities": {
                name: float((first - second).abs().max()) for name, (first, second) in found.twins.items()
            },
        },
        figures={"deltas": draw(found)},
    )


def measure() -> Measured:
    """Measure the divergences by distance, and convolve the twins with each noise."""
    distances = torch.linspace(0, 3, 31, dtype=torch.float64)
    gaussian, laplace = gaussian_noise(VARIANCE**0.5), laplace_noise(LAPLACE_SCALE)
    curves = {
        "Gaussian noise": spread_kl_of_deltas_gaussian(distances, VARIANCE),
        "Laplace noise": spread_kl_of_deltas_laplace(distances, LAPLACE_SCALE),
    }
    estimates = {
        "Gaussian noise": torch.stack([_estimate(gaussian, float(d)) for d in distances]),
        "Laplace noise": torch.stack([_estimate(laplace, float(d)) for d in distances]),
    }
    cells = torch.eye(CELLS, dtype=torch.float64)
    uniform = torch.full((CELLS,), 1 / CELLS, dtype=torch.float64)
    mixture = torch.stack([mixture_kl(cells[0], cells[cell], uniform, 0.5) for cell in range(len(distances))])
    return Measured(distances, curves, estimates, mixture, spread_twins())


def draw(found: Measured) -> Figure:
    """Draw densities, divergences, characteristic functions and twins."""
    distances = found.distances
    figure = new_figure(10, 8)
    (densities, divergences), (characteristic, twins) = figure.subplots(2, 2)
    grid = torch.linspace(-3, 5, 401, dtype=torch.float64)
    gaussian, laplace = gaussian_noise(VARIANCE**0.5), laplace_noise(LAPLACE_SCALE)
    for name, noise, line in (("Gaussian", gaussian, "-"), ("Laplace", laplace, "--")):
        for at, colour in ((0.0, "C0"), (2.0, "C1")):
            density = noise(torch.tensor([at], dtype=torch.float64)).log_prob(grid[:, None]).exp()
            densities.plot(grid, density, line, color=colour, label=f"delta at {at:g}, {name}")
    densities.set(title="two deltas after noise of variance 0.5", xlabel="y", ylabel="density", ylim=(0, 1.5))
    densities.legend(fontsize=8)
    for (name, curve), colour in zip(found.curves.items(), ("C0", "C1"), strict=True):
        divergences.plot(distances, curve, color=colour, label=f"spread KL, {name}")
        divergences.plot(distances[::3], found.estimates[name][::3], "o", color=colour, markersize=4)
    divergences.plot(distances, distances**2, ":", color="black", linewidth=2.5, label="squared distance")
    divergences.plot(distances, found.mixture, color="C2", label="mixture divergence, uniform noise")
    divergences.set(
        title="divergence (dots: from samples)", xlabel="distance of the deltas", ylabel="nats", ylim=(0, 9)
    )
    divergences.legend(fontsize=8)
    for name, transform in TRANSFORMS.items():
        characteristic.plot(FREQUENCIES, transform(FREQUENCIES), label=name)
    characteristic.set(
        title="characteristic functions of the noise",
        xlabel="frequency, radians per unit of y",
        ylabel="expectation of cos(frequency y)",
        ylim=(-0.05, 1.5),
    )
    characteristic.legend(fontsize=8, loc="upper center")
    _draw_twins(twins, found.twins)
    return figure


def twin_densities(grid: Tensor) -> tuple[Tensor, Tensor]:
    """Two densities K(y) (1 +- cos(w y)) on the ``grid``, where K is the density of the band-limited noise.

    The cosine moves K's frequencies, at most CUTOFF, to those around w = 2.2 CUTOFF, where alone they differ.
    """
    kernel, ripple = band_limited_density(grid, CUTOFF), torch.cos(2.2 * CUTOFF * grid)
    return kernel * (1 + ripple), kernel * (1 - ripple)


def after_noise(density: Tensor, noise: Tensor, step: float) -> Tensor:
    """Convolve two densities on the same grid about zero, of an odd number of points ``step`` apart."""
    size = 2 * len(density)
    both = torch.fft.irfft(torch.fft.rfft(density, size) * torch.fft.rfft(noise, size), size) * step
    middle = len(density) // 2
    return both[middle : middle + len(density)]


def spread_twins() -> dict[str, tuple[Tensor, Tensor]]:
    """Both twins on GRID, without noise and after each noise."""
    step = float(GRID[1] - GRID[0])
    zero = torch.zeros(1, dtype=torch.float64)
    noises = {
        "Gaussian": gaussian_noise(VARIANCE**0.5)(zero).log_prob(GRID[:, None]).exp(),
        "Laplace": laplace_noise(LAPLACE_SCALE)(zero).log_prob(GRID[:, None]).exp(),
        BAND_LIMITED: band_limited_density(GRID, CUTOFF),
    }
    first, second = twin_densities(GRID)
    after = {
        name: (after_noise(first, noise, step), after_noise(second, noise, step)) for name, noise in noises.items()
    }
    return {"none": (first, second), **after}


def _draw_twins(panel: Axes, twins: dict[str, tuple[Tensor, Tensor]]) -> None:
    """Draw both densities before and after band-limited noise."""
    near = GRID.abs() <= 5
    for density, name, colour in zip(twins["none"], ("first", "second"), ("C0", "C1"), strict=True):
        panel.plot(GRID[near], density[near], color=colour, linewidth=1, label=f"the {name}")
    for density, name, line in zip(twins[BAND_LIMITED], ("first", "second"), ("k-", "C2--"), strict=True):
        panel.plot(GRID[near], density[near], line, linewidth=2, label=f"the {name} after the noise")
    panel.set(title="two densities that band-limited noise makes one", xlabel="y", ylabel="density", ylim=(0, 1.4))
    panel.legend(fontsize=8, ncols=2, loc="upper center")


def _estimate(noise: Noise, distance: float) -> Tensor:
    """Spread KL of deltas at 0 and at ``distance``, from samples."""
    first, second = (noise(torch.tensor([at], dtype=torch.float64)) for at in (0.0, distance))
    y = first.sample((SAMPLES,))
    return (first.log_prob(y) - second.log_prob(y)).mean()
