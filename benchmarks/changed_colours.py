"""Gain of the colours that a tile has seen, on decoded JPEGs whose colours were changed: sizes and processor time.

    python benchmarks/changed_colours.py --data ../shared/data --out benchmarks/results/changed_colours

The held-out photographs are saved as JPEGs of qualities 60 to 98, 4:4:4 and 4:2:0 in turn, read again, and changed: to
sRGB from Display P3 and from Adobe RGB, by LittleCMS; with more saturation, by Pillow; in balance of white and
saturation, in floating point. Last they are coded as they are. Each is coded with lattices and without, in one thread,
decoded and compared. Writes OUT.md.
"""

from __future__ import annotations

import argparse
import io
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import report
from images import load, saved_as_jpeg
from lattice import QUALITIES
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageEnhance

import nelloc
from nelloc.bench import markdown
from nelloc.codec import container
from nelloc.codec.format import Method
from nelloc.exact.lattice import Rule

RGB = NDArray[np.uint8]
# Colours of the primaries of Display P3 and Adobe RGB (1998), as profiles have them, and the curves of their levels.
DISPLAY_P3 = ((0.515121, 0.241196, -0.001053), (0.291977, 0.692245, 0.041885), (0.157104, 0.066574, 0.784073))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB_CURVE = (3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ADOBE_CURVE = (0, 563 / 256)
WHITE = (0.9642, 1.0, 0.8249)
# Balance of white and saturation, around the luma of BT.709.
BALANCE, SATURATION, LUMA = (1.08, 1.0, 0.93), 1.15, (0.2126, 0.7152, 0.0722)


def profile(primaries: tuple[tuple[float, ...], ...], curve: tuple[float, ...]) -> bytes:
    """An ICC profile of these primaries and a parametric curve, its type first."""
    entry = b"para" + bytes(4) + struct.pack(">HH", int(curve[0]), 0) + b"".join(map(_fixed, curve[1:]))
    tags = {b"wtpt": _colour(WHITE), b"cprt": _text("none"), b"desc": _text("RGB")}
    tags |= {bytes([c]) + b"XYZ": _colour(own) for c, own in zip(b"rgb", primaries, strict=True)}
    tags |= {bytes([c]) + b"TRC": entry for c in b"rgb"}
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4xI", start + len(body), 0x04200000) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    return (head + b"".join(map(_fixed, WHITE))).ljust(128, b"\0") + table + body


def _fixed(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


def _colour(xyz: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, xyz))


def _text(text: str) -> bytes:
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", 2 * len(text), 28) + text.encode("utf-16-be")


def to_srgb(primaries: tuple[tuple[float, ...], ...], curve: tuple[float, ...]) -> Callable[[RGB], RGB]:
    """Take images to sRGB by LittleCMS."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile(primaries, curve)))
    made = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")

    def change(image: RGB) -> RGB:
        taken = ImageCms.applyTransform(Image.fromarray(image), made)
        assert taken is not None
        return np.asarray(taken)

    return change


def saturated(image: RGB) -> RGB:
    """More saturation, as Pillow gives it."""
    return np.asarray(ImageEnhance.Color(Image.fromarray(image)).enhance(1.3))


def balanced(image: RGB) -> RGB:
    """Another balance of white, and more saturation."""
    matrix = SATURATION * np.eye(3) + (1 - SATURATION) * np.array(LUMA)
    return np.clip(np.rint(image * BALANCE @ matrix.T), 0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[RGB], RGB] | None] = {
    "Display P3 to sRGB": to_srgb(DISPLAY_P3, SRGB_CURVE),
    "Adobe RGB to sRGB": to_srgb(ADOBE_RGB, ADOBE_CURVE),
    "saturation by 1.3": saturated,
    "white and saturation": balanced,
    "never a JPEG": None,
}


@dataclass(frozen=True)
class Row:
    """One image: bytes, and seconds to encode and to decode, with lattices and without; tiles that use seen colours."""

    samples: int
    bytes: tuple[int, int]
    encode: tuple[float, float]
    decode: tuple[float, float]
    tiles: int
    seen: int


def measure(image: RGB, model: str) -> Row:
    """Both ways on one image. Raises AssertionError if it comes back changed."""
    ways = [{"model": model, "lattice": on, "verify": False, "threads": 1} for on in (True, False)]
    sizes, encode, decode, files = [], [], [], []
    for way in ways:
        begun = time.process_time()
        files.append(nelloc.encode(image, **way))
        coded = time.process_time()
        back = nelloc.decode(files[-1], threads=1)
        decode.append(time.process_time() - coded)
        encode.append(coded - begun)
        sizes.append(len(files[-1]))
        assert np.array_equal(back, image)
    records = container.parse(files[0]).records
    seen = sum(one.method is Method.LATTICE and one.data[0] % 32 == Rule.SEEN for one in records)
    return Row(image.size, (sizes[0], sizes[1]), (encode[0], encode[1]), (decode[0], decode[1]), len(records), seen)


def line(name: str, size: str, rows: list[Row]) -> str:
    """A row of the table: all images of a change and a size."""
    samples = sum(row.samples for row in rows)
    on, off = (sum(row.bytes[k] for row in rows) for k in (0, 1))
    times = [sum(getattr(row, way)[0] for row in rows) / sum(getattr(row, way)[1] for row in rows) for way in _WAYS]
    largest = max(row.bytes[0] / row.bytes[1] - 1 for row in rows)
    tiles = f"{sum(row.seen for row in rows)} of {sum(row.tiles for row in rows)}"
    cells = [name, size, str(len(rows)), f"{8 * on / samples:.4f}", f"{8 * off / samples:.4f}", f"{on / off - 1:+.2%}"]
    return markdown.row([*cells, f"{largest:+.2%}", tiles, *(f"{ratio:.2f}" for ratio in times)])


_WAYS = ("encode", "decode")
_HEADS = ("change", "images", "number", "bpd", "--no-lattice", "difference", "largest difference of an image")
_MORE = ("tiles that use seen colours", "time to encode, by that without", "to decode")
# Least number of pixels of images that are counted apart: the more pixels, the more colours were seen.
_LARGE = 150_000


def lines(images: dict[str, RGB], model: str) -> Iterator[str]:
    """Yield the rows of the table."""
    for name, change in CHANGES.items():
        found: dict[str, list[Row]] = {"512 x 384": [], "smaller": []}
        for number, image in enumerate(images.values()):
            made = image
            if change is not None:
                quality = QUALITIES[number * 5 % len(QUALITIES)]
                made = change(saved_as_jpeg(image, quality, 2 * (number % 2)))
            found["512 x 384" if image[..., 0].size >= _LARGE else "smaller"].append(measure(made, model))
        for size, rows in found.items():
            if rows:
                yield line(name, size, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--limit", type=int, default=None, help="only the first images")
    args = parser.parse_args()
    images = dict(list(load(args.data, "held-out").items())[: args.limit])
    table = markdown.head([*_HEADS, *_MORE])
    for row in lines(images, args.model):
        table.append(row)
        print(row, flush=True)
    if args.out is not None:
        made = f"Made by `{report.command_line('benchmarks/changed_colours.py')}`."
        text = report.document("Decoded JPEGs of changed colours", made, "\n".join(table))
        report.write_report(args.out.with_suffix(".md"), text)


if __name__ == "__main__":
    main()
