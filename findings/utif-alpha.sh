#!/usr/bin/env bash
# UTIF.js writes TIFF files that call their colours multiplied by alpha, and they are not.
#
# UTIF.encodeImage stores RGBA unchanged, as a canvas gives it, but tags the alpha as "associated". UTIF itself
# does not look at that tag, so a round trip finds nothing. Pillow and libvips believe it and divide: the colours of
# half-transparent pixels come out too bright. Opaque images are right everywhere. { t338: [2] } as metadata gives a
# correct file. The TIFF files of jimp 1.6.1 have the same tag.
#
# utif 3.1.0, Pillow 13.0.0, pyvips-binary 8.18.7, tifffile 2026.3.3, numpy 2.4.6.
# Output seen: share of samples that differ
#             plain  t338: [2]
#   tifffile  0.00   0.00
#   Pillow    0.73   0.00
#   libvips   0.73   0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 pyvips==3.2.0 pyvips-binary==8.18.7 \
    tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
npm install --silent --no-audit --no-fund utif@3.1.0
cat > write.mjs <<'END'
import { writeFileSync } from 'node:fs';
import UTIF from 'utif';

const width = 32, height = 24;
const pixels = Uint8Array.from({ length: width * height * 4 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 9) & 255);
writeFileSync('pixels.raw', pixels);
writeFileSync('plain.tif', Buffer.from(UTIF.encodeImage(pixels.buffer, width, height)));
writeFileSync('tagged.tif', Buffer.from(UTIF.encodeImage(pixels.buffer, width, height, { t338: [2] })));
END
node write.mjs
"$folder/venv/bin/python" - <<'END'
import numpy as np
import pyvips
import tifffile
from PIL import Image

pixels = np.fromfile("pixels.raw", np.uint8).reshape(24, 32, 4)
READERS = {
    "tifffile": tifffile.imread,
    "Pillow": lambda name: np.asarray(Image.open(name)),
    "libvips": lambda name: pyvips.Image.new_from_file(name).numpy(),
}
print("          plain  t338: [2]")
for reader, read in READERS.items():
    plain, tagged = (np.mean(read(name) != pixels) for name in ("plain.tif", "tagged.tif"))
    print(f"{reader:9} {plain:.2f}   {tagged:.2f}")
    assert plain == 0 if reader == "tifffile" else plain > 0.5
    assert tagged == 0
END
