"""Seconds of the quick runs of `nelloc research`.

    python benchmarks/quick_times.py --data FOLDER [--seed N] [--keep RESULTS] [NAME...]

Runs each experiment, or those named, with --quick in a folder of its own, so that it trains all that it needs, on one
thread. Writes the processor's seconds, start and imports included, to benchmarks/results/quick_times.csv and .md, where
other rows stay. RESULTS/NAME keeps what a run wrote. Processor time is counted because other programs on the machine do
not add to it, though they do slow it down.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import report

from nelloc.bench import markdown
from nelloc.bench.machine import Machine
from nelloc.research.registry import EXPERIMENTS

NAMES = [experiment.name for experiment in EXPERIMENTS]
OUT = Path(__file__).parent / "results" / "quick_times"
LIMIT = 120


@dataclass(frozen=True)
class Row:
    """Processor seconds of a quick run, and the processor."""

    experiment: str
    seconds: float
    processor: str


def measure(name: str, data: Path, seed: int, keep: Path | None) -> Row:
    """Run an experiment in a new folder, which stays below ``keep``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() if keep is None else nullcontext(keep / name) as folder:
        command = [sys.executable, "-m", "nelloc", "research", name, "--quick", "--quiet", "--seed", str(seed)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run([*command, "--data", str(data), "--out", str(folder)], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Row(name, seconds, Machine.this().processor)


def write(rows: dict[str, Row]) -> None:
    """Write the table, in the order of `nelloc research list`."""
    ordered = [rows[name] for name in NAMES if name in rows]
    report.write_rows(OUT.with_suffix(".csv"), Row, ordered, {"seconds": ".0f"})
    longest = max(ordered, key=lambda row: row.seconds)
    made = (
        "Made by `python benchmarks/quick_times.py --data FOLDER`, on one thread of each row's processor. "
        f"Of {len(NAMES)} experiments {len(ordered)} were measured; the longest, "
        f"`{longest.experiment}`, took {longest.seconds:.0f} of {LIMIT} seconds."
    )
    table = markdown.table(
        ["`nelloc research`, `--quick`", "processor seconds", "processor"],
        [(f"`{row.experiment}`", f"{row.seconds:.0f}", row.processor) for row in ordered],
    )
    report.write_report(OUT.with_suffix(".md"), report.document("Seconds of quick runs", made, table))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="folder of data sets")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the runs (default: 1)")
    parser.add_argument("--keep", type=Path, metavar="RESULTS", help="folder that keeps the results (default: none)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments (default: all)")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        parser.error(f"not an experiment: {', '.join(unknown)}")
    rows = {row.experiment: row for row in report.read_rows(OUT.with_suffix(".csv"), Row)}
    for name in arguments.names or NAMES:
        rows[name] = measure(name, arguments.data, arguments.seed, arguments.keep)
        write(rows)
        print(f"{name}: {rows[name].seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
