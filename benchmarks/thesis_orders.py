"""Orders that the thesis claims, tried on the results of `nelloc research` that are committed.

    python benchmarks/thesis_orders.py

Reads benchmarks/results/research and prints the table of docs/RESULTS.md. An order "holds" if it does with each seed
there is, of which there should be three or more, and "does not" if it fails with one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from nelloc.bench import markdown

RESULTS = Path(__file__).parent / "results" / "research"
ENOUGH = 3
DEVIATIONS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
# Numbers of one result, by name.
Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Order:
    """A claim of the thesis, its place there, and the experiment that tries it.

    ``values`` formats the numbers of a result, and ``holds`` judges them. ``run`` is
    "quick", "medium" or "full". ``seeds_inside`` is the number of seeds that one result has.
    """

    claim: str
    place: str
    experiment: str
    run: str
    values: Callable[[Numbers], str]
    holds: Callable[[Numbers], bool]
    seeds_inside: int = 1


def below(*names: str, digits: int = 4) -> tuple[Callable[[Numbers], str], Callable[[Numbers], bool]]:
    """Values by name, and the claim that each is below the one before it."""

    def values(numbers: Numbers) -> str:
        return " > ".join(f"{numbers[name]:.{digits}f}" for name in names)

    def holds(numbers: Numbers) -> bool:
        found = [numbers[name] for name in names]
        return all(second < first for first, second in pairwise(found))

    return (lambda n: values(n) if holds(n) else values(n).replace(" > ", ", ")), holds


def best_denoising(numbers: Numbers) -> float:
    return min(numbers[f"denoising {deviation}"] for deviation in DEVIATIONS)


def methods(kind: str, place: str, run: str = "quick", images: str = "") -> Order:
    return Order(
        f"half-asleep is below every denoising sigma, {kind}{images}",
        place,
        f"encoder-methods-{kind}",
        run,
        lambda n: f"{n['half-asleep']:.4f}, best sigma {best_denoising(n):.4f}",
        lambda n: n["half-asleep"] < best_denoising(n),
    )


def encoders(kind: str, epochs: int) -> Order:
    values, holds = below(*(f"{name}, after {epochs} epochs" for name in ("VAE", "half-asleep", "optimal inference")))
    return Order(
        f"VAE > half-asleep > optimal inference, {kind}",
        "Figure 4.4",
        f"half-asleep-{kind}",
        "quick",
        values,
        holds,
    )


def classes(kind: str, name: str, run: str = "quick", images: str = "") -> Order:
    return Order(
        f"half-asleep's latents classify better, {kind}{images}",
        "Figure C.2",
        name,
        run,
        lambda n: f"VAE {n['VAE']:.3f}, half-asleep {n['half-asleep']:.3f}",
        lambda n: n["half-asleep"] > n["VAE"],
    )


RATIOS = ("baseline, K=0", "half-asleep, K=0", "baseline, K=7")


def net_rate(run: str, networks: str) -> Order:
    return Order(
        f"bits-back: 1,000 images come back, at a net rate within 0.5 % of the negative ELBO, {networks}",
        "Table 4.2",
        "bits-back-rates",
        run,
        lambda n: ", ".join(f"{n[f'{name}: net over negative ELBO']:.4f}" for name in RATIOS),
        lambda n: all(abs(n[f"{name}: net over negative ELBO"] - 1) < 0.005 for name in RATIOS),
    )


def coded(kind: str, name: str, run: str) -> Order:
    values, holds = below("baseline, K=0: net bpd", "half-asleep, K=0: net bpd")

    def with_steps(numbers: Numbers) -> bool:
        curves = numbers["curves, K = 0 to 10"]
        return all(half < plain for half, plain in zip(curves["half-asleep"], curves["baseline"], strict=True))

    return Order(
        f"baseline > half-asleep: net rate, and negative ELBO after each number of steps up to 10, {kind}",
        "Figure 4.6, Table 4.2",
        name,
        run,
        values,
        lambda n: holds(n) and with_steps(n),
    )


def energies(run: str, networks: str) -> list[Order]:
    return [
        Order(
            f"KL of MFD is less than a fifth of FD's on the four Gaussians, {networks}",
            "Figure 3.3",
            "energy-density",
            run,
            lambda n: f"{n['gaussians_fd'] / n['gaussians_mfd_kept']:.1f} times",
            lambda n: n["gaussians_fd"] > 5 * n["gaussians_mfd_kept"],
        ),
        Order(
            "... is less than FD's on the four Gaussians",
            "Figure 3.3",
            "energy-density",
            run,
            *below("gaussians_fd", "gaussians_mfd_kept", digits=3),
        ),
        Order(
            "... and on the three circles",
            "Figure 3.3",
            "energy-density",
            run,
            *below("rings_fd", "rings_mfd_kept", digits=3),
        ),
    ]


ORDERS = (
    Order(
        "the spread ELBO recovers the two Gaussians (most of 20 starts), the ELBO does not",
        "Figure 2.5",
        "spread-line",
        "full",
        lambda n: f"spread {n['recovered_spread']:.2f}, ELBO {n['recovered_elbo']:.2f} of the starts",
        lambda n: n["recovered_spread"] > 0.5 > n["recovered_elbo"],
    ),
    Order(
        "... recovers them more often than the ELBO",
        "Figure 2.5",
        "spread-line",
        "full",
        lambda n: f"{n['recovered_spread']:.2f}, {n['recovered_elbo']:.2f}",
        lambda n: n["recovered_spread"] > n["recovered_elbo"],
    ),
    Order(
        "... has the smoother loss",
        "Figure 2.5",
        "spread-line",
        "full",
        *below("median_change_of_loss_elbo", "median_change_of_loss_spread", digits=3),
    ),
    Order(
        "FID: VAE > fixed > learned spread (here: distance on principal components)",
        "Table 2.1",
        "spread-celeba",
        "quick",
        *below(*(f"frechet_principal_components_{name}" for name in ("vae", "fixed", "learned")), digits=0),
    ),
    *energies("full", "200 units, 30,000 iterations"),
    *energies("medium", "50 units, 4,000 iterations"),
    Order(
        "annealed until the noise is gone, denoising loses the proportion 0.2",
        "Figure 3.4",
        "annealed-denoising",
        "full",
        lambda n: f"{n['proportion, denoising, down to 0.001']:.3f}",
        lambda n: abs(n["proportion, denoising, down to 0.001"] - 0.2) > 0.1,
    ),
    Order(
        "MFD finds the proportion within 0.05",
        "Figure 3.5",
        "annealed-denoising",
        "full",
        lambda n: f"{n['proportion, MFD']:.3f}",
        lambda n: abs(n["proportion, MFD"] - 0.2) < 0.05,
    ),
    Order(
        "AIGG is most of the gap",
        "Figure 4.1",
        "vae-gaps",
        "quick",
        lambda n: f"{n['AIGG over EGG']:.2f} of it",
        lambda n: n["AIGG over EGG"] > 0.5,
    ),
    Order(
        "with a perfect model wake > sleep > reverse sleep",
        "Figure 4.2",
        "reverse-sleep",
        "medium",
        *below("wake", "sleep", "reverse sleep"),
    ),
    Order(
        "alpha 0.5 is better than 0, 1 and sleep",
        "Figure 4.3",
        "half-asleep-alpha",
        "medium",
        lambda n: ", ".join(f"{n[name]:.4f}" for name in ("alpha 0.5", "alpha 0", "alpha 1", "sleep")),
        lambda n: n["seeds in which alpha 0.5 is the best"] == ENOUGH,
        ENOUGH,
    ),
    encoders("binary", 60),
    encoders("gray", 90),
    encoders("colour", 40),
    methods("binary", "Table 4.1"),
    methods("gray", "Table 4.1", images=", 500 images"),
    methods("gray", "Table 4.1", "medium", ", 2,000 images"),
    methods("colour", "Table 4.1"),
    net_rate("full", "all 60,000 training images, 10 epochs"),
    net_rate("medium", "small networks"),
    coded("binary", "bits-back-rates", "medium"),
    coded("gray", "bits-back-gray", "medium"),
    coded("colour", "bits-back-colour", "quick"),
    Order(
        "IWAE of optimal inference is within 0.002 of its ELBO",
        "Figure C.1",
        "iwae",
        "medium",
        lambda n: f"{n['ELBO less IWAE, each image']:.4f} ({n['ELBO less IWAE, optimal inference']:.4f} by an encoder)",
        lambda n: n["ELBO less IWAE, each image"] < 0.002,
    ),
    classes("binary", "posterior-classes"),
    classes("gray", "posterior-classes-gray", images=", 500 images"),
    classes("gray", "posterior-classes-gray", "medium", ", 2,000 images"),
    Order(
        "half-asleep is better with 16, 64 and 128 latents",
        "Figure C.3",
        "latent-sizes",
        "medium",
        lambda n: ", ".join(f"{n[f'{k} latents, half-asleep'] - n[f'{k} latents, VAE']:.4f}" for k in (16, 64, 128)),
        lambda n: n["numbers of latents for which half-asleep is better"] == 3,
    ),
)


def results(order: Order) -> dict[int, Numbers]:
    """Read the committed results of an order, by seed."""
    found = {}
    for path in sorted(RESULTS.glob(f"{order.experiment}-{order.run}-seed*.json")):
        read = json.loads(path.read_text())
        found[read["settings"]["seed"]] = read["numbers"]
    return found


def verdict(order: Order) -> str:
    """Say whether an order holds, and with how many seeds."""
    judged = [order.holds(numbers) for numbers in results(order).values()]
    seeds = order.seeds_inside * len(judged)
    if all(judged):
        return f"holds, {seeds} of {seeds} seeds" if seeds >= ENOUGH else f"holds, but {seeds} of {seeds} seeds only"
    return f"**does not**, {sum(judged)} of {seeds} seeds"


def rows() -> list[str]:
    """Format the table's lines as Markdown."""
    lines = markdown.head(["order", "thesis", "`nelloc research`", "ours, by seed", "verdict"])
    for order in ORDERS:
        shown = "; ".join(order.values(numbers) for numbers in results(order).values())
        lines.append(
            markdown.row([order.claim, order.place, f"`{order.experiment}`, {order.run}", shown, verdict(order)])
        )
    return lines


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print("\n".join(rows()))


if __name__ == "__main__":
    main()
