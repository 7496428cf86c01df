"""Figure C.3: the encoder's overfitting and half-asleep for several numbers of latents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import COLOURS, asleep_encoder, optimal_encoder
from nelloc.research.vae.setup import bits, pictures, setup, trained_vae

SIZES = (16, 64, 128)
# Epochs of a quick run's VAEs, of which only the last are kept.
QUICK_EPOCHS = 40


def run(settings: Settings) -> ExperimentResult:
    """Train a VAE of binary MNIST for each number of latents, and the other encoders for its decoders."""
    numbers = measure(settings)
    return ExperimentResult(numbers, {"": draw(numbers, numbers["epochs kept"])})


def measure(settings: Settings) -> dict[str, Any]:
    """Train the VAEs and encoders, and measure their test rates."""
    images = pictures(settings, "binary")
    numbers: dict[str, Any] = {"train images": len(images.train)}
    better = 0
    whole = setup(settings, "binary")
    if settings.length == "quick" and settings.epochs is None:
        whole = replace(setup(replace(settings, epochs=QUICK_EPOCHS), "binary"), keep_every=QUICK_EPOCHS)
    numbers["epochs kept"] = whole.kept
    for latent in SIZES:
        chosen = replace(whole, architecture=replace(whole.architecture, latent=latent))
        kept, _ = trained_vae(settings, "binary", images, settings.seed, chosen)
        curves: dict[str, list[float]] = {name: [] for name in COLOURS}
        for model in kept:
            curves["VAE"].append(bits(model.vae, images.test))
            half = asleep_encoder(settings, "binary", images, model, settings.seed, chosen)
            curves["half-asleep"].append(half.test)
            best = optimal_encoder(settings, "binary", images, model, settings.seed, chosen=chosen)
            curves["optimal inference"].append(best.test)
        numbers |= {f"{latent} latents, {name}": values[-1] for name, values in curves.items()}
        better += curves["half-asleep"][-1] < curves["VAE"][-1]
        numbers[f"{latent} latents, curves"] = curves
    return numbers | {"numbers of latents for which half-asleep is better": better}


def draw(numbers: dict[str, Any], epochs: list[int]) -> Figure:
    """Draw the test rates by epoch and encoder, a panel for each number of latents."""
    figure = new_figure(13, 4.5)
    for axes, latent in zip(figure.subplots(1, len(SIZES)), SIZES, strict=True):
        for name, values in numbers[f"{latent} latents, curves"].items():
            axes.plot(epochs, values, "o-", color=COLOURS[name], label=name)
        axes.set(xlabel="epochs", ylabel="test bits per dimension", title=f"Binary MNIST, {latent} latents")
        axes.legend()
    return figure
