#!/usr/bin/env bash
# GDAL's two ways to lossless WebP disagree on what lossless is.
#
# The driver WEBP with LOSSLESS=YES changes the colour of pixels whose alpha is 0; GTiff with COMPRESS=WEBP and
# WEBP_LOSSLESS=YES keeps it. Both use libwebp: libtiff sets its "exact" flag, the WEBP driver leaves it off. Its option
# EXACT is a number: EXACT=YES, written like LOSSLESS=YES beside it, is taken without error and does nothing; EXACT=1
# works. Masked satellite scenes, sprites and textures have data under alpha 0. OpenCV (quality above 100, its documented
# lossless mode) changes it too, and has no option for it; imagecodecs keeps it.
#
# rasterio 1.4.4 (GDAL 3.10.3), opencv-python-headless 5.0.0.93, imagecodecs 2026.3.6, numpy 2.4.6. Output seen: samples
# under alpha 0 that differ
#   WEBP LOSSLESS=YES             192 of 192
#   WEBP LOSSLESS=YES EXACT=YES   192 of 192
#   WEBP LOSSLESS=YES EXACT=1     0 of 192
#   GTiff WEBP_LOSSLESS=YES       0 of 192
#   OpenCV, quality 101           192 of 192
#   imagecodecs, lossless=True    0 of 192
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 opencv-python-headless==5.0.0.93 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import warnings

import cv2
import imagecodecs
import numpy as np
import rasterio

warnings.simplefilter("ignore")  # of files without coordinates
image = np.random.default_rng(0).integers(1, 256, (8, 16, 4), dtype=np.uint8)
image[:4, :, 3] = 0

def by_gdal(**options):
    with rasterio.open("a", "w", height=8, width=16, count=4, dtype="uint8", **options) as file:
        file.write(image.transpose(2, 0, 1))
    with rasterio.open("a") as file:
        return file.read().transpose(1, 2, 0)

def by_opencv():
    done, data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert done
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)

cases = {
    "WEBP LOSSLESS=YES": (by_gdal(driver="WEBP", LOSSLESS="YES"), False),
    "WEBP LOSSLESS=YES EXACT=YES": (by_gdal(driver="WEBP", LOSSLESS="YES", EXACT="YES"), False),
    "WEBP LOSSLESS=YES EXACT=1": (by_gdal(driver="WEBP", LOSSLESS="YES", EXACT="1"), True),
    "GTiff WEBP_LOSSLESS=YES": (
        by_gdal(driver="GTiff", compress="WEBP", WEBP_LOSSLESS="YES", interleave="pixel"), True,
    ),
    "OpenCV, quality 101": (by_opencv(), False),
    "imagecodecs, lossless=True": (imagecodecs.webp_decode(imagecodecs.webp_encode(image, lossless=True)), True),
}
for name, (back, exact) in cases.items():
    print(f"{name:29} {np.sum(back[:4] != image[:4])} of {4 * 16 * 3}")
    assert np.array_equal(back[4:], image[4:]), "not lossless at all"
    assert np.array_equal(back, image) == exact, f"{name} has changed"
END
