#!/usr/bin/env bash
# pillow-heif: quality -1, "lossless", takes two more options to be lossless, and one of them alone makes it far worse.
#
# quality=-1 alone still halves the colour channels (4:2:0), and converts to YCbCr. chroma=444 leaves differences of one
# gray level, which no eye finds. matrix_coefficients=0 stores RGB as it is, which cures that, but without chroma=444
# it is blue and red that are now the "colour channels" and are halved: green is exact, and three quarters of all red and
# blue samples are wrong, by up to 254. Only the three together are exact.
#
# pillow-heif 1.8.1, numpy 2.4.6. Output seen: share of samples of noise that differ, largest difference
#   quality=-1                                      0.99, 209
#   quality=-1, chroma=444                          0.33, 1
#   quality=-1, matrix_coefficients=0               0.50, 254
#   quality=-1, chroma=444, matrix_coefficients=0   0.00, 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow-heif==1.8.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import io

import numpy as np
import pillow_heif

image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)

def difference(**options):
    file = io.BytesIO()
    pillow_heif.from_bytes("RGB", (32, 32), image.tobytes()).save(file, quality=-1, **options)
    back = np.asarray(pillow_heif.open_heif(file)).astype(int)
    said = ", ".join(["quality=-1", *(f"{name}={value}" for name, value in options.items())])
    share, largest = np.mean(back != image), np.abs(back - image).max()
    print(f"{said:47} {share:.2f}, {largest}")
    return share, largest, np.mean(back != image, axis=(0, 1))

assert difference()[1] > 100
share, largest, _ = difference(chroma=444)
assert share > 0.1
assert 1 <= largest <= 2
share, largest, channels = difference(matrix_coefficients=0)
assert 0.4 < share < 0.6
assert largest > 200
assert channels[1] == 0
assert min(channels[0], channels[2]) > 0.7
assert difference(chroma=444, matrix_coefficients=0)[:2] == (0, 0)
END
