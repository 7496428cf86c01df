"""The delta-VAE on CelebA at 64 x 64 with fixed and with learned noise (thesis 2.4.2, Figure 2.7, A.7).

The learned noise is N(y; f(x), deviation^2 I) with an invertible residual network f, trained against the model. As f
stretches, which makes the same noise weaker beside the images, its deviation is that of the fixed noise times the most
that f can stretch: then it is nowhere weaker. Fixed noise of this larger deviation stands beside both. The Frechet
distance is taken on the leading principal components of the training images, not on Inception features.
"""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from nelloc.research.data import celeba
from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.spread.delta_vae import Training, convolutional_vae, train_kept, with_noise
from nelloc.research.spread.frechet import frechet_distance
from nelloc.research.spread.learned import TransformedNoise
from nelloc.research.spread.noise import Noise, gaussian_noise

CHANNELS, SIDE = 3, 64
DEVIATION = 0.3
WIDTH, LATENT, BATCH, LEARNING_RATE = 32, 64, 50, 1e-3
BLOCKS, NOISE_WIDTH, BOUND, NOISE_RATE = 2, 8, 0.9, 3e-4
STRETCH = (1 + BOUND) ** BLOCKS  # the Lipschitz constant of f is at most this
COMPONENTS = 64
SHOWN = 16  # samples of each model, in rows of 8


def run(settings: Settings) -> Result:
    """The delta-VAE on faces with fixed noise and with a learned mean transformation (Figure 2.7, A.7)."""
    images, test = celeba(settings, "train").flatten(1), celeba(settings, "test").flatten(1)
    images = torch.cat([images, mirrored(images)])
    epochs = settings.epochs_or(5, 100)
    state = torch.get_rng_state()
    wide = DEVIATION * STRETCH
    learned = TransformedNoise(CHANNELS, SIDE, wide, blocks=BLOCKS, width=NOISE_WIDTH, bound=BOUND)
    chosen: dict[str, tuple[str, Noise, TransformedNoise | None]] = {
        "fixed": (f"fixed Gaussian noise of deviation {DEVIATION}", gaussian_noise(DEVIATION), None),
        "learned": (f"learned mean transformation, noise of deviation {wide:.2f}", learned, learned),
        "fixed_wide": (f"fixed Gaussian noise of deviation {wide:.2f}", gaussian_noise(wide), None),
    }
    training = Training(epochs, BATCH, LEARNING_RATE, NOISE_RATE)
    centre, components = principal_features(images.float() / 255)
    test_features = (test.float() / 255 - centre) @ components

    figure = new_figure(10, 8.6)
    histories, distances = {}, {}
    for panel, (key, (title, noise, adversary)) in zip(figure.subplots(len(chosen), 1), chosen.items(), strict=True):
        torch.set_rng_state(state)  # the same start and the same order of the data for all
        model = convolutional_vae(CHANNELS, SIDE, WIDTH, LATENT)
        histories[key] = train_kept(settings, key, model, images, with_noise(noise), training, adversary)
        samples = model.sample(len(test))
        distances[key] = frechet_distance((samples - centre) @ components, test_features)
        show(panel, samples[:SHOWN], f"{title}: {distances[key]:.1f}")
    figure.suptitle("samples g(z), and their Frechet distance on principal components")

    learned.iterate(200)
    probe = test[:100].float() / 255
    with torch.no_grad():
        moved = learned.mean(probe)
        found = learned.invert(moved)
        stretched = float((moved.var(0).sum() / probe.var(0).sum()).sqrt())
    return Result(
        numbers={
            "epochs": epochs,
            **{f"frechet_principal_components_{key}": value for key, value in distances.items()},
            "frechet_principal_components_train_images": frechet_distance(
                (images[: len(test)].float() / 255 - centre) @ components, test_features
            ),
            **{f"bound_{key}": values[-1] for key, values in histories.items()},
            "bounds": histories,
            "stretch_by_f": stretched,
            "deviation_beside_stretched_images": wide / stretched,
            "largest_error_of_inverse_of_f": float((found - probe).abs().max()),
        },
        figures={"samples": figure, "transformation": _transformation_figure(probe[:8], moved[:8])},
    )


def mirrored(images: Tensor) -> Tensor:
    """The flattened images, left and right exchanged."""
    return images.reshape(-1, CHANNELS, SIDE, SIDE).flip(-1).flatten(1)


def principal_features(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (D,) and the COMPONENTS leading principal directions (D, COMPONENTS) of images (N, D)."""
    centre = x.mean(0)
    _, _, directions = torch.svd_lowrank(x - centre, COMPONENTS + 16, niter=4)
    return centre, directions[:, :COMPONENTS]


def show(panel: Axes, images: Tensor, title: str, columns: int = 8) -> None:
    """Flattened images in [0, 1] as rows of ``columns``."""
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
