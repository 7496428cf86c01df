"""One hash for each image: Python, nlcd on its CPU levels, other machines under emulation, and the page in Chromium.

    python benchmarks/same_pixels.py --nlcd NLCD [--page web/dist] [--emulated NAME=COMMAND]... [--mixed] [IMAGE...]
        --out benchmarks/results/same_pixels

Images are files, and with --mixed those of `mixed_images.py`; each is compressed with the default options, or taken
as it is if it is an .nlc file. A hash is the CRC-32 of red, green, blue and alpha, a byte each, row by row. COMMAND
runs nlcd of another machine, as "qemu-aarch64 -cpu max arm64/nlcd" does. The page's module decodes in a worker of
headless Chromium. --every N gives the page and emulated machines each N-th image only.
"""

from __future__ import annotations

import argparse
import io
import os
import shlex
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from in_page import Browser
from mixed_images import mixed_images
from PIL import Image

import nelloc
from nelloc.bench import markdown

LEVELS = ("plain", "avx2", "avxvnni", "vnni", "amx", "neon", "dotprod")
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


def hash_of(image: Image.Image) -> int:
    """The hash of what is to be seen."""
    return zlib.crc32(image.convert("RGBA").tobytes())


def images(paths: list[Path], mixed: bool) -> Iterator[tuple[str, bytes]]:
    """Names and .nlc files."""
    for path in paths:
        if path.suffix == ".nlc":
            yield path.stem, path.read_bytes()
        else:
            with Image.open(path) as image:
                yield path.stem, nelloc.encode(image, verify=False)
    for name, drawn in mixed_images() if mixed else ():
        yield name, nelloc.encode(drawn, verify=False)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", type=Path)
    parser.add_argument("--nlcd", required=True)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--emulated", action="append", default=[])
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    emulated = dict(one.split("=", 1) for one in options.emulated)
    rows, decoders, different = [], dict.fromkeys(["Python"], 0), 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "image.nlc"
        browser = Browser(options.page, folder) if options.page else None
        for number, (image, data) in enumerate(images(options.images, options.mixed)):
            path.write_bytes(data)
            decoded = nelloc.decode(data)
            found: dict[str, int | None] = {
                "Python": hash_of(decoded if isinstance(decoded, Image.Image) else Image.fromarray(np.asarray(decoded)))
            }
            found |= {f"nlcd, {level}": by_command([options.nlcd], level, path) for level in LEVELS}
            if number % options.every == 0:
                for machine, command in emulated.items():
                    found[machine] = by_command(shlex.split(command), "", path)
                if browser is not None:
                    found["page"] = browser.run(IN_PAGE)
            hashes = {decoder: value for decoder, value in found.items() if value is not None}
            for decoder in hashes:
                decoders[decoder] = decoders.get(decoder, 0) + 1
            different += len(set(hashes.values())) > 1
            rows.append(
                markdown.row([image, ", ".join(f"{value:08x}" for value in sorted(set(hashes.values()))), len(hashes)])
            )
            print(rows[-1], flush=True)
    told = ", ".join(f"{decoder} ({count})" for decoder, count in decoders.items())
    lines = [
        "# The same pixels everywhere",
        "",
        "`python benchmarks/same_pixels.py`, images of each decoder in brackets:",
        "",
        told + ".",
        "",
    ]
    lines += [
        f"{len(rows)} images, {different} with more than one hash.",
        "",
        *markdown.head(["image", "CRC-32", "decoders"]),
    ]
    options.out.with_suffix(".md").write_text("\n".join([*lines, *rows]) + "\n")
    print("\n".join(lines[4:7]))
    raise SystemExit(different > 0)


if __name__ == "__main__":
    main()
