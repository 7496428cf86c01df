#!/usr/bin/env bash
# Gray TIFF pictures with alpha, plane after plane: Pillow makes them transparent, and libvips mixes up their rows.
#
# TIFF has the samples of a pixel side by side or each channel apart (PlanarConfiguration 2), and both libraries read
# RGB of both kinds. Of gray with alpha apart, Pillow reads the gray, and leaves the alpha at 0 if the file is
# compressed: pasted or converted to RGBA, the picture is invisible; not compressed, it raises an error. libvips gives
# the first row, and from the second on each row begins in the middle of the one before it. No error or warning. GDAL
# and tifffile are right.
#
# pillow 13.0.0, pyvips-binary 8.18.7, rasterio 1.4.4, tifffile 2026.3.3, imagecodecs 2026.3.6, numpy 2.4.6. Output
# seen: share of samples of gray (or colour) that are right, and of alpha
#                             Pillow      libvips     GDAL
#   gray, together, zlib      1.00, 1.00  1.00, 1.00  1.00, 1.00
#   RGB, apart, zlib          1.00        1.00        1.00
#   gray, apart               ValueError  0.06, 1.00  1.00, 1.00
#   gray, apart, zlib         1.00, 0.00  0.06, 1.00  1.00, 1.00
#   gray, apart, packbits     1.00, 0.00  0.06, 1.00  1.00, 1.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 pyvips==3.2.0 pyvips-binary==8.18.7 \
    rasterio==1.4.4 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import pyvips
import rasterio
import tifffile
from PIL import Image

GRAY = np.arange(256, dtype=np.uint8).reshape(16, 16)
ALPHA = np.full((16, 16), 250, np.uint8)
RGB = np.stack((GRAY, GRAY[::-1], GRAY.T), axis=2)
GRAY_ALPHA = np.stack((GRAY, ALPHA), axis=2)


def gdal(name):
    with rasterio.open(name) as file:
        return np.moveaxis(file.read(), 0, 2)


READERS = {
    "Pillow": lambda name: np.asarray(Image.open(name)),
    "libvips": lambda name: pyvips.Image.new_from_file(name).numpy(),
    "GDAL": gdal,
}


def write(name, samples, compression, planar):
    gray = samples.shape[2] == 2
    tifffile.imwrite(
        name, samples if planar == "contig" else np.ascontiguousarray(np.moveaxis(samples, 2, 0)), metadata=None,
        photometric="minisblack" if gray else "rgb", extrasamples=["unassalpha"] if gray else None,
        planarconfig=planar, compression=compression,
    )


def read(reader, name, samples):
    try:
        right = READERS[reader](name) == samples
    except ValueError:
        return "ValueError"
    if samples is RGB:
        return f"{right.mean():.2f}"
    return f"{right[:, :, 0].mean():.2f}, {right[:, :, 1].mean():.2f}"


BOTH, MIXED = "1.00, 1.00", "0.06, 1.00"
print(f"{'':25} Pillow      libvips     GDAL")
for title, samples, compression, expected in (
    ("gray, together, zlib", GRAY_ALPHA, "zlib", [BOTH, BOTH, BOTH]),
    ("RGB, apart, zlib", RGB, "zlib", ["1.00", "1.00", "1.00"]),
    ("gray, apart", GRAY_ALPHA, None, ["ValueError", MIXED, BOTH]),
    ("gray, apart, zlib", GRAY_ALPHA, "zlib", ["1.00, 0.00", MIXED, BOTH]),
    ("gray, apart, packbits", GRAY_ALPHA, "packbits", ["1.00, 0.00", MIXED, BOTH]),
):
    write(f"{title}.tif", samples, compression, "separate" if "apart" in title else "contig")
    found = [read(reader, f"{title}.tif", samples) for reader in READERS]
    print(f"{title:25} {found[0]:11} {found[1]:11} {found[2]}")
    assert found == expected, f"{title} has changed"
END
