"""A Gauss-VAE on two Gaussians along a line of the plane: the ELBO fails, the spread ELBO does not (Figure 2.5).

Data are x = (a, 0) with a ~ N(+-1, 0.1^2), each sign with probability 1/2. The model can be exactly that: z is binary,
p(x | z) a Gaussian whose mean and variances are learned, q(z | x) a learned probability (thesis eq. 2.47-2.48). But x2
has no variance, so the likelihood has no upper bound: the ELBO rises as long as the model's variance of x2 falls,
whatever x1 is like, and its gradient along x2 grows without limit. The spread ELBO, with noise in data and model,
is bounded. As training may go well by luck, many models are trained at once, each from its own start.
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

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.spread.elbo import two_component_elbo

DEVIATION = 0.1
SPREAD_VARIANCE = 0.1
RUNS = 20
BATCH, STEPS_PER_EPOCH = 100, 100
HIDDEN, LEARNING_RATE, START_LOG_VARIANCE = 50, 1e-3, -4.0
SAMPLES = 5000
RECOVERED = 0.15  # Wasserstein distance of x1; one wide Gaussian for both is at 0.47


@dataclass(frozen=True)
class Method:
    """Noise in model and data, as shares of SPREAD_VARIANCE; the model's at a part of the training from 0 to 1."""

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
    """p(x | z) and q(z | x) of a binary z, each a small network."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = _network(1, 4)
        self.encoder = _network(2, 1)
        last = self.decoder[-1]
        assert isinstance(last, nn.Linear)
        nn.init.constant_(last.bias[2:], START_LOG_VARIANCE)

    def components(self) -> tuple[Tensor, Tensor]:
        """Means and variances of p(x | z), (2, 2) each, for z = 0 and z = 1."""
        out = self.decoder(torch.tensor([[0.0], [1.0]]))
        return out[:, :2], out[:, 2:].exp()

    def forward(self, x: Tensor, noise_variance: float) -> tuple[Tensor, Tensor, Tensor]:
        """The mean bound of points (N, 2), with this noise in the model, and the components."""
        means, variances = self.components()
        bound = two_component_elbo(x, self.encoder(x)[:, 0], means, variances, noise_variance)
        return bound.mean(), means, variances


@dataclass(frozen=True)
class Fits:
    """RUNS trained models: points of them, (RUNS, SAMPLES, 2), and by epoch and run the bound and how far x1 is off."""

    samples: Tensor
    bounds: Tensor
    distances: Tensor

    @property
    def recovered(self) -> Tensor:
        """The share of the runs that have recovered the distribution of x1, by epoch."""
        return (self.distances < RECOVERED).float().mean(1)


def run(settings: Settings) -> Result:
    """RUNS models for each of the three bounds, from the same starts and on the same data (Figure 2.5)."""
    epochs = settings.epochs_or(20, 100)
    settings.progress.expect(len(METHODS) * epochs)
    state = torch.get_rng_state()
    fits = {}
    for method in METHODS:
        torch.set_rng_state(state)  # the same starts and the same data for all
        fits[method.key] = fit(method, epochs, settings)
    return Result(
        numbers={
            "epochs": epochs,
            "runs": RUNS,
            **{f"recovered_{key}": float(found.recovered[-1]) for key, found in fits.items()},
            **{f"median_wasserstein_x1_{key}": float(found.distances[-1].median()) for key, found in fits.items()},
            **{
                f"median_deviation_x2_{key}": float(found.samples[..., 1].std(1).median())
                for key, found in fits.items()
            },
            **{f"bound_{key}": float(found.bounds[-1].median()) for key, found in fits.items()},
            **{f"wasserstein_x1_{key}_runs": found.distances[-1].tolist() for key, found in fits.items()},
        },
        figures={"line": _figure(fits)},
    )


def draw(*shape: int) -> Tensor:
    """Points (..., 2) of the data."""
    x = torch.zeros(*shape, 2)
    x[..., 0] = 2.0 * torch.randint(2, shape) - 1 + DEVIATION * torch.randn(shape)
    return x


def fit(method: Method, epochs: int, settings: Settings) -> Fits:
    """Train RUNS models, each with its own start and data."""
    parameters, _ = stack_module_state([GaussVAE() for _ in range(RUNS)])
    template = GaussVAE().to("meta")
    optimiser = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE)
    bounds, distances = [], []
    samples = torch.empty(0)
    for epoch in range(epochs):
        total = torch.zeros(RUNS)
        for step in range(STEPS_PER_EPOCH):
            x = draw(RUNS, BATCH)
            x = x + math.sqrt(method.data_noise * SPREAD_VARIANCE) * torch.randn_like(x)
            noise = method.model_noise((epoch + step / STEPS_PER_EPOCH) / epochs) * SPREAD_VARIANCE
            model = _all_at_once(template, noise)
            bound, means, variances = model(parameters, x)
            optimiser.zero_grad()
            (-bound.sum()).backward()
            optimiser.step()
            total += bound.detach()
        bounds.append(total / STEPS_PER_EPOCH)
        samples = sample(means.detach(), variances.detach())
        distances.append(wasserstein(samples[..., 0], draw(RUNS, SAMPLES)[..., 0]))
        recovered = int((distances[-1] < RECOVERED).sum())
        settings.progress.advance(remark=f"{method.title}: {recovered} of {RUNS} recovered")
    return Fits(samples, torch.stack(bounds), torch.stack(distances))


def _all_at_once(template: GaussVAE, noise: float) -> Callable[[dict[str, Tensor], Tensor], tuple[Tensor, ...]]:
    """The model with the stacked parameters of RUNS models, on the points of each."""
    return vmap(lambda parameters, x: functional_call(template, parameters, (x, noise)))


def sample(means: Tensor, variances: Tensor) -> Tensor:
    """SAMPLES points of each model, (RUNS, SAMPLES, 2), without spread noise, from components (RUNS, 2, 2)."""
    z = torch.randint(2, (RUNS, SAMPLES, 1)).expand(-1, -1, 2)
    chosen, spread = (torch.gather(values, 1, z) for values in (means, variances))
    return chosen + spread.sqrt() * torch.randn_like(chosen)


def wasserstein(first: Tensor, second: Tensor) -> Tensor:
    """The Wasserstein-1 distance of sets of as many points on the line, (..., N)."""
    return (first.sort(-1).values - second.sort(-1).values).abs().mean(-1)


def _network(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs)
    )


def _figure(fits: dict[str, Fits]) -> Figure:
    figure = new_figure(12, 7.2)
    above, scatter = figure.subplots(2, 3)
    bounds, distances, recovered = above
    for method in METHODS:
        found = fits[method.key]
        epochs = range(1, len(found.bounds) + 1)
        bounds.plot(epochs, found.bounds.median(1).values, label=method.title)
        distances.semilogy(epochs, found.distances.median(1).values)
        recovered.plot(epochs, found.recovered)
    distances.axhline(RECOVERED, color="gray", linestyle=":", label=f"x1 counts as recovered below {RECOVERED}")
    for panel in (distances, recovered):
        panel.set_xlabel("epochs")
    _limit(bounds, torch.stack([found.bounds.median(1).values for found in fits.values()]))
    bounds.set(title="bound (spread ELBO: of spread data)", ylabel="nats, median run")
    distances.set(title="Wasserstein distance of x1", ylabel="in units of x1, median run")
    recovered.set(title="runs that recovered x1", ylabel=f"share of {RUNS} runs", ylim=(-0.02, 1.02))
    nearest = min(float(found.distances.median(1).values.min()) for found in fits.values())
    distances.set_ylim(min(0.01, 0.8 * nearest), 1)
    handles = [*bounds.get_lines(), *distances.get_lines()[-1:]]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))

    data = draw(400)
    for method, panel in zip(METHODS, scatter, strict=True):
        found = fits[method.key]
        middle = int(found.distances[-1].argsort()[RUNS // 2])  # neither the best nor the worst run
        panel.plot(data[:, 0], data[:, 1], "k.", markersize=3, alpha=0.4, label="data")
        panel.plot(*found.samples[middle, :400].T, "C3.", markersize=3, alpha=0.6, label="model")
        panel.set(title=f"{method.title}: median run", xlabel="x1", ylabel="x2", xlim=(-2.2, 2.2), ylim=(-0.5, 0.5))
    figure.legend(*scatter[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=4)
    return figure


def _limit(panel: Axes, curves: Tensor) -> None:
    """Limit a panel to what matters of its curves (methods, epochs), and say what is below.

    A twentieth of each may be: the start, and the moment at which a model has lost the noise that it relied on.
    """
    low, high = float(curves.quantile(0.05, dim=1).min()), float(curves.max())
    bottom, top = low - 0.1 * (high - low), high + 0.05 * (high - low)
    if bottom < top:
        panel.set_ylim(bottom, top)
    lowest = float(curves[:, 1:].min()) if curves.shape[1] > 1 else low
    panel.set_xlabel("epochs" if lowest >= bottom else f"epochs (lowest after the first, not shown: {lowest:.0f})")
