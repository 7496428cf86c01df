"""Figure C.1: how far the ELBO is below log p(x), seen through the importance-weighted bound."""

from __future__ import annotations

import math

import torch

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.bounds import iwae, log_weights, standard_noise
from nelloc.research.vae.encoders import train_encoder
from nelloc.research.vae.inference import HalfAsleep
from nelloc.research.vae.models import VAE, Posterior
from nelloc.research.vae.optimal import MEASURING_SEED, optimal_posterior
from nelloc.research.vae.setup import pictures, setup, trained_vae

QUICK_SAMPLES, FULL_SAMPLES = 512, 4096
# Images whose weights are computed at once, to bound memory.
AT_ONCE = 10


def run(settings: Settings) -> Result:
    """Binary MNIST: ELBO and IWAE of test images by the plain encoder, half-asleep and optimal inference."""
    images = pictures(settings, "binary")
    vae, _ = trained_vae(settings, "binary", images, settings.seed)
    half = train_encoder(settings, "binary", images, vae, "half-asleep", HalfAsleep(), settings.seed).vae
    test = images.test[: settings.choose(100, 200)].float()
    with torch.no_grad():
        posteriors = {"plain": vae.posterior(test), "half-asleep": half.posterior(test)}
    posteriors["optimal inference"] = optimal_posterior(vae, test, setup(settings, "binary").optimal_steps)

    samples = settings.choose(QUICK_SAMPLES, FULL_SAMPLES)
    counts = [2**power for power in range(int(math.log2(samples)) + 1)]
    nats = math.log(2) * vae.dimensions
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    numbers: dict = {"test images": len(test), "samples": samples}
    for name, posterior in posteriors.items():
        bound, evidence = _bounds(vae, test, posterior, counts)
        numbers |= {f"ELBO, {name}": bound / nats, f"IWAE, {name}": evidence[-1] / nats}
        numbers[f"gap, {name}"] = (bound - evidence[-1]) / nats
        (line,) = axes.plot(counts, [value / nats for value in evidence], "o-", markersize=3, label=f"IWAE, {name}")
        axes.axhline(bound / nats, color=line.get_color(), linestyle=":")
    axes.plot([], [], color="black", linestyle=":", label="ELBO, in the same colour")
    axes.margins(y=0.3)
    axes.set(xscale="log", xlabel="samples", ylabel="bits per dimension", title="Bounds of -log p(x), binary MNIST")
    axes.legend()
    return Result(numbers, {"": figure})


@torch.no_grad()
def _bounds(vae: VAE, images: torch.Tensor, posterior: Posterior, counts: list[int]) -> tuple[float, list[float]]:
    """The negative ELBO and, for each number of samples, the negative IWAE: nats per image."""
    weights = torch.cat(
        [
            log_weights(
                vae,
                images[at : at + AT_ONCE],
                Posterior(posterior.mean[at : at + AT_ONCE], posterior.deviation[at : at + AT_ONCE]),
                standard_noise(counts[-1], len(images[at : at + AT_ONCE]), vae, MEASURING_SEED + at),
            )
            for at in range(0, len(images), AT_ONCE)
        ],
        1,
    ).double()
    # With k samples: the mean over all disjoint groups of k.
    bounds = [iwae(weights.reshape(-1, count, len(images))).mean().item() for count in counts]
    return -weights.mean().item(), [-bound for bound in bounds]
