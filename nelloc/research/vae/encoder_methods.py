"""Table 4.1: test rates of the ways to train an encoder, on the full test set."""

from __future__ import annotations

from functools import partial

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import bits_of_test_set, optimal_bits, train_encoder
from nelloc.research.vae.inference import Denoising, HalfAsleep, Objective, wake
from nelloc.research.vae.models import Kind
from nelloc.research.vae.setup import TITLES, measured_images, pictures, trained_vae

METHODS: dict[str, Objective] = {
    "plain": wake,
    "denoising 0.1": Denoising(0.1),
    "denoising 0.2": Denoising(0.2),
    "denoising 0.4": Denoising(0.4),
    "half-asleep": HalfAsleep(0.5),
}


def run(settings: Settings, kind: Kind) -> Result:
    """Each method starts from the encoder of one VAE and leaves its decoder."""
    rates, measured = _rates(settings, kind)
    figure = new_figure(6, 4)
    axes = figure.subplots()
    axes.barh(list(rates), list(rates.values()), color="tab:blue")
    axes.set(xlim=(0.97 * min(rates.values()), 1.01 * max(rates.values())), xlabel="test bits per dimension")
    axes.set_title(TITLES[kind])
    axes.invert_yaxis()
    return Result(rates | measured, {"": figure})


binary, gray, colour = (partial(run, kind=kind) for kind in TITLES)


def _rates(settings: Settings, kind: Kind) -> tuple[dict[str, float], dict[str, float]]:
    """Rates of the whole test set; and, of the measured images, those of two methods beside optimal inference."""
    images = pictures(settings, kind)
    vae, _ = trained_vae(settings, kind, images, settings.seed)
    rates, measured = {"as trained": bits_of_test_set(vae, images)}, {}
    for name, objective in METHODS.items():
        found = train_encoder(settings, kind, images, vae, name, objective, settings.seed)
        rates[name], measured[name] = found.test, found.curve[-1]
    chosen = measured_images(settings, kind, images)
    best = optimal_bits(settings, kind, vae, chosen)
    ends = {"plain": measured["plain"], "half-asleep": measured["half-asleep"], "optimal inference": best}
    return rates, {f"{name}, first {len(chosen)} test images": value for name, value in ends.items()}
