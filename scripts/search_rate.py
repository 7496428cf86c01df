"""Search for rate: small trainings that differ in one thing, in one table (docs/MODELS.md).

    python scripts/search_rate.py --data ../shared/data --out benchmarks/results/search --megapixels 2
    python scripts/search_rate.py --data ../shared/data --out benchmarks/results/search --megapixels 2 --only r1

Every variant is trained from the same seed on the same pixels in the same order, in floating point (nothing is rounded
after the integer front end), and is judged on the validation pixels of scripts/train_shipped.py. Variants that are in
the file already are left out, so that the search can be stopped and continued, unless --only names them. Writes OUT.csv
and OUT.md.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from rate_variants import BASE, VARIANTS, Variant, VariantBatchMaker, VariantNetwork, VariantSampler
from train_shipped import load

from nelloc.bench import markdown
from nelloc.exact import model_store
from nelloc.training.batches import LOCAL_PASS_PIXELS, Batch
from nelloc.training.data import PixelPool
from nelloc.training.networks.export import restore
from nelloc.training.networks.local import LocalNetwork
from nelloc.training.networks.mixture import bits_per_dimension, draw
from nelloc.training.run import VALIDATION_PIXELS

BATCH = 2048


def optimisers(network: VariantNetwork, kind: str) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the hidden layers' matrices and AdamW for the rest."""
    parameters = list(network.parameters())
    if kind == "adamw":
        return [torch.optim.AdamW(parameters, lr=2e-3, betas=(0.9, 0.99), weight_decay=1e-4)]
    matrices = network.matrices
    rest = [p for p in parameters if all(p is not m for m in matrices)]
    return [
        torch.optim.Muon(matrices, lr=2e-2, weight_decay=1e-4),
        torch.optim.AdamW(rest, lr=2e-3, betas=(0.9, 0.99), weight_decay=1e-4),
    ]


def evaluate(network: VariantNetwork, validation: dict[str, Batch]) -> dict[str, float]:
    """Bits per dimension of each validation batch."""
    rates = {}
    with torch.no_grad():
        for name, batch in validation.items():
            parts = [network.log_likelihood(part) for part in batch.split(4 * LOCAL_PASS_PIXELS)]
            rates[name] = float(bits_per_dimension(torch.cat(parts)))
    return rates


def taught(batch: Batch, teacher: LocalNetwork, share: float, random: torch.Generator) -> Batch:
    """Replace a ``share`` of the values of ``batch`` by draws of ``teacher`` given their contexts."""
    with torch.no_grad():
        value = draw(teacher(batch.inputs), batch.base, batch.activity, random, joint=teacher.config.joint)
    drawn = torch.rand(len(value), 1, generator=random) < share
    return replace(batch, value=torch.where(drawn, value, batch.value))


