#!/usr/bin/env bash
# libjpeg 7 to 9 decode chroma of half resolution to other pixels than libjpeg 6b and libjpeg-turbo, by dozens of levels.
#
# All of them are "libjpeg", and decoders are remembered to differ by a level or so. But since version 7 libjpeg enlarges
# chroma in the inverse transform, by one of twice the size, where 6b, libjpeg-turbo and mozjpeg interpolate the decoded
# samples with a triangle filter. Files of 4:4:4 come out alike, so that a trial with those finds nothing; of the usual
# 4:2:0 files nearly all samples differ. What is lossless about decoded JPEGs (hashes, differences, masks of exact
# colours) does not outlive the change from a program with the one library to a program with the other.
#
# jpeglib 1.0.2, which carries all these libraries, pillow 13.0.0 (libjpeg-turbo), numpy 2.4.6. Output seen: share of
# samples that differ from Pillow's, and the greatest difference in levels
#                4:4:4        4:2:0
#   6b           0.00   0     0.00   0
#   turbo120     0.00   0     0.00   0
#   turbo210     0.00   0     0.00   0
#   mozjpeg300   0.00   0     0.00   0
#   7            0.00   0     0.89  45
#   8            0.00   0     0.89  45
#   9            0.00   0     0.89  45
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jpeglib==1.0.2 pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'END'
import jpeglib
import numpy as np
from PIL import Image

random = np.random.default_rng(0)
slope = np.add.outer(np.arange(64), np.arange(64))[:, :, None] * np.array([2, 1, 0.5])
image = Image.fromarray((slope + random.normal(0, 30, slope.shape)).clip(0, 255).astype(np.uint8))
image.save("444.jpg", quality=90, subsampling=0)
image.save("420.jpg", quality=90, subsampling=2)


def compared(version, name):
    with jpeglib.version(version):
        samples = jpeglib.read_spatial(name).spatial.astype(int)
    difference = np.abs(samples - np.asarray(Image.open(name)))
    return (difference > 0).mean(), difference.max()


print("             4:4:4        4:2:0")
for version in ("6b", "turbo120", "turbo210", "mozjpeg300", "7", "8", "9"):
    (full, most_full), (half, most_half) = compared(version, "444.jpg"), compared(version, "420.jpg")
    print(f"{version:12} {full:.2f} {most_full:3}     {half:.2f} {most_half:3}")
    assert full == 0, f"{version}: 4:4:4 has changed"
    later = version in ("7", "8", "9")
    assert half > 0.5 and most_half > 20 if later else half == 0, f"{version}: 4:2:0 has changed"
END
