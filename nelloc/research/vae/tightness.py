"""Figure C.1: ELBO and IWAE with ten samples, by three ways of inference, as training goes on.

For the last VAE also with a posterior fitted to each image (eq. 4.33), which no encoder limits: how far the two bounds
are apart then is what Gaussian posteriors cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.bounds import bits_per_dimension, elbo, iwae, log_weights, standard_noise
from nelloc.research.vae.encoders import COLOURS, asleep_encoder, optimal_encoder
from nelloc.research.vae.models import VAE, Posterior
from nelloc.research.vae.optimal import MEASURING_SEED, optimal_posterior
from nelloc.research.vae.setup import pictures, trained_vae

SAMPLES = 10
# Images whose weights are computed at once, which bounds memory.
AT_ONCE = 500
# Gradient steps on each image's posterior, from the encoder of optimal inference on; number of such images of a quick
# run, which also leaves out every other saved VAE.
STEPS = 400
QUICK_IMAGES = 200


def run(settings: Settings) -> ExperimentResult:
    """Compute both bounds of binary MNIST's test images by the VAE's encoder, half-asleep and optimal inference."""
    numbers = measure(settings)
    return ExperimentResult(
        numbers, {"": draw(numbers["epochs kept"], numbers["ELBO by epoch"], numbers["IWAE by epoch"])}
    )


def measure(settings: Settings) -> dict[str, Any]:
    """Train the encoders, and compute both bounds."""
    images = pictures(settings, "binary")
    kept, _ = trained_vae(settings, "binary", images, settings.seed)
    elbos: dict[str, list[float]] = {name: [] for name in COLOURS}
    iwaes: dict[str, list[float]] = {name: [] for name in COLOURS}
    kept = settings.choose(kept[::2], kept, kept)
    for model in kept:
        encoders = {
            "VAE": model.vae,
            "half-asleep": asleep_encoder(settings, "binary", images, model, settings.seed).vae,
            "optimal inference": optimal_encoder(settings, "binary", images, model, settings.seed).vae,
        }
        for name, vae in encoders.items():
            plain, weighted = bounds(vae, images.test, vae.posterior)
            elbos[name].append(plain)
            iwaes[name].append(weighted)
    vae = encoders["optimal inference"]
    fitted = images.test[: settings.choose(QUICK_IMAGES, None, len(images.test))]
    plain, weighted = bounds(vae, fitted, lambda part: optimal_posterior(vae, part, STEPS))
    return {
        "test images": len(images.test),
        "samples": SAMPLES,
        **{f"ELBO, {name}": values[-1] for name, values in elbos.items()},
        **{f"IWAE, {name}": values[-1] for name, values in iwaes.items()},
        **{f"ELBO less IWAE, {name}": elbos[name][-1] - iwaes[name][-1] for name in COLOURS},
        "images with a posterior of their own": len(fitted),
        "steps on each image": STEPS,
        "ELBO, each image": plain,
        "IWAE, each image": weighted,
        "ELBO less IWAE, each image": plain - weighted,
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


def bounds(vae: VAE, images: Tensor, infer: Callable[[Tensor], Posterior]) -> tuple[float, float]:
    """Negative ELBO and negative IWAE of SAMPLES samples, in bits per dimension (eq. C.6 and C.7).

    ``infer`` gives the posteriors of some images.
    """
    plain, weighted = [], []
    for at in range(0, len(images), AT_ONCE):
        part = images[at : at + AT_ONCE].float()
        posterior = infer(part)
        noise = standard_noise(SAMPLES, len(part), vae, MEASURING_SEED + at)
        with torch.no_grad():
            plain.append(elbo(vae, part, posterior, noise))
            weighted.append(iwae(log_weights(vae, part, posterior, noise)))
    return bits_per_dimension(torch.cat(plain), vae), bits_per_dimension(torch.cat(weighted), vae)
