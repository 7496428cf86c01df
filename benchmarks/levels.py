"""Sizes of stretched photographs, with lists of their levels and without, beside PNG, WebP and JPEG XL.

    python benchmarks/levels.py --data ../shared/data --out benchmarks/results/levels.md
    python benchmarks/levels.py --data ../shared/data --jpeg --out benchmarks/results/levels_jpeg.md

The held-out photographs, at most 192 x 192 pixels of each, in colour and in gray: as they are, stretched by Pillow's
ImageOps.autocontrast, by a cut of the darkest and the brightest levels, by a power and by a curve; and, averaged over
2 x 2 pixels in linear light, 12 bits of them in 16, by an odd factor and by a curve. With --jpeg they are JPEGs of
quality 75, 90 and 95 in turn before, and may be coded as such. Every file is decoded and compared. Times are those of
the processor.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import report
from deep import deep
from images import load, saved_as_jpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps

import nelloc
from nelloc.bench import markdown
from nelloc.codec.container import parse
from nelloc.codec.format import SectionType

SIDE = 192
QUALITIES = (75, 90, 95)
JPEGS = "JPEGs"


def webp(array: NDArray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "WEBP", lossless=True, quality=100, method=6, exact=True)
    return file.getvalue()


def cut(array: NDArray) -> NDArray:
    return np.ascontiguousarray(array[:SIDE, :SIDE])


PEERS: dict[str, Callable[[NDArray], bytes]] = {
    "PNG": lambda array: imagecodecs.png_encode(array, level=9),
    "WebP": webp,
    "JPEG XL -e 9": lambda array: imagecodecs.jpegxl_encode(array, lossless=True, effort=9),
}


def by_table(curve: Callable[[NDArray], NDArray]) -> Callable[[NDArray], NDArray]:
    """A function of images that changes their samples, 0 to 1, by a curve."""
    table = np.clip(np.rint(curve(np.arange(256) / 255) * 255), 0, 255).astype(np.uint8)
    return lambda array: table[array]


def autocontrast(cutoff: float) -> Callable[[NDArray], NDArray]:
    return lambda array: np.asarray(ImageOps.autocontrast(Image.fromarray(array), cutoff=cutoff))


STRETCHES: dict[str, Callable[[NDArray], NDArray]] = {
    "as they are": lambda array: array,
    "autocontrast": autocontrast(0),
    "autocontrast, cut off 1 %": autocontrast(1),
    "16 to 235 become 0 to 255": by_table(lambda x: (x * 255 - 16) / (235 - 16)),
    "power 0.7": by_table(lambda x: x**0.7),
    "S curve": by_table(lambda x: x + 0.12 * np.sin(2 * np.pi * (x - 0.5))),
}
# The same for samples of 12 bits.
DEEP_STRETCHES: dict[str, Callable[[NDArray], NDArray]] = {
    "12 bits, as they are": lambda array: array,
    "12 bits, times 15": lambda array: array * np.uint16(15),
    "12 bits, power 1/2.2": lambda array: np.rint(65535 * (array / 4095) ** (1 / 2.2)).astype(np.uint16),
}


@dataclass
class Total:
    """Sums of one row: pictures, samples, those in whose files levels are listed, bytes, and seconds."""

    pictures: int = 0
    samples: int = 0
    listed: int = 0
    larger: int = 0
    on: int = 0
    off: int = 0
    others: tuple[int, ...] = ()
    seconds: tuple[float, float] = (0.0, 0.0)

    def add(self, array: NDArray, model: str, *, past: bool) -> None:
        """Code an image. Raises AssertionError if it comes back changed."""
        options = {"model": model, "past": past, "verify": False, "threads": 1}
        times = [time.process_time()]
        files = []
        for on in (True, False):
            files.append(nelloc.encode(array, levels=on, **options))
            times.append(time.process_time())
        same = [np.array_equal(nelloc.decode(data, threads=1), array) for data in files]
        assert all(same), "an image came back changed"
        self.pictures += 1
        self.samples += array.size
        self.listed += parse(files[0]).section(SectionType.LEVELS) is not None
        self.larger += len(files[0]) > len(files[1])
        self.on += len(files[0])
        self.off += len(files[1])
        own = [0 if name == "WebP" and array.dtype != np.uint8 else len(peer(array)) for name, peer in PEERS.items()]
        self.others = tuple(a + b for a, b in zip(self.others or (0,) * len(own), own, strict=True))
        self.seconds = (self.seconds[0] + times[1] - times[0], self.seconds[1] + times[2] - times[1])

    def row(self, name: str) -> list[str]:
        """Cells of the table, in bits a sample."""
        bits = [f"{8 * size / self.samples:.3f}" if size else "-" for size in (self.on, self.off, *self.others)]
        ratio = f"{self.seconds[0] / self.seconds[1]:.2f}"
        return [
            name,
            f"{self.listed} of {self.pictures}",
            *bits[:2],
            f"{self.on / self.off - 1:+.2%}",
            *bits[2:],
            ratio,
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--every", type=int, default=1, help="take one photograph in this number")
    parser.add_argument("--jpeg", action="store_true", help="as JPEGs before they are stretched")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    photographs, gray = (list(load(args.data, name).values())[:: args.every] for name in ("held-out", "held-out-gray"))
    work = {f"colour, {name}": [apply(cut(image)) for image in photographs] for name, apply in STRETCHES.items()}
    work |= {f"gray, {name}": [apply(cut(image)) for image in gray] for name, apply in STRETCHES.items()}
    twelve = [cut(deep(image, 2)) >> 4 for image in photographs]
    work |= {f"colour, {name}": [apply(image) for image in twelve] for name, apply in DEEP_STRETCHES.items()}
    if args.jpeg:
        jpegs = [cut(saved_as_jpeg(image, QUALITIES[n % 3])) for n, image in enumerate(photographs)]
        work = {f"{JPEGS}, {name}": [apply(image) for image in jpegs] for name, apply in STRETCHES.items()}
    rows, larger = [], 0
    for name, arrays in work.items():
        total = Total()
        for array in arrays:
            total.add(array, args.model, past=args.jpeg)
        rows.append(total.row(name))
        larger += total.larger
        print(*rows[-1], total.larger, sep=" | ", flush=True)
    heads = ["photographs", "with lists", "nelloc", "without", "difference", *PEERS, "time to encode, by that without"]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("imagecodecs", "pillow"))
    made = f"Bits per sample of whole files; made by `{report.command_line('benchmarks/levels.py')}`, {versions}."
    end = f"{larger} files are larger than without."
    if args.out is not None:
        report.write_report(args.out, report.document("Levels", made, markdown.table(heads, rows), end))


if __name__ == "__main__":
    main()
