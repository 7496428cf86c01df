"""Figure C.3: half-asleep against the plain encoder for several numbers of latents."""

from __future__ import annotations

from dataclasses import replace

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import train_encoder
from nelloc.research.vae.inference import HalfAsleep, Objective, wake
from nelloc.research.vae.setup import pictures, setup, trained_vae

QUICK_SIZES, FULL_SIZES = (5, 10, 30), (5, 10, 20, 50, 100)
METHODS: dict[str, Objective] = {"plain": wake, "half-asleep": HalfAsleep()}


def run(settings: Settings) -> Result:
    """Binary MNIST: a VAE for each number of latents, and both encoders for its decoder."""
    images = pictures(settings, "binary")
    sizes = settings.choose(QUICK_SIZES, FULL_SIZES)
    rates: dict[str, list[float]] = {name: [] for name in METHODS}
    for latent in sizes:
        architecture = replace(setup(settings, "binary").architecture, latent=latent)
        vae, _ = trained_vae(settings, "binary", images, settings.seed, architecture)
        for name, objective in METHODS.items():
            found = train_encoder(settings, "binary", images, vae, name, objective, settings.seed)
            rates[name].append(found.test)
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    for name, values in rates.items():
        axes.plot(sizes, values, "o-", label=name)
    axes.set(xscale="log", xlabel="latents", ylabel="test bits per dimension", title="Binary MNIST")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend()
    numbers = {
        f"{size} latents, {name}": value
        for name, values in rates.items()
        for size, value in zip(sizes, values, strict=True)
    }
    return Result({"train images": len(images.train), **numbers}, {"": figure})
