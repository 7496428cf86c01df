#!/usr/bin/env bash
# JPEG XR of 32-bit floats keeps at most 14 significant bits in its lossless mode, while 16-bit floats are exact.
#
# tifffile's compression="jpegxr" (imagecodecs, jxrlib) is lossless without a quality, for integers of 8 and 16 bits and
# for halves. Single floats are turned into integers before the transform, with 13 bits of their fraction, and what is
# lossless from there on has lost the rest. A trial with small whole numbers finds nothing, being exact to 16383; of
# larger counts of a 16-bit camera most are off by one or two.
#
# tifffile 2026.3.3, imagecodecs 2026.3.6, numpy 2.4.6. Output seen: share of samples that differ, largest error
#   counts to 65535, uint16     0.00, 0
#   counts to 16383, float32    0.00, 0
#   counts to 65535, float32    0.50, 2
#   0 to 1, float32             1.00, 3.1e-05
#   0 to 1, float16             0.00, 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import numpy as np
import tifffile


def difference(name, image):
    tifffile.imwrite("a.tif", image, compression="jpegxr")
    back = tifffile.imread("a.tif")
    assert (back.shape, back.dtype) == (image.shape, image.dtype)
    error = np.abs(back.astype(np.float64) - image)
    print(f"{name + ', ' + str(image.dtype):27} {np.mean(error > 0):.2f}, {error.max():.2g}")
    return error.max()


random = np.random.default_rng(0)
counts = random.integers(0, 65536, (64, 64), dtype=np.uint16)
shares = random.random((64, 64), dtype=np.float32)
assert difference("counts to 65535", counts) == 0
assert difference("counts to 16383", (counts // 4).astype(np.float32)) == 0
assert difference("counts to 65535", counts.astype(np.float32)) == 2
assert 1e-5 < difference("0 to 1", shares) < 1e-4
assert difference("0 to 1", shares.astype(np.float16)) == 0
END
