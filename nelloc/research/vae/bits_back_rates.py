"""Figure 4.6 and Table 4.2: test images through the bits-back coder, with K steps of optimal inference or none."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from nelloc.errors import NellocError
from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae import bits_back
from nelloc.research.vae.bits_back import Coder, one_thread
from nelloc.research.vae.bounds import bits_per_dimension, elbo, standard_noise
from nelloc.research.vae.encoders import train_encoder
from nelloc.research.vae.inference import HalfAsleep
from nelloc.research.vae.models import VAE, Posterior
from nelloc.research.vae.optimal import LEARNING_RATE, MEASURING_SEED, optimal_posterior
from nelloc.research.vae.setup import pictures, trained_vae

# Steps of the rows of the table, and of the curve.
CODED_STEPS = (0, 10)
IMAGES = 1000
CURVE_STEPS = (0, 1, 2, 5, 10, 20, 50, 100)
SAMPLES = 16


def run(settings: Settings) -> Result:
    """Binary MNIST: 1000 test images, chained and decoded again.

    Unlike Table 4.1's, these rates are not of the full test set, and they are real code lengths.
    """
    images = pictures(settings, "binary")
    vae, _ = trained_vae(settings, "binary", images, settings.seed)
    half = train_encoder(settings, "binary", images, vae, "half-asleep", HalfAsleep(), settings.seed).vae
    # The coder's arithmetic is that of one thread of the processor.
    vae, half, chosen = vae.cpu(), half.cpu(), images.test[:IMAGES].cpu()

    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    numbers: dict[str, Any] = {"test images": len(chosen)}
    for name, model in (("baseline", vae), ("half-asleep", half)):
        settings.progress.expect(2 * len(CODED_STEPS) * len(chosen), f"{name}: images coded and decoded")
        rows = {steps: code(settings, Coder(model, steps), chosen) for steps in CODED_STEPS}
        numbers |= {f"{name}, K={steps}: {key}": value for steps, row in rows.items() for key, value in row.items()}
        curve = [_rate(model, chosen.float(), steps) for steps in CURVE_STEPS]
        numbers[f"{name}: curve"] = dict(zip(CURVE_STEPS, curve, strict=True))
        (line,) = axes.plot(CURVE_STEPS, curve, ".-", label=f"{name}, negative ELBO")
        coded, colour = [row["net bpd"] for row in rows.values()], line.get_color()
        axes.plot(CODED_STEPS, coded, "s", color=colour, markersize=8, fillstyle="none", label=f"{name}, coded")
    axes.set(
        xlabel="steps of optimal inference, K", ylabel="bits per dimension", title="Binary MNIST, bits-back coding"
    )
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xticks(CURVE_STEPS, [str(steps) for steps in CURVE_STEPS])
    axes.minorticks_off()
    axes.legend()
    return Result(numbers, {"": figure})


def code(settings: Settings, coder: Coder, images: Tensor) -> dict[str, float]:
    """Code images and decode them: rates in bits per dimension, seconds of the one processor that codes.

    ``negative ELBO`` is that of the posteriors the coder used. Raises NellocError if an image comes back changed.
    """
    dimensions = images.numel()
    start = time.process_time()
    message = bits_back.encode(coder, images, progress=settings.progress.advance)
    coded = time.process_time()
    for image, found in zip(images, bits_back.decode(coder, message, len(images)), strict=True):
        if not torch.equal(image, found):
            raise NellocError("bits-back: an image came back changed")
        settings.progress.advance()
    decoded = time.process_time()
    expected = _rate(coder.vae, images.float(), coder.steps, coder.learning_rate, together=False)
    net = message.net_bits / dimensions
    return {
        "net bpd": net,
        "gross bpd": 32 * len(message.words) / dimensions,
        "negative ELBO": expected,
        "net over negative ELBO": net / expected,
        "processor seconds to encode an image": (coded - start) / len(images),
        "processor seconds to decode an image": (decoded - coded) / len(images),
    }


def _rate(vae: VAE, images: Tensor, steps: int, learning_rate: float = LEARNING_RATE, together: bool = True) -> float:
    """Bits per dimension by the ELBO after K steps, images fitted together or, as in the coder, one by one."""
    with one_thread():
        parts = [images] if together or steps == 0 else images.split(1)
        posteriors = [optimal_posterior(vae, part, steps, learning_rate) for part in parts]
    posterior = Posterior(torch.cat([p.mean for p in posteriors]), torch.cat([p.deviation for p in posteriors]))
    with torch.no_grad():
        nats = elbo(vae, images, posterior, standard_noise(SAMPLES, len(images), vae, MEASURING_SEED))
    return bits_per_dimension(nats, vae)
