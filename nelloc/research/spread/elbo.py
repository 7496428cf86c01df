"""The evidence lower bound, and the spread evidence lower bound for generators without noise of their own.

For a generator x = g(z), z ~ N(0, I), the spread model is p~(y) = E_z p(y | g(z)), with the same noise p(y | x) as the
data. Maximising E_x E_y|x log p~(y) minimises the spread KL (thesis eq. 2.23); the bound replaces log p~(y) by

    E_q(z|y) log p(y | g(z)) - KL(q(z | y) || p(z))                                            (thesis eq. 2.28-2.34)

The encoder must see y. An encoder of x gives a bound too, but with it the noise drops out of the data term, which
becomes that of a generator with noise in the model only: the inconsistent estimate of thesis eq. 2.9.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.distributions import Independent, Normal

from nelloc.research.spread.noise import Noise

Encoder = Callable[[Tensor], tuple[Tensor, Tensor]]
Decoder = Callable[[Tensor], Tensor]


def kl_to_standard_normal(mean: Tensor, deviation: Tensor) -> Tensor:
    """KL(N(mean, deviation^2) || N(0, I)) in nats, summed over the last dimension."""
    return 0.5 * (mean**2 + deviation**2 - 1 - 2 * deviation.log()).sum(-1)


def spread_elbo(x: Tensor, noise: Noise, encode: Encoder, decode: Decoder) -> Tensor:
    """Unbiased estimate of the spread bound in nats for each point, from one y and one z (thesis eq. 2.28-2.34).

    ``x`` is (N, D); ``encode`` gives means and deviations (N, latent) of q(z | y), ``decode`` the points g(z), (N, D).
    """
    y = noise(x).rsample()
    mean, deviation = encode(y)
    z = mean + deviation * torch.randn_like(mean)
    return noise(decode(z)).log_prob(y) - kl_to_standard_normal(mean, deviation)


def spread_elbo_gaussian(x: Tensor, deviation: float, encode: Encoder, decode: Decoder) -> Tensor:
    """Same expectation for Gaussian noise, with lower variance by integrating analytically where possible.

    With y = x + deviation e and g = g(z), z ~ q(z | y):

        |y - g|^2 = |x - g|^2 + 2 deviation e.(x - g) + deviation^2 |e|^2

    Over e, the last term has the mean deviation^2 D, and e.x the mean 0. So has e.g' for a g' that does not depend on
    e; we take g at the mean of q(z | x), which is near g. The noise then enters only through e.(g - g'), so value and
    gradients vary less, for a second pass through encoder and decoder.
    """
    noise = torch.randn_like(x)
    latent_mean, latent_deviation = encode(x + deviation * noise)
    g = decode(latent_mean + latent_deviation * torch.randn_like(latent_mean))
    still = decode(encode(x)[0])
    square = ((x - g) ** 2).sum(-1) - 2 * deviation * (noise * (g - still)).sum(-1)
    dimensions = x.shape[-1]
    constant = 0.5 * dimensions * (1 + math.log(2 * math.pi * deviation**2))
    return -square / (2 * deviation**2) - constant - kl_to_standard_normal(latent_mean, latent_deviation)


def two_component_elbo(x: Tensor, logits: Tensor, means: Tensor, variances: Tensor, spread_variance: float) -> Tensor:
    """Bound of a Gauss-VAE with a fair binary z, summed over both values of z (thesis eq. 2.47-2.48).

    p(x | z) = N(means[z], diag(variances[z]) + spread_variance I), q(z = 1 | x) = sigmoid(logits); ``x`` is (N, D),
    ``means`` and ``variances`` are (2, D). With ``spread_variance`` zero it is the ordinary ELBO of x; else x must have
    been spread with it, and it is the spread ELBO.
    """
    components = Normal(means, (variances + spread_variance).sqrt(), validate_args=False)
    likelihood = Independent(components, 1, validate_args=False).log_prob(x[:, None])
    # log q(z = 0), log q(z = 1)
    log_q = torch.stack([F.logsigmoid(-logits), F.logsigmoid(logits)], -1)
    return (log_q.exp() * (likelihood - math.log(2) - log_q)).sum(-1)
