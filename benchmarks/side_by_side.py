"""nelloc beside the codecs that make the smallest files, paq8px among them, on a few images: one run of nelloc bench.

    python benchmarks/side_by_side.py IMAGE... --out benchmarks/results/side_by_side

Times are of one thread, in processor time; programs that are on PATH (flif, paq8px) include their start. paq8px takes
minutes an image. nelloc has --no-lattice: few photographs have the colours of a PhotoCD. Writes OUT.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import report

from nelloc.bench import markdown

MODELS = ("fast", "default", "high")
PEERS = ("webp:9", "jpegxl:7", "jpegxl:9", "flif:60", "flif:100", "paq8px:8")
BESIDE = ("jpegxl:9", "paq8px:8")


def table(found: dict) -> list[str]:
    """Rows of a Markdown table: a codec each, smallest first, with its size beside two others."""
    codecs = sorted((row for row in found["codecs"] if row["ranked"]), key=lambda row: row["bytes"])
    beside = {row["codec"]: row["bytes"] for row in codecs if row["codec"] in BESIDE}
    head = [
        "codec",
        "bytes",
        "bits per sample",
        *(f"beside {name}" for name in beside),
        "encode, s/Mpx",
        "decode, s/Mpx",
    ]
    rows = []
    for row in codecs:
        compared = [f"{100 * row['bytes'] / size - 100:+.1f} %" for size in beside.values()]
        # Speeds are in millions of bytes of pixels, three of which are a pixel.
        times = [f"{3 / row[f'{way}_speed']:.2f}" for way in ("encode", "decode")]
        rows.append([row["codec"], f"{row['bytes']:,}", f"{row['bits_per_dimension']:.4f}", *compared, *times])
    return [*markdown.head(head), *map(markdown.row, rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    command = [sys.executable, "-m", "nelloc", "bench", *map(str, args.images), "--clock", "cpu", "--threads", "1"]
    command += [word for model in MODELS for word in ("--model", model)]
    command += [word for peer in PEERS for word in ("--peer", peer)]
    done = subprocess.run([*command, "--no-memory", "--no-lattice", "--json"], stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    lines = ["# Side by side", "", f"Made by `{report.command_line('benchmarks/side_by_side.py')}`"]
    lines[-1] += f" on {found['machine']['processor']}, one thread, processor time."
    lines += ["", *table(found), ""]
    lines += [f"- {row['codec']}: {row['version']}" for row in found["codecs"]]
    args.out.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
