"""Delta-VAE on CelebA at 64 x 64 with fixed and with learned noise (thesis 2.4.2, Figure 2.7, Table 2.1, A.7).

The learned noise is N(y; f(x), 0.5^2 I) with f(x) = x + h(x), h a single contractive convolution. Fixed and learned
noise share their first epochs; then f and the model take steps in turn. A VAE with likelihood N(x; g(z), 0.5 I) is
trained for comparison, as in Table 2.1. The Frechet distance is taken on the leading principal components of the
training images, not on Inception features, and cannot be compared with FID.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.research.data import celeba
from nelloc.research.experiment import ExperimentResult, Settings
from nelloc.research.plots import new_figure
from nelloc.research.spread.delta_vae import DeltaVAE, Training, convolutional_vae, train_kept, with_noise
from nelloc.research.spread.elbo import kl_to_standard_normal
from nelloc.research.spread.frechet import frechet_distance
from nelloc.research.spread.learned import TransformedNoise
from nelloc.research.spread.noise import gaussian_noise

CHANNELS, SIDE = 3, 64
DEVIATION, VAE_VARIANCE, BOUND = 0.5, 0.5, 0.9
LATENT = 100
QUICK_WIDTH, FULL_WIDTH = 8, 128
QUICK_BATCH, FULL_BATCH = 50, 100
QUICK_RATE, FULL_RATE = 1e-3, 1e-4
QUICK_NOISE_RATE, FULL_NOISE_RATE = 3e-3, 1e-5
QUICK_EPOCHS, FULL_EPOCHS = 5, 500
SHARED = 0.6  # of the epochs, before the noise is learned
DECAY = 0.9  # of the rate, every 100,000 steps
COMPONENTS = 64
SHOWN = 16  # samples of each model, in rows of 8
TITLES = {"vae": "VAE", "fixed": "delta-VAE, fixed spread", "learned": "delta-VAE, learned spread"}


def vae_elbo(model: DeltaVAE, x: Tensor) -> Tensor:
    """Ordinary ELBO with the likelihood N(x; g(z), 0.5 I) (thesis 2.5.3.2)."""
    mean, deviation = model.encode(x)
    z = mean + deviation * torch.randn_like(mean)
    return gaussian_noise(VAE_VARIANCE**0.5)(model.decode(z)).log_prob(x) - kl_to_standard_normal(mean, deviation)


@dataclass(frozen=True)
class Measured:
    """Numbers of the experiment; samples of each model and their distances; test images before and after f."""

    numbers: dict[str, Any]
    samples: dict[str, Tensor]
    distances: dict[str, float]
    probe: Tensor
    moved: Tensor


def run(settings: Settings) -> ExperimentResult:
    """A VAE, and the delta-VAE with fixed noise and with a learned mean transformation (Figure 2.7, A.7)."""
    found = measure(settings)
    transformation = _transformation_figure(found.probe[:8], found.moved[:8])
    return ExperimentResult(found.numbers, {"samples": draw(found), "transformation": transformation})


def measure(settings: Settings) -> Measured:
    """Train the models, and measure distances of samples and the learned transformation."""
    images, test = celeba(settings, "train").flatten(1), celeba(settings, "test").flatten(1)
    if not settings.small:
        images = torch.cat([images, mirrored(images)])
    epochs = settings.epochs_or(QUICK_EPOCHS, FULL_EPOCHS)
    width = settings.width or settings.choose(QUICK_WIDTH, FULL_WIDTH)
    training = Training(
        epochs,
        settings.choose(QUICK_BATCH, FULL_BATCH),
        settings.choose(QUICK_RATE, FULL_RATE),
        settings.choose(QUICK_NOISE_RATE, FULL_NOISE_RATE),
        "alternating",
        decay=DECAY,
    )
    shared = replace(training, epochs=max(1, round(SHARED * epochs)))
    rest = replace(training, epochs=max(1, epochs - shared.epochs))
    fixed_noise = with_noise(gaussian_noise(DEVIATION))
    learned = TransformedNoise(CHANNELS, SIDE, DEVIATION, blocks=0, bound=BOUND)
    centre, components = principal_features(images.float() / 255)
    test_features = (test.float() / 255 - centre) @ components

    state = torch.get_rng_state()
    start = convolutional_vae(CHANNELS, SIDE, width, LATENT)
    models = {name: copy.deepcopy(start) for name in TITLES}
    histories = {"vae": train_kept(settings, "vae", models["vae"], images, vae_elbo, training)}
    torch.set_rng_state(state)
    first = train_kept(settings, "shared", models["fixed"], images, fixed_noise, shared)
    models["learned"] = copy.deepcopy(models["fixed"])
    state = torch.get_rng_state()
    histories["fixed"] = first + train_kept(settings, "fixed", models["fixed"], images, fixed_noise, rest)
    torch.set_rng_state(state)
    bound = with_noise(learned)
    histories["learned"] = first + train_kept(settings, "learned", models["learned"], images, bound, rest, learned)

    samples: dict[str, Tensor] = {}
    distances: dict[str, float] = {}
    state = torch.get_rng_state()
    for key in TITLES:
        torch.set_rng_state(state)  # the same latents for all
        samples[key] = models[key].sample(len(test))
        distances[key] = frechet_distance((samples[key] - centre) @ components, test_features)

    learned.iterate(200)
    probe = test[:100].float() / 255
    with torch.no_grad():
        moved = learned.mean(probe)
        back = learned.invert(moved)
        stretched = float((moved.var(0).sum() / probe.var(0).sum()).sqrt())
    numbers = {
        "epochs": epochs,
        "filters of the first layer": width,
        "training images": len(images),
        **{f"frechet_principal_components_{key}": value for key, value in distances.items()},
        "order, best first": sorted(distances, key=lambda key: distances[key]),
        "frechet_principal_components_train_images": frechet_distance(
            (images[: len(test)].float() / 255 - centre) @ components, test_features
        ),
        **{f"bound_{key}": values[-1] for key, values in histories.items()},
        "bounds": histories,
        "stretch_by_f": stretched,
        "largest_error_of_inverse_of_f": float((back - probe).abs().max()),
    }
    return Measured(numbers, samples, distances, probe, moved)


def draw(found: Measured) -> Figure:
    """Draw samples of each model."""
    figure = new_figure(10, 8.6)
    for panel, (key, title) in zip(figure.subplots(len(TITLES), 1), TITLES.items(), strict=True):
        show(panel, found.samples[key][:SHOWN], f"{title}: {found.distances[key]:.1f}")
    figure.suptitle("samples g(z), and their Frechet distance on principal components")
    return figure


def mirrored(images: Tensor) -> Tensor:
    """Mirror flattened images left to right."""
    return images.reshape(-1, CHANNELS, SIDE, SIDE).flip(-1).flatten(1)


def principal_features(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and the COMPONENTS leading principal directions (D, COMPONENTS) of images (N, D)."""
    centre = x.mean(0)
    _, _, directions = torch.svd_lowrank(x - centre, COMPONENTS + 16, niter=4)
    return centre, directions[:, :COMPONENTS]


def show(panel: Axes, images: Tensor, title: str, columns: int = 8) -> None:
    """Draw flattened images in [0, 1] as rows of ``columns``."""
    rows = len(images) // columns
    grid = images.reshape(rows, columns, CHANNELS, SIDE, SIDE).permute(0, 3, 1, 4, 2)
    panel.imshow(grid.reshape(rows * SIDE, columns * SIDE, CHANNELS).clamp(0, 1).numpy())
    panel.set_title(title)
    panel.set_axis_off()


def _transformation_figure(x: Tensor, moved: Tensor) -> Figure:
    figure = new_figure(9, 3.2)
    above, below = figure.subplots(2, 1)
    show(above, x, "test images x")
    low, high = moved.min(), moved.max()
    show(below, (moved - low) / (high - low), "f(x) after training, scaled to its range")
    return figure
