"""Figure 4.6 and Table 4.2: test images through the bits-back coder, with and without K steps of optimal inference."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.errors import NellocError
from nelloc.research.experiment import ExperimentResult, Length, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae import bits_back
from nelloc.research.vae.bits_back import LATENT_BITS, BitsBackCoder, one_thread
from nelloc.research.vae.bounds import bits_per_dimension, elbo, log_weights, standard_noise
from nelloc.research.vae.coded_rate import coded_rate
from nelloc.research.vae.encoders import half_asleep, train_encoder
from nelloc.research.vae.models import VAE, Kind, Posterior
from nelloc.research.vae.optimal import MEASURING_SEED, optimal_posterior
from nelloc.research.vae.setup import TITLES, Setup, pictures, setup, trained_vae

# Number of test images, limited by a run's time.
QUICK_IMAGES: dict[Kind, int] = {"binary": 300, "gray": 100, "colour": 50}
MEDIUM_IMAGES: dict[Kind, int] = {"binary": 1000, "gray": 300, "colour": 50}
FULL_IMAGES = 1000
MOST_STEPS = 10
SAMPLES = 16


@dataclass(frozen=True)
class Recipe:
    """Settings of section 4.5.2 for a data set.

    ``steps`` is the number that Table 4.2 needs to reach half-asleep, at the ``step_rate``.
    """

    latent: int
    depth: int
    epochs: int
    asleep_epochs: int
    asleep_rate: float
    steps: int
    step_rate: float


RECIPES: dict[Kind, Recipe] = {
    "binary": Recipe(10, 2, 100, 100, 3e-4, 7, 5e-3),
    "gray": Recipe(10, 2, 100, 300, 3e-4, 7, 5e-3),
    "colour": Recipe(128, 3, 500, 100, 1e-5, 8, 1e-3),
}
FULL_RATE = 3e-4


def run(settings: Settings, kind: Kind) -> ExperimentResult:
    """Test images, 1000 in a full run, chained and decoded again, by two encoders; rates for K = 0 to 10.

    Unlike Table 4.1's, these rates are not of the full test set, and they are real code lengths.
    """
    numbers = measure(settings, kind)
    return ExperimentResult(numbers, {"": draw(numbers, kind, settings.length)})


def _coded(kind: Kind, length: Length) -> dict[str, tuple[int, ...]]:
    """Steps of optimal inference with which images are coded, by encoder.

    A medium run of binary digits has more images, and leaves out the slowest codings, with the most steps.
    """
    most = () if length == "medium" and kind == "binary" else (MOST_STEPS,)
    return {"baseline": (0, RECIPES[kind].steps, *most), "half-asleep": (0, *most)}


def measure(settings: Settings, kind: Kind) -> dict[str, Any]:
    """Train both encoders, code the images, and compute rates by K."""
    trained = replace(settings, length="quick" if settings.small else "full")  # a medium run codes more images
    images = pictures(trained, kind)
    recipe = RECIPES[kind]
    chosen = _setup(trained, kind, recipe)
    kept, _ = trained_vae(settings, kind, images, settings.seed, chosen)
    plan = chosen.encoder_plan(settings.seed)
    objective = half_asleep(kind)
    half = train_encoder(settings, kind, images, kept[-1], "half-asleep", objective, plan, chosen=chosen).vae
    # The coder computes on one CPU thread.
    models = {"baseline": kept[-1].vae.cpu(), "half-asleep": half.cpu()}
    tested = images.test[: settings.choose(QUICK_IMAGES[kind], FULL_IMAGES, MEDIUM_IMAGES[kind])].cpu()
    numbers: dict[str, Any] = {"test images": len(tested), "epochs": chosen.epochs}
    steps = range(MOST_STEPS + 1)
    curves: dict[str, list[float]] = {}
    for name, counts in _coded(kind, settings.length).items():
        model = models[name]
        settings.progress.expect(2 * len(counts) * len(tested), f"{name}: images coded and decoded")
        for count in counts:
            row = code(settings, BitsBackCoder(model, count, recipe.step_rate, falling=False), tested)
            numbers |= {f"{name}, K={count}: {key}": value for key, value in row.items()}
        numbers[f"{name}: share of images beyond the bins"] = beyond_the_bins(model, tested)
        curves[name] = [rate_after(model, tested.float(), count, recipe.step_rate) for count in steps]
    numbers["curves, K = 0 to 10"] = curves
    numbers["steps with which the baseline reaches half-asleep"] = next(
        (count for count in steps if curves["baseline"][count] <= curves["half-asleep"][0]), None
    )
    return numbers


def draw(numbers: dict[str, Any], kind: Kind, length: Length) -> Figure:
    """Draw the rates by K, and the code lengths."""
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    for name, counts in _coded(kind, length).items():
        curve = numbers["curves, K = 0 to 10"][name]
        (line,) = axes.plot(range(len(curve)), curve, ".-", label=f"{name}, negative ELBO")
        net = [numbers[f"{name}, K={count}: net bpd"] for count in counts]
        colour = line.get_color()
        axes.plot(counts, net, "s", color=colour, markersize=8, fillstyle="none", label=f"{name}, coded")
    axes.set(xlabel="steps of optimal inference, K", ylabel="bits per dimension", title=TITLES[kind])
    axes.legend()
    return figure


binary, gray, colour = (partial(run, kind=kind) for kind in TITLES)


def _setup(settings: Settings, kind: Kind, recipe: Recipe) -> Setup:
    """Networks and training of section 4.5.2, or those of a quick run with its latents and depth."""
    chosen = setup(settings, kind)
    latent = recipe.latent if kind != "colour" or not settings.small else chosen.architecture.latent
    shape = replace(chosen.architecture, latent=latent, depth=recipe.depth)
    if settings.small:
        return replace(chosen, architecture=shape, keep_every=chosen.epochs)
    epochs = settings.epochs_or(recipe.epochs, recipe.epochs)
    share = min(1.0, epochs / recipe.epochs)
    return replace(
        chosen,
        architecture=shape,
        epochs=epochs,
        keep_every=epochs,
        learning_rate=FULL_RATE,
        encoder_epochs=max(1, round(recipe.asleep_epochs * share)),
        encoder_rate=recipe.asleep_rate,
    )


@torch.no_grad()
def beyond_the_bins(vae: VAE, images: Tensor) -> float:
    """Share of images with a posterior mean further out than the centre of the outermost bin of latents.

    The latents coded for these are not samples of their posterior, and cost more than the ELBO.
    """
    outermost = torch.special.ndtri(torch.tensor(1 - 0.5 / (1 << LATENT_BITS), dtype=torch.float64))
    return float((vae.posterior(images.float()).mean.abs() > outermost).any(1).double().mean())


def code(settings: Settings, coder: BitsBackCoder, images: Tensor) -> dict[str, float]:
    """Encode images and decode them: rates in bits per dimension, seconds on one CPU core.

    ``negative ELBO`` is that of the posteriors that the coder used. Raises NellocError if an image comes back changed.
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
    posterior = posteriors_of(coder, images.float())
    expected, error = rate_of(coder.vae, images.float(), posterior)
    noise = standard_noise(SAMPLES, len(images), coder.vae, MEASURING_SEED)
    coded_with = coded_rate(coder.vae, images.float(), posterior, noise)
    net = message.net_bits / dimensions
    return {
        "net bpd": net,
        "gross bpd": 32 * len(message.words) / dimensions,
        "negative ELBO": expected,
        "net over negative ELBO": net / expected,
        # The coder draws one sample of each posterior, whose cost varies about the ELBO.
        "standard error of that": error / expected,
        "negative ELBO, with the coder's probabilities": coded_with.pixels,
        "negative ELBO, with the coder's probabilities and latents": coded_with.whole,
        "net over that with both": net / coded_with.whole,
        "share of samples that the ELBO counts with more than 24 bits": coded_with.beyond,
        "processor seconds to encode an image": (coded - start) / len(images),
        "processor seconds to decode an image": (decoded - coded) / len(images),
    }


