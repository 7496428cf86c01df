#!/usr/bin/env bash
# tifffile with compression="jpeg" (imagecodecs) stores 16-bit images as JPEG of 12 bits, whatever their samples are.
#
# JPEG of 12 bits suits what cameras and detectors give, and is what uint16 arrays become. Samples above 4095 are not
# refused: gray ones up to 8191 come back as 4095, colour ones modulo 4096 but for an error of 1, in an array of the right
# shape and type. Brighter gray raises an error, so that a dark picture passes a trial and a colour one is lost.
#
# tifffile 2026.3.3, imagecodecs 2026.3.6, NumPy 2.4.6. Output seen:
#   gray to 4095: 12 bits in the file, largest error 0
#   gray to 8191: 12 bits in the file, largest error 4096, all above 4095 are 4095
#   colour to 65535: 12 bits in the file, largest error 61441, within 1 of the samples modulo 4096
#   gray to 65535: Jpeg8Error
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
import tifffile


def ramp(top):
    return np.linspace(0, top, 64 * 64).astype(np.uint16).reshape(64, 64)


def back(image, photometric):
    tifffile.imwrite("a.tif", image, compression="jpeg", photometric=photometric)
    with tifffile.TiffFile("a.tif") as file:
        return file.pages[0].bitspersample, file.asarray()


for top in (4095, 8191):
    bits, found = back(ramp(top), "minisblack")
    error = np.abs(found.astype(int) - ramp(top)).max()
    words = ", all above 4095 are 4095" if top > 4095 and (found[ramp(top) > 4095] == 4095).all() else ""
    print(f"gray to {top}: {bits} bits in the file, largest error {error}{words}")
    assert (bits, found.dtype, bool(words)) == (12, np.uint16, top > 4095)
colour = np.stack([ramp(65535)] * 3, axis=2)
bits, found = back(colour, "rgb")
error = np.abs(found.astype(int) - colour).max()
near = np.abs(found.astype(int) - colour % 4096).max() <= 1
print(f"colour to 65535: {bits} bits in the file, largest error {error}, within 1 of the samples modulo 4096")
assert bits == 12 and found.dtype == np.uint16 and near and error > 60000
try:
    back(ramp(65535), "minisblack")
except Exception as error:
    print(f"gray to 65535: {type(error).__name__}")
else:
    raise SystemExit("bright gray is taken now")
END
