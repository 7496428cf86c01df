#!/usr/bin/env bash
# Pillow saves 16-bit gray as WebP with lossless=True, and everything above 255 is white.
#
# Pillow refuses what a format cannot hold: of the same image PNG, TIFF and JPEG 2000 keep all bits, and JPEG and BMP
# say "cannot write mode I;16". The WebP and AVIF plugins convert to RGB or L instead, of every mode, and 16-bit gray
# is not scaled by that but cut off at 255. lossless=True is true of what is left. A dark picture shows no change, a
# bright one is a white rectangle. No error, no warning.
#
# pillow 13.0.0, numpy 2.4.6. Output seen: what comes back of 0, 200, 640, 30000 and 65535
#   PNG                    0    200    640  30000  65535
#   WEBP, lossless=True    0    200    255    255    255
#   AVIF, quality=100      0    200    255    255    255
#   BMP                 refused
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W error - <<'END'
import io

import numpy as np
from PIL import Image

SAMPLES = [0, 200, 640, 30000, 65535]
CUT = [0, 200, 255, 255, 255]
image = Image.fromarray(np.repeat(np.array(SAMPLES, np.uint16), 64).reshape(5, 8, 8).reshape(40, 8))
for name, form, options, expected in (
    ("PNG", "PNG", {}, SAMPLES),
    ("WEBP, lossless=True", "WEBP", {"lossless": True}, CUT),
    ("AVIF, quality=100", "AVIF", {"quality": 100}, CUT),
    ("BMP", "BMP", {}, None),
):
    file = io.BytesIO()
    try:
        image.save(file, form, **options)
        back = np.asarray(Image.open(file))
        found = back.reshape(40, 8, -1)[4::8, 4, 0].tolist()
    except OSError:
        found = None
    print(f"{name:20}", *(f"{sample:6}" for sample in found) if found else ("refused",))
    assert found == expected, f"{name} has changed"
END
