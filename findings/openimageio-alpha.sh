#!/usr/bin/env bash
# OpenImageIO's copy of a PNG file with alpha is another picture, and what is transparent becomes black.
#
# ImageBuf("a.png").write("b.png"), and oiiotool a.png -o b.png, look like a copy of 8-bit samples. But OpenImageIO holds
# colours multiplied by their alpha: it multiplies what it reads, in the file's own 8 or 16 bits, and divides when it
# writes. So colours under a low alpha are rounded, those of 8 bits by up to half of their range, and those under alpha 0
# are lost; sprites, textures and masked scans have data there. An array that is written is taken for multiplied, and
# divided. The hint oiio:UnassociatedAlpha, set for the reader, which passes it on to the writer, keeps all samples.
#
# OpenImageIO 3.2.2.0, imagecodecs 2026.3.6, numpy 2.4.6. Output seen: samples of colour that differ, and by how much
#                           alpha 0          1 to 254         255
#   ImageBuf, 8 bits        100.0%,   254     51.5%,   127      0.0%,     0
#   ImageBuf, 16 bits       100.0%, 65278     50.9%,   127      0.0%,     0
#   oiiotool, 8 bits        100.0%,   254     51.5%,   127      0.0%,     0
#   an array, 8 bits          0.0%,     0     99.1%,   252      0.0%,     0
#   ImageBuf with the hint    0.0%,     0      0.0%,     0      0.0%,     0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check OpenImageIO==3.2.2.0 imagecodecs==2026.3.6 \
    numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import OpenImageIO as oiio

image = np.random.default_rng(0).integers(1, 255, (96, 64, 4), dtype=np.uint8)
image[:32, :, 3], image[64:, :, 3] = 0, 255


def copied(pixels, hint=False):
    Path("a.png").write_bytes(imagecodecs.png_encode(pixels))
    config = oiio.ImageSpec()
    if hint:
        config.attribute("oiio:UnassociatedAlpha", 1)
    oiio.ImageBuf("a.png", 0, 0, config).write("b.png")
    return imagecodecs.png_decode(Path("b.png").read_bytes())


def by_command(pixels):
    Path("a.png").write_bytes(imagecodecs.png_encode(pixels))
    subprocess.run([Path(sys.executable).with_name("oiiotool"), "a.png", "-o", "b.png"], check=True)
    return imagecodecs.png_decode(Path("b.png").read_bytes())


def written(pixels):
    oiio.ImageBuf(pixels).write("b.png")
    return imagecodecs.png_decode(Path("b.png").read_bytes())


deep = image.astype(np.uint16) * 257
cases = {
    "ImageBuf, 8 bits": (image, copied(image), [True, True, False]),
    "ImageBuf, 16 bits": (deep, copied(deep), [True, True, False]),
    "oiiotool, 8 bits": (image, by_command(image), [True, True, False]),
    "an array, 8 bits": (image, written(image), [False, True, False]),
    "ImageBuf with the hint": (image, copied(image, hint=True), [False, False, False]),
}
for name, (pixels, back, changed) in cases.items():
    assert (back.shape, back.dtype) == (pixels.shape, pixels.dtype)
    assert np.array_equal(back[..., 3], pixels[..., 3])
    away = [np.abs(back[part, :, :3].astype(int) - pixels[part, :, :3]) for part in np.split(np.arange(96), 3)]
    print(f"{name:23}", *(f"{(part > 0).mean():6.1%}, {part.max():5}" + "   " for part in away))
    assert [part.any() for part in away] == changed, "OpenImageIO has changed"
END
