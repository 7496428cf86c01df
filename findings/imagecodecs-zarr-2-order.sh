#!/usr/bin/env bash
# imagecodecs' codecs scramble Zarr 2 arrays of order "F"; those of numcodecs do not.
#
# Zarr format 2 hands a compressor each chunk in the array's order, takes the array that decode returns as it lies in
# memory, and gives that memory the array's order. A compressor of bytes never notices. An image codec stores the image,
# and returns it in C order: in an array of order F every chunk comes back with its samples in wrong places, with the
# right shape and no error. (PNG refuses such chunks; JPEG XL, JPEG 2000, JPEG-LS, LERC, TIFF, HTJ2K and AVIF take them.)
#
# zarr 3.1.6, imagecodecs 2026.3.6, numcodecs 0.16.6, numpy 2.4.6. Output seen: share of samples that differ
#           order C   order F
#   Zlib     0.00      0.00
#   Jpegxl   0.00      0.99
#   Jpeg2k   0.00      0.99
#   Lerc     0.00      0.99
#   Tiff     0.00      0.99
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zarr==3.1.6 imagecodecs==2026.3.6 numcodecs==0.16.6 tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import warnings

import imagecodecs.numcodecs as images
import numcodecs
import numpy as np
import zarr

warnings.simplefilter("ignore")
images.register_codecs()
samples = np.random.default_rng(0).integers(0, 256, (40, 48), dtype=np.uint8)
codecs = [
    numcodecs.Zlib(), images.Jpegxl(lossless=True), images.Jpeg2k(level=0), images.Lerc(), images.Tiff(),
]
print("        order C   order F")
for codec in codecs:
    shares = []
    for order in "CF":
        array = zarr.create_array(
            {}, shape=(40, 48), chunks=(40, 48), dtype="uint8", zarr_format=2, compressors=codec, order=order
        )
        array[:] = samples
        shares.append(np.mean(array[:] != samples))
    name = type(codec).__name__
    print(f"{name:8} {shares[0]:.2f}      {shares[1]:.2f}")
    assert shares[0] == 0
    assert (shares[1] == 0) if name == "Zlib" else (shares[1] > 0.9), f"{name} has changed"
END
