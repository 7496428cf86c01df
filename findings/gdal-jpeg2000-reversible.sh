#!/usr/bin/env bash
# GDAL's JPEG 2000 driver with REVERSIBLE=YES is not lossless.
#
# REVERSIBLE=YES chooses the reversible transforms (5-3 wavelet, integer colour transform), which in every other tool
# means lossless. JP2OpenJPEG still has its QUALITY of 25 by default, and cuts the reversible stream off at a quarter of
# the samples' size: a file that says it is reversible, and whose samples differ. Nothing warns. QUALITY=100 is needed.
#
# rasterio 1.4.4 (GDAL 3.10.3), numpy 2.4.6. Output seen: share of samples of uint16 noise that differ, size
#   REVERSIBLE=YES               1.00, 1922 bytes of 8192
#   REVERSIBLE=YES QUALITY=100   0.00, 8829 bytes of 8192
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import warnings

import numpy as np
import rasterio

warnings.simplefilter("ignore")  # of files without coordinates
image = np.random.default_rng(0).integers(0, 65536, (64, 64), dtype=np.uint16)

def difference(**options):
    shape = {"height": 64, "width": 64, "count": 1, "dtype": "uint16"}
    with rasterio.open("a.jp2", "w", driver="JP2OpenJPEG", **shape, **options) as file:
        file.write(image, 1)
    data = open("a.jp2", "rb").read()
    # The coding style: its last byte before any precincts is 1 for the reversible wavelet.
    place = data.index(bytes.fromhex("ff52"))
    assert data[place + 13] == 1, "not the reversible wavelet"
    with rasterio.open("a.jp2") as file:
        share = np.mean(file.read(1) != image)
    print(f"{' '.join(f'{name}={value}' for name, value in options.items()):28} {share:.2f}, {len(data)} bytes of {image.nbytes}")
    return share

assert difference(REVERSIBLE="YES") > 0.5
assert difference(REVERSIBLE="YES", QUALITY="100") == 0
END
