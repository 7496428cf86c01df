"""Gauss-VAE on two Gaussians along a line of the plane, by the ELBO and the spread ELBO (Figures 2.4 and 2.5).

Data are x = (a, 0) with a ~ N(+-1, 0.1), 0.1 being the variance, each sign with probability 1/2. The model can be
exactly that: z is binary, p(x | z) a Gaussian with learned mean and variances, q(z | x) a learned probability (thesis
eq. 2.47-2.48). But x2 has no variance, so the likelihood has no upper bound: the ELBO rises as long as the model's
variance of x2 falls, whatever x1 is like, and its gradient along x2 grows without limit. The spread ELBO, with noise in
data and model, is bounded. Since training may succeed by chance, many models are trained at once, each from its own
start. Networks and training are those of section 2.5.2; annealed noise in the model only is ours, and, in a full run,
0.1 as the deviation as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.spread.elbo import two_component_elbo

DEVIATION, OTHER_DEVIATION = 0.1**0.5, 0.1
SPREAD_VARIANCE = 0.02**2
RUNS = 20
BATCH, STEPS_PER_EPOCH, EPOCHS = 100, 100, 50  # 5,000 iterations
HIDDEN, LEARNING_RATE = 16, 1e-3
SAMPLES = 5000
# Limits of a recovered distribution: Wasserstein distance of x1 (0.36 for one wide Gaussian), deviation of x2.
RECOVERED, NARROW = 0.15, 0.05


@dataclass(frozen=True)
class Method:
    """Noise in model and data, as shares of SPREAD_VARIANCE; the model's is a function of the time from 0 to 1."""

    key: str
    title: str
    model_noise: Callable[[float], float]
    data_noise: float


METHODS = (
    Method("elbo", "ELBO", lambda part: 0.0, 0.0),
    Method("annealed", "ELBO, annealed model noise", lambda part: max(0.0, 1 - part / 0.8), 0.0),
    Method("spread", "spread ELBO", lambda part: 1.0, 1.0),
)


