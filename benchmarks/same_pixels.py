"""One hash for each image: Python, nlcd on its CPU levels, other machines under emulation, and the page in Chromium.

    python benchmarks/same_pixels.py --nlcd NLCD [--page web/dist] [--emulated NAME=COMMAND]... [--mixed]
        [--only NAME]... [IMAGE...] --out benchmarks/results/same_pixels

Images are files, and with --mixed those of `mixed_images.py`; each is compressed with the default options, or taken
as it is if it is an .nlc file. A hash is the CRC-32 of red, green, blue and alpha, a byte each, row by row. COMMAND
runs nlcd of another machine, as "qemu-aarch64 -cpu max arm64/nlcd" does. The page's module decodes in a worker of
headless Chromium. --every N gives the page and emulated machines each N-th image only.

Emulated machines take minutes for a photograph, and come last, one after the other. Each hash is stored in OUT.csv as
soon as it is there, with that of the .nlc file, and OUT.md is written anew: stopped at any time, the same command goes
on from there. --files FOLDER keeps the .nlc files too, which are then not made again. --only NAME, as in the report,
has only that decoder work now.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import shlex
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from in_page import Browser
from mixed_images import mixed_images
from PIL import Image

import nelloc
from nelloc.bench import markdown

LEVELS = ("plain", "avx2", "avxvnni", "vnni", "amx", "neon", "dotprod")
COLUMNS = ("image", "file", "decoder", "pixels")
IN_PAGE = """import('/nelloc.js').then(async ({ open }) => {
    const file = await open('/image.nlc?' + performance.timeOrigin); // not one that the browser kept
    const data = (await file.decode()).data, table = [];
    file.close();
    for (let n = 0; n < 256; n++) {
        let c = n;
        for (let k = 0; k < 8; k++) c = c & 1 ? c >>> 1 ^ 0xedb88320 : c >>> 1;
        table[n] = c;
    }
    let crc = -1;
    for (const byte of data) crc = crc >>> 8 ^ table[(crc ^ byte) & 255];
    return ~crc >>> 0; })"""


@dataclass(frozen=True)
class Coded:
    """An image as an .nlc file."""

    name: str
    path: Path

    @property
    def crc(self) -> str:
        """The CRC-32 of the file."""
        return f"{zlib.crc32(self.path.read_bytes()):08x}"


class Hashes:
    """The hashes so far, which a file keeps: of images, by decoder."""

    def __init__(self, out: Path, images: list[Coded]):
        self._path = out.with_suffix(".csv")
        self._files = {image.name: image.crc for image in images}
        self.found: dict[str, dict[str, str]] = {image.name: {} for image in images}
        if self._path.exists():
            with self._path.open(newline="") as file:
                for row in csv.DictReader(file):
                    if self._files.get(row["image"]) == row["file"]:
                        self.found[row["image"]][row["decoder"]] = row["pixels"]

    def add(self, image: Coded, decoder: str, hash_now: Callable[[], int | None]) -> bool:
        """Have an image decoded unless its hash is known; a decoder that this machine lacks has None to give."""
        value = None if decoder in self.found[image.name] else hash_now()
        if value is None:
            return False
        self.found[image.name][decoder] = f"{value:08x}"
        row = image.name, self._files[image.name], decoder, f"{value:08x}"
        print(*row, flush=True)
        is_new = not self._path.exists()
        with self._path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, row] if is_new else [row])
        return True

    @property
    def different(self) -> int:
        """Images with more than one hash."""
        return sum(len(set(found.values())) > 1 for found in self.found.values())

    def report(self) -> list[str]:
        """The lines of the report."""
        counts: dict[str, int] = {}
        for found in self.found.values():
            for decoder in found:
                counts[decoder] = counts.get(decoder, 0) + 1
        order = ["Python", *(f"nlcd, {level}" for level in LEVELS)]
        decoders = [name for name in order if name in counts] + [name for name in counts if name not in order]
        rows = []
        for name, found in self.found.items():
            right = found.get("Python", "")
            cells = [found.get(one, "") for one in decoders]
            rows.append(markdown.row([name, right, *("same" if cell and cell == right else cell for cell in cells)]))
        return [
            "# The same pixels everywhere",
            "",
            "`python benchmarks/same_pixels.py`, images of each decoder in brackets:",
            "",
            ", ".join(f"{decoder} ({counts[decoder]})" for decoder in decoders) + ".",
            "",
            f"{len(rows)} images, {self.different} with more than one hash. Cells are empty where a decoder has not had"
            " the image.",
            "",
            *markdown.head(["image", "CRC-32", *decoders]),
            *rows,
        ]


def hash_of(image: Image.Image) -> int:
    """The hash of what is to be seen."""
    return zlib.crc32(image.convert("RGBA").tobytes())


def coded_images(paths: list[Path], mixed: bool, folder: Path) -> Iterator[Coded]:
    """Images, and .nlc files of them in a folder, made where they are not there."""
    for path in paths:
        if path.suffix == ".nlc":
            yield Coded(path.stem, path)
            continue
        coded = Coded(path.stem, folder / f"{path.stem}.nlc")
        if not coded.path.exists():
            with Image.open(path) as image:
                write(coded, image)
        yield coded
    for name, drawn in mixed_images() if mixed else ():
        coded = Coded(name, folder / f"{name}.nlc")
        if not coded.path.exists():
            write(coded, drawn)
        yield coded


def write(coded: Coded, image: Image.Image) -> None:
    """Compress an image; the file is there whole or not at all."""
    part = coded.path.with_suffix(".part")
    part.write_bytes(nelloc.encode(image, verify=False))
    part.replace(coded.path)


def by_python(path: Path) -> int:
    """The hash of what the package decodes."""
    decoded = nelloc.decode(path.read_bytes())
    return hash_of(decoded if isinstance(decoded, Image.Image) else Image.fromarray(np.asarray(decoded)))


def by_command(command: list[str], level: str, path: Path) -> int | None:
    """The hash of the PNG file that a command makes; None if its machine does not have the level."""
    environment = os.environ | {"NELLOC_CPU": level}
    done = subprocess.run(
        [*command, "--format", "png", "--level", "0", str(path), "-"], env=environment, capture_output=True, check=False
    )
    if done.returncode and b"is not a CPU level of this machine" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    with Image.open(io.BytesIO(done.stdout)) as image:
        return hash_of(image)


class InPage:
    """The page's module in a browser, which starts when it is asked for the first time."""

    def __init__(self, dist: Path, folder: Path):
        self._dist, self._folder = dist, folder
        self._browser: Browser | None = None

    def hash_of(self, path: Path) -> int:
        """The hash of what the module decodes."""
        self._browser = self._browser or Browser(self._dist, self._folder)
        (self._folder / "image.nlc").write_bytes(path.read_bytes())
        found = self._browser.run(IN_PAGE)
        assert isinstance(found, int)
        return found


