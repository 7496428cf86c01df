"""The noise that separates two linear subspaces best lies along them (thesis 2.4.1, Figure 2.3).

P = N(a, A A^T) and Q = N(b, B B^T) live on two lines in the plane. Noise of a fixed entropy, strong in one direction,
is rotated by gradient ascent on the spread KL.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.spread.divergences import spread_kl_of_gaussians
from nelloc.research.spread.learned import LowRankNoise, isotropic_deviation

DEVIATION, STRENGTH = 0.3, 0.9
LEARNING_RATE, STEPS = 0.02, 400


@dataclass(frozen=True)
class Line:
    """Gaussian on a line in the plane: its mean, and its deviation with direction."""

    mean: Tensor
    along: Tensor

    @property
    def covariance(self) -> Tensor:
        """Covariance (2, 2), of rank 1."""
        return torch.outer(self.along, self.along)

    @property
    def angle(self) -> float:
        """Angle in degrees, from 0 to 180."""
        return math.degrees(math.atan2(float(self.along[1]), float(self.along[0]))) % 180


@dataclass(frozen=True)
class Measured:
    """Learned direction of the noise, its path, and the spread KL by angle."""

    p: Line
    q: Line
    angle: float
    path: list[tuple[float, float]]
    learned: float
    angles: Tensor
    values: Tensor
    isotropic: float


def run(settings: Settings) -> ExperimentResult:
    """The direction of the noise that separates two lines best, by gradient ascent and on a grid (Figure 2.3)."""
    found = measure(settings)
    return ExperimentResult(
        numbers={
            "angle_of_p": found.p.angle,
            "angle_of_q": found.q.angle,
            "learned_angle": found.angle,
            "best_angle_on_a_grid": float(found.angles[found.values.argmax()]),
            "spread_kl_learned": found.learned,
            "spread_kl_best_on_a_grid": float(found.values.max()),
            "spread_kl_isotropic": found.isotropic,
            "spread_kl_at_start": found.path[0][1],
        },
        figures={"direction": draw(found)},
    )


def measure(settings: Settings) -> Measured:
    """Learn the direction of the noise, and compute the spread KL by angle."""
    settings.progress.expect(STEPS)
    p = Line(_vector(0.0, 0.0), _vector(1.5, 0.3))
    q = Line(_vector(0.3, 1.2), _vector(1.5, 0.7))

    noise = LowRankNoise(2, 1, DEVIATION, STRENGTH).double()
    with torch.no_grad():  # start across the lines
        noise.basis.copy_(_vector(-0.4, 1.0)[:, None])
    optimiser = torch.optim.Adam(noise.parameters(), lr=LEARNING_RATE)
    path: list[tuple[float, float]] = []
    for _ in range(STEPS):
        value = spread_kl(p, q, noise.covariance())
        path.append((_angle(noise), value.item()))
        optimiser.zero_grad()
        (-value).backward()
        optimiser.step()
        settings.progress.advance(remark=f"{value.item():.3f} nats")
    learned = spread_kl(p, q, noise.covariance()).item()

    angles = torch.arange(0, 180, 0.5, dtype=torch.float64)
    values = torch.stack([spread_kl(p, q, covariance_at(float(angle))) for angle in angles])
    isotropic_variance = isotropic_deviation(DEVIATION, STRENGTH, 1, 2) ** 2
    isotropic = spread_kl(p, q, isotropic_variance * torch.eye(2, dtype=torch.float64)).item()
    return Measured(p, q, _angle(noise), path, learned, angles, values, isotropic)


def draw(found: Measured) -> Figure:
    """Draw the learned noise, and the spread KL by angle."""
    figure = new_figure(11, 4.5)
    plane, curve = figure.subplots(1, 2)
    for line, name, colour in ((found.p, "P", "C0"), (found.q, "Q", "C1")):
        ends = torch.stack([line.mean - 2 * line.along, line.mean + 2 * line.along])
        plane.plot(ends[:, 0], ends[:, 1], ":", color=colour, label=f"{name}, two deviations")
        for place in (-1.2, 0.0, 1.2):
            centre = line.mean + place * line.along
            plane.add_patch(_ellipse(centre, found.angle, colour))
    plane.set(title="learned noise around points of P and Q", xlabel="x1", ylabel="x2", aspect="equal")
    plane.legend(fontsize=8)
    curve.plot(found.angles, found.values, label="noise at this angle")
    curve.plot(*zip(*found.path, strict=True), "o", markersize=3, label="gradient ascent")
    curve.axhline(found.isotropic, color="black", linestyle=":", label="isotropic noise of the same entropy")
    for line, name, colour in ((found.p, "line of P", "C2"), (found.q, "line of Q", "C3")):
        curve.axvline(line.angle, color=colour, linestyle="--", label=name)
    curve.set(title="spread KL", xlabel="angle of the strong direction, degrees", ylabel="nats")
    curve.legend(fontsize=8)
    return figure


def spread_kl(p: Line, q: Line, noise: Tensor) -> Tensor:
    """KL(P~ || Q~) of the two lines."""
    return spread_kl_of_gaussians(p.mean, p.covariance, q.mean, q.covariance, noise)


def covariance_at(degrees: float) -> Tensor:
    """Covariance of the noise with its strong direction at this angle."""
    direction = _vector(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    return DEVIATION**2 * torch.eye(2, dtype=torch.float64) + STRENGTH**2 * torch.outer(direction, direction)


def _vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _angle(noise: LowRankNoise) -> float:
    x, y = noise.directions()[:, 0].tolist()
    return math.degrees(math.atan2(y, x)) % 180


def _ellipse(centre: Tensor, degrees: float, colour: str) -> Ellipse:
    """Contour of one deviation of the noise around a point."""
    width, height = 2 * math.hypot(DEVIATION, STRENGTH), 2 * DEVIATION
    return Ellipse(tuple(centre.tolist()), width, height, angle=degrees, color=colour, alpha=0.3)
