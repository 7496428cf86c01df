#!/usr/bin/env bash
# OpenCV reads big-endian arrays as little-endian ones, without a word.
#
# numpy arrays of dtype >u2 come from FITS files (astropy), big-endian TIFF files (tifffile.memmap), Zarr and raw
# sensor dumps. Printed, added and compared they are like any other array. The binding of OpenCV looks at the size and
# kind of the dtype, not at its byte order: every sample is taken with its bytes swapped, by imwrite, by mean, by every
# filter. imread 0.7.6 (the package behind mahotas.imread) does the same. Pillow writes such gray arrays correctly.
#
# opencv-python-headless 5.0.0.93, imread 0.7.6, Pillow 13.0.0, numpy 2.4.6. Output seen:
#   the array      [0, 1, 2, 3, 4, 5]
#   OpenCV's PNG   [0, 256, 512, 768, 1024, 1280], mean 640.0 instead of 2.5
#   imread's PNG   [0, 256, 512, 768, 1024, 1280]
#   Pillow's PNG   [0, 1, 2, 3, 4, 5]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 imread==0.7.6 pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import cv2
import imread
import numpy as np
from PIL import Image

array = np.arange(6, dtype=">u2").reshape(2, 3)
assert cv2.imwrite("cv2.png", array)
imread.imsave("imread.png", array)
Image.fromarray(array).save("pillow.png")
found = {name: np.asarray(Image.open(f"{name}.png")) for name in ("cv2", "imread", "pillow")}
print("the array     ", array.ravel().tolist())
print("OpenCV's PNG  ", found["cv2"].ravel().tolist(), "mean", cv2.mean(array)[0], "instead of", array.mean())
print("imread's PNG  ", found["imread"].ravel().tolist())
print("Pillow's PNG  ", found["pillow"].ravel().tolist())
assert np.array_equal(found["pillow"], array)
for name in ("cv2", "imread"):
    assert np.array_equal(found[name], array.astype("<u2").byteswap()), f"{name} has changed"
assert cv2.mean(array)[0] == 640.0
END
