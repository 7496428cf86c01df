"""Sizes of images of every kind when two layers learn, beside the same when the last one alone does.

    python benchmarks/two_layers.py --data ../shared/data

The images are those of mixed.py and the held-out photographs. Each file is decoded and compared before its size
counts. Images of which no tile is coded by a model have the same bytes in both ways, and only their number is told.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import report
from images import load
from mixed_images import mixed_images
from PIL import Image

import nelloc
from nelloc.bench import markdown
from nelloc.codec import search

RESULTS = Path(__file__).parent / "results"
# No image should get larger by more than this.
HARM = 0.0005


@dataclass(frozen=True)
class Row:
    """One image, and the bytes of its file when one layer and when two learn."""

    kind: str
    name: str
    width: int
    height: int
    one: int
    two: int

    @property
    def change(self) -> float:
        """Growth by the second layer, as a share."""
        return self.two / self.one - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--model", default="default")
    parser.add_argument("--no-lattice", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "two_layers.md", help="also written as .csv")
    args = parser.parse_args()
    rows, same = [], 0
    for kind, name, image in images(args.data):
        row = measured(kind, name, image, model=args.model, lattice=not args.no_lattice)
        same += row.one == row.two
        if row.one != row.two:
            rows.append(row)
            print(f"{kind} {name}: {row.one} {row.two} {row.change:+.3%}", flush=True)
    write(rows, same, args.out)


def images(data: Path) -> Iterator[tuple[str, str, Image.Image]]:
    """Yield the kind, the name and the image of all that is measured."""
    for name, image in mixed_images(0, data):
        yield "mixed", name, image
    for name, samples in load(data, "held-out").items():
        yield "held-out", name, Image.fromarray(samples)


def measured(kind: str, name: str, image: Image.Image, **options: object) -> Row:
    """Code an image both ways. Raises AssertionError if it comes back changed."""
    common = {"verify": False, "threads": 1, **options}
    two = nelloc.encode(image, **common)
    with mock.patch.object(search, "LEAST_FOR_TWO", sys.maxsize):
        one = nelloc.encode(image, **common)
    assert np.array_equal(nelloc.decode(two), np.asarray(image)), name
    return Row(kind, name, *image.size, len(one), len(two))


def write(rows: list[Row], same: int, out: Path) -> None:
    """Write the table, the largest growth first, and as CSV."""
    rows = sorted(rows, key=lambda row: -row.change)
    report.write_csv(
        out.with_suffix(".csv"),
        ["kind", "image", "width", "height", "bytes, one layer", "bytes, two", "change"],
        [(row.kind, row.name, row.width, row.height, row.one, row.two, f"{row.change:.5f}") for row in rows],
    )
    sums = [
        (
            kind,
            len(of),
            sum(row.change > HARM for row in of),
            f"{sum(r.two for r in of) / sum(r.one for r in of) - 1:+.2%}",
        )
        for kind in dict.fromkeys(row.kind for row in rows)
        for of in [[row for row in rows if row.kind == kind]]
    ]
    worst = [
        (row.kind, row.name, f"{row.width} x {row.height}", row.one, row.two, f"{row.change:+.3%}") for row in rows
    ]
    text = report.document(
        "Learning of two layers, image by image",
        f"Made by `{report.command_line('benchmarks/two_layers.py')}`. {same} more have the same bytes both ways.",
        markdown.table(["set", "images that differ", f"larger by more than {HARM:.2%}", "bytes in all"], sums),
        "The ten that gain least:",
        markdown.table(["set", "image", "pixels", "bytes, one layer", "bytes, two", "change"], worst[:10]),
    )
    report.write_report(out, text)


if __name__ == "__main__":
    main()
