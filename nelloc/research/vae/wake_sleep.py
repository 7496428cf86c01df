"""Whole VAEs by wake-sleep and its reverse: ours, beside section 4.3.1, for which the thesis has no figure.

Both sleep losses are lowest at the true posterior, but on the model's images. Wake-sleep's divergence covers the true
posterior and differs from the one in the ELBO; the reverse one is the same.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.inference import Objective, reverse_wake_sleep, wake_sleep
from nelloc.research.vae.models import new_vae
from nelloc.research.vae.setup import bits, pictures, setup, train, trained_vae

WHOLE: dict[str, Objective] = {"wake-sleep": wake_sleep, "reverse wake-sleep": reverse_wake_sleep}


def run(settings: Settings) -> ExperimentResult:
    """Train VAEs of binary MNIST by the ELBO, by wake-sleep and by its reverse, for the same number of epochs."""
    numbers = measure(settings)
    return ExperimentResult(numbers, {"": draw(numbers["curves"])})


def measure(settings: Settings) -> dict[str, Any]:
    """Train the VAEs, and measure their test rates."""
    images = pictures(settings, "binary")
    chosen = setup(settings, "binary")
    _, rows = trained_vae(settings, "binary", images, settings.seed)
    curves = {"ELBO": [row["test"] for row in rows]}
    for name, objective in WHOLE.items():
        vae = new_vae(chosen.architecture, settings.seed, images.train.device)

        def test_rate(epoch: int, vae: Any = vae) -> dict[str, float]:
            return {"test": bits(vae, images.test)}

        plan = chosen.plan(settings.seed)
        found = train(settings, "binary", vae, images.train, name, objective, plan, test_rate)
        curves[name] = [row["test"] for row in found]
    numbers: dict[str, Any] = {name: curve[-1] for name, curve in curves.items()}
    return numbers | {"curves": curves}


def draw(curves: dict[str, list[float]]) -> Figure:
    """Draw the test rates by epoch and method."""
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(range(1, len(curve) + 1), curve, label=name)
    # The first epochs are far above the rest.
    top = 1.02 * max(curve[len(curve) // 5] for curve in curves.values())
    axes.set(xlabel="epochs", ylabel="test bits per dimension", title="Binary MNIST", ylim=(None, top))
    axes.legend()
    return figure
