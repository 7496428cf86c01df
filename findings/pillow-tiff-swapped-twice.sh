#!/usr/bin/env bash
# Pillow turns the bytes of signed and floating-point samples round twice in big-endian TIFF files that are compressed.
#
# Without compression Pillow reads such files right, and compression in TIFF says nothing about byte order. But
# compressed data goes through libtiff, which gives samples in the order of the machine; Pillow then swaps them again, as
# the file's header says. int16, int32 and float32 come out as noise of the right shape and mode, without a warning;
# uint8 and uint16 are right, so that a trial with an ordinary image finds nothing. Elevation models and microscopy are
# stored so. GDAL, OpenCV and tifffile read them right.
#
# pillow 13.0.0, tifffile 2026.3.3, imagecodecs 2026.3.6, rasterio 1.4.4, opencv-python-headless 5.0.0.93, numpy 2.4.6.
# Output seen: share of samples that Pillow reads wrong, and that GDAL and OpenCV do
#            not compressed  zlib  lzw   GDAL, zlib  OpenCV, zlib
#   uint16   0.00            0.00  0.00  0.00        0.00
#   int16    0.00            1.00  1.00  0.00        0.00
#   int32    0.00            1.00  1.00  0.00        0.00
#   float32  0.00            1.00  1.00  0.00        0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 tifffile==2026.3.3 \
    imagecodecs==2026.3.6 rasterio==1.4.4 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'END'
import cv2
import numpy as np
import rasterio
import tifffile
from PIL import Image

def opened_by_gdal(name):
    with rasterio.open(name) as file:
        return file.read(1)

samples = 1000 + np.arange(1024).reshape(32, 32)
print("         not compressed  zlib  lzw   GDAL, zlib  OpenCV, zlib")
for dtype in (np.uint16, np.int16, np.int32, np.float32):
    image = samples.astype(dtype)
    wrong = []
    for compression in (None, "lzw", "zlib"):
        tifffile.imwrite("a.tif", image, byteorder=">", compression=compression, photometric="minisblack")
        wrong.append(np.mean(np.asarray(Image.open("a.tif")) != image))
    plain, lzw, zlib = wrong
    gdal = np.mean(opened_by_gdal("a.tif") != image)
    opencv = np.mean(cv2.imread("a.tif", cv2.IMREAD_UNCHANGED) != image)
    row = f"{plain:.2f}            {zlib:.2f}  {lzw:.2f}  {gdal:.2f}        {opencv:.2f}"
    print(f"{np.dtype(dtype).name:7}  {row}")
    assert plain == gdal == opencv == 0
    assert zlib == lzw == 0 if dtype == np.uint16 else min(zlib, lzw) > 0.9
END
