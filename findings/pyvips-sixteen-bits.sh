#!/usr/bin/env bash
# pyvips saves 16-bit RGB arrays as 16-bit PNG, and 16-bit gray or RGBA arrays as 8-bit PNG.
#
# new_from_array makes an image of format ushort of each, and samples read back from it are right. But PNG is written by
# the image's interpretation, not by its format. new_from_array calls three channels "srgb", for which pngsave keeps
# ushort; one channel is "b-w" and two or four are "multiband", which are cut to 8 bits. No warning. copy(interpretation=
# "grey16") or "rgb16" before saving keeps all bits. A test with an RGB image finds nothing.
#
# pyvips 3.2.0, pyvips-binary 8.18.7, numpy 2.4.6. Output seen:
#   (16, 16)     b-w        saved as uchar,  exact: False
#   (16, 16, 2)  multiband  saved as uchar,  exact: False
#   (16, 16, 3)  srgb       saved as ushort, exact: True
#   (16, 16, 4)  multiband  saved as uchar,  exact: False
#   (16, 16) as grey16      saved as ushort, exact: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyvips==3.2.0 pyvips-binary==8.18.7 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import numpy as np
import pyvips

def saved(image, samples):
    back = pyvips.Image.new_from_buffer(image.write_to_buffer(".png"), "")
    return back.format, np.array_equal(back.numpy().reshape(samples.shape), samples)

random = np.random.default_rng(0)
for shape, exact in (((16, 16), False), ((16, 16, 2), False), ((16, 16, 3), True), ((16, 16, 4), False)):
    samples = random.integers(0, 65536, shape, dtype=np.uint16)
    image = pyvips.Image.new_from_array(samples)
    assert image.format == "ushort"
    assert np.array_equal(image.numpy().reshape(shape), samples)
    found = saved(image, samples)
    print(f"{shape!s:12} {image.interpretation:10} saved as {found[0]}, exact: {found[1]}")
    assert found == (("ushort", True) if exact else ("uchar", False)), "pyvips has changed"
samples = random.integers(0, 65536, (16, 16), dtype=np.uint16)
found = saved(pyvips.Image.new_from_array(samples).copy(interpretation="grey16"), samples)
print(f"(16, 16) as grey16      saved as {found[0]}, exact: {found[1]}")
assert found == ("ushort", True)
END
