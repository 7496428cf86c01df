#!/usr/bin/env bash
# With PYTHONUNBUFFERED=1, images that are written to standard output are cut off where a disk becomes full, and the
# exit status is 0.
#
# The variable is in many Dockerfiles, to see log lines at once, and is thought to cost speed only. It makes
# sys.stdout.buffer a raw file, whose write() may take a part of the data and return its length, as the system's does;
# the error comes with the next write. So what hands over a whole file at once and ignores the length, as Pillow does
# for WebP and AVIF, and click.echo for bytes, gets no error. Pillow's PNG is written piece
# by piece, and fails. Files opened with buffering=0 are the same. A limit of 4 kB for files stands for the disk here.
#
# pillow 13.0.0, click 8.5.1, numpy 2.4.6. Output seen: exit status, and bytes that arrive
#                 buffered     PYTHONUNBUFFERED=1
#   save, WEBP    1, 4096      0, 4096
#   save, AVIF    1, 4096      0, 4096
#   save, PNG     1, 4096      1, 4096
#   click.echo    1, 4096      0, 4096
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 click==8.5.1 numpy==2.4.6
cd "$folder"
cat > write.py <<'END'
import io
import sys

import click
import numpy as np
from PIL import Image

image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
if sys.argv[1] == "echo":
    whole = io.BytesIO()
    image.save(whole, "WEBP", lossless=True)
    click.echo(whole.getvalue(), nl=False)
else:
    image.save(sys.stdout.buffer, sys.argv[1], quality=100)
END
attempt() { # the variable, the format
    local status=0
    (ulimit -f 4; PYTHONUNBUFFERED=$1 venv/bin/python -B write.py "$2" > out 2> errors) || status=1
    echo "$status, $(stat -c %s out)"
}
failed=0
printf "%-13s %-12s %s\n" "" "buffered" "PYTHONUNBUFFERED=1"
while read -r kind title expected; do
    buffered=$(attempt "" "$kind")
    raw=$(attempt 1 "$kind")
    printf "%-13s %-12s %s\n" "${title//_/ }" "$buffered" "$raw"
    [ "$buffered" = "1, 4096" ] && [ "$raw" = "$expected, 4096" ] || failed=1
done <<'END'
WEBP save,_WEBP 0
AVIF save,_AVIF 0
PNG save,_PNG 1
echo click.echo 0
END
exit $failed
