#!/usr/bin/env bash
# PyMuPDF opens a PNG and saves another picture: Pixmap holds 8 bits, and colours multiplied by their alpha.
#
# pymupdf.Pixmap("a.png").save("b.png") looks like a copy. Pixmaps are premultiplied: with alpha, colours are rounded on
# the way in and divided on the way out, and under alpha 0 they are gone. Gray of 16 bits comes back with 8. The same
# happens to a 16-bit gray PNG that insert_image puts into a page, though PDF has 16-bit images and a PNG's data can be
# taken as it is: extract_image gives 8 bits.
#
# pymupdf 2.0, Pillow 13.0.0, numpy 2.4.6. Output seen:
#   RGBA: 0.51 of the samples differ, 64 of 64 under alpha 0 are black
#   gray of 16 bits through Pixmap: mode L
#   gray of 16 bits through a page: 8 bits per component
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pymupdf==2.0 pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import io

import numpy as np
import pymupdf
from PIL import Image

def png(samples):
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "PNG")
    return file.getvalue()

def opened(data):
    return Image.open(io.BytesIO(data))

random = np.random.default_rng(0)
colour = random.integers(1, 256, (16, 16, 4), dtype=np.uint8)
colour[:4, :, 3] = 0
back = np.asarray(opened(pymupdf.Pixmap(png(colour)).tobytes("png")))
black = np.sum(~back[:4, :, :3].any(axis=2))
print(f"RGBA: {np.mean(back != colour):.2f} of the samples differ, {black} of 64 under alpha 0 are black")
assert np.array_equal(back[:, :, 3], colour[:, :, 3])
assert np.mean(back != colour) > 0.2
assert black == 64
gray = random.integers(0, 65536, (16, 16), dtype=np.uint16)
assert np.array_equal(np.asarray(opened(png(gray))), gray)
mode = opened(pymupdf.Pixmap(png(gray)).tobytes("png")).mode
print("gray of 16 bits through Pixmap: mode", mode)
assert mode == "L"
document = pymupdf.open()
page = document.new_page()
page.insert_image(page.rect, stream=png(gray))
found = document.extract_image(page.get_images()[0][0])
print("gray of 16 bits through a page:", found["bpc"], "bits per component")
assert found["bpc"] == 8
END
