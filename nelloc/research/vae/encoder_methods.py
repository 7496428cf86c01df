"""Table 4.1: test rates of the ways to train an encoder, on the full test set."""

from __future__ import annotations

from typing import Any

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import bits_of_test_set, optimal_bits, train_encoder
from nelloc.research.vae.inference import Denoising, HalfAsleep, Objective, wake
from nelloc.research.vae.models import Kind
from nelloc.research.vae.setup import measured_images, pictures, trained_vae

METHODS: dict[str, Objective] = {
    "plain": wake,
    "denoising 0.1": Denoising(0.1),
    "denoising 0.2": Denoising(0.2),
    "denoising 0.4": Denoising(0.4),
    "half-asleep": HalfAsleep(0.5),
}
QUICK_KINDS: tuple[Kind, ...] = ("binary",)
FULL_KINDS: tuple[Kind, ...] = ("binary", "gray", "colour")


def run(settings: Settings) -> Result:
    """One VAE for each data set; each method starts from its encoder and leaves its decoder."""
    kinds: tuple[Kind, ...] = settings.choose(QUICK_KINDS, FULL_KINDS)
    figure = new_figure(4 * len(kinds) + 2, 4)
    panels = figure.subplots(1, len(kinds), squeeze=False)[0]
    numbers: dict[str, Any] = {}
    for kind, axes in zip(kinds, panels, strict=True):
        rates, gaps = _rates(settings, kind)
        numbers |= {f"{kind}, {name}": value for name, value in (rates | gaps).items()}
        axes.barh(list(rates), list(rates.values()), color="tab:blue")
        axes.set(xlim=(0.97 * min(rates.values()), 1.01 * max(rates.values())), xlabel="test bits per dimension")
        axes.set_title(kind)
        axes.invert_yaxis()
    return Result(numbers, {"": figure})


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
