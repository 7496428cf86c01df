"""Figure 4.2: encoders trained on the model's own images, for the decoder of a VAE that stays as it is."""

from __future__ import annotations

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.encoders import bits_of_test_set, optimal_bits, train_encoder
from nelloc.research.vae.inference import Objective, reverse_sleep, sleep, wake
from nelloc.research.vae.setup import pictures, trained_vae

METHODS: dict[str, Objective] = {"plain": wake, "sleep": sleep, "reverse sleep": reverse_sleep}


def run(settings: Settings) -> Result:
    """Binary MNIST: more training on data, wake-sleep's sleep phase, and reverse sleep."""
    images = pictures(settings, "binary")
    vae, _ = trained_vae(settings, "binary", images, settings.seed)
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    best = optimal_bits(settings, "binary", vae, images)
    numbers: dict = {"train images": len(images.train), "as trained": bits_of_test_set(vae, images)}
    curves = {}
    for name, objective in METHODS.items():
        found = train_encoder(settings, "binary", images, vae, name.replace(" ", "-"), objective, settings.seed)
        numbers[name] = found.test
        curves[name] = found.curve
        axes.plot(found.curve, label=name)
    numbers["optimal inference, first test images"] = best
    axes.axhline(best, color="black", linestyle=":", label="optimal inference")
    axes.set(xlabel="epochs of the encoder alone", ylabel="test bits per dimension", title="Binary MNIST")
    axes.legend()
    return Result({**numbers, "curves": curves}, {"": figure})