def rate_after(vae: VAE, images: Tensor, steps: int, learning_rate: float) -> float:
    """Bits per dimension by the ELBO after K steps at a constant rate, all images together."""
    with one_thread():
        posterior = optimal_posterior(vae, images, steps, learning_rate, falling=False)
    with torch.no_grad():
        nats = elbo(vae, images, posterior, standard_noise(SAMPLES, len(images), vae, MEASURING_SEED))
    return bits_per_dimension(nats, vae)


def posteriors_of(coder: BitsBackCoder, images: Tensor) -> Posterior:
    """Posteriors that the coder uses: each image is fitted by itself."""
    with one_thread():
        each = [
            optimal_posterior(coder.vae, image, coder.steps, coder.learning_rate, falling=coder.falling)
            for image in images.split(1)
        ]
    return Posterior(torch.cat([p.mean for p in each]), torch.cat([p.deviation for p in each]))


@torch.no_grad()
def rate_of(vae: VAE, images: Tensor, posterior: Posterior) -> tuple[float, float]:
    """Bits per dimension by the ELBO, and the standard error of the same from a single sample for each image."""
    noise = standard_noise(SAMPLES, len(images), vae, MEASURING_SEED)
    nats = elbo(vae, images, posterior, noise)
    weights = log_weights(vae, images, posterior, noise).double()  # (samples, images)
    error = float((weights.var(0).sum() / len(images) ** 2).sqrt())
    return bits_per_dimension(nats, vae), error / (math.log(2) * vae.dimensions)
