#!/usr/bin/env bash
# libheif gives one luma and chroma two colours, by how the chroma is subsampled.
#
# In a picture of one colour there is nothing to upsample, so 4:2:0 and 4:4:4 should decode alike. Here both files hold
# the same Y, Cb and Cr in every sample (FFmpeg's decoder reads them), and some colours come out one level apart: libheif
# converts 4:2:0 by integers with eight fractional bits, 4:4:4 by other code. Whoever compares or identifies pixels of
# HEIC files, or inverts the conversion, must know the subsampling too.
#
# pillow-heif 1.8.1 (libheif 1.23.6), av 18.1.0 for FFmpeg's decoder, pillow 13.0.0, numpy 2.4.6. Output seen:
#   200 colours: 200 have the same Y, Cb, Cr in both files; of 27 the RGB differs, by at most 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow-heif==1.8.1 av==18.1.0 pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import av
import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()


def coded(colour, chroma):
    """The one value of each plane of luma and chroma, and the pixels, of a picture of one colour."""
    pixels = np.empty((64, 64, 3), np.uint8)
    pixels[:] = colour
    Image.fromarray(pixels).save("a.heic", quality=100, chroma=chroma)
    with av.open("a.heic") as file:
        planes = next(file.decode(video=0)).planes
        values = [np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[: p.height, : p.width] for p in planes]
    assert all(len(np.unique(plane)) == 1 for plane in values)
    return [int(plane[0, 0]) for plane in values], np.asarray(Image.open("a.heic").convert("RGB")).astype(int)


same, different, largest = 0, 0, 0
for colour in np.random.default_rng(0).integers(0, 256, (200, 3)):
    (full, pixels), (half, others) = coded(colour, 444), coded(colour, 420)
    if full == half:
        same += 1
        apart = int(np.abs(pixels - others).max())
        different += apart > 0
        largest = max(largest, apart)
print(f"200 colours: {same} have the same Y, Cb, Cr in both files; of {different} the RGB differs, by at most {largest}")
assert pillow_heif.libheif_version() == "1.23.6"
assert (same, different, largest) == (200, 27, 1)
END
