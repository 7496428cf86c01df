"""Conformance table: every kind of image file through nelloc and back into a file.

    python benchmarks/conformance.py --out benchmarks/results/conformance.md

Samples are compared with those from which the file was made; kind, palette, transparency and metadata with those read.
The file that is written again has the format of the first one if that is lossless, else PNG. Other programs read it
too: tifffile, imagecodecs, exiftool and libvips, if installed; exiftool and tifffile compare the metadata of TIFF and
other files with those of the first file, value by value. Exit status 1 if anything did not come back.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

import imagecodecs
import numpy as np
import PIL
import tifffile
from PIL import features

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import outside_readers
import report
from conformance.case import Case
from conformance.cases import cases
from conformance.pictures import HEIGHT, WIDTH
from conformance.round_trip import Outcome, run

from nelloc.bench import markdown
from nelloc.codec.options import EncodeOptions

_COLUMNS = ("file", "kind", "samples", "palette, transparency", "metadata in .nlc", "written again", "read by others")
_HEADS = (*_COLUMNS, "bytes", ".nlc")


def row(outcome: Outcome) -> tuple[object, ...]:
    """Run one case and format it as a row of the table."""
    names = f"{', '.join(outcome.metadata)}: " if outcome.metadata else ""
    metadata = names + _yes(outcome.metadata_kept) if outcome.metadata else "none"
    written = f"{outcome.suffix[1:]}: {_yes(outcome.written)}"
    if outcome.left_out:
        written += f", {', '.join(outcome.left_out)} named as left out"
    named = f"; named: {', '.join(outcome.named)}" if outcome.named else ""
    if outcome.named != outcome.case.named:
        named += " DIFFERENT"
    return (
        outcome.case.name,
        outcome.kind,
        _yes(outcome.samples),
        _yes(outcome.description),
        metadata + named,
        written,
        ", ".join(f"{reader}: {_yes(passed)}" for reader, passed in outcome.readers.items()) or "none",
        len(outcome.case.data),
        outcome.file_bytes,
    )


def _yes(passed: bool) -> str:
    return "same" if passed else "DIFFERENT"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    every: list[Case] = list(cases())
    others = {program: outside_readers.version(program) for program in ("exiftool", "vips")}
    with outside_readers.ExifTool() if others["exiftool"] else nullcontext() as exiftool:
        outcomes = [run(case, EncodeOptions(model=args.model), exiftool, others["vips"] is not None) for case in every]
    passed = sum(outcome.passed for outcome in outcomes)
    made = (
        f"Made by `python benchmarks/conformance.py --model {args.model}`; Pillow {PIL.__version__}, NumPy "
        f"{np.__version__}, libtiff {features.version('libtiff')}, libwebp {features.version('webp')}.\n"
        f"{passed} of {len(outcomes)} files came back in everything that\n"
        f"[docs/LOSSLESS.md](../../docs/LOSSLESS.md) promises. Images are {WIDTH} x {HEIGHT} pixels where nothing\n"
        "else is said.\n"
        f"Other readers: tifffile {tifffile.__version__}, imagecodecs {imagecodecs.__version__}, "
        + ", ".join(f"{program} {found or 'not installed'}" for program, found in others.items())
        + "."
    )
    text = report.document("Conformance", made, markdown.table(_HEADS, map(row, outcomes)))
    if args.out is None:
        print(text, end="")
    else:
        report.write_report(args.out, text)
    sys.exit(0 if passed == len(outcomes) else 1)


if __name__ == "__main__":
    main()
