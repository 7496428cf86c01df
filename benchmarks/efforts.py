"""Bytes and processor seconds of each level of ``--effort`` on photographs, former JPEGs, screens and icons.

One process and one thread encodes every image at every level, and decodes the result of every level whose bytes differ
from those of the level before: ``python benchmarks/efforts.py --data ../shared/data``. The photographs are held out of
the training of every shipped model.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import report
from drawings.parts import PARROTS
from images import load, saved_as_jpeg
from mixed_images import mixed_images
from PIL import Image

import nelloc
from nelloc.bench import markdown
from nelloc.codec.effort import DEFAULT_EFFORT, Effort

RESULTS = Path(__file__).parent / "results"
# Every FIFTH held-out photograph; every third of these is also a former JPEG, of one of the QUALITIES.
FIFTH, THIRD, QUALITIES = 5, 3, (75, 90, 97)
SCREENS = ("screenshot", "chart", "text-antialiased", "text-subpixel", "map")
ICONS = ("icon", "alpha-icon", "logo", "pixel-art", "mask")
ICON_SEEDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--out", type=Path, default=RESULTS / "efforts.md", help="also written as .csv")
    args = parser.parse_args()
    rows = []
    for kind, name, image in sorted(images(args.data), key=lambda one: one[0]):
        rows += measured(kind, name, image)
        print(kind, name, *(f"{row['effort']}:{row['bytes']}:{row['seconds']:.2f}" for row in rows[-len(Effort) :]))
    write(rows, args.out)


def images(data: Path) -> Iterator[tuple[str, str, Image.Image]]:
    """Yield the kind, the name and the image of all that is measured."""
    held_out = list(load(data, "held-out").items())[::FIFTH]
    photographs = {name: Image.fromarray(image) for name, image in held_out}
    with Image.open(PARROTS) as image:
        photographs["parrots"] = image.convert("RGB")
    for number, (name, image) in enumerate(photographs.items()):
        yield "photographs", name, image
        if number % THIRD == 0:
            quality = QUALITIES[number // THIRD % len(QUALITIES)]
            yield "former JPEGs", f"{name}-{quality}", Image.fromarray(saved_as_jpeg(np.asarray(image), quality))
    for name, image in mixed_images(0):
        if name.startswith(SCREENS):
            yield "screens", name, image
    for seed in range(ICON_SEEDS):
        for name, image in mixed_images(seed):
            if name.startswith(ICONS):
                yield "icons", f"{name}-{seed}", image


def measured(kind: str, name: str, image: Image.Image) -> list[dict]:
    """Encode an image at every effort. Stops the program if it does not come back."""
    rows: list[dict] = []
    before, decode_seconds = b"", 0.0
    for effort in Effort:
        began = time.process_time()
        data = nelloc.encode(image, effort=effort, threads=1, verify=False)
        seconds = time.process_time() - began
        if data != before:
            began = time.process_time()
            decoded = nelloc.decode(data, threads=1)
            decode_seconds = time.process_time() - began
            if not np.array_equal(decoded, np.asarray(image)):
                raise SystemExit(f"{name}: does not come back at effort {effort}")
        before = data
        row = {"kind": kind, "image": name, "effort": int(effort), "bytes": len(data)}
        rows.append(row | {"seconds": seconds, "decode_seconds": decode_seconds})
    return rows


def write(rows: list[dict], path: Path) -> None:
    """Write the sums of each kind as Markdown, and the rows as CSV."""
    made = (
        f"Made by `python benchmarks/efforts.py --data ../shared/data` on {report.machine()}. Bytes and processor "
        "seconds of all images of a kind, in one process with one thread, beside those of the level before. "
        f"The default is effort {int(DEFAULT_EFFORT)}."
    )
    parts = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        count = len({row["image"] for row in mine})
        parts += [f"## {kind[0].upper()}{kind[1:]}: {count}", markdown.table(HEADS, _sums(mine))]
    path.parent.mkdir(parents=True, exist_ok=True)
    report.write_report(path, report.document("Levels of effort", made, *parts))
    cells = ([f"{value:.3f}" if isinstance(value, float) else value for value in row.values()] for row in rows)
    report.write_csv(path.with_suffix(".csv"), list(rows[0]), cells)


HEADS = (
    "effort",
    "bytes",
    "change",
    "smaller files",
    "encode, s",
    "times as long",
    "decode, s",
)


def _sums(rows: list[dict]) -> Iterator[tuple]:
    before: dict = {}
    for effort in Effort:
        mine = {row["image"]: row for row in rows if row["effort"] == effort}
        size, seconds, decode = (
            sum(row[name] for row in mine.values()) for name in ("bytes", "seconds", "decode_seconds")
        )
        yield (
            int(effort),
            size,
            f"{100 * (size / before['bytes'] - 1):+.2f} %" if before else None,
            sum(row["bytes"] < before["rows"][name]["bytes"] for name, row in mine.items()) if before else None,
            f"{seconds:.2f}",
            f"{seconds / before['seconds']:.2f}" if before else None,
            f"{decode:.2f}",
        )
        before = {"bytes": size, "seconds": seconds, "rows": mine}


if __name__ == "__main__":
    main()
