#!/usr/bin/env bash
# tifffile with compression="jpeg2000" changes uint32 label images. The same labels as int32 are exact.
#
# It is lossless for 8 and 16 bits, and segmentation masks are uint32 with few labels: small numbers, so one expects no
# limit to be near. But JPEG 2000 first takes half the range from unsigned samples, which makes 0 to -2147483648, and
# OpenJPEG has no room for numbers that large. Large flat areas are well; elsewhere labels are off by one or by millions.
# No error. int32 has no such offset, and is exact up to 24 bits.
#
# tifffile 2026.3.3, imagecodecs 2026.3.6 (OpenJPEG 2.5.4), numpy 2.4.6. Output seen: samples of 65536 that differ, and
# the largest error
#   labels 0 to 64    as uint32   35466, 67108863
#   labels 0 to 64    as int32    0, 0
#   labels 0 to 64    as uint16   0, 0
#   24 bits of noise  as int32    0, 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import numpy as np
import tifffile

random = np.random.default_rng(0)
rows, columns = np.mgrid[:256, :256]
labels = np.zeros((256, 256), np.int64)
for label in range(1, 65):
    row, column, radius = random.integers((0, 0, 8), (256, 256, 24))
    labels[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = label


def difference(name, image):
    tifffile.imwrite("a.tif", image, compression="jpeg2000")
    back = tifffile.imread("a.tif")
    assert (back.shape, back.dtype) == (image.shape, image.dtype)
    error = np.abs(back.astype(np.int64) - image)
    print(f"{name} as {image.dtype!s:8} {np.count_nonzero(error)}, {error.max()}")
    return error.max()


assert difference("labels 0 to 64   ", labels.astype(np.uint32)) > 1000
assert difference("labels 0 to 64   ", labels.astype(np.int32)) == 0
assert difference("labels 0 to 64   ", labels.astype(np.uint16)) == 0
assert difference("24 bits of noise ", random.integers(-(2**23), 2**23, (256, 256)).astype(np.int32)) == 0
END
