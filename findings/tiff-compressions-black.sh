#!/usr/bin/env bash
# OpenCV and libvips return black pictures for TIFF files in a compression that they lack: of the right size, no error.
#
# OpenCV's imread is known to return None for what it cannot read. For TIFF files of 16 bits it does; those of 8 bits it
# asks libtiff for as finished pixels, and where libtiff knows the compression's number but has no decoder for strips of
# it, gets zeros. The one trace is a line in the log. pyvips raises for hardly anything by default (fail_on="none"): what
# cannot be decoded is black, also in the ordinary compressions Zstandard and LZMA, which its wheel is built without, and
# of any depth. Only with fail_on="error" it raises. A loop over a folder that tests for None and for exceptions sees
# nothing of either. tifffile writes, and with imagecodecs reads, all of them.
#
# opencv-python-headless 5.0.0.93, pyvips-binary 8.18.7, tifffile 2026.3.3, imagecodecs 2026.3.6, numpy 2.4.6. Output
# seen:
#              OpenCV, 8 bits  16 bits  libvips, 8 bits  16 bits  fail_on="error"
#   zlib       right           right    right            right    right
#   jpeg2000   black           None     black            black    raises
#   jpegxl     black           None     black            black    raises
#   png        black           None     black            black    raises
#   zstd       None            None     black            black    raises
#   lzma       None            None     black            black    raises
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 pyvips==3.2.0 \
    pyvips-binary==8.18.7 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
OPENCV_LOG_LEVEL=SILENT "$folder/venv/bin/python" -W ignore - 2> "$folder/errors" <<'END' || { cat "$folder/errors"; exit 1; }
import logging

import cv2
import numpy as np
import pyvips
import tifffile

logging.disable(logging.CRITICAL)
samples = np.random.default_rng(0).integers(1, 250, (48, 64, 3))


def seen(found, expected):
    if found is None:
        return "None"
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if np.array_equal(found, expected):
        return "right"
    return "wrong" if found.any() else "black"


def by_vips(name, expected, **options):
    try:
        return seen(pyvips.Image.new_from_file(name, **options).numpy(), expected)
    except pyvips.Error:
        return "raises"


print('           OpenCV, 8 bits  16 bits  libvips, 8 bits  16 bits  fail_on="error"')
for compression in ("zlib", "jpeg2000", "jpegxl", "png", "zstd", "lzma"):
    of_opencv, of_vips, strict = [], [], []
    for dtype in (np.uint8, np.uint16):
        expected = samples.astype(dtype)
        name = f"{compression}-{expected.itemsize}.tif"
        tifffile.imwrite(name, expected, photometric="rgb", compression=compression)
        assert np.array_equal(tifffile.imread(name), expected)
        found = cv2.imread(name, cv2.IMREAD_UNCHANGED)
        of_opencv.append(seen(None if found is None else found[:, :, ::-1], expected))
        of_vips.append(by_vips(name, expected))
        strict.append(by_vips(name, expected, fail_on="error"))
    print(f"{compression:10} {of_opencv[0]:15} {of_opencv[1]:8} {of_vips[0]:16} {of_vips[1]:8} {strict[0]}")
    if compression == "zlib":
        assert {*of_opencv, *of_vips, *strict} == {"right"}
        continue
    absent = compression in ("zstd", "lzma")
    assert of_opencv == ["None" if absent else "black", "None"], f"OpenCV has changed for {compression}"
    assert (of_vips, strict) == (["black"] * 2, ["raises"] * 2), f"libvips has changed for {compression}"
END
