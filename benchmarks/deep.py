"""Sizes of 16-bit images as .nlc, PNG and JPEG XL, with every round trip verified.

    python benchmarks/deep.py --data ../shared/data --out benchmarks/results/deep.md

The images are held-out photographs, averaged over 2 x 2 or 4 x 4 pixels in linear light and converted back to sRGB
without rounding to 8 bits, so that all 16 bits are used; the upper left 128 x 128 pixels of each. The last column is
the same pictures cut to 8 bits, coded by nelloc.
"""

from __future__ import annotations

import argparse
import importlib.metadata
from pathlib import Path

import imagecodecs
import numpy as np
import report
from images import load
from numpy.typing import NDArray

from nelloc import image as images
from nelloc.bench import markdown
from nelloc.codec.container import parse
from nelloc.codec.decode import decode_files
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import DecodeOptions, EncodeOptions

SIDE = 128
PEERS = {
    "PNG": lambda array: imagecodecs.png_encode(array, level=9),
    "JPEG XL -e 7": lambda array: imagecodecs.jpegxl_encode(array, lossless=True, effort=7),
    "JPEG XL -e 9": lambda array: imagecodecs.jpegxl_encode(array, lossless=True, effort=9),
}


def deep(array: NDArray[np.uint8], factor: int) -> NDArray[np.uint16]:
    """Average an 8-bit sRGB image (H, W, 3) in linear light over factor x factor pixels, in 16 bits."""
    value = array / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    height, width = (size // factor for size in array.shape[:2])
    cut = linear[: height * factor, : width * factor]
    mean = cut.reshape(height, factor, width, factor, 3).mean(axis=(1, 3))
    back = np.where(mean <= 0.0031308, 12.92 * mean, 1.055 * mean ** (1 / 2.4) - 0.055)
    return np.round(back * 65535).astype(np.uint16)


def size(arrays: list[NDArray], model: str) -> int:
    """Total bytes of the .nlc files. Raises AssertionError if an image comes back changed."""
    pixels = [images.from_array(array) for array in arrays]
    encoded = encode_pixels(pixels, EncodeOptions(model=model), verify=False)
    decoded = decode_files([parse(item.data) for item in encoded], ["image"] * len(encoded), DecodeOptions())
    assert all(a.same_as(b) for a, b in zip(pixels, decoded, strict=True)), "an image came back changed"
    return sum(len(item.data) for item in encoded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", action="append", help="may be repeated; default: fast")
    parser.add_argument("--limit", type=int, default=12, help="number of photographs")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    models = args.model or ["fast"]
    photographs = list(load(args.data, "held-out").values())
    photographs = photographs[:: max(1, len(photographs) // args.limit)][: args.limit]
    rows = []
    for factor in (2, 4):
        arrays = [deep(array, factor)[:SIDE, :SIDE] for array in photographs]
        samples = sum(array.size for array in arrays)
        totals = [sum(len(encode(array)) for array in arrays) for encode in PEERS.values()]
        totals += [size(arrays, model) for model in models]
        totals.append(size([(array >> 8).astype(np.uint8) for array in arrays], models[0]))
        cells = [f"{8 * total / samples:.3f}" for total in totals]
        rows.append([f"{len(arrays)}, averaged over {factor} x {factor}", *cells])
        print(*rows[-1], flush=True)
    command = (
        "`python benchmarks/deep.py --data ../shared/data" + "".join(f" --model {m}" for m in args.model or []) + "`"
    )
    versions = f"imagecodecs {importlib.metadata.version('imagecodecs')}"
    if args.out is not None:
        heads = ["images", *PEERS, *models, f"{models[0]}, 8 bits"]
        made = f"Bits per sample of whole files; made by {command}, {versions}."
        report.write_report(args.out, report.document("16-bit images", made, markdown.table(heads, rows)))


if __name__ == "__main__":
    main()
