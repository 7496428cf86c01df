"""Figure 4.1: overfitting of a VAE, split into the generative model's and the encoder's part."""

from __future__ import annotations

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import COLOURS, optimal_encoder
from nelloc.research.vae.gaps import Gaps
from nelloc.research.vae.setup import TRAIN_MEASURED, bits, pictures, setup, trained_vae

# Epochs of optimal inference here; section 4.4 has half as many.
FULL_EPOCHS = 1000


def run(settings: Settings) -> Result:
    """Train on binary MNIST by the plain ELBO and decompose the generalisation gap (eq. 4.7 to 4.17)."""
    images = pictures(settings, "binary")
    chosen = setup(settings, "binary")
    kept, rows = trained_vae(settings, "binary", images, settings.seed)
    optimal_epochs = chosen.optimal_epochs if settings.quick else FULL_EPOCHS * chosen.optimal_epochs // 500
    gaps = []
    for model in kept:
        best = optimal_encoder(settings, "binary", images, model, settings.seed, optimal_epochs)
        train, test = bits(model.vae, images.train[:TRAIN_MEASURED]), bits(model.vae, images.test)
        gaps.append(Gaps.of(train, test, best.test))
    last, epochs = gaps[-1], [model.epoch for model in kept]
    numbers = {
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
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    axes.plot(epochs, [g.test for g in gaps], "o-", color=COLOURS["VAE"], label="test")
    label = "test, optimal inference"
    axes.plot(epochs, [g.test_optimal for g in gaps], "s-", color=COLOURS["optimal inference"], label=label)
    axes.plot(epochs, [g.train for g in gaps], "^-", color="tab:blue", label="train")
    for upper, lower, name in ((last.test, last.test_optimal, "AIGG"), (last.test_optimal, last.train, "GMGG")):
        axes.annotate("", (epochs[-1], upper), (epochs[-1], lower), arrowprops={"arrowstyle": "<->", "color": "gray"})
        axes.annotate(name, (epochs[-1], (upper + lower) / 2), (-6, 0), textcoords="offset points", ha="right")
    axes.set(xlabel="epochs", ylabel="bits per dimension", title="Binary MNIST: EGG = GMGG + AIGG")
    axes.legend()
    return Result(numbers, {"": figure})
