"""Table 4.1: test rates of the ways to train an encoder, on the full test set."""

from __future__ import annotations

from functools import partial

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure, show_values
from nelloc.research.vae.encoders import bits_of_test_set, optimal_bits, train_encoder
from nelloc.research.vae.inference import Denoising, HalfAsleep, Objective, wake
from nelloc.research.vae.models import Kind
from nelloc.research.vae.setup import TITLES, Pictures, measured_images, pictures, trained_vae

METHODS: dict[str, Objective] = {
    "plain": wake,
    "denoising 0.1": Denoising(0.1),
    "denoising 0.2": Denoising(0.2),
    "denoising 0.4": Denoising(0.4),
    "half-asleep": HalfAsleep(0.5),
}


def run(settings: Settings, kind: Kind) -> Result:
    """Each method starts from the encoder of one VAE and leaves its decoder (Table 4.1)."""
    images = pictures(settings, kind)
    rates, measured, count = _rates(settings, kind, images)
    figure = new_figure(8, 4.5)
    axes = figure.subplots()
    rows = [*rates, "optimal inference"]
    if count == len(images.test):
        show_values(axes, rows, {**rates, "optimal inference": measured["optimal inference"]})
    else:
        show_values(axes, rows, rates, shift=-0.15, label=f"all {len(images.test):,} test images")
        show_values(axes, rows, measured, label=f"the first {count:,}", shift=0.15, hollow=True)
        figure.legend(loc="outside lower center", ncols=2)
    axes.set(xlabel="test bits per dimension, less is better", title=TITLES[kind])
    return Result(
        rates | {f"{name}, first {count} test images": value for name, value in measured.items()}, {"": figure}
    )


binary, gray, colour = (partial(run, kind=kind) for kind in TITLES)


def _rates(settings: Settings, kind: Kind, images: Pictures) -> tuple[dict[str, float], dict[str, float], int]:
    """Rates of the whole test set; of the measured images, those of two methods beside optimal inference; how many."""
    vae, _ = trained_vae(settings, kind, images, settings.seed)
    rates, measured = {"as trained": bits_of_test_set(vae, images)}, {}
    for name, objective in METHODS.items():
        found = train_encoder(settings, kind, images, vae, name, objective, settings.seed)
        rates[name], measured[name] = found.test, found.curve[-1]
    chosen = measured_images(settings, kind, images)
    best = optimal_bits(settings, kind, vae, chosen)
    ends = {"plain": measured["plain"], "half-asleep": measured["half-asleep"], "optimal inference": best}
    return rates, ends, len(chosen)