def run(
    variant: Variant,
    training: list[PixelPool],
    held_out: dict[str, PixelPool],
    megapixels: float,
    teacher: LocalNetwork | None = None,
) -> dict:
    """Train ``variant`` and return its row of the table."""
    make = VariantBatchMaker(variant)
    validation = {}
    for name, pool in held_out.items():
        tile = 32 if name == "small" else 256
        sampler = VariantSampler(variant, [pool], (1.0,), 0, tile_sizes=[tile], gray=0, flip=0)
        validation[name] = make(*sampler.draw(VALIDATION_PIXELS))
    torch.manual_seed(1)
    random = torch.Generator().manual_seed(1)
    sampler = VariantSampler(variant, training, variant.pools, 1)
    first = make(*sampler.draw(BATCH))
    network = VariantNetwork(variant, first.inputs.shape[1])
    if variant.experts > 1:
        shares = torch.arange(1, variant.experts) / variant.experts
        network.levels.copy_(torch.quantile(first.inputs[:, -1], shares))
    averaged = copy.deepcopy(network)
    optimiser = optimisers(network, variant.optimiser)
    rates = [[group["lr"] for group in o.param_groups] for o in optimiser]
    steps = round(megapixels * 1e6 / BATCH)
    begin = time.monotonic()
    for step in range(steps):
        batch = make(*sampler.draw(BATCH))
        if variant.teacher:
            batch = taught(batch, teacher, variant.teacher, random)
        share = min(1, (step + 1) / 60) * 0.5 * (1 + math.cos(math.pi * max(0, step / steps - 0.3) / 0.7))
        for o, own in zip(optimiser, rates, strict=True):
            for group, rate in zip(o.param_groups, own, strict=True):
                group["lr"] = rate * share
            o.zero_grad(set_to_none=True)
        for part in batch.split(LOCAL_PASS_PIXELS):
            (bits_per_dimension(network.log_likelihood(part)) * (len(part.value) / BATCH)).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for o in optimiser:
            o.step()
        with torch.no_grad():
            keep = min(0.995, 1 - 1 / (1 + step))
            for mean, new in zip(averaged.parameters(), network.parameters(), strict=True):
                mean.lerp_(new, 1 - keep)
    result = evaluate(averaged, validation)
    photographs = [rate for name, rate in result.items() if name != "small"]
    return {
        "variant": variant.name,
        "about": variant.about,
        "multiply_adds": network.multiply_adds,
        "megapixels": megapixels,
        "photographs": round(sum(photographs) / len(photographs), 4),
        **{name: round(rate, 4) for name, rate in result.items()},
        "seconds": round(time.monotonic() - begin),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--megapixels", type=float, default=4)
    parser.add_argument("--teacher", help="the model that distillation learns from; without it, that is left out")
    parser.add_argument(
        "--only", action="append", choices=[v.name for v in VARIANTS], help="variants to run, again too"
    )
    args = parser.parse_args()
    if args.teacher is None and any(v.teacher for v in VARIANTS if v.name in (args.only or ())):
        parser.error("distillation needs --teacher")
    torch.set_num_threads(1)
    path = args.out.with_suffix(".csv")
    rows = read(path, args.megapixels)
    training, held_out = load(args.data)
    done = {row["variant"] for row in rows}
    for variant in VARIANTS:
        if variant.name not in args.only if args.only else variant.name in done:
            continue
        if variant.teacher and args.teacher is None:
            continue
        teacher = restore(model_store.find(args.teacher), args.teacher) if variant.teacher else None
        row = run(variant, training, held_out, args.megapixels, teacher)
        print(row, flush=True)
        rows = [other for other in rows if other["variant"] != variant.name]
        rows.append({key: str(value) for key, value in row.items()})
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    args.out.with_suffix(".md").write_text(report(rows, args))


def read(path: Path, megapixels: float) -> list[dict[str, str]]:
    """Read the rows of an earlier search, if there is one. Raises SystemExit for another number of megapixels."""
    if not path.exists():
        return []
    with path.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if float(row["megapixels"]) != megapixels:
            sys.exit(
                f"search_rate: {path} has rows of {row['megapixels']} megapixels, which {megapixels:g} cannot be "
                f"compared with; give --megapixels {row['megapixels']}, or another --out"
            )
    return rows


def report(rows: list[dict[str, str]], args: argparse.Namespace) -> str:
    """Format the table as a Markdown document that names the command."""
    teacher = f" --teacher {args.teacher}" if args.teacher else ""
    return (
        f"# The search for rate\n\nMade by `python scripts/search_rate.py --data {args.data} --out {args.out} "
        f"--megapixels {args.megapixels:g}{teacher}`.\n\n{table(rows)}"
    )


def table(rows: list[dict[str, str]]) -> str:
    """Format the rows in the order of VARIANTS, with their differences to the first, as Markdown."""
    by_name = {row["variant"]: row for row in rows}
    base = by_name[BASE.name]
    lines = []
    for row in (by_name[variant.name] for variant in VARIANTS if variant.name in by_name):
        large, small = (float(row[key]) - float(base[key]) for key in ("photographs", "small"))
        cells = [row["about"], f"{int(row['multiply_adds']):,}", row["photographs"], row["small"]]
        lines.append([*cells, f"{large:+.3f}, {small:+.3f}"])
    return markdown.table(["variant", "multiply-adds", "photographs, bpd", "small images, bpd", "difference"], lines)


if __name__ == "__main__":
    main()
