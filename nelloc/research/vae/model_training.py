"""Training of a VAE on a user's data set, for compressing it."""

from __future__ import annotations

import torch

from nelloc.exact.callbacks import Advance
from nelloc.research.vae.image_set import ImageSet
from nelloc.research.vae.inference import HalfAsleep, wake
from nelloc.research.vae.models import VAE, Architecture, new_vae
from nelloc.research.vae.training import EpochSettings, fit
from nelloc.training.networks.devices import find_device


def train_model(
    found: ImageSet,
    *,
    epochs: int,
    latent: int,
    seed: int,
    half_asleep: bool = False,
    device: str | None = None,
    progress: Advance = lambda steps: None,
) -> VAE:
    """Train a VAE of ``latent`` latents by the ELBO; with ``half_asleep``, its encoder for a third as long again.

    ``device`` is the torch device that trains it, None a GPU if there is one; the VAE is returned on the CPU.
    ``progress`` is called after each epoch. Raises NellocError if the network does not support the images' size, or the
    device cannot be used.
    """
    kind = found.kind
    _, _, rows, columns = found.images.shape
    width, depth = (32, 3) if kind == "colour" else (300, 2)
    images = torch.tensor(found.images // 255 if kind == "binary" else found.images).to(find_device(device))
    vae = new_vae(Architecture(kind, rows, columns, latent, width, depth), seed, images.device)
    fit(vae, images, wake, EpochSettings(epochs, seed=seed), progress=lambda: progress(1))
    if half_asleep:
        plan = EpochSettings(max(1, epochs // 3), seed=seed, encoder_only=True)
        fit(vae, images, HalfAsleep(), plan, progress=lambda: progress(1))
    return vae.cpu().eval()


def epochs_of(epochs: int, half_asleep: bool) -> int:
    """Total number of epochs that ``train_model`` reports."""
    return epochs + (max(1, epochs // 3) if half_asleep else 0)
