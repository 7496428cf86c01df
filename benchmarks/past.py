"""Pictures that were JPEGs, as pixels: how much of each is found, and what its file takes beside the JPEG file.

    python benchmarks/past.py --data ../shared/data --out benchmarks/results/past
    python benchmarks/past.py --data ../shared/data --tables mozjpeg web_high sloping --out OUT
    python benchmarks/past.py --jpeg ../shared/data/thesis-imagenet10 --out benchmarks/results/past_thesis

With --data the held-out photographs, on which nothing was tuned, are made into JPEG files by Pillow, of every quality
and sampling, and decoded; with --tables by other tables than those of the IJG's encoder; with --jpeg the files are JPEG
files. Right blocks of 8 x 8 are counted from the picture's first pixel on, and, in the last of their columns, as the
JPEG's own in units of it that no edge of the picture cuts. Every file of nelloc is decoded and compared. Writes OUT.md
and OUT.csv, one row per picture. Seconds are of the processor, for each megapixel: `find` until coefficients are found,
`encode` and `decode` all.
"""

from __future__ import annotations

import argparse
import csv
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import report
from images import load
from PIL import Image
from PIL.JpegPresets import presets

import nelloc
from nelloc.bench import markdown
from nelloc.codec import container
from nelloc.codec.format import SectionType
from nelloc.codec.past.inversion import Inverted
from nelloc.codec.past.invert import invert
from nelloc.codec.past.samples import SIDE
from nelloc.codec.past.worth import exact_blocks

SAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
# N. Robidoux's table, which mozjpeg and ImageMagick scale by quality for luma and chroma.
ROBIDOUX = [
    *(16, 16, 16, 18, 25, 37, 56, 85),
    *(16, 17, 20, 27, 34, 40, 53, 75),
    *(16, 20, 24, 31, 43, 62, 91, 135),
    *(18, 27, 31, 40, 53, 74, 106, 156),
    *(25, 34, 43, 53, 69, 94, 131, 189),
    *(37, 40, 62, 74, 94, 124, 169, 238),
    *(56, 53, 91, 106, 131, 169, 226, 311),
    *(85, 75, 135, 156, 189, 238, 311, 418),
]
# Tables of luma and chroma that rise steadily, and those of Photoshop that Pillow has; they have no quality.
SLOPING = [[rise * (2 + v + u) for v in range(8) for u in range(8)] for rise in (1, 2)]
TABLES = {"sloping": SLOPING} | {name: presets[name]["quantization"] for name in ("web_medium", "web_high", "maximum")}


