"""Generalisation of variational autoencoders and bits-back coding: thesis chapter 4 and appendix C."""

from collections.abc import Mapping
from typing import Any

from nelloc.research.experiment import Experiment

_ROOM = "nelloc.research.vae"


# Rates of Table 4.1 by our names of the methods; it omits sigma = 0.6, which the text names.
_DEVIATIONS = (0.1, 0.2, 0.4, 0.8, 1.0)


def _table_4_1(vae: float, denoising: tuple[float, ...], half_asleep: float) -> dict[str, float]:
    named = {f"denoising {deviation}": value for deviation, value in zip(_DEVIATIONS, denoising, strict=True)}
    return {"VAE": vae, **named, "half-asleep": half_asleep}


def _table_4_2(
    rates: tuple[float, float, float], encoding: tuple[float, float], decoding: tuple[float, float], steps: int
) -> dict[str, float]:
    """Table 4.2: rates of the baseline, of ours and of K steps; seconds without and with these steps."""
    found = {
        "baseline, K=0: net bpd": rates[0],
        "half-asleep, K=0: net bpd": rates[1],
        f"baseline, K={steps}: net bpd": rates[2],
        "steps with which the baseline reaches half-asleep": steps,
    }
    for verb, (without, with_steps) in (("encode", encoding), ("decode", decoding)):
        for name in ("baseline", "half-asleep"):
            found[f"{name}, K=0: processor seconds to {verb} an image"] = without
        found[f"baseline, K={steps}: processor seconds to {verb} an image"] = with_steps
    return found


_BINARY_4_1 = _table_4_1(0.200, (0.195, 0.192, 0.191, 0.196, 0.201), 0.187)
_GRAY_4_1 = _table_4_1(1.543, (1.527, 1.519, 1.515, 1.545, 1.550), 1.513)
_COLOUR_4_1 = _table_4_1(4.592, (4.591, 4.598, 4.614, 4.651, 4.667), 4.572)
_BINARY_4_2 = _table_4_2((0.185, 0.179, 0.179), (0.006, 0.013), (0.006, 0.013), 7)
_COLOUR_4_2 = _table_4_2((4.602, 4.585, 4.585), (0.27, 0.38), (0.26, 0.38), 8)


def _experiment(
    name: str, title: str, module: str, data: str = "mnist", thesis: Mapping[str, Any] | None = None
) -> Experiment:
    return Experiment(
        name, title, f"{_ROOM}.{module}", thesis or {}, (data,), trains=True, has_width=True, has_device=True
    )


EXPERIMENTS: tuple[Experiment, ...] = (
    _experiment("vae-gaps", "A VAE's generalisation gap taken apart (Figure 4.1)", "generalisation_gaps"),
    _experiment("reverse-sleep", "Wake, sleep and reverse sleep for a perfect model (Figure 4.2)", "reverse_sleep"),
    _experiment("half-asleep-alpha", "Sleep, and half-asleep with alpha 0, 0.5 and 1 (Figure 4.3)", "alpha"),
    _experiment(
        "half-asleep-binary", "VAE, optimal inference and half-asleep, binary (Figure 4.4a)", "half_asleep:binary"
    ),
    _experiment("half-asleep-gray", "VAE, optimal inference and half-asleep, gray (Figure 4.4b)", "half_asleep:gray"),
    _experiment(
        "half-asleep-colour",
        "VAE, optimal inference and half-asleep, CIFAR-10 (Figure 4.4c)",
        "half_asleep:colour",
        "cifar10",
        {"VAE, after 500 epochs": 4.592},
    ),
    _experiment(
        "encoder-methods-binary",
        "Half-asleep against denoising, binary MNIST (Table 4.1, Figure 4.5)",
        "encoder_methods:binary",
        thesis=_BINARY_4_1,
    ),
    _experiment(
        "encoder-methods-gray",
        "Half-asleep against denoising, gray MNIST (Table 4.1, Figure 4.5)",
        "encoder_methods:gray",
        thesis=_GRAY_4_1,
    ),
    _experiment(
        "encoder-methods-colour",
        "Half-asleep against denoising, CIFAR-10 (Table 4.1, Figure 4.5)",
        "encoder_methods:colour",
        "cifar10",
        _COLOUR_4_1,
    ),
    _experiment(
        "bits-back-rates",
        "Bits-back coding of binary MNIST (Figure 4.6, Table 4.2)",
        "bits_back_rates:binary",
        thesis=_BINARY_4_2,
    ),
    _experiment("bits-back-gray", "Bits-back coding of gray MNIST (Figure 4.6)", "bits_back_rates:gray"),
    _experiment(
        "bits-back-colour",
        "Bits-back coding of CIFAR-10 (Figure 4.6, Table 4.2)",
        "bits_back_rates:colour",
        "cifar10",
        _COLOUR_4_2,
    ),
    _experiment("iwae", "ELBO and IWAE with ten samples (Figure C.1)", "tightness"),
    _experiment(
        "posterior-classes", "Digits told from posterior samples, binary (Figure C.2)", "posterior_classes:binary"
    ),
    _experiment(
        "posterior-classes-gray", "Digits told from posterior samples, gray (Figure C.2)", "posterior_classes:gray"
    ),
    _experiment("latent-sizes", "Overfitting and half-asleep for 16, 64, 128 latents (Figure C.3)", "latent_sizes"),
    _experiment("wake-sleep", "Whole VAEs by wake-sleep and its reverse (ours)", "wake_sleep"),
)
