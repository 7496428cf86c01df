"""File sizes on test images, with every round trip verified.

    python benchmarks/rate.py --data ../shared/data --model fast --model default --out benchmarks/results/rate
    python benchmarks/rate.py --data ../shared/data --model runs/default/model.nlm kodak

Per model and set: files, bits per dimension of the whole files (total bits over total samples), the same for the
model's own -log2 p, and the overhead of one over the other. Writes OUT.md and OUT.csv (one row per image); rows of
models and sets that are not measured this time are kept.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import report
from images import IDX, SETS, SHEETS, load

from nelloc import image as images
from nelloc.bench import markdown
from nelloc.codec.container import parse
from nelloc.codec.decode import decode_files
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import EncodeOptions
from nelloc.exact import model_store


@dataclass(frozen=True)
class Row:
    """Result of one image: its samples, the file's bytes, and the model's code length in bits."""

    model: str
    set: str
    image: str
    samples: int
    bytes: int
    model_bits: float


def measure(name: str, arrays: dict, options: EncodeOptions) -> list[Row]:
    """Encode and decode every image of a set. Raises AssertionError if one comes back changed."""
    pixels = {key: images.from_array(array, key) for key, array in arrays.items()}
    encoded = encode_pixels(list(pixels.values()), options, verify=False, measure=True)
    files = [parse(item.data) for item in encoded]
    decoded = decode_files(files, list(pixels), options.for_decoding(options.backend))
    rows = []
    for (key, array), item, back in zip(arrays.items(), encoded, decoded, strict=True):
        assert np.array_equal(array, images.to_array(back)), f"{key} came back changed"
        model = str(options.model) + ("" if options.learn else " --no-learn")
        model += "" if options.lattice else " --no-lattice"
        model += "" if options.past else " --no-past"
        model += "" if options.tile is None else f" --tile {options.tile}"
        rows.append(Row(model, name, key, array.size, len(item.data), item.model_bits))
    return rows


def place(row: Row) -> tuple[int, bool, str]:
    """Sort key of rows: set, whether the model learns, model."""
    known = list(dict.fromkeys((*SETS, *SHEETS, *IDX)))
    return known.index(row.set) if row.set in known else len(known), "--no-learn" in row.model, row.model


def summary(rows: list[Row]) -> str:
    """Format the file bpd of every model on every set as Markdown."""
    models = list(dict.fromkeys(row.model for row in rows))
    lines = []
    for name in dict.fromkeys(row.set for row in rows):
        cells = []
        for model in models:
            own = [row for row in rows if (row.set, row.model) == (name, model)]
            cells.append(f"{sum(8 * r.bytes for r in own) / sum(r.samples for r in own):.4f}" if own else "-")
        lines.append([name, *cells])
    return markdown.table(["set", *models], lines)


def table(rows: list[Row]) -> str:
    """Format the rates of each model and set as Markdown."""
    lines = []
    for key in dict.fromkeys((row.model, row.set) for row in rows):
        own = [row for row in rows if (row.model, row.set) == key]
        samples, bits = sum(r.samples for r in own), sum(8 * r.bytes for r in own)
        model = sum(r.model_bits for r in own)
        lines.append([*key, len(own), f"{bits / samples:.4f}", f"{model / samples:.4f}", f"{bits / model - 1:.2%}"])
    return markdown.table(["model", "set", "images", "file bpd", "model bpd", "overhead"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"default: {' '.join(SETS)}")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", action="append", help="may be repeated; default: default")
    parser.add_argument("--backend", default=EncodeOptions.backend, help="none changes the bytes")
    parser.add_argument("--no-learn", action="store_true", help="as nelloc compress has it")
    parser.add_argument("--no-lattice", action="store_true", help="as nelloc compress has it")
    parser.add_argument("--no-past", action="store_true", help="do not look for pixels of a JPEG")
    parser.add_argument("--tile", type=int, default=None, help="as nelloc compress has it")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--limit", type=int, default=None, help="only the first images of each set")
    args = parser.parse_args()
    rows: list[Row] = []
    for name in args.sets or SETS:
        arrays = dict(list(load(args.data, name).items())[: args.limit])
        for model in args.model or [model_store.DEFAULT_MODEL]:
            options = EncodeOptions(
                embed=False,
                model=model,
                backend=args.backend,
                learn=not args.no_learn,
                lattice=not args.no_lattice,
                past=not args.no_past,
                tile=args.tile,
            )
            own = measure(name, arrays, options)
            print(table(own).splitlines()[-1], file=sys.stderr, flush=True)
            rows += own
    print(summary(rows), end="")
    if args.out is not None:
        path = args.out.with_suffix(".csv")
        measured = {(row.model, row.set) for row in rows}
        rows += [row for row in report.read_rows(path, Row) if (row.model, row.set) not in measured]
        rows.sort(key=place)
        command = "`python benchmarks/rate.py --data ../shared/data --model MODEL --out benchmarks/results/rate SET`"
        command += ", or with --no-learn, --no-lattice, --no-past or --tile"
        text = report.document("Rate", f"Made by {command}.", summary(rows), table(rows))
        report.write_report(args.out.with_suffix(".md"), text)
        report.write_rows(path, Row, rows, {"model_bits": ".1f"})


if __name__ == "__main__":
    main()
