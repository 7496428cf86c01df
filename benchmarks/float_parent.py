"""Loss of the integer model against its float network: the same weights without any rounding.

    python benchmarks/float_parent.py weights/checkpoints/default --data ../shared/data

Both get the same contexts. The integer model's bits are -log2 of the probabilities given to the coder, the float
network's those of its likelihood.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import report
import torch
from images import SETS, load

from nelloc.bench import markdown
from nelloc.exact import model_store
from nelloc.training.cost import measure_cost
from nelloc.training.loop import Trainer
from nelloc.training.networks.export import export


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default=model_store.DEFAULT_MODEL)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"default: {' '.join(SETS)}")
    args = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    network = Trainer.resume(args.checkpoint).parent()
    shipped = model_store.shipped().get(args.model, Path(args.model))
    assert export(network) == shipped.read_bytes(), f"{shipped} is not the integer model of {args.checkpoint}"
    rows = []
    for name in args.sets or SETS:
        arrays = {key: array for key, array in load(args.data, name).items() if array.ndim == 3}
        cost = measure_cost(network, shipped, arrays.values())
        rows.append([name, f"{cost.parent_bpd:.4f}", f"{cost.model_bpd:.4f}", f"{cost.bpd:+.4f}"])
        print(*rows[-1], flush=True)
    if args.out is not None:
        made = f"Made by `{report.command_line('benchmarks/float_parent.py')}`."
        table = markdown.table(["set", "float parent, bpd", "integer, bpd", "loss"], rows)
        report.write_report(args.out, report.document("Integer model against its float parent", made, table))


if __name__ == "__main__":
    main()
