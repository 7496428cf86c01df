"""File sizes of other lossless codecs on the sets of rate.py.

    pip install '.[bench]'
    python benchmarks/peers.py --data ../shared/data --out benchmarks/results/peers
    python benchmarks/peers.py --data ../shared/data --out benchmarks/results/peers --peer jpegls kodak-gray

The peers are those of `nelloc bench`; every file is decoded and compared. Writes OUT.md and OUT.csv; rows of peers and
sets that are not measured this time are kept.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import astuple, dataclass
from pathlib import Path

import report
from images import ALL_SETS, load

from nelloc import image
from nelloc.bench import markdown, peers
from nelloc.bench.interface import Peer, Picture
from nelloc.bench.measure import check

# One effort of each: the strongest of those that are measured by default.
DEFAULT = ("png", "webp:9", "jpegxl:9", "jpeg2000", "avif", "jpegls", "qoi", "flif")
COMMAND = "python benchmarks/peers.py --data ../shared/data --out benchmarks/results/peers"


@dataclass(frozen=True)
class Row:
    """Result of one peer on one set; ``bpd`` is that of whole files, or "lossy" or "failed"."""

    set: str
    peer: str
    images: int
    bpd: str
    version: str


def measure(name: str, peer: Peer, pictures: list[Picture]) -> Row:
    """Measure one peer on one set."""
    size = 0
    for picture in pictures:
        trial, data = check(peer, picture)
        if trial.status != "ok":
            print(f"{peer.label}: {picture.name}: {trial.status} {trial.reason}", file=sys.stderr)
            return Row(name, peer.label, len(pictures), trial.status, peer.version())
        size += len(data)
    bpd = 8 * size / sum(picture.array.size for picture in pictures)
    return Row(name, peer.label, len(pictures), f"{bpd:.4f}", peer.version())


def table(rows: list[Row]) -> str:
    """Format sets down, peers across, as Markdown; then the versions."""
    names = list(dict.fromkeys(row.peer for row in rows))
    lines = []
    for name in dict.fromkeys(row.set for row in rows):
        own = {row.peer: row for row in rows if row.set == name}
        images = next(iter(own.values())).images
        lines.append([name, images, *(own[n].bpd if n in own else "-" for n in names)])
    versions = {row.peer: row.version for row in rows}
    text = markdown.table(["set", "images", *(f"{n}, bpd" for n in names)], lines)
    return text + "\n" + "; ".join(f"{peer}: {version}" for peer, version in versions.items()) + ".\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"default: {' '.join(ALL_SETS)}")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer", action="append", metavar="NAME[:EFFORT]", help=f"default: {' '.join(DEFAULT)}")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    chosen: list[Peer] = []
    for wanted in args.peer or DEFAULT:
        found = peers.find(wanted)
        if isinstance(found, peers.Missing):
            print(f"{found.name}: missing ({found.reason})", file=sys.stderr)
        else:
            chosen += found
    rows = [] if args.out is None else report.read_rows(args.out.with_suffix(".csv"), Row)
    for name in args.sets or ALL_SETS:
        pictures = [Picture.of(key, image.from_array(array, key)) for key, array in load(args.data, name).items()]
        for peer in chosen:
            row = measure(name, peer, pictures)
            print(*astuple(row)[:4], flush=True)
            place = next((n for n, old in enumerate(rows) if (old.set, old.peer) == (name, peer.label)), None)
            if place is None:
                rows.append(row)
            else:
                rows[place] = row
            if args.out is not None:
                write(args.out, rows)


def write(out: Path, rows: list[Row]) -> None:
    """Write the rows as OUT.csv, and their table as OUT.md."""
    report.write_rows(out.with_suffix(".csv"), Row, rows)
    report.write_report(out.with_suffix(".md"), report.document("Peers", f"Made by `{COMMAND}`.", table(rows)))


if __name__ == "__main__":
    main()
