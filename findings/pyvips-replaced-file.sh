#!/usr/bin/env bash
# pyvips gives the pixels of a file as it was, after the file has been replaced.
#
# new_from_file looks like a function that reads a file. It is an operation, and libvips remembers the last ones by their
# arguments, here by the name: neither size nor time of the file is looked at. So a program that writes an image, looks
# at it with pyvips, writes it anew under the same name and looks again compares the first one with itself, even where
# the second has another size: a test of a codec that reuses a name passes whatever is written. thumbnail looks anew, and
# so does new_from_file with access="sequential", or with revalidate=True.
#
# pyvips 3.2.0, pyvips-binary 8.18.7, pillow 13.0.0, numpy 2.4.6. Output seen: width and mean of what is read
#   written, 8 wide, all 50      new_from_file: 8 50.0
#   replaced, 16 wide, all 90    new_from_file: 8 50.0
#                                thumbnail: 16 90.0
#                                revalidate=True: 16 90.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyvips==3.2.0 pyvips-binary==8.18.7 \
    pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import os

import numpy as np
import pyvips
from PIL import Image

def write(side, shade):
    Image.fromarray(np.full((side, side), shade, np.uint8)).save("new.png")
    os.replace("new.png", "a.png")

def told(image):
    return f"{image.width} {image.avg()}"

read = pyvips.Image.new_from_file
write(8, 50)
first = told(read("a.png"))
print("written, 8 wide, all 50      new_from_file:", first)
write(16, 90)
again = told(read("a.png"))
print("replaced, 16 wide, all 90    new_from_file:", again)
assert np.asarray(Image.open("a.png")).mean() == 90
small = told(pyvips.Image.thumbnail("a.png", 16))
print("                             thumbnail:", small)
anew = told(read("a.png", revalidate=True))
print("                             revalidate=True:", anew)
assert first == again == "8 50.0"
assert small == anew == "16 90.0"
END
