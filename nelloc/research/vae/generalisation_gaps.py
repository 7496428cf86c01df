"""Figure 4.1: overfitting of a VAE, split into the generative model's and the encoder's part."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import COLOURS, optimal_encoder
from nelloc.research.vae.gaps import Gaps
from nelloc.research.vae.setup import TRAIN_MEASURED, bits, pictures, setup, trained_vae

# Epochs of optimal inference here; section 4.4 has half as many.
FULL_EPOCHS = 1000


def run(settings: Settings) -> ExperimentResult:
    """Train on binary MNIST by the plain ELBO and decompose the generalisation gap (eq. 4.7 to 4.17)."""
    numbers = measure(settings)
    return ExperimentResult(numbers, {"": draw(numbers["gaps"])})


def measure(settings: Settings) -> dict[str, Any]:
    """Train the VAE and its optimal inference, and compute the gaps."""
    images = pictures(settings, "binary")
    chosen = setup(settings, "binary")
    kept, rows = trained_vae(settings, "binary", images, settings.seed)
    optimal_epochs = chosen.optimal_epochs if settings.small else FULL_EPOCHS * chosen.optimal_epochs // 500
    gaps = []
    for model in kept:
        best = optimal_encoder(settings, "binary", images, model, settings.seed, optimal_epochs)
        train, test = bits(model.vae, images.train[:TRAIN_MEASURED]), bits(model.vae, images.test)
        gaps.append(Gaps.of(train, test, best.test))
    last, epochs = gaps[-1], [model.epoch for model in kept]
    return {
        "train images": len(images.train),
        "test images": len(images.test),
        "epochs": epochs[-1],
        "epochs of optimal inference": optimal_epochs,
        "train bpd": last.train,
        "test bpd": last.test,
        "test bpd, optimal inference": last.test_optimal,
        "EGG": last.whole,
        "GMGG": last.generative,
        "AIGG": last.inference,
        "EGG - GMGG - AIGG": last.whole - (last.generative + last.inference),
        "AIGG over EGG": last.inference / last.whole,
        "epoch of the best test bpd": min(rows, key=lambda row: row["test"])["epoch"],
        "gaps": [
            {"epoch": epoch, "train": g.train, "test": g.test, "test_optimal": g.test_optimal}
            for epoch, g in zip(epochs, gaps, strict=True)
        ],
    }


def draw(gaps: list[dict[str, float]]) -> Figure:
    """Draw the rates by epoch, and the parts of the last gap."""
    epochs, train, test, optimal = ([row[key] for row in gaps] for key in ("epoch", "train", "test", "test_optimal"))
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    axes.plot(epochs, test, "o-", color=COLOURS["VAE"], label="test")
    axes.plot(epochs, optimal, "s-", color=COLOURS["optimal inference"], label="test, optimal inference")
    axes.plot(epochs, train, "^-", color="tab:blue", label="train")
    for upper, lower, name in ((test[-1], optimal[-1], "AIGG"), (optimal[-1], train[-1], "GMGG")):
        axes.annotate("", (epochs[-1], upper), (epochs[-1], lower), arrowprops={"arrowstyle": "<->", "color": "gray"})
        axes.annotate(name, (epochs[-1], (upper + lower) / 2), (-6, 0), textcoords="offset points", ha="right")
    axes.set(xlabel="epochs", ylabel="bits per dimension", title="Binary MNIST: EGG = GMGG + AIGG")
    axes.legend()
    return figure
