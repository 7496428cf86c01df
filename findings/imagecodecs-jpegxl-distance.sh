#!/usr/bin/env bash
# imagecodecs' JPEG XL is lossless by default, and no longer so with distance=0 or level=100.
#
# Distance 0 is JPEG XL's name for lossless, and all that cjxl needs: "-d 0". libjxl's interface has a second switch for
# it, which imagecodecs turns on if neither lossless nor distance nor level is given, or if lossless is. So the values
# that ask for the best give lossy files: larger than the lossless ones where the image is noisy, and with floats beyond
# 0 to 1 the worst, as the lossy mode clips them. lossless=True wins over both.
#
# imagecodecs 2026.3.6 (libjxl 0.11.2), numpy 2.4.6. Output seen: bytes, share of samples that differ, largest error
#   uint8                                 13613, 0.00, 0.00
#   uint8    distance=0                   17509, 0.10, 3.00
#   uint8    level=100                    17509, 0.10, 3.00
#   uint8    distance=0, lossless=True    13613, 0.00, 0.00
#   uint16                                25896, 0.00, 0.00
#   uint16   distance=0                   16974, 0.98, 381.00
#   uint16   level=100                    16974, 0.98, 381.00
#   uint16   distance=0, lossless=True    25896, 0.00, 0.00
#   float32                               14783, 0.00, 0.00
#   float32  distance=0                    7151, 1.00, 3.37
#   float32  level=100                     7151, 1.00, 3.37
#   float32  distance=0, lossless=True    14783, 0.00, 0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import imagecodecs
import numpy as np

random = np.random.default_rng(0)
IMAGES = {
    "uint8": random.integers(0, 256, (64, 64, 3), dtype=np.uint8),
    "uint16": random.integers(0, 65536, (64, 64, 3), dtype=np.uint16),
    "float32": random.normal(0, 1, (64, 64)).astype(np.float32),
}


def difference(image, **options):
    file = imagecodecs.jpegxl_encode(image, **options)
    back = imagecodecs.jpegxl_decode(file)
    assert (back.shape, back.dtype) == (image.shape, image.dtype)
    error = np.abs(back.astype(np.float64) - image)
    said = ", ".join(f"{name}={value}" for name, value in options.items())
    print(f"{image.dtype!s:8} {said:27} {len(file):6}, {np.mean(error > 0):.2f}, {error.max():.2f}")
    return error.max()


for image in IMAGES.values():
    assert difference(image) == 0
    assert difference(image, distance=0) > 0
    assert difference(image, level=100) > 0
    assert difference(image, distance=0, lossless=True) == 0
END
