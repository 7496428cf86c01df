"""Metadata of every kind through .nlc files into every format, compared value by value by exiftool and tifffile.

    python scripts/fuzz_metadata.py --cases 20000

Makes image files of PNG, TIFF, BigTIFF, JPEG, WebP, GIF and PPM with random legal metadata: chunks, tags of every type,
texts of many scripts, profiles, comments. Each is compressed to .nlc and decompressed to PNG, TIFF and WebP. Values
that exiftool reads from the first file it must read from the others, and tifffile from TIFF files too, unless nelloc
names them as not kept. Needs exiftool (Debian: libimage-exiftool-perl). Exit status 1 if a difference was not named;
the first such files are written to --out.
"""

from __future__ import annotations

import argparse
import base64
import logging
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import outside_readers
from metadata_files import FORMATS, WEIGHTS

from nelloc import image
from nelloc.codec import container
from nelloc.codec.decode import decode_files
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import DecodeOptions, EncodeOptions

SUFFIXES = (".png", ".tif", ".webp")
AT_ONCE = 40  # cases for one call of exiftool


@dataclass
class Made:
    """Generated file: its format, its bytes, and for each output the bytes and the names of lost metadata."""

    file_format: str
    data: bytes
    outputs: dict[str, tuple[bytes, tuple[str, ...]]] = field(default_factory=dict)


def make(random: Random) -> Made:
    """Make a file, and convert it to each format that holds its pixels."""
    (name,) = random.choices(tuple(FORMATS), WEIGHTS)
    made = Made(name, FORMATS[name](random))
    pixels = image.read(made.data, name)
    (encoded,) = encode_pixels([pixels], EncodeOptions(model="fast", effort=1), verify=False)
    (back,) = decode_files([container.parse(encoded.data)], [name], DecodeOptions(model="fast"))
    for suffix in SUFFIXES:
        opaque = len(pixels.groups) == 2 and bool((pixels.groups[1] == 255).all())
        if suffix == ".webp" and (pixels.kind.name not in ("RGB", "RGBA") or opaque):  # what WebP does not hold
            continue
        written = image.write(back, suffix, name)
        made.outputs[suffix] = (written.data, (*pixels.left_out, *written.left_out))
    return made


_EXIF_GROUPS = ("IFD0", "IFD1", "ExifIFD", "GPS", "InteropIFD")
_STORAGE = {
    "ImageWidth", "ImageHeight", "BitsPerSample", "Compression", "PhotometricInterpretation", "StripOffsets",
    "SamplesPerPixel", "RowsPerStrip", "StripByteCounts", "PlanarConfiguration", "Predictor", "ExtraSamples",
    "SampleFormat", "Orientation", "ColorMap", "XResolution", "YResolution", "ResolutionUnit",
}  # fmt: skip
_PNG_STORAGE = {
    "ImageWidth",
    "ImageHeight",
    "BitDepth",
    "ColorType",
    "Compression",
    "Filter",
    "Interlace",
    "ProfileName",
    "Palette",
}
_PER_METRE = {1: 0.0, 2: 10_000 / 254, 3: 100.0}


def facts(tags: dict[str, Any]) -> dict[str, Any]:
    """Values that exiftool reads from a file, under names independent of the format, except about storage."""
    found: dict[str, Any] = {}
    has_iptc = any(name.startswith("IPTC:") for name in tags)
    for name, value in tags.items():
        group, tag = name.split(":", 1)
        if group in _EXIF_GROUPS:
            if group != "IFD0" or tag not in _STORAGE:
                found[name] = value
        elif group == "IPTC2" and not has_iptc:  # exiftool numbers those that are not where they are usual
            found[f"IPTC:{tag}"] = value
        elif group.startswith(("XMP", "ICC", "IPTC", "Photoshop")):
            found[name] = value
        elif tag == "Comment":
            found["Comment"] = value
        elif group.startswith("PNG") and tag not in _PNG_STORAGE and group != "PNG-pHYs":
            found[name] = value
    resolution = _resolution(tags)
    if resolution is not None:
        found["resolution"] = resolution
    return found


def _resolution(tags: dict[str, Any]) -> tuple[float, float, bool] | None:
    """Pixels per metre, and True; or a ratio, and False; None if there is no resolution."""
    if "PNG-pHYs:PixelsPerUnitX" in tags:
        x, y, unit = (tags[f"PNG-pHYs:{name}"] for name in ("PixelsPerUnitX", "PixelsPerUnitY", "PixelUnits"))
        return (x, y, True) if unit else (x / y, 1.0, False)
    for group in ("JFIF", "IFD0"):
        if f"{group}:XResolution" in tags and f"{group}:YResolution" in tags:
            x, y = (tags[f"{group}:{name}Resolution"] for name in "XY")
            unit = tags.get(f"{group}:ResolutionUnit", 2)
            unit = unit + 1 if group == "JFIF" else unit
            if (x, y, unit) == (1, 1, 1):
                return None
            if isinstance(x, str) or isinstance(y, str):
                return None
            factor = _PER_METRE[unit]
            return (x * factor, y * factor, True) if factor else (x / y, 1.0, False)
    return None


# Prefix of a fact's name, and prefixes of the names under which nelloc reports it as not kept.
_EXCUSES = (
    (_EXIF_GROUPS, ("TIFF tag", "EXIF", "GPS tag", "Interoperability tag")),
    (("XMP",), ("XMP", "extended XMP")),
    (("ICC",), ("ICC profile",)),
    (("IPTC", "Photoshop"), ("Photoshop data",)),
    (("Comment",), ("comment", "text")),
    (("resolution",), ("resolution", "TIFF tag 282", "TIFF tag 283")),
    (("PNG:WhitePoint", "PNG:Red", "PNG:Green", "PNG:Blue"), ("chromaticities",)),
    (("PNG:Gamma",), ("gamma",)),
    (("PNG:SRGBRendering",), ("sRGB",)),
    (("PNG",), ("PNG chunk", "text")),
)


