#!/usr/bin/env bash
# Pillow loses the transparency of gray PNG files of 2 and 4 bits, unless it is black that is transparent.
#
# The tRNS chunk of a gray PNG file names one level as transparent. Pillow spreads samples of 2 and 4 bits over 8 (15
# becomes 255), but leaves the level in tRNS as it is (15), which no sample has any more: converted to RGBA or LA, the
# picture is opaque, and saved again as PNG, its chunk names a level that does not occur. Level 0 is 0 at every depth,
# and 1 and 8 bits are right, so that the obvious trials find nothing. libvips and imagecodecs (libpng) are right.
#
# pillow 13.0.0, imagecodecs 2026.3.6, pyvips-binary 8.18.7, numpy 2.4.6. Output seen: transparent pixels of 8, where 4
# have the transparent level
#            white is transparent         black is transparent
#            Pillow  libpng  libvips      Pillow  libpng  libvips
#   1 bit    4       4       4            4       4       4
#   2 bits   0       4       4            4       4       4
#   4 bits   0       4       4            4       4       4
#   8 bits   4       4       4            4       4       4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 imagecodecs==2026.3.6 pyvips==3.2.0 \
    pyvips-binary==8.18.7 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'END'
import struct
import zlib

import imagecodecs
import numpy as np
import pyvips
from PIL import Image


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(depth, transparent):
    levels = np.array([0, 1] * 4) * ((1 << depth) - 1)
    row = int("".join(f"{level:0{depth}b}" for level in levels), 2).to_bytes(depth, "big")
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 1, depth, 0, 0, 0, 0)),
        chunk(b"tRNS", struct.pack(">H", transparent)),
        chunk(b"IDAT", zlib.compress(b"\0" + row)),
        chunk(b"IEND", b""),
    ))


def transparent_pixels(depth, level):
    name = f"{depth}-{level}.png"
    with open(name, "wb") as file:
        file.write(png(depth, level))
    alphas = (
        np.asarray(Image.open(name).convert("RGBA"))[:, :, 3],
        imagecodecs.png_decode(png(depth, level))[:, :, -1],
        pyvips.Image.new_from_file(name).numpy()[:, :, -1],
    )
    return [int((alpha == 0).sum()) for alpha in alphas]


def columns(counts):
    return "".join(f"{count:<8}" for count in counts)


print("         white is transparent         black is transparent")
print("         Pillow  libpng  libvips      Pillow  libpng  libvips")
for depth in (1, 2, 4, 8):
    white, black = transparent_pixels(depth, (1 << depth) - 1), transparent_pixels(depth, 0)
    bits = f"{depth} bit{'s' * (depth > 1)}"
    print(f"{bits:8} {columns(white)}     {columns(black)}".rstrip())
    assert white == [0 if depth in (2, 4) else 4, 4, 4], f"{depth} bits have changed"
    assert black == [4, 4, 4], f"{depth} bits have changed"
END
