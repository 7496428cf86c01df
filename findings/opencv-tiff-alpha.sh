#!/usr/bin/env bash
# OpenCV multiplies the colours of 8-bit RGBA TIFF files by their alpha, also with IMREAD_UNCHANGED.
#
# Of the two kinds of alpha in TIFF it is the plain one, "unassociated", which Pillow writes, that is changed: OpenCV reads
# these files through libtiff's interface for ready-made pixels, which multiplies it. TIFF files of 16 bits, PNG files of
# the same pixels, and OpenCV's own TIFF files, which do not name the kind of alpha, come back as they are.
#
# opencv-python-headless 5.0.0.93, Pillow 13.0.0, tifffile 2026.3.3, numpy 2.4.6. Output seen: samples that differ
#   Pillow's PNG, 8 bits                0.00
#   Pillow's TIFF, 8 bits               0.73, all are the samples times alpha
#   tifffile, unassociated, 8 bits      0.73, all are the samples times alpha
#   tifffile, unassociated, 16 bits     0.00
#   tifffile, associated, 8 bits        0.00
#   OpenCV's TIFF, 8 bits               0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 pillow==13.0.0 \
    tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import cv2
import numpy as np
import tifffile
from PIL import Image

random = np.random.default_rng(0)
eight = random.integers(0, 256, (24, 32, 4), dtype=np.uint8)
sixteen = random.integers(0, 65536, (24, 32, 4), dtype=np.uint16)


def multiplied(found, pixels):
    back = cv2.cvtColor(cv2.imread(found, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    assert (back.shape, back.dtype) == (pixels.shape, pixels.dtype)
    assert np.array_equal(back[:, :, 3], pixels[:, :, 3])
    product = pixels[:, :, :3] * (pixels[:, :, 3:] / np.iinfo(pixels.dtype).max)
    times_alpha = np.abs(back[:, :, :3] - product).max() < 1
    words = ", all are the samples times alpha" if times_alpha else ""
    print(f"{(back != pixels).mean():.2f}{words}")
    assert times_alpha or np.array_equal(back, pixels)
    return times_alpha


def trial(name, file, pixels, write):
    write(file)
    print(f"{name:35} ", end="")
    return multiplied(file, pixels)


def tiff(pixels, kind):
    return lambda file: tifffile.imwrite(file, pixels, photometric="rgb", extrasamples=[kind])


image = Image.fromarray(eight)
assert not trial("Pillow's PNG, 8 bits", "a.png", eight, image.save)
assert trial("Pillow's TIFF, 8 bits", "a.tif", eight, image.save)
assert trial("tifffile, unassociated, 8 bits", "b.tif", eight, tiff(eight, "unassalpha"))
assert not trial("tifffile, unassociated, 16 bits", "c.tif", sixteen, tiff(sixteen, "unassalpha"))
assert not trial("tifffile, associated, 8 bits", "d.tif", eight, tiff(eight, "assocalpha"))
own = cv2.cvtColor(eight, cv2.COLOR_RGBA2BGRA)
assert not trial("OpenCV's TIFF, 8 bits", "e.tif", eight, lambda file: cv2.imwrite(file, own))
END