def differences(made: Made, read: dict[str, dict[str, Any]]) -> list[str]:
    """Values of the file that are changed or missing in an output, and were not named."""
    before = facts(read[""])
    found = []
    for suffix, (data, named) in made.outputs.items():
        after = facts(read[suffix])
        for name in sorted(set(before) | set(after)):
            if _same(name, before.get(name), after.get(name)):
                continue
            words = next((words for starts, words in _EXCUSES if name.startswith(starts)), ())
            if name not in before or not any(item.startswith(words) for item in named):
                found.append(f"{made.file_format} to {suffix}: {name}: {before.get(name)!r} became {after.get(name)!r}")
        if suffix == ".tif" and made.file_format.endswith("TIFF"):
            found += _tag_differences(made, data, named)
    return found


def _same(name: str, mine: Any, other: Any) -> bool:
    if mine is None or other is None:
        return mine is other
    if name == "resolution":
        return mine[2] == other[2] and all(
            abs(one - two) <= 1.001e-3 * abs(one) for one, two in zip(mine[:2], other[:2], strict=True)
        )
    return _plain(mine) == _plain(other)


def _plain(value: Any) -> list[str]:
    """Value as sorted texts: exiftool's order of equal tags differs from the file's.

    It joins the comments of a PPM file, and shows the zero byte at the end of a text for TIFF, but not for BigTIFF.
    """
    if isinstance(value, list):
        return sorted(text for one in value for text in _plain(one))
    found = str(value)
    if isinstance(value, int) and 32 < value < 256:  # one byte of type UNDEFINED is a number of TIFF, a text of BigTIFF
        found = bytes([value]).decode("utf-8", "surrogateescape")
    elif found.startswith("base64:"):
        found = base64.b64decode(found.removeprefix("base64:")).decode("utf-8", "surrogateescape")
    return sorted(line.rstrip("\0") for line in found.split("\n"))


def _tag_differences(made: Made, data: bytes, named: tuple[str, ...]) -> list[str]:
    from nelloc.image.formats.tiff.metadata import ORIENTATION, RESOLUTION_UNIT, STORAGE

    mine, other = outside_readers.tiff_tags(made.data), outside_readers.tiff_tags(data)
    found = []
    for tag in (set(mine) | set(other)) - {*STORAGE, ORIENTATION, RESOLUTION_UNIT}:
        values = [tags[tag].value if tag in tags else None for tags in (mine, other)]
        if tag in (282, 283):  # fractions are reduced
            values = [None if value is None else value[0] / value[1] for value in values]
        if values[0] != values[1] and not any(f"tag {tag}" in name for name in named) and values != [1.0, None]:
            found.append(f"{made.file_format} to .tif, tifffile: tag {tag}: {values[0]!r} became {values[1]!r}")
    return found


def run(cases: int, seed: int, out: Path | None = None) -> Counter[str]:
    """Count files of each format, and, under "differences", differences that were not named."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it has opinions on values
    random, counts, shown = Random(seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder, outside_readers.ExifTool() as exiftool:
        for start in range(0, cases, AT_ONCE):
            batch = [make(random) for _ in range(min(AT_ONCE, cases - start))]
            paths: dict[tuple[int, str], Path] = {}
            for number, made in enumerate(batch):
                files = {"": made.data} | {suffix: data for suffix, (data, _) in made.outputs.items()}
                for suffix, data in files.items():
                    paths[number, suffix] = Path(folder, f"{number}{suffix or '.in'}")
                    paths[number, suffix].write_bytes(data)
            read = dict(zip(paths, exiftool.read_all(list(paths.values())), strict=True))
            for number, made in enumerate(batch):
                found = differences(made, {suffix: tags for (other, suffix), tags in read.items() if other == number})
                counts[made.file_format] += 1
                counts["named"] += sum(bool(named) for _, named in made.outputs.values())
                counts["outputs"] += len(made.outputs)
                counts["differences"] += len(found)
                for line in found[: max(0, 20 - shown)]:
                    print(line, flush=True)
                    shown += 1
                if found and out is not None and shown <= 20:
                    (out / f"differs-{start + number}.in").write_bytes(made.data)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None, help="folder for files that came back changed")
    args = parser.parse_args()
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
    version = outside_readers.version("exiftool")
    if version is None:
        sys.exit("exiftool is needed (Debian: libimage-exiftool-perl)")
    began = time.time()
    shares = [args.cases // args.jobs + (number < args.cases % args.jobs) for number in range(args.jobs)]
    seeds = [args.seed * 1000 + number for number in range(args.jobs)]
    counts = Counter[str]()
    with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run, *job, args.out) for job in zip(shares, seeds, strict=True)]):
            counts += done.result()
    import tifffile

    formats = ", ".join(f"{counts[name]} {name}" for name in FORMATS)
    seconds = time.time() - began
    print(f"{args.cases} files ({formats}) became {counts['outputs']} of PNG, TIFF and WebP, in {seconds:.0f} s.")
    print(f"Read by exiftool {version} and tifffile {tifffile.__version__}:")
    print(f"of {counts['named']} something is not kept, and named; {counts['differences']} differences were not named.")
    sys.exit(1 if counts["differences"] else 0)


if __name__ == "__main__":
    main()
