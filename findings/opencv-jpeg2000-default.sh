#!/usr/bin/env bash
# OpenCV writes JPEG 2000 with loss, unless it is given the value that its documentation names as the default.
#
# IMWRITE_JPEG2000_COMPRESSION_X1000 is documented as 0 to 1000, with 1000, the whole of the samples' size, by default.
# With 1000 the file is lossless. Without it the stream is cut to a quarter of the samples' size, whatever their depth:
# nearly all samples of a 16-bit image differ. Nothing warns.
#
# opencv-python-headless 5.0.0.93, numpy 2.4.6. Output seen: size of file and samples, share that differ, largest error
#   uint8,  nothing said   16243 of 65536 bytes, 0.80, 9
#   uint8,  1000           35954 of 65536 bytes, 0.00, 0
#   uint16, nothing said   32782 of 131072 bytes, 1.00, 504
#   uint16, 1000           104407 of 131072 bytes, 0.00, 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import cv2
import numpy as np

rows, columns = np.mgrid[:256, :256]
noise = np.random.default_rng(0).normal(0, 4, (256, 256))
scene = np.clip(128 + 60 * np.sin(columns / 20) + 40 * np.cos(rows / 15) + noise, 0, 255)


def difference(image, *options):
    file = cv2.imencode(".jp2", image, options)[1]
    back = cv2.imdecode(file, cv2.IMREAD_UNCHANGED)
    assert (back.shape, back.dtype) == (image.shape, image.dtype)
    error = np.abs(back.astype(int) - image)
    name = f"{image.dtype}, ".ljust(8) + ("1000" if options else "nothing said")
    print(f"{name:22} {file.size} of {image.nbytes} bytes, {np.mean(error > 0):.2f}, {error.max()}")
    return file.size / image.nbytes, error.max()


for image in (scene.astype(np.uint8), (scene * 256).astype(np.uint16)):
    size, error = difference(image)
    assert 0.2 < size < 0.26
    assert error > 0
    assert difference(image, cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000)[1] == 0
END
