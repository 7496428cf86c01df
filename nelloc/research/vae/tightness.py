"""Figure C.1: ELBO and IWAE with ten samples, by three ways of inference, as training goes on."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.bounds import amortised_elbo, bits_per_dimension, iwae, log_weights, standard_noise
from nelloc.research.vae.encoders import COLOURS, asleep_encoder, optimal_encoder
from nelloc.research.vae.models import VAE
from nelloc.research.vae.optimal import MEASURING_SEED
from nelloc.research.vae.setup import pictures, trained_vae

SAMPLES = 10
# Images whose weights are computed at once, which bounds memory.
AT_ONCE = 500


def run(settings: Settings) -> Result:
    """Compute both bounds of binary MNIST's test images by the VAE's encoder, half-asleep and optimal inference."""
    numbers = measure(settings)
    return Result(numbers, {"": draw(numbers["epochs kept"], numbers["ELBO by epoch"], numbers["IWAE by epoch"])})


def measure(settings: Settings) -> dict[str, Any]:
    """Train the encoders, and compute both bounds."""
    images = pictures(settings, "binary")
    kept, _ = trained_vae(settings, "binary", images, settings.seed)
    elbos: dict[str, list[float]] = {name: [] for name in COLOURS}
    iwaes: dict[str, list[float]] = {name: [] for name in COLOURS}
    for model in kept:
        encoders = {
            "VAE": model.vae,
            "half-asleep": asleep_encoder(settings, "binary", images, model, settings.seed).vae,
            "optimal inference": optimal_encoder(settings, "binary", images, model, settings.seed).vae,
        }
        for name, vae in encoders.items():
            elbo, weighted = bounds(vae, images.test)
            elbos[name].append(elbo)
            iwaes[name].append(weighted)
    return {
        "test images": len(images.test),
        "samples": SAMPLES,
        **{f"ELBO, {name}": values[-1] for name, values in elbos.items()},
        **{f"IWAE, {name}": values[-1] for name, values in iwaes.items()},
        **{f"ELBO less IWAE, {name}": elbos[name][-1] - iwaes[name][-1] for name in COLOURS},
        "epochs kept": [model.epoch for model in kept],
        "ELBO by epoch": elbos,
        "IWAE by epoch": iwaes,
    }


def draw(epochs: list[int], elbos: dict[str, list[float]], iwaes: dict[str, list[float]]) -> Figure:
    """Draw both bounds by epoch and encoder."""
    figure = new_figure(13, 4.5)
    panels = figure.subplots(1, 3, sharey=True)
    shown = (("VAE", "optimal inference"), tuple(COLOURS), tuple(COLOURS))
    for number, (axes, names) in enumerate(zip(panels, shown, strict=True)):
        for name in names:
            if number != 1:
                axes.plot(epochs, elbos[name], "o--", color=COLOURS[name], label=f"ELBO, {name}")
            axes.plot(epochs, iwaes[name], "s-", color=COLOURS[name], label=f"IWAE, {name}")
        axes.set(xlabel="epochs", title=f"({'abc'[number]})")
        axes.legend(fontsize=8)
    panels[0].set_ylabel("test bits per dimension, binary MNIST")
    return figure


@torch.no_grad()
def bounds(vae: VAE, images: Tensor) -> tuple[float, float]:
    """Negative ELBO and negative IWAE of SAMPLES samples, in bits per dimension (eq. C.6 and C.7)."""
    parts = []
    for at in range(0, len(images), AT_ONCE):
        part = images[at : at + AT_ONCE].float()
        noise = standard_noise(SAMPLES, len(part), vae, MEASURING_SEED + at)
        parts.append(iwae(log_weights(vae, part, vae.posterior(part), noise)))
    elbo = amortised_elbo(vae, images.float(), MEASURING_SEED, SAMPLES)
    return bits_per_dimension(elbo, vae), bits_per_dimension(torch.cat(parts), vae)
