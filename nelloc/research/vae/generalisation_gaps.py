"""Figure 4.1: a VAE overfits, and how much of it is the generative model's and how much the encoder's part."""

from __future__ import annotations

import math

from torch import Tensor

from nelloc.research.experiment import Result, Settings
from nelloc.research.plots import new_figure
from nelloc.research.vae.bounds import amortised_elbo
from nelloc.research.vae.gaps import Gaps
from nelloc.research.vae.models import VAE
from nelloc.research.vae.setup import pictures, setup, trained_vae
from nelloc.research.vae.training import Row


def run(settings: Settings) -> Result:
    """Train on binary MNIST by the plain ELBO and take the generalisation gap apart (eq. 4.7 to 4.17)."""
    images = pictures(settings, "binary")
    vae, rows = trained_vae(settings, "binary", images, settings.seed)
    nats = math.log(2) * vae.dimensions
    chosen = setup(settings, "binary").gap_images
    measured = [row for row in rows if "elbo_test" in row]
    gaps = [_gaps(row) for row in measured]
    last = gaps[-1]
    numbers = {
        "train images": len(images.train),
        "epochs": len(rows),
        "images measured on each side": chosen,
        "train bpd": -last.train / nats,
        "test bpd": -last.test / nats,
        **{
            f"standard error of {name} bpd": _standard_error(vae, side[:chosen]) / nats
            for name, side in (("train", images.train), ("test", images.test))
        },
        "train bpd, optimal inference": -last.train_optimal / nats,
        "test bpd, optimal inference": -last.test_optimal / nats,
        "EGG": last.whole / nats,
        "GMGG": last.generative / nats,
        "AIGG": last.inference / nats,
        "EGG - GMGG - AIGG": (last.whole - (last.generative + last.inference)) / nats,
        "epoch of the best test bpd": min(rows, key=lambda row: row["test"])["epoch"],
        "curves": {key: [row[key] for row in rows] for key in ("train", "test")},
        "gaps": [
            {"epoch": row["epoch"], "EGG": g.whole / nats, "GMGG": g.generative / nats, "AIGG": g.inference / nats}
            for row, g in zip(measured, gaps, strict=True)
        ],
    }
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    at = [row["epoch"] for row in measured]
    for key in ("train", "test"):
        (line,) = left.plot(at, [-row[f"elbo_{key}"] / nats for row in measured], "o-", markersize=3, label=key)
        optimal = [-row[f"elbo_{key}_optimal"] / nats for row in measured]
        left.plot(at, optimal, "o--", color=line.get_color(), markersize=3, label=f"{key}, optimal inference")
    left.set(xlabel="epoch", ylabel="bits per dimension", title=f"Negative ELBO of {chosen} images each, binary MNIST")
    left.legend()
    right.plot(at, [g.whole / nats for g in gaps], "o-", markersize=3, label="EGG: the whole gap")
    right.stackplot(
        at,
        [g.generative / nats for g in gaps],
        [g.inference / nats for g in gaps],
        labels=["GMGG: generative model", "AIGG: amortised inference"],
        alpha=0.4,
    )
    right.set(xlabel="epoch", ylabel="bits per dimension", title="Generalisation gap")
    right.margins(y=0.3)
    right.legend(loc="upper left")
    return Result(numbers, {"": figure})


def _standard_error(vae: VAE, images: Tensor) -> float:
    """Of the mean ELBO of images, in nats: how far other images of the same sort may be from it."""
    nats = amortised_elbo(vae, images.float(), samples=8)
    return float(nats.std() / math.sqrt(len(nats)))


def _gaps(row: Row) -> Gaps:
    return Gaps(*(row[f"elbo_{name}"] for name in ("train", "train_optimal", "test", "test_optimal")))
