"""Throughput of folder runs: files a second for small images, megabytes of pixels a second for photographs.

    python benchmarks/folders.py --out benchmarks/results/folders.md

Each row is one run of the command, its start included: 32 x 32 images cut from a photograph, and photographs, as PNG
files; with and without verification for compress; with 1 and 2 processes of one thread each. Decompressed images are
compared.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import report
from PIL import Image
from speed import photograph

from nelloc.bench import markdown

PACKAGE = Path(__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(PACKAGE), "OPENBLAS_NUM_THREADS": "1"}


def run(*arguments: str) -> float:
    """Run the command; return its seconds. Raises CalledProcessError if it fails."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "nelloc", *arguments, "-q"], env=ENVIRONMENT, check=True)
    return time.perf_counter() - start


def make_sets(folder: Path, small: int, large: int) -> dict[str, dict[str, np.ndarray]]:
    """Make folders of PNG files; return their pixels by name."""
    side = 32 * int(np.ceil(small**0.5))
    image = photograph(side)
    cut = [image[i : i + 32, j : j + 32] for i in range(0, side, 32) for j in range(0, side, 32)]
    sets = {
        "32 x 32": {f"{number:04}": item for number, item in enumerate(cut[:small])},
        "photographs": {f"{number:04}": np.rot90(photograph(512), number) for number in range(large)},
    }
    for name, images in sets.items():
        (folder / name).mkdir()
        for stem, array in images.items():
            Image.fromarray(np.ascontiguousarray(array)).save(folder / name / f"{stem}.png")
    return sets


def measure(folder: Path, name: str, images: dict[str, np.ndarray], model: str, jobs: int) -> list[list[object]]:
    """Rows of one set and number of processes."""
    spread = ("--jobs", str(jobs), "--threads", "1")
    out, back = folder / f"{name} {jobs}", folder / f"{name} {jobs} back"
    variants = {
        "compress": ["compress", "-r", str(folder / name), "--output-dir", str(out), "--model", model],
        "compress --no-verify": [
            *("compress", "-r", str(folder / name), "--output-dir", f"{out} unverified"),
            *("--model", model, "--no-verify"),
        ],
        "compress again (all done)": ["compress", "-r", str(folder / name), "--output-dir", str(out), "--model", model],
        "decompress": ["decompress", "-r", str(out), "--output-dir", str(back)],
    }
    megabytes = sum(array.size for array in images.values()) / 1e6
    rows = []
    for command, arguments in variants.items():
        seconds = run(*arguments, *spread)
        rates = f"{len(images) / seconds:.1f}", f"{megabytes / seconds:.3f}"
        rows.append([f"{len(images)} {name}", command, jobs, f"{seconds:.1f}", *rates])
    for stem, array in images.items():
        assert np.array_equal(np.asarray(Image.open(back / f"{stem}.png")), array), f"{stem} came back changed"
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the table into this file")
    parser.add_argument("--small", type=int, default=512, help="how many 32 x 32 images (512)")
    parser.add_argument("--large", type=int, default=6, help="how many photographs of 512 x 512 (6)")
    parser.add_argument("--model", default="fast")
    args = parser.parse_args()
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, images in make_sets(folder, args.small, args.large).items():
            for jobs in (1, 2):
                rows += measure(folder, kind, images, args.model, jobs)
                print("\n".join(map(markdown.row, rows[-4:])), flush=True)
    if args.out is not None:
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        made = (
            f"Made by `{report.command_line('benchmarks/folders.py')}` on {report.machine()} per process; model "
            f"`{args.model}`. Megabytes are of pixels, and the command's start is in the seconds. "
            f"The machine had {os.cpu_count()} cores and other work at the time (load averages {load}), so these "
            "figures are rough."
        )
        table = markdown.table(["files", "command", "jobs", "seconds", "files/s", "MB/s"], rows)
        report.write_report(args.out, report.document("Folders", made, table))


if __name__ == "__main__":
    main()
