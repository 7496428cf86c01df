#!/usr/bin/env bash
# Pillow reads BigTIFF in one byte order only.
#
# BigTIFF files are documented as supported, and both byte orders are legal; those of little-endian machines open. The
# same pixels in big-endian order are no image to Pillow, although it takes their first bytes for those of a TIFF: the
# version number is looked for where little-endian files have it, so the rest is read as classic TIFF. The only hint is a
# warning of corrupt EXIF data. GDAL, OpenCV, libvips and tifffile open both, and Pillow opens classic TIFF in both.
#
# pillow 13.0.0, tifffile 2026.3.3, rasterio 1.4.4, opencv-python-headless 5.0.0.93, pyvips-binary 8.18.7, numpy 2.4.6.
# Output seen: which readers give the pixels back
#   TIFF    <  Pillow, tifffile, GDAL, OpenCV, libvips
#   TIFF    >  Pillow, tifffile, GDAL, OpenCV, libvips
#   BigTIFF <  Pillow, tifffile, GDAL, OpenCV, libvips
#   BigTIFF >  tifffile, GDAL, OpenCV, libvips
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 tifffile==2026.3.3 rasterio==1.4.4 \
    opencv-python-headless==5.0.0.93 pyvips==3.2.0 pyvips-binary==8.18.7 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import warnings

import cv2
import numpy as np
import pyvips
import rasterio
import tifffile
from PIL import Image, UnidentifiedImageError

warnings.simplefilter("ignore")
pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)


def by_gdal(name):
    with rasterio.open(name) as file:
        return file.read(1)


READERS = {
    "Pillow": lambda name: np.asarray(Image.open(name)),
    "tifffile": tifffile.imread,
    "GDAL": by_gdal,
    "OpenCV": lambda name: cv2.imread(name, cv2.IMREAD_UNCHANGED),
    "libvips": lambda name: pyvips.Image.new_from_file(name).numpy(),
}


def reads(reader, name):
    try:
        return np.array_equal(reader(name).reshape(8, 8), pixels)
    except UnidentifiedImageError:
        return False


found = {}
for big in (False, True):
    for order in "<>":
        tifffile.imwrite("a.tif", pixels, bigtiff=big, byteorder=order)
        found[big, order] = [name for name, reader in READERS.items() if reads(reader, "a.tif")]
        print("BigTIFF" if big else "TIFF   ", order, "", ", ".join(found[big, order]))
others = [name for name in READERS if name != "Pillow"]
assert found == {(big, order): others if big and order == ">" else list(READERS) for big, order in found}
END
