"""Table 5.7 of the thesis on the thesis's own images: seconds to decode, by decoder.

    python benchmarks/table_5_7.py --data ../shared/data --out benchmarks/results/table_5_7
    python benchmarks/table_5_7.py --data ../shared/data --out benchmarks/results/table_5_7 --sequential thesis-1024/1

The seconds are CPU time of one thread, which other work on the machine changes little. --sequential also decodes pixel
by pixel, which takes minutes; speed.py --part decoders has more of that. Every stream is first decoded and compared.
Writes OUT.md and OUT.csv; rows of images and decoders that are not measured this time are kept.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import report
from images import load
from speed import AUTHOR_SECONDS, Stream
from threadpoolctl import threadpool_limits

from nelloc.bench import markdown
from nelloc.bench.timing import medians
from nelloc.exact import backends, model_store
from nelloc.exact.engine import Engine

SETS = ("thesis-imagenet10", "thesis-1024")
COMMAND = "python benchmarks/table_5_7.py --data ../shared/data --out benchmarks/results/table_5_7"


@dataclass(frozen=True)
class Row:
    """Result of one image: seconds by decoder, "" where they were not measured."""

    image: str
    size: str
    model: str
    sequential: str = ""
    parallel: str = ""
    sheared: str = ""


def measure(name: str, image, old: Row | None, sequential: bool) -> Row:
    """Time one image with each decoder."""
    model = model_store.find_for(3 if image.ndim == 3 else 1)
    stream = Stream(Engine.of(model, backends.prepare(model, "numpy")), image)
    walks = ("parallel", "sheared", *(("sequential",) if sequential else ()))
    seconds = medians({walk: partial(stream.decode, walk) for walk in walks}, 1, time.process_time)
    size = f"{image.shape[1]} x {image.shape[0]}" + (", gray" if image.ndim == 2 else "")
    row = old if old is not None and old.model == model.id.hex() else Row(name, size, model.id.hex())
    return replace(row, **{walk: f"{value:.2f}" for walk, value in seconds.items()})


def table(rows: list[Row]) -> str:
    """Format the rows as Markdown."""
    heads = [
        "image",
        "size",
        "sequential, s",
        "parallel, s",
        "sheared, s",
        "sequential / sheared",
        "parallel / sheared",
    ]
    lines = []
    for row in rows:
        cells = [row.image, row.size, *(s or "-" for s in (row.sequential, row.parallel, row.sheared))]
        for walk, digits in ((row.sequential, 0), (row.parallel, 2)):
            cells.append(f"{float(walk) / float(row.sheared):.{digits}f}" if walk else "-")
        lines.append(cells)
    return markdown.table(heads, lines)


def write(out: Path, rows: list[Row]) -> None:
    """Write the rows as OUT.csv and OUT.md."""
    report.write_rows(out.with_suffix(".csv"), Row, rows)
    sequential, parallel, sheared = AUTHOR_SECONDS[1024]
    models = ", ".join(dict.fromkeys(row.model for row in rows))
    text = report.document(
        "Table 5.7",
        f"Made by `{COMMAND}` on {report.machine()}, in seconds of the processor; models {models}.",
        table(rows),
        f"The thesis author's program, r = 0, 1024 x 1024, on a laptop's processor: {sequential} s "
        f"sequential, {parallel} s parallel, {sheared} s sheared (the outputs of its published notebooks), ratios "
        f"{sequential / sheared:.1f} and {parallel / sheared:.2f}. Its network and machine are others: only ratios "
        "compare. All sides, with sequential decoding of 1024 x 1024: [decoders.md](decoders.md).",
    )
    report.write_report(out.with_suffix(".md"), text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", metavar="SET/IMAGE", help="default: all")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sequential", action="append", default=[], metavar="SET/IMAGE", help="pixel by pixel too")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = {row.image: row for row in report.read_rows(args.out.with_suffix(".csv"), Row)}
    arrays = {f"{name}/{key}": array for name in SETS for key, array in load(args.data, name).items()}
    wanted = list(dict.fromkeys([*args.images, *args.sequential])) or list(arrays)
    with threadpool_limits(limits=1):
        for name in wanted:
            found[name] = measure(name, arrays[name], found.get(name), name in args.sequential)
            print(*asdict(found[name]).values(), flush=True)
            write(args.out, [found[key] for key in arrays if key in found])


if __name__ == "__main__":
    main()
