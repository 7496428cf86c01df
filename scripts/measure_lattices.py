"""Table of the colour lattices that converters of luma and chroma leave (docs/LATTICES.md).

    python scripts/measure_lattices.py --data ../shared/data --out docs/LATTICES.md

Needs Pillow, and for its rows opencv-python, av and pillow-heif; what is missing has no row. Converters that can be
called are given all 2^24 triples of luma and chroma, others photographs that are saved with loss and read. Only colours
3 to 252 in all channels count, since those at the edges were clipped. Prints the table; with --out it replaces the one
in the file.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from nelloc.bench import markdown
from nelloc.exact.lattice import CONVERSIONS, Lattice, numbers

EDGE = 3
PHOTOGRAPHS = 8
BEGIN, END = "<!-- table -->\n", "<!-- end of the table -->\n"

Colours = NDArray[np.uint8]
# A converter: its name with version, how it was measured, and what it gives: colours (N, 3).
Row = tuple[str, str, Callable[[], Colours]]


def all_triples() -> tuple[Colours, Colours, Colours]:
    """Luma and both chromas (2^24,) of all triples."""
    index = np.arange(1 << 24, dtype=np.uint32)
    return (index >> 16).astype(np.uint8), (index >> 8 & 255).astype(np.uint8), (index & 255).astype(np.uint8)


def opencv(code: str) -> Colours:
    """All triples by cvtColor."""
    cv2: Any = importlib.import_module("cv2")
    luma, first, second = all_triples()
    order = (luma, second, first) if "CrCb" in code else (luma, first, second)
    return cv2.cvtColor(np.stack(order, axis=-1).reshape(4096, 4096, 3), getattr(cv2, code)).reshape(-1, 3)


def swscale(space: str, wide: bool) -> Colours:
    """All triples by FFmpeg's scaler, without scaling."""
    av: Any = importlib.import_module("av")
    reformatter: Any = importlib.import_module("av.video.reformatter")
    frame = av.VideoFrame(4096, 4096, "yuv444p")
    for plane, values in zip(frame.planes, all_triples(), strict=True):
        plane.update(values.tobytes())
    ranges = reformatter.ColorRange
    which = reformatter.Colorspace[space]
    converted = frame.reformat(
        format="rgb24",
        src_colorspace=which,
        dst_colorspace=which,
        src_color_range=ranges.JPEG if wide else ranges.MPEG,
        dst_color_range=ranges.JPEG,
    )
    return converted.to_ndarray().reshape(-1, 3)


def saved(photographs: list[Colours], **options: Any) -> Colours:
    """Photographs after saving with Pillow."""
    found = []
    for image in photographs:
        file = io.BytesIO()
        Image.fromarray(image).save(file, **options)
        found.append(np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("RGB")).reshape(-1, 3))
    return np.concatenate(found)


def rows(photographs: list[Colours]) -> Iterator[Row]:
    """All converters that are here."""
    every, files = "all triples", f"{len(photographs)} photographs"

    def pillow(name: str, library: str, **options: Any) -> Row:
        return f"{name}, {library}", files, lambda: saved(photographs, **options)

    jpeg = f"libjpeg-turbo {features.version('libjpeg_turbo')}"
    for sampling, name in ((0, "4:4:4"), (2, "4:2:0")):
        yield pillow(f"JPEG {name}", jpeg, format="JPEG", quality=85, subsampling=sampling)
    if features.check("webp"):
        yield pillow("WebP", f"libwebp {features.version('webp')}", format="WEBP", quality=80)
    if features.check("avif"):
        library = f"libavif {features.version('avif')}"
        for sampling in ("4:4:4", "4:2:0"):
            yield pillow(f"AVIF {sampling}", library, format="AVIF", quality=80, subsampling=sampling)
        yield pillow(
            "AVIF 4:4:4, video range", library, format="AVIF", quality=80, subsampling="4:4:4", range="limited"
        )
    if features.check("jpg_2000"):
        library = f"OpenJPEG {features.version('jpg_2000')}"
        options = {"format": "JPEG2000", "irreversible": True, "quality_mode": "rates", "quality_layers": [8]}
        yield pillow("JPEG 2000, irreversible", library, **options)
    if importlib.util.find_spec("pillow_heif"):
        heif: Any = importlib.import_module("pillow_heif")
        heif.register_heif_opener()
        library = f"libheif {heif.libheif_version()}"
        for sampling in ("444", "420"):
            yield pillow(f"HEIF {':'.join(sampling)}", library, format="HEIF", quality=80, chroma=sampling)
    if importlib.util.find_spec("av"):
        av: Any = importlib.import_module("av")
        version = ".".join(map(str, av.library_versions["libswscale"]))
        for space, wide in (("ITU601", True), ("ITU601", False), ("ITU709", True), ("ITU709", False)):
            name = f"swscale, BT.{space[3:]}, {'full' if wide else 'video'} range, libswscale {version}"
            yield name, every, lambda space=space, wide=wide: swscale(space, wide)  # type: ignore[misc]
    if importlib.util.find_spec("cv2"):
        cv2: Any = importlib.import_module("cv2")
        for code in ("COLOR_YCrCb2RGB", "COLOR_YUV2RGB"):
            name = f"OpenCV {code.removeprefix('COLOR_')}, {cv2.__version__}"
            yield name, every, lambda code=code: opencv(code)  # type: ignore[misc]


def inner(colours: Colours) -> NDArray[np.int64]:
    """The different colours (3, N) of some (N, 3), without those at an edge."""
    kept = np.unique(numbers(colours.T))
    found = np.stack([kept >> 16, kept >> 8 & 255, kept & 255])
    return found[:, ((found >= EDGE) & (found < 256 - EDGE)).all(axis=0)]


def table(photographs: list[Colours]) -> Iterator[str]:
    """The table, line by line."""
    names = [rule.name for rule in CONVERSIONS]
    yield from markdown.head(["converter, version", "measured by", "different colours", "share of all", *names])
    has = [Lattice.of(rule).has for rule in CONVERSIONS]
    for name, how, convert in rows(photographs):
        found = inner(convert())
        share = found.shape[1] / (256 - 2 * EDGE) ** 3
        on = [f"{lattice[numbers(found)].mean():.4f}" for lattice in has]
        told = f"{share:.3f}" if how == "all triples" else ""
        yield markdown.row([name, how, found.shape[1], told, *on])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    paths = sorted((args.data / "train-natural").glob("cam_*.webp"))[:PHOTOGRAPHS]
    lines = []
    for line in table([np.asarray(Image.open(path).convert("RGB")) for path in paths]):
        print(line, flush=True)
        lines.append(line)
    if args.out is not None:
        text = args.out.read_text()
        before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
        args.out.write_text(before + "\n".join(lines) + f"\n\nPillow {metadata.version('pillow')}.\n" + after)


if __name__ == "__main__":
    main()
