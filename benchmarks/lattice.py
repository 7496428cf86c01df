"""Gain of colour lattices on decoded JPEGs, and their cost: sizes and processor time with and without.

    python benchmarks/lattice.py --data ../shared/data --out benchmarks/results/lattice

The held-out photographs are saved as JPEGs of qualities 60 to 98, 4:4:4 and 4:2:0 in turn, and read again. They are
coded as pixels, never as a JPEG's coefficients. Both ways of coding take turns, each round, in one thread; every file
is decoded and compared. Writes OUT.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import report
from images import load, saved_as_jpeg
from numpy.typing import NDArray

import nelloc
from nelloc.bench import markdown
from nelloc.bench.timing import medians

QUALITIES = (60, 70, 80, 85, 90, 92, 95, 98)
ROUNDS = 3


@dataclass(frozen=True)
class Row:
    """One image: how it was saved, bytes, and seconds to encode and to decode, with a lattice and without."""

    name: str
    saved: str
    samples: int
    bytes: tuple[int, int]
    encode: tuple[float, float]
    decode: tuple[float, float]


def measure(name: str, saved: str, image: NDArray[np.uint8], model: str) -> Row:
    """Both ways on one image. Raises AssertionError if it comes back changed."""
    common = {"model": model, "past": False, "verify": False, "threads": 1}
    ways = {on: {**common, "lattice": on} for on in (True, False)}
    files = {on: nelloc.encode(image, **way) for on, way in ways.items()}
    assert all(np.array_equal(nelloc.decode(data, threads=1), image) for data in files.values()), name
    encode = medians({on: lambda on=on: nelloc.encode(image, **ways[on]) for on in ways}, ROUNDS, time.process_time)
    decode = medians({on: lambda on=on: nelloc.decode(files[on], threads=1) for on in ways}, ROUNDS, time.process_time)
    sizes = (len(files[True]), len(files[False]))
    return Row(name, saved, image.size, sizes, (encode[True], encode[False]), (decode[True], decode[False]))


def line(name: str, rows: list[Row]) -> str:
    """A row of the table: one image, or all."""
    samples = sum(row.samples for row in rows)
    on, off = (sum(row.bytes[k] for row in rows) for k in (0, 1))
    times = [sum(getattr(row, way)[0] for row in rows) / sum(getattr(row, way)[1] for row in rows) for way in _WAYS]
    cells = [name, rows[0].saved if len(rows) == 1 else "", f"{8 * on / samples:.4f}", f"{8 * off / samples:.4f}"]
    return markdown.row([*cells, f"{on / off - 1:+.2%}", *(f"{ratio:.2f}" for ratio in times)])


_WAYS = ("encode", "decode")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--limit", type=int, default=None, help="only the first images")
    args = parser.parse_args()
    images = list(load(args.data, "held-out").items())[: args.limit]
    rows = []
    for number, (name, image) in enumerate(images):
        quality, subsampling = QUALITIES[number * 5 % len(QUALITIES)], 2 * (number % 2)
        saved = f"quality {quality}, {'4:2:0' if subsampling else '4:4:4'}"
        rows.append(measure(name, saved, saved_as_jpeg(image, quality, subsampling), args.model))
        print(line(name, rows[-1:]), flush=True)
    heads = ["image", "saved as", "bpd", "--no-lattice", "difference", "time to encode, by that without", "to decode"]
    lines = [*markdown.head(heads), *(line(row.name, [row]) for row in rows), line("all", rows)]
    print(lines[-1])
    if args.out is not None:
        made = f"Made by `{report.command_line('benchmarks/lattice.py')}`."
        report.write_report(args.out.with_suffix(".md"), report.document("Colour lattices", made, "\n".join(lines)))


if __name__ == "__main__":
    main()
