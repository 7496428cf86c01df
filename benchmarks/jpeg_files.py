"""JPEG files kept byte for byte: nelloc beside JPEG XL's transcode, Lepton and brunsli, in one run.

    pip install '.[bench]' lepton-jpeg-python
    python benchmarks/jpeg_files.py --data ../shared/data --out benchmarks/results/jpeg_files

The files are those of thesis-imagenet10, which are JPEG files, and JPEG files made of the Kodak images by Pillow, each
in three of twelve settings. Every file of every codec is decoded and compared. Times are CPU seconds of one thread, of
nelloc with the check before writing; the files take turns. A codec that is not installed is left out and named. With
--numpy N one file in N is also decoded without nelloc's compiled core, which takes two minutes a megabyte.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import report
from PIL import Image

from nelloc.bench import markdown
from nelloc.codec import container
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.past.jpeg_file import pack_file, unpack_file

# Quality, Pillow's number of the sampling (0 4:4:4, 1 4:2:2, 2 4:2:0), progressive.
SETTINGS = (
    (50, 2, False), (60, 2, True), (75, 2, False), (75, 0, True), (80, 1, False), (85, 2, True),
    (90, 2, False), (90, 0, False), (92, 2, True), (95, 0, False), (95, 2, True), (98, 0, False),
)  # fmt: skip
THREE = 3


class Codec(NamedTuple):
    """A codec of JPEG files: from bytes to bytes, and back."""

    name: str
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]


def nelloc_encode(data: bytes) -> bytes:
    """The .nlc file, after it was decoded and compared."""
    packed = container.pack(pack_file(data, "file", EncodeOptions(threads=1)))
    if nelloc_decode(packed) != data:
        raise ValueError("a JPEG file did not come back")
    return packed


def nelloc_decode(data: bytes) -> bytes:
    return unpack_file(container.parse(data), "file", DecodeOptions(threads=1)).data


def nelloc_decode_in_python(data: bytes) -> bytes:
    """The same without the compiled core."""
    before = os.environ.pop("NELLOC_CPU", None)
    os.environ["NELLOC_CPU"] = "numpy"
    try:
        return nelloc_decode(data)
    finally:
        os.environ.pop("NELLOC_CPU")
        if before is not None:
            os.environ["NELLOC_CPU"] = before


def made_file() -> bytes:
    """A small JPEG file, by which codecs are tried."""
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    return file.getvalue()


def codecs() -> tuple[list[Codec], list[str]]:
    """The codecs that are installed, and names of those that are not."""
    found, missing = [Codec("nelloc, with check", nelloc_encode, nelloc_decode)], []
    try:
        import imagecodecs

        imagecodecs.jpegxl_encode_jpeg(made_file())
        found.append(Codec("JPEG XL", imagecodecs.jpegxl_encode_jpeg, imagecodecs.jpegxl_decode_jpeg))
    except ImportError:
        missing.append("JPEG XL (imagecodecs)")
    try:
        import lepton_jpeg_python as lepton

        found.append(Codec("Lepton", lepton.compress_bytes, lepton.decompress_bytes))
    except ImportError:
        missing.append("Lepton (lepton-jpeg-python)")
    try:
        import imagecodecs

        imagecodecs.brunsli_encode(made_file())
        found.append(Codec("brunsli", imagecodecs.brunsli_encode, imagecodecs.brunsli_decode))
    except ImportError:
        missing.append("brunsli (imagecodecs, where it was built with it)")
    return found, missing


def files(data: Path) -> Iterator[tuple[str, bytes]]:
    """The JPEG files, each with the name of its set."""
    for path in sorted((data / "thesis-imagenet10").glob("*.jp*g")):
        yield "thesis-imagenet10", path.read_bytes()
    for number, path in enumerate(sorted((data / "kodak").glob("*.png"))):
        image = Image.open(path).convert("RGB")
        for k in range(THREE):
            quality, sampling, progressive = SETTINGS[(number + 4 * k) % len(SETTINGS)]
            made = io.BytesIO()
            image.save(made, "JPEG", quality=quality, subsampling=sampling, progressive=progressive)
            yield "made, progressive" if progressive else "made, baseline", made.getvalue()


def timed(function: Callable[[bytes], bytes], data: bytes) -> tuple[bytes, float]:
    began = time.process_time()
    return function(data), time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--numpy", type=int, metavar="N", help="decode one file in N without the core")
    parser.add_argument("--out", type=Path, required=True, help="report, without its extension")
    arguments = parser.parse_args()
    chosen, missing = codecs()
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    counts: dict[str, int] = defaultdict(int)
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    in_python, in_python_bytes = 0.0, 0
    for number, (name, data) in enumerate(files(arguments.data)):
        if arguments.numpy and number % arguments.numpy == 0:
            back, taken = timed(nelloc_decode_in_python, nelloc_encode(data))
            if back != data:
                raise SystemExit(f"without the core a file of {name} did not come back")
            in_python += taken
            in_python_bytes += len(data)
        for part in (name, "all"):
            counts[part] += 1
            sizes[part, "JPEG"] += len(data)
        for codec in chosen:
            packed, encoding = timed(codec.encode, data)
            back, decoding = timed(codec.decode, packed)
            if bytes(back) != data:
                raise SystemExit(f"{codec.name}: a file of {name} did not come back")
            for part in (name, "all"):
                sizes[part, codec.name] += len(packed)
            seconds[codec.name, "encode"] += encoding
            seconds[codec.name, "decode"] += decoding
    if not counts:
        raise SystemExit(
            f"{arguments.data}: has no kodak/*.png and no thesis-imagenet10/*.jpg; name the folder of both"
        )
    names = [codec.name for codec in chosen]
    rows = [
        [part, counts[part], sizes[part, "JPEG"], *(f"{sizes[part, one] / sizes[part, 'JPEG']:.4f}" for one in names)]
        for part in counts
    ]
    total = sizes["all", "JPEG"] / 1e6
    speeds = [[one, *(f"{total / seconds[one, way]:.2f}" for way in ("encode", "decode"))] for one in names]
    if in_python:
        speeds.append(["nelloc without the core", "-", f"{in_python_bytes / 1e6 / in_python:.4f}"])
    made = f"Made by `{report.command_line('benchmarks/jpeg_files.py')}` on {report.machine()}."
    absent = f"Not installed: {', '.join(missing)}." if missing else "All were installed."
    text = report.document(
        "JPEG files kept byte for byte",
        made,
        "Shares of the JPEG files' bytes. Every file was decoded and was the same bytes.",
        markdown.table(["files", "number", "JPEG bytes", *names], rows),
        "MB of JPEG files a CPU second, one thread.",
        markdown.table(["codec", "encode", "decode"], speeds),
        absent,
    )
    report.write_report(arguments.out.with_suffix(".md"), text)
    print(text)


if __name__ == "__main__":
    main()
