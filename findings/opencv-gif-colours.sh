#!/usr/bin/env bash
# OpenCV writes no picture of a few colours to GIF as it is: three colours become twenty, and none of them was there.
#
# GIF holds up to 256 colours of 24 bits, exactly, so a drawing, a map or a segmentation fits, and Pillow's GIF of the
# same array is exact. OpenCV 5 writes GIF too, but with a fixed table of colours, whatever the picture's are, and
# scatters between them. Each pixel changes, by up to 78 levels here. imwrite returns True. OpenCV reads Pillow's file
# right.
#
# opencv-python-headless 5.0.0.93, pillow 13.0.0, numpy 2.4.6. Output seen: share of pixels that differ,
# largest difference, number of colours
#   OpenCV, imwrite   1.00   78   20
#   Pillow, save      0.00    0    3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 pillow==13.0.0 \
    numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import cv2
import numpy as np
from PIL import Image

colours = np.array([[10, 20, 30], [200, 100, 50], [7, 250, 131]], np.uint8)
picture = colours[np.random.default_rng(0).integers(0, 3, (32, 40))]
assert cv2.imwrite("opencv.gif", picture)
Image.fromarray(np.ascontiguousarray(picture[..., ::-1])).save("pillow.gif")
found = {}
for name, file in (("OpenCV, imwrite", "opencv.gif"), ("Pillow, save", "pillow.gif")):
    back = cv2.imread(file, cv2.IMREAD_COLOR)
    assert np.array_equal(back[..., ::-1], Image.open(file).convert("RGB")), "two readers disagree"
    differences = abs(back.astype(int) - picture)
    share = (differences > 0).any(2).mean()
    found[name] = share, differences.max(), len(np.unique(back.reshape(-1, 3), axis=0))
    print(f"{name:17} {share:.2f} {found[name][1]:4} {found[name][2]:4}")
assert found["Pillow, save"] == (0, 0, 3)
assert found["OpenCV, imwrite"] == (1, 78, 20), "OpenCV has changed"
END
