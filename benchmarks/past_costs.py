"""Cost of looking for the JPEG that a picture was: where there is none, and where there is one.

    python benchmarks/past_costs.py --data ../shared/data --out benchmarks/results/past_costs
    python benchmarks/past_costs.py --data ../shared/data --changed-only --out benchmarks/results/past_costs_changed

Images that were no JPEGs are the mixed set (mixed_images.py), the held-out photographs, and one in --changed of these
after other changes, most of them as a JPEG first: bytes of their files with and without the search (the same ones where
nothing is found), and its share of the time. Then images of Kodak, one in
--every, are made into JPEG files by Pillow and decoded: seconds of the processor a megapixel to find the coefficients,
and to decode nelloc's file, beside JPEG XL's lossless file of the same pixels (imagecodecs, effort 7). Files of nelloc
that hold JPEGs are decoded and compared.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import report
from images import load, saved_as_jpeg
from mixed_images import mixed_images
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

import nelloc
from nelloc.bench import markdown
from nelloc.codec import container
from nelloc.codec.description import describe, missing_levels
from nelloc.codec.format import SectionType
from nelloc.codec.past.invert import invert
from nelloc.codec.past.stretched import levels_of_jpeg
from nelloc.image import from_array

Pixels = NDArray[np.uint8]
QUALITIES = (60, 75, 90, 98)
SAMPLINGS = {"4:4:4": 0, "4:2:0": 2}
REPEATED = 3  # a short time is the least of this number


class Looked(NamedTuple):
    """An image that was no JPEG: bytes with and without the search, whether it found one, and seconds of both."""

    name: str
    with_search: int
    without: int
    found: bool
    search: float
    encode: float


def seconds(function: Callable[[], Any], count: int = 1) -> tuple[Any, float]:
    """The result of a function, and the least time of the processor that it took."""
    taken = []
    for _ in range(count):
        began = time.process_time()
        found = function()
        taken.append(time.process_time() - began)
    return found, min(taken)


def saturated(image: Pixels, factor: float) -> Pixels:
    return np.asarray(ImageEnhance.Color(Image.fromarray(image)).enhance(factor))


def managed(image: Pixels, far: float) -> Pixels:
    """The colours of a display whose primaries are a little, or ``far``, from those of sRGB."""
    mixed = np.eye(3) + far * np.array([[1, -0.6, -0.4], [-0.3, 1, -0.7], [-0.5, -0.5, 1]])
    value = image / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ mixed.T, 0, 1)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * shown).astype(np.uint8)


def resized(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(image).resize((width * 4 // 5, height * 4 // 5), Image.Resampling.LANCZOS))


# Changes of a photograph: whether it is a JPEG of quality 90 first, and what is done to it.
CHANGES: dict[str, tuple[bool, Callable[[Pixels], Pixels]]] = {
    "JPEGs, resized": (True, resized),
    "JPEGs, more saturated": (True, lambda image: saturated(image, 1.1)),
    "JPEGs, colour-managed a little": (True, lambda image: managed(image, 0.01)),
    "JPEGs, colour-managed": (True, lambda image: managed(image, 0.03)),
    "JPEGs, denoised": (True, lambda image: np.asarray(Image.fromarray(image).filter(ImageFilter.MedianFilter(3)))),
    "photographs, stretched": (
        False,
        lambda image: np.asarray(ImageOps.autocontrast(Image.fromarray(image // 2 + 50))),
    ),
}


def without_past(data: Path, every: int, *, changed_only: bool) -> Iterator[tuple[str, str, Pixels]]:
    """Set, name and pixels of images that were no JPEGs, or only of changed ones."""
    if not changed_only:
        for name, image in mixed_images(data=data):
            yield "mixed", name, np.asarray(image)
        for name, pixels in load(data, "held-out").items():
            yield "held-out photographs", name, pixels
    for kind, (was_jpeg, change) in CHANGES.items():
        for name, pixels in list(load(data, "held-out").items())[::every]:
            yield kind, name, np.ascontiguousarray(change(saved_as_jpeg(pixels, 90, 2) if was_jpeg else pixels))


def look(name: str, image: Pixels) -> Looked:
    """Encode an image with and without the search, whose time is all that is more where a JPEG is found.

    Raises AssertionError if the image comes back changed.
    """
    whole = from_array(image)
    colour, lacking = whole.groups[0], missing_levels(whole.kind, describe(whole))

    def search_all() -> object:
        found = invert(colour) if len(colour) in (1, 3) else None
        return levels_of_jpeg(colour, lacking[0]) if found is None and lacking and any(lacking[0]) else found

    found, search = seconds(search_all, REPEATED)
    plain, encode = seconds(lambda: nelloc.encode(image, past=False, verify=False, threads=1))
    chosen, own = plain, encode + search
    if found is not None:
        chosen, own = seconds(lambda: nelloc.encode(image, verify=False, threads=1))
        search = max(search, own - encode)
    assert found is None or np.array_equal(nelloc.decode(chosen), image), f"{name} came back changed"
    return Looked(name, len(chosen), len(plain), found is not None, search, encode)


def time_share(rows: list[Looked]) -> str:
    """The time of the search as a share of that of encoding, in percent."""
    return f"{100 * sum(one.search for one in rows) / max(1e-9, sum(one.encode for one in rows)):.2f} %"


def harm(rows: Iterable[tuple[str, Looked]]) -> tuple[str, list[str]]:
    """A table of the sets, and the images that became larger."""
    sets: dict[str, list[Looked]] = defaultdict(list)
    for name, row in rows:
        sets[name].append(row)
    lines, larger = [], []
    for name, own in sets.items():
        with_search, without = sum(one.with_search for one in own), sum(one.without for one in own)
        longest = max(own, key=lambda one: one.search / one.encode)
        worse = [one.name for one in own if one.with_search > one.without]
        larger += worse
        share = time_share(own)
        in_vain = time_share([one for one in own if not one.found])
        most = f"{100 * longest.search / longest.encode:.1f} % ({longest.name})"
        found = sum(one.found for one in own)
        lines.append([name, len(own), found, with_search, without, len(worse), share, in_vain, most])
    heads = [
        "images",
        "number",
        "taken for JPEGs",
        "bytes",
        "without the search",
        "larger",
        "time of the search",
        "where none was found",
        "at most",
    ]
    return markdown.table(heads, lines), larger


def speeds(data: Path, every: int) -> str:
    """A table of seconds a megapixel of pictures that were JPEGs."""
    lines = []
    images = list(load(data, "kodak").values())[::every]
    area = sum(image[..., 0].size for image in images) / 1e6
    for sampling, number in SAMPLINGS.items():
        for quality in QUALITIES:
            search = decode = peer = 0.0
            kept = 0
            for image in images:
                pixels = saved_as_jpeg(image, quality, number)
                planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
                search += seconds(lambda planes=planes: invert(planes))[1]
                packed = nelloc.encode(pixels, verify=False, threads=1)
                kept += container.parse(packed).section(SectionType.PAST) is not None
                back, taken = seconds(lambda packed=packed: nelloc.decode(packed, threads=1), REPEATED)
                assert np.array_equal(back, pixels), "a picture came back changed"
                decode += taken
                other = imagecodecs.jpegxl_encode(pixels, lossless=True, effort=7, numthreads=1)
                read = lambda other=other: imagecodecs.jpegxl_decode(other, numthreads=1)  # noqa: E731
                back, taken = seconds(read, REPEATED)
                assert np.array_equal(back, pixels), "JPEG XL changed a picture"
                peer += taken
            figures = [search / area, decode / area, peer / area]
            ratio = f"{decode / peer:.2f}"
            lines.append([sampling, quality, f"{kept} of {len(images)}", *(f"{one:.2f}" for one in figures), ratio])
    heads = ["sampling", "quality", "stored as a JPEG", "search", "decode", "JPEG XL's decode", "decode / JPEG XL's"]
    return markdown.table(heads, lines)


_OF_JPEGS = "Pictures that were JPEGs, of Kodak: seconds of the processor a megapixel."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--changed", type=int, default=4, help="take one photograph in this number for changes")
    parser.add_argument("--changed-only", action="store_true", help="measure only changed photographs")
    parser.add_argument("--every", type=int, default=6, help="take one image of Kodak in this number")
    parser.add_argument("--out", type=Path, required=True, help="report, without its extension")
    arguments = parser.parse_args()
    table, larger = harm(
        (set_, look(name, image))
        for set_, name, image in without_past(arguments.data, arguments.changed, changed_only=arguments.changed_only)
    )
    named = f"Larger: {', '.join(larger)}." if larger else "None became larger."
    text = report.document(
        "Looking for the JPEG that a picture was",
        f"Made by `{report.command_line('benchmarks/past_costs.py')}` on {report.machine()}, with JPEG XL of "
        f"{imagecodecs.jpegxl_version()}.",
        "Images that were no JPEGs. The time of the search is a share of that of encoding without it.",
        table,
        named,
        *([] if arguments.changed_only else [_OF_JPEGS, speeds(arguments.data, arguments.every)]),
    )
    report.write_report(arguments.out.with_suffix(".md"), text)
    print(text)


if __name__ == "__main__":
    main()
