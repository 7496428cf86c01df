#!/usr/bin/env bash
# OpenCV saves 64-bit labels to TIFF modulo 2**32, and halves as bytes, where it keeps all other types.
#
# TIFF is the format for what PNG cuts to 8 bits: imwrite keeps int8 to int32, uint32, float32 and float64 in it,
# which one concludes of all numpy's types, as for others the binding raises an error. But of 64-bit numbers it stores
# the lower half, as int32, and float16 as uint8, which leaves of probabilities 0 and 1; imwrite returns True, without
# a warning. Labels made by numpy and scipy are int64; models give float16.
#
# opencv-python-headless 5.0.0.93 (4.12.0.88 does the same to 64 bits and halves), numpy 2.4.6. Output seen: what
# comes back of 100, 3000000000 and 2**40 + 7, as far as the type has them, and of 0.25, 0.75 and 1.5
#   int32     int32    [100]
#   uint32    uint32   [100, 3000000000]
#   int64     int32    [100, -1294967296, 7]
#   uint64    int32    [100, -1294967296, 7]
#   float16   uint8    [0, 1, 2]
#   float32   float32  [0.25, 0.75, 1.5]
#   float64   float64  [0.25, 0.75, 1.5]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import cv2
import numpy as np

CHANGED = {
    "int64": ("int32", [100, -1294967296, 7]),
    "uint64": ("int32", [100, -1294967296, 7]),
    "float16": ("uint8", [0, 1, 2]),
}


def values_of(dtype):
    if dtype.startswith("float"):
        return [0.25, 0.75, 1.5]
    return [n for n in (100, 3000000000, 2**40 + 7) if n <= np.iinfo(dtype).max]


for dtype in ("int32", "uint32", "int64", "uint64", "float16", "float32", "float64"):
    values = values_of(dtype)
    assert cv2.imwrite("a.tif", np.array([values] * 2, dtype)), f"{dtype} is refused"
    back = cv2.imread("a.tif", cv2.IMREAD_UNCHANGED)
    found = back.dtype.name, back[0].tolist()
    print(f"{dtype:9} {found[0]:8} {found[1]}")
    assert found == CHANGED.get(dtype, (dtype, values)), f"{dtype} has changed"
END