class GaussVAE(nn.Module):
    """Model p(x | z) and q(z | x) of a binary z, each a small network."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = _network(1, 4)
        self.encoder = _network(2, 1)

    def components(self) -> tuple[Tensor, Tensor]:
        """Means and variances of p(x | z), (2, 2) each, for z = 0 and z = 1."""
        out = self.decoder(torch.tensor([[0.0], [1.0]]))
        return out[:, :2], nn.functional.softplus(out[:, 2:])

    def forward(self, x: Tensor, noise_variance: float) -> tuple[Tensor, Tensor, Tensor]:
        """Mean bound of points (N, 2), with this noise in the model, and the components."""
        means, variances = self.components()
        bound = two_component_elbo(x, self.encoder(x)[:, 0], means, variances, noise_variance)
        return bound.mean(), means, variances


@dataclass(frozen=True)
class Fits:
    """Results of RUNS trained models.

    Points of them, (RUNS, SAMPLES, 2), and by epoch and run the bound and the error of x1. ``losses`` are the negative
    bounds of each iteration, (iterations, RUNS).
    """

    samples: Tensor
    bounds: Tensor
    distances: Tensor
    losses: Tensor

    @property
    def roughness(self) -> Tensor:
        """Mean change of the loss from one iteration to the next in the second half of the training, by run."""
        return self.losses[len(self.losses) // 2 :].diff(dim=0).abs().mean(0)

    @property
    def recovered(self) -> Tensor:
        """Share of the runs that have recovered the distribution of x1, by epoch."""
        return (self.distances < RECOVERED).float().mean(1)


def run(settings: Settings) -> ExperimentResult:
    """RUNS models for each of the three bounds, from the same starts and on the same data (Figure 2.5)."""
    epochs = settings.epochs_or(EPOCHS, EPOCHS)
    settings.progress.expect(len(METHODS) * epochs)
    state = torch.get_rng_state()
    fits = {}
    for method in METHODS:
        torch.set_rng_state(state)  # the same starts and the same data for all
        fits[method.key] = fit(method, epochs, settings)
    other: dict[str, float] = {}
    if not settings.small:
        settings.progress.expect(2 * epochs, "0.1 as the deviation")
        for method in (METHODS[0], METHODS[-1]):
            torch.set_rng_state(state)
            found = fit(method, epochs, settings, OTHER_DEVIATION)
            other[f"recovered_{method.key}_deviation_{OTHER_DEVIATION}"] = float(found.recovered[-1])
    return ExperimentResult(
        numbers={
            "iterations": epochs * STEPS_PER_EPOCH,
            "runs": RUNS,
            **{f"recovered_{key}": float(found.recovered[-1]) for key, found in fits.items()},
            **other,
            **{f"median_wasserstein_x1_{key}": float(found.distances[-1].median()) for key, found in fits.items()},
            **{
                f"median_deviation_x2_{key}": float(found.samples[..., 1].std(1).median())
                for key, found in fits.items()
            },
            **{f"bound_{key}": float(found.bounds[-1].median()) for key, found in fits.items()},
            **{f"median_change_of_loss_{key}": float(found.roughness.median()) for key, found in fits.items()},
            **{
                f"recovered_both_{key}": float(
                    ((found.distances[-1] < RECOVERED) & (found.samples[..., 1].std(1) < NARROW)).float().mean()
                )
                for key, found in fits.items()
            },
            **{f"wasserstein_x1_{key}_runs": found.distances[-1].tolist() for key, found in fits.items()},
        },
        figures={"line": _figure(fits)},
    )


def draw(*shape: int, deviation: float = DEVIATION) -> Tensor:
    """Draw points (..., 2) of the data."""
    x = torch.zeros(*shape, 2)
    x[..., 0] = 2.0 * torch.randint(2, shape) - 1 + deviation * torch.randn(shape)
    return x


def fit(method: Method, epochs: int, settings: Settings, deviation: float = DEVIATION) -> Fits:
    """Train RUNS models, each with its own start and data."""
    parameters, _ = stack_module_state([GaussVAE() for _ in range(RUNS)])
    template = GaussVAE().to("meta")
    optimiser = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE)
    bounds, distances, losses = [], [], []
    samples = torch.empty(0)
    for epoch in range(epochs):
        total = torch.zeros(RUNS)
        for step in range(STEPS_PER_EPOCH):
            x = draw(RUNS, BATCH, deviation=deviation)
            x = x + math.sqrt(method.data_noise * SPREAD_VARIANCE) * torch.randn_like(x)
            noise = method.model_noise((epoch + step / STEPS_PER_EPOCH) / epochs) * SPREAD_VARIANCE
            model = _all_at_once(template, noise)
            bound, means, variances = model(parameters, x)
            optimiser.zero_grad()
            (-bound.sum()).backward()
            optimiser.step()
            total += bound.detach()
            losses.append(-bound.detach())
        bounds.append(total / STEPS_PER_EPOCH)
        samples = sample(means.detach(), variances.detach())
        distances.append(wasserstein(samples[..., 0], draw(RUNS, SAMPLES, deviation=deviation)[..., 0]))
        recovered = int((distances[-1] < RECOVERED).sum())
        settings.progress.advance(remark=f"{method.title}: {recovered} of {RUNS} recovered")
    return Fits(samples, torch.stack(bounds), torch.stack(distances), torch.stack(losses))


def _all_at_once(template: GaussVAE, noise: float) -> Callable[[dict[str, Tensor], Tensor], tuple[Tensor, ...]]:
    """Evaluate the model with the stacked parameters of RUNS models, on the points of each."""
    return vmap(lambda parameters, x: functional_call(template, parameters, (x, noise)))


def sample(means: Tensor, variances: Tensor) -> Tensor:
    """Draw SAMPLES points of each model, (RUNS, SAMPLES, 2), without spread noise, from components (RUNS, 2, 2)."""
    z = torch.randint(2, (RUNS, SAMPLES, 1)).expand(-1, -1, 2)
    chosen, spread = (torch.gather(values, 1, z) for values in (means, variances))
    return chosen + spread.sqrt() * torch.randn_like(chosen)


def wasserstein(first: Tensor, second: Tensor) -> Tensor:
    """Wasserstein-1 distance of sets of equal size on the line, (..., N)."""
    return (first.sort(-1).values - second.sort(-1).values).abs().mean(-1)


def _network(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))


def _figure(fits: dict[str, Fits]) -> Figure:
    """Draw for each method the loss of every iteration, and points of the median run's model."""
    figure = new_figure(13, 8)
    above, scatter = figure.subplots(2, len(METHODS) + 1)
    data = draw(400)
    scatter[0].plot(data[:, 0], data[:, 1], "k.", markersize=3, alpha=0.4)
    scatter[0].set(title="data (Figure 2.4)", xlabel="x1", ylabel="x2")
    distances = above[0]
    for method, loss, panel in zip(METHODS, above[1:], scatter[1:], strict=True):
        found = fits[method.key]
        distances.semilogy(range(1, len(found.distances) + 1), found.distances.median(1).values, label=method.title)
        middle = int(found.distances[-1].argsort()[RUNS // 2])  # neither the best nor the worst run
        loss.plot(found.losses[:, middle], linewidth=0.6)
        loss.set(title=f"{method.title}: loss", xlabel="iterations", ylabel="negative bound, nats")
        _limit(loss, found.losses[:, middle])
        panel.plot(*found.samples[middle, :400].T, "C3.", markersize=3, alpha=0.6)
        share = float(found.recovered[-1])
        panel.set(title=f"{method.title}: median run\n{share:.0%} of {RUNS} recovered x1", xlabel="x1", ylabel="x2")
    for panel in scatter:
        panel.set(xlim=(-2.5, 2.5), ylim=(-0.5, 0.5))
    distances.axhline(RECOVERED, color="gray", linestyle=":", label="recovered below")
    distances.set(title="Wasserstein distance of x1, median run", xlabel="iterations / 100", ylabel="units of x1")
    distances.legend(fontsize=8)
    return figure


def _limit(panel: Axes, losses: Tensor) -> None:
    """Limit a panel to the losses without the outermost hundredth on each side."""
    low, high = (float(value) for value in losses.quantile(torch.tensor([0.01, 0.99])))
    margin = 0.1 * (high - low)
    if margin > 0:
        panel.set_ylim(low - margin, high + margin)
