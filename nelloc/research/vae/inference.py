"""Ways to train an encoder for a fixed decoder, or both in turn (thesis 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nelloc.research.vae.bounds import elbo
from nelloc.research.vae.models import VAE, Posterior, frozen

# Loss on a batch of training images, in nats per image. The generator is on the device of images and VAE.
Objective = Callable[[VAE, Tensor, torch.Generator], Tensor]


def wake(vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
    """Plain encoder loss: the negative ELBO on training images."""
    return -_elbo(vae, images, generator).mean()


def sleep(vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
    """Wake-sleep's sleep phase: KL(p(z | x) || q(z | x)) on the model's own images, up to a constant.

    The latents that an image was drawn from are a sample of its true posterior, so this is their negative log density.
    """
    latents, dreamt = vae.sample(len(images), generator)
    return -vae.posterior(dreamt).log_prob(latents).mean()


def reverse_sleep(vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
    """Reverse sleep: KL(q(z | x) || p(z | x)) on the model's own images, up to a constant: their negative ELBO.

    With unlimited images an encoder cannot overfit, but they are only as close to data as the model is good.
    """
    return -_elbo(vae, vae.sample(len(images), generator)[1], generator).mean()


def aggregate_sleep(vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
    """Reverse sleep on images of latents from the aggregate posterior instead of the prior (thesis section 4.4).

    A latent is drawn from a training image's posterior, and an image from p(x | z): closer to data if the aggregate
    posterior differs from the prior.
    """
    with torch.no_grad():
        posterior = vae.posterior(images)
        latents = posterior.at(_noise(posterior, generator))[0]
    return -_elbo(vae, vae.sample_images(latents, generator), generator).mean()


def wake_sleep(vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
    """Wake-sleep for both: the decoder learns from training images alone, the encoder from the model's own alone."""
    return _decoder_loss(vae, images, generator) + sleep(vae, images, generator)


def reverse_wake_sleep(vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
    """Wake-sleep with the reverse sleep loss for the encoder."""
    awake = _decoder_loss(vae, images, generator)
    with frozen(vae.decoder):
        return awake + reverse_sleep(vae, images, generator)


@dataclass(frozen=True)
class HalfAsleep:
    """Reverse half-asleep (thesis eq. 4.27): a share ``alpha`` of the model's images, the rest training images.

    The model's images are of latents from the prior, or, with ``aggregate``, from the aggregate posterior.
    """

    alpha: float = 0.5
    aggregate: bool = False

    def __call__(self, vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
        """Loss on a batch of training images, in nats per image."""
        awake = wake(vae, images, generator)
        asleep = (aggregate_sleep if self.aggregate else reverse_sleep)(vae, images, generator)
        return (1 - self.alpha) * awake + self.alpha * asleep


@dataclass(frozen=True)
class Denoising:
    """The denoising regulariser: the negative ELBO of an image under the posterior of a noisy copy of it.

    Half of the images stay clean. ``deviation`` is the normal noise's, where an image's values reach from 0 to 1.
    """

    deviation: float

    def __call__(self, vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
        """Loss on a batch of training images, in nats per image."""
        inputs = vae.likelihood.inputs(images)
        # Inputs range from -1 to 1, twice as far.
        noisy = inputs + 2 * self.deviation * torch.randn(inputs.shape, generator=generator, device=generator.device)
        posterior = vae.posterior_of_inputs(torch.cat([inputs, noisy]))
        noise = _noise(posterior, generator)
        return -elbo(vae, images.repeat(2, 1, 1, 1), posterior, noise).mean()


def _elbo(vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
    posterior = vae.posterior(images)
    return elbo(vae, images, posterior, _noise(posterior, generator))


def _decoder_loss(vae: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
    """Decoder's negative ELBO of training images, for latents drawn by its encoder."""
    with torch.no_grad():
        posterior = vae.posterior(images)
        latents = posterior.at(_noise(posterior, generator))
    return -vae.log_likelihood(images, latents).mean()


def _noise(posterior: Posterior, generator: torch.Generator) -> Tensor:
    """Noise of one sample for each image, (1, N, latent)."""
    return torch.randn(1, *posterior.mean.shape, generator=generator, device=generator.device)
