"""Generalisation of variational autoencoders and bits-back coding: thesis chapter 4 and appendix C."""

from nelloc.research.experiment import Experiment

_ROOM = "nelloc.research.vae"


def _experiment(name: str, title: str, module: str, *data: str) -> Experiment:
    return Experiment(name, title, f"{_ROOM}.{module}", data=data or ("mnist",), trains=True)


EXPERIMENTS: tuple[Experiment, ...] = (
    _experiment("vae-gaps", "A VAE's generalisation gap taken apart (Figure 4.1)", "generalisation_gaps"),
    _experiment("reverse-sleep", "Encoders trained on the model's own images (Figure 4.2)", "reverse_sleep"),
    _experiment("half-asleep-binary", "Reverse half-asleep, binary MNIST (Figure 4.3)", "half_asleep_binary"),
    _experiment("half-asleep-gray", "Reverse half-asleep, gray MNIST (Figure 4.4)", "half_asleep_gray"),
    _experiment("half-asleep-colour", "Reverse half-asleep, CIFAR-10 (Figure 4.5)", "half_asleep_colour", "cifar10"),
    _experiment(
        "encoder-methods",
        "Test rates of the ways to train an encoder (Table 4.1)",
        "encoder_methods",
        "mnist",
        "cifar10",
    ),
    _experiment("bits-back-rates", "Bits-back coding of test images (Figure 4.6, Table 4.2)", "bits_back_rates"),
    _experiment("iwae", "Tightness of the ELBO against the IWAE (Figure C.1)", "tightness"),
    _experiment("posterior-classes", "Digits told from the posterior (Figure C.2)", "posterior_classes"),
    _experiment("latent-sizes", "Half-asleep for several numbers of latents (Figure C.3)", "latent_sizes"),
)