def encoder_options(tables: str, quality: int) -> dict:
    """Options of Pillow's JPEG encoder: ``tables`` are ijg, mozjpeg or of TABLES."""
    if tables == "ijg":
        return {"quality": quality}
    if tables == "mozjpeg":
        return {"qtables": 2 * [[min(255, max(1, (entry * (200 - 2 * quality) + 50) // 100)) for entry in ROBIDOUX]]}
    return {"qtables": TABLES[tables]}


@dataclass(frozen=True)
class Row:
    """One picture: shares of right blocks, bytes, and seconds."""

    sampling: str
    quality: str
    kind: str
    image: str
    pixels: int
    blocks: float
    unclipped: float
    uncut: float
    file: int
    coefficients: int
    jpeg: int
    plain: int
    find: float
    encode: float
    decode: float


def measure(image: np.ndarray, jpeg: int, labels: dict, *, plain: bool) -> Row:
    """Encode and decode a picture. Raises AssertionError if it comes back changed."""
    planes = image[None] if image.ndim == 2 else np.ascontiguousarray(image.transpose(2, 0, 1))
    start = time.process_time()
    found = invert(planes)
    found_at = time.process_time()
    data = nelloc.encode(image, verify=False, threads=1)
    encoded_at = time.process_time()
    assert np.array_equal(nelloc.decode(data, threads=1), image), f"{labels} came back changed"
    decoded_at = time.process_time()
    blocks, unclipped = exact_blocks(planes, found.pixels) if found else (0.0, 0.0)
    section = container.parse(data).section(SectionType.PAST)
    return Row(
        **labels,
        pixels=planes[0].size,
        blocks=round(float(blocks), 5),
        unclipped=round(float(unclipped), 5),
        uncut=round(right_of_uncut(planes, found), 5) if found else 0.0,
        file=len(data),
        coefficients=len(section or b""),
        jpeg=jpeg,
        plain=len(nelloc.encode(image, past=False, verify=False)) if plain else 0,
        find=round(found_at - start, 4),
        encode=round(encoded_at - found_at, 4),
        decode=round(decoded_at - encoded_at, 4),
    )


def right_of_uncut(pixels: np.ndarray, found: Inverted) -> float:
    """The share of right blocks of a JPEG among those in whole units of a picture (planes, H, W), nothing clipped."""
    luma = found.image.components[0]
    wrong = (found.pixels != pixels).any(axis=0)
    clipped = ((pixels == 0) | (pixels == 255)).any(axis=0)
    inside = []
    for size, lost, unit in zip(wrong.shape, (found.top, found.left), (SIDE * luma.v, SIDE * luma.h), strict=True):
        first = -lost % unit
        inside.append(slice(first, first + max(0, size - first) // unit * unit))
    wrong, clipped = (
        one[tuple(inside)].reshape(-1, SIDE, (inside[1].stop - inside[1].start) // SIDE, SIDE).any(axis=(1, 3))
        for one in (wrong, clipped)
    )
    return float(1 - wrong[~clipped].mean()) if (~clipped).any() else 1.0


def edited(image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the picture as it is, cropped off the grid and on that of luma alone, and edited in several ways."""
    height, width = image.shape[:2]
    yield "whole", image
    yield "cropped", np.ascontiguousarray(image[5 : height - 6, 3 : width - 9])
    yield "cropped by blocks", np.ascontiguousarray(image[8:, 24:])
    bright = image.copy()
    part = np.s_[height // 4 : height // 2, width // 5 : 3 * width // 5]
    bright[part] = np.clip(bright[part] * 1.2, 0, 255).astype(np.uint8)
    yield "brightened", bright
    written = Image.fromarray(image)
    from PIL import ImageDraw

    for line in range(3):
        ImageDraw.Draw(written).text((width // 8, height // 4 + 20 * line), "written over the picture", "white")
    yield "written over", np.asarray(written)
    text = Image.fromarray(image)
    for y in range(10, min(60, height), 14):
        ImageDraw.Draw(text).text((10, y), "lines from side to side " * 6, "white")
    yield "under text", np.asarray(text)
    other = np.asarray(Image.fromarray(image).rotate(3))
    yield "half replaced", np.concatenate([image[:, : width // 2], other[:, width // 2 :]], axis=1)
    mostly = image.copy()
    mostly[: 3 * height // 4] = np.clip(mostly[: 3 * height // 4] * 1.2, 0, 255).astype(np.uint8)
    yield "mostly brightened", mostly
    page = Image.new("RGB", (width + 160, height + 120), "white")
    for y in range(5, page.height, 13):
        ImageDraw.Draw(page).text((6, y), f"line {y * y} of text on a page, some {y} words long " * 6, "black")
    page.paste(Image.fromarray(image), (83, 61))
    yield "in a page", np.asarray(page)


def made(
    data: Path, every: int, qualities: list[int], *, edits: bool, tables: Sequence[str] = ("ijg",)
) -> Iterator[tuple[np.ndarray, int, dict]]:
    """Held-out photographs through Pillow's JPEG."""
    ways = [(own, quality) for own in tables for quality in ([0] if own in TABLES else qualities)]
    for name, pixels in list(load(data, "held-out").items())[::every]:
        for (sampling, number), (own, quality) in product(SAMPLINGS.items(), ways):
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", subsampling=number, **encoder_options(own, quality))
            for kind, image in edited(np.asarray(Image.open(file))):
                labels = {"sampling": sampling, "quality": f"{'' if own == 'ijg' else own} {quality or ''}".strip()}
                yield image, len(file.getvalue()), labels | {"kind": kind, "image": name}
                if not edits:
                    break


def given(folder: Path) -> Iterator[tuple[np.ndarray, int, dict]]:
    """Decoded JPEG files, and their labels."""
    for path in sorted(folder.glob("*.jp*g")):
        labels = {"sampling": "as given", "quality": "", "kind": "whole", "image": path.stem}
        yield np.asarray(Image.open(path)), path.stat().st_size, labels


def table(rows: list[Row]) -> str:
    """Sums by sampling, quality and kind, as Markdown."""
    names = ["sampling", "quality", "kind", "pictures", "right blocks", "where nothing is clipped", "and no unit cut"]
    names += ["of the JPEG files", "of pixels", "find", "encode", "decode"]
    lines = []
    keys = list(dict.fromkeys((row.sampling, row.quality, row.kind) for row in rows))
    for key in [*keys, ("all", "", "")]:
        own = [row for row in rows if key[0] == "all" or (row.sampling, row.quality, row.kind) == key]
        area = sum(row.pixels for row in own)
        size, plain = sum(row.file for row in own), sum(row.plain for row in own)
        cells = [key[0], key[1], key[2], str(len(own))]
        for name in ("blocks", "unclipped", "uncut"):
            cells.append(f"{100 * sum(getattr(row, name) * row.pixels for row in own) / area:.2f} %")
        cells.append(f"{size / sum(row.jpeg for row in own):.3f}" if {row.kind for row in own} == {"whole"} else "-")
        cells.append(f"{size / plain:.3f}" if plain else "-")
        cells += [f"{sum(getattr(row, name) for row in own) * 1e6 / area:.2f}" for name in ("find", "encode", "decode")]
        lines.append(cells)
    return markdown.table(names, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="data folder with train-natural")
    source.add_argument("--jpeg", type=Path, help="folder of JPEG files")
    parser.add_argument("--every", type=int, default=1, help="take one photograph in this number")
    parser.add_argument("--quality", type=int, nargs="+", default=[60, 75, 85, 90, 95])
    parser.add_argument("--tables", nargs="+", default=["ijg"], choices=["ijg", "mozjpeg", *TABLES])
    parser.add_argument("--edits", action="store_true", help="also crop, brighten and write over them")
    parser.add_argument("--no-plain", dest="plain", action="store_false", help="do not code pixels as pixels")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    pictures = (
        given(args.jpeg)
        if args.jpeg
        else made(args.data, args.every, args.quality, edits=args.edits, tables=args.tables)
    )
    rows = [measure(image, jpeg, labels, plain=args.plain) for image, jpeg, labels in pictures]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with args.out.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    made_by = f"Made by `{report.command_line('benchmarks/past.py')}`.\n\n"
    args.out.with_suffix(".md").write_text(made_by + table(rows))
    print(table(rows))


if __name__ == "__main__":
    main()
