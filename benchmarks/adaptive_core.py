"""Time the adaptive coder in the compiled core and in NumPy, on images of every kind.

Each image is one tile, coded by its heuristically chosen form, by both in turn. Streams must be equal and samples come
back before times count: ``python benchmarks/adaptive_core.py --data ../shared/data``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import report
from mixed_images import mixed_images
from numpy.typing import NDArray

from nelloc.bench import markdown
from nelloc.codec.adaptive import classify, native, stream
from nelloc.codec.adaptive.coder import Shape
from nelloc.exact.native import NO_CORE, VARIABLE, missing

RESULTS = Path(__file__).parent / "results"
BITS = 8
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of photographs; without it only those of this repository")
    parser.add_argument("--seed", type=int, default=0, help="of the drawings")
    parser.add_argument("--repeats", type=int, default=5, help="of the core's work, of which the median counts")
    parser.add_argument("--out", type=Path, default=RESULTS / "adaptive_core.md")
    args = parser.parse_args()
    if missing() is not None:
        raise SystemExit(missing())
    rows = []
    for name, image in mixed_images(args.seed, args.data):
        array = np.asarray(image)
        planes = array.reshape(*array.shape[:2], -1).transpose(2, 0, 1)
        rows.append(measured(name, np.ascontiguousarray(planes), args.repeats))
        print(rows[-1], flush=True)
    report.write_report(args.out, document(rows, args))


def measured(name: str, samples: NDArray[Any], repeats: int) -> tuple[str, str, int, int, list[float]]:
    """Name, form, pixels, bytes, and seconds: NumPy's to encode and decode, and the core's."""
    setting = classify.likely_setting(samples, BITS)
    shape = Shape(*samples.shape, BITS)
    with numpy_alone():
        data, encoding = timed(lambda: stream.encode(samples, BITS, setting))
        back, decoding = timed(lambda: stream.decode(data, shape))
    assert native.codes(samples, BITS)
    seconds = [encoding, decoding, 0.0, 0.0]
    for place, work, right in (
        (2, lambda: stream.encode(samples, BITS, setting), lambda found: found == data),
        (3, lambda: stream.decode(data, shape), lambda found: np.array_equal(found, samples)),
    ):
        runs = [timed(work) for _ in range(repeats)]
        if not (np.array_equal(back, samples) and all(right(found) for found, _ in runs)):
            raise SystemExit(f"{name}: the two differ")
        seconds[place] = statistics.median(each for _, each in runs)
    return name, setting.form.name.lower(), samples[0].size, len(data), seconds


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Call ``work``; return its result and its CPU time."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


@contextmanager
def numpy_alone() -> Iterator[None]:
    """Disable the core."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = NO_CORE
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before


def document(rows: list[tuple[str, str, int, int, list[float]]], args: argparse.Namespace) -> str:
    """Format the rows as a Markdown document, preceded by their total."""
    pixels = sum(row[2] for row in rows)
    totals = [sum(row[4][k] for row in rows) for k in range(4)]
    encode, decode = totals[0] / totals[2], totals[1] / totals[3]
    ratios = [row[4][k] / row[4][k + 2] for row in rows for k in range(2)]
    made = (
        f"Made by `python benchmarks/adaptive_core.py --data ../shared/data --seed {args.seed}`: one thread, CPU time, "
        f"ns per pixel; of the core the median of {args.repeats} runs. The records of both are the same. All "
        f"{len(rows)} images ({pixels / 1e6:.2f} megapixels) together: the core encodes **{encode:.0f}** and decodes "
        f"**{decode:.0f}** times as fast as NumPy; single images {min(ratios):.0f} to {max(ratios):.0f} times."
    )
    heads = ["image", "form", "bytes", "NumPy encode", "NumPy decode", "core encode", "core decode", "encode", "decode"]
    lines = []
    for name, form, size, stored, seconds in [("all", "", pixels, sum(row[3] for row in rows), totals), *rows]:
        times = [f"{each / size * 1e9:.0f}" for each in seconds]
        faster = [f"{seconds[k] / seconds[k + 2]:.0f}" for k in range(2)]
        lines.append([name, form, stored, *times, *faster])
    return report.document("The adaptive coder in the compiled core", made, markdown.table(heads, lines))


if __name__ == "__main__":
    main()
