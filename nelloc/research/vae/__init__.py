"""Generalisation of variational autoencoders and bits-back coding: thesis chapter 4 and appendix C."""

from collections.abc import Mapping
from typing import Any

from nelloc.research.experiment import Experiment

_ROOM = "nelloc.research.vae"


# Of 1000 images of binary MNIST, in the output that the paper's public code is kept with (arXiv:2205.11640).
_TABLE_4_2 = {
    "baseline, K=0: net bpd": 0.1854,
    "baseline, K=10: net bpd": 0.1769,
    "half-asleep, K=0: net bpd": 0.1789,
    "half-asleep, K=10: net bpd": 0.1725,
    "baseline, K=0: processor seconds to encode an image": 0.0066,
    "baseline, K=10: processor seconds to encode an image": 0.0173,
    "half-asleep, K=0: processor seconds to encode an image": 0.0063,
    "half-asleep, K=10: processor seconds to encode an image": 0.0174,
    "baseline, K=0: processor seconds to decode an image": 0.0066,
    "baseline, K=10: processor seconds to decode an image": 0.0172,
    "half-asleep, K=0: processor seconds to decode an image": 0.0063,
    "half-asleep, K=10: processor seconds to decode an image": 0.0173,
}


def _experiment(
    name: str,
    title: str,
    module: str,
    data: str = "mnist",
    code: Mapping[str, Any] | None = None,
) -> Experiment:
    return Experiment(
        name,
        title,
        f"{_ROOM}.{module}",
        code or {},
        (data,),
        trains=True,
        has_width=True,
        has_device=True,
        source="public code" if code else "thesis",
    )


EXPERIMENTS: tuple[Experiment, ...] = (
    _experiment("vae-gaps", "A VAE's generalisation gap taken apart (Figure 4.1)", "generalisation_gaps"),
    _experiment("reverse-sleep", "Wake-sleep and its reverse, on the model's own images (Figure 4.2)", "reverse_sleep"),
    _experiment("half-asleep-binary", "Reverse half-asleep, binary MNIST (Figure 4.3)", "half_asleep:binary"),
    _experiment("half-asleep-gray", "Reverse half-asleep, gray MNIST (Figure 4.4)", "half_asleep:gray"),
    _experiment("half-asleep-colour", "Reverse half-asleep, CIFAR-10 (Figure 4.5)", "half_asleep:colour", "cifar10"),
    _experiment(
        "encoder-methods-binary",
        "Test rates of the ways to train an encoder, binary MNIST (Table 4.1)",
        "encoder_methods:binary",
    ),
    _experiment("encoder-methods-gray", "The same, gray MNIST (Table 4.1)", "encoder_methods:gray"),
    _experiment("encoder-methods-colour", "The same, CIFAR-10 (Table 4.1)", "encoder_methods:colour", "cifar10"),
    _experiment(
        "bits-back-rates",
        "Bits-back coding of test images (Figure 4.6, Table 4.2)",
        "bits_back_rates",
        code=_TABLE_4_2,
    ),
    _experiment("iwae", "Tightness of the ELBO against the IWAE (Figure C.1)", "tightness"),
    _experiment("posterior-classes", "Digits told from the posterior (Figure C.2)", "posterior_classes"),
    _experiment("latent-sizes", "Half-asleep for several numbers of latents (Figure C.3)", "latent_sizes"),
)
