"""Figure 4.2: encoders trained on the model's own images, for a decoder that stays or learns with them.

Both sleep losses are least at the true posterior, but on the model's images. Wake-sleep's divergence covers the true
posterior and is not the one in the ELBO; the reverse one is.
"""

from __future__ import annotations

from typing import Any

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import bits_of_test_set, optimal_bits, train_encoder
from nelloc.research.vae.inference import Objective, reverse_sleep, reverse_wake_sleep, sleep, wake, wake_sleep
from nelloc.research.vae.models import new_vae
from nelloc.research.vae.setup import Pictures, bits, measured_images, pictures, setup, train, trained_vae

ENCODERS: dict[str, Objective] = {"plain": wake, "sleep": sleep, "reverse sleep": reverse_sleep}
WHOLE: dict[str, Objective] = {"wake-sleep": wake_sleep, "reverse wake-sleep": reverse_wake_sleep}
COLOURS = {"plain": "C0", "sleep": "C1", "reverse sleep": "C2", "wake-sleep": "C1", "reverse wake-sleep": "C2"}


def run(settings: Settings) -> Result:
    """Binary MNIST: whole VAEs by wake-sleep and its reverse, and encoders for the decoder of a plain VAE."""
    images = pictures(settings, "binary")
    vae, rows = trained_vae(settings, "binary", images, settings.seed)
    measured = measured_images(settings, "binary", images)
    best = optimal_bits(settings, "binary", vae, measured)
    numbers: dict[str, Any] = {"train images": len(images.train), "as trained": bits_of_test_set(vae, images)}
    figure = new_figure(12, 4.5)
    whole, alone = figure.subplots(1, 2)

    curves = {"ELBO": [row["test"] for row in rows]}
    whole.plot(range(1, len(rows) + 1), curves["ELBO"], color="black", label="ELBO")
    for name, objective in WHOLE.items():
        numbers[name], curves[name] = _train_whole(settings, images, name, objective)
        whole.plot(range(1, len(rows) + 1), curves[name], color=COLOURS[name], label=name)
    for name, objective in ENCODERS.items():
        found = train_encoder(settings, "binary", images, vae, name, objective, settings.seed)
        numbers[name], curves[name] = found.test, found.curve
        alone.plot(found.curve, color=COLOURS[name], label=name)
    numbers |= {
        "measured test images": len(measured),
        "plain, measured test images": curves["plain"][-1],
        "optimal inference, measured test images": best,
    }
    alone.axhline(best, color="black", linestyle=":", label="optimal inference")
    whole.set(
        xlabel="epochs of encoder and decoder",
        title="Binary MNIST: trained together",
        # The first epochs are far above the rest.
        ylim=(0.95 * curves["ELBO"][-1], 1.02 * max(curve[len(rows) // 5] for curve in curves.values())),
    )
    alone.set(xlabel="epochs of the encoder", title="an encoder for the ELBO's decoder")
    for axes in (whole, alone):
        axes.set_ylabel("test bits per dimension")
        axes.legend()
    return Result({**numbers, "curves": curves}, {"": figure})


def _train_whole(settings: Settings, images: Pictures, name: str, objective: Objective) -> tuple[float, list[float]]:
    """Test bits per dimension of a VAE trained by ``objective``: of all, and of the measured after each epoch."""
    chosen = setup(settings, "binary")
    measured = measured_images(settings, "binary", images)
    vae = new_vae(chosen.architecture, settings.seed, images.train.device)
    plan = chosen.plan(settings.seed)
    rows = train(settings, "binary", vae, images, name, objective, plan, lambda epoch: {"test": bits(vae, measured)})
    return bits_of_test_set(vae, images), [row["test"] for row in rows]