def write_report(out: Path, hashes: Hashes) -> None:
    """Write the report of the hashes so far."""
    out.with_suffix(".md").write_text("\n".join(hashes.report()) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", type=Path)
    parser.add_argument("--nlcd", required=True)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--emulated", action="append", default=[])
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--only", action="append")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    emulated = dict(one.split("=", 1) for one in options.emulated)
    with TemporaryDirectory() as name:
        files = options.files or Path(name) / "files"
        for folder in (files, options.out.parent):
            folder.mkdir(parents=True, exist_ok=True)
        images = list(coded_images(options.images, options.mixed, files))
        hashes = Hashes(options.out, images)
        work: list[tuple[Coded, str, Callable[[], int | None]]] = []
        for image in images:
            work.append((image, "Python", partial(by_python, image.path)))
            for level in LEVELS:
                work.append((image, f"nlcd, {level}", partial(by_command, [options.nlcd], level, image.path)))
        if options.page:
            browser = InPage(options.page, Path(name))
            work += [(image, "page", partial(browser.hash_of, image.path)) for image in images[:: options.every]]
        for machine, command in emulated.items():
            for image in images[:: options.every]:
                work.append((image, machine, partial(by_command, shlex.split(command), "", image.path)))
        for image, decoder, hash_now in work:
            if (not options.only or decoder in options.only) and hashes.add(image, decoder, hash_now):
                write_report(options.out, hashes)
        write_report(options.out, hashes)
    print("\n".join(hashes.report()[4:7]))
    raise SystemExit(hashes.different > 0)


if __name__ == "__main__":
    main()
