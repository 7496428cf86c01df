#!/usr/bin/env bash
# Hugging Face's datasets stores colour arrays of 16 bits by their low bytes.
#
# Gray arrays of 16 bits come back whole from an Image column, as a TIFF file inside. Colour arrays do not: Pillow has no
# such mode, so they are cast to 8 bits as NumPy casts, modulo 256, instead of being scaled or refused. A smooth 16-bit
# gradient becomes a saw, in a PNG file of the right size. A warning says "Downcasting array dtype uint16 to uint8 to be
# compatible with 'Pillow'", which reads as if the high byte were kept.
#
# datasets 5.2.0, Pillow 12.0.0, NumPy 2.4.6. Output seen:
#   gray: I;16, all samples come back
#   colour: uint8, all samples are those of the array modulo 256
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pillow==12.0.0 numpy==2.4.6
cd "$folder"
export HF_HOME=$folder HF_HUB_OFFLINE=1
"$folder/venv/bin/python" -W ignore - <<'END'
import numpy as np
from datasets import Dataset, Features, Image


def stored(array):
    features = Features({"image": Image()})
    return Dataset.from_dict({"image": [array]}, features=features)[0]["image"]


ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
gray = stored(ramp)
assert np.array_equal(np.asarray(gray), ramp)
print(f"gray: {gray.mode}, all samples come back")

colour = np.stack([ramp, ramp[::-1], ramp.T], axis=2)
back = np.asarray(stored(colour))
assert back.dtype == np.uint8
assert np.array_equal(back, colour % 256)
assert not np.array_equal(back, colour >> 8)
print("colour: uint8, all samples are those of the array modulo 256")
END
