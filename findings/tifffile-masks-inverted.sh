#!/usr/bin/env bash
# tifffile writes boolean masks that other programs read inverted.
#
# True is 1, and in a mask one expects it to be white. tifffile packs boolean arrays into one bit a pixel, and calls
# them "white is zero" if it is not told otherwise; uint8 arrays it calls "black is zero". Readers that show images
# (Pillow, OpenCV, libvips, and what is built on them) go by that, and True is black. tifffile and GDAL give the bits
# as they are, so a round trip finds nothing, and both sides of an exchange are sure to be right. imageio saves
# through tifffile: its masks are inverted as well. scikit-image makes bytes of them first. photometric="minisblack"
# is read alike by all.
#
# tifffile 2026.3.3, imagecodecs 2026.3.6, imageio 2.38.1, scikit-image 0.26.0, pillow 13.0.0, opencv-python-headless
# 5.0.0.93, pyvips-binary 8.18.7, rasterio 1.4.4, numpy 2.4.6. Output seen: pixels of 64 that are white, where the
# mask has 6
#                                    tifffile  GDAL  Pillow  OpenCV  libvips
#   tifffile.imwrite(mask)           6         6     58      58      58
#   imageio.v3.imwrite(mask)         6         6     58      58      58
#   skimage.io.imsave(mask)          6         6     6       6       6
#   the same, minisblack             6         6     6       6       6
#   tifffile.imwrite(mask as uint8)  6         6     6       6       6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tifffile==2026.3.3 imagecodecs==2026.3.6 \
    imageio==2.38.1 scikit-image==0.26.0 pillow==13.0.0 opencv-python-headless==5.0.0.93 pyvips==3.2.0 \
    pyvips-binary==8.18.7 rasterio==1.4.4 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'END'
import cv2
import imageio.v3
import numpy as np
import pyvips
import rasterio
import skimage.io
import tifffile
from PIL import Image

MASK = np.zeros((8, 8), bool)
MASK[2:4, 2:5] = True


def gdal(name):
    with rasterio.open(name) as file:
        return file.read(1)


READERS = {
    "tifffile": tifffile.imread,
    "GDAL": gdal,
    "Pillow": lambda name: np.asarray(Image.open(name)),
    "OpenCV": lambda name: cv2.imread(name, cv2.IMREAD_UNCHANGED),
    "libvips": lambda name: pyvips.Image.new_from_file(name).numpy(),
}
WRITERS = {
    "tifffile.imwrite(mask)": lambda name: tifffile.imwrite(name, MASK),
    "imageio.v3.imwrite(mask)": lambda name: imageio.v3.imwrite(name, MASK),
    "skimage.io.imsave(mask)": lambda name: skimage.io.imsave(name, MASK, check_contrast=False),
    "the same, minisblack": lambda name: tifffile.imwrite(name, MASK, photometric="minisblack"),
    "tifffile.imwrite(mask as uint8)": lambda name: tifffile.imwrite(name, MASK.astype(np.uint8) * 255),
}
print(" " * 31, "tifffile  GDAL  Pillow  OpenCV  libvips")
for number, (title, write) in enumerate(WRITERS.items()):
    name = f"{number}.tif"  # another for each: libvips remembers files by their names
    write(name)
    white = {reader: int(np.count_nonzero(read(name))) for reader, read in READERS.items()}
    columns = "  ".join(f"{white[reader]:<{len(reader)}}" for reader in READERS)
    print(f"{title:31} {columns}".rstrip())
    inverted = 58 if number < 2 else 6
    assert list(white.values()) == [6, 6, inverted, inverted, inverted], f"{title} has changed"
END
