#!/usr/bin/env bash
# The package qoi refuses strided arrays, and takes Fortran-ordered ones as if they were in C order.
#
# qoi.encode says "array should be C-contiguous" for a view such as image[::-1]. Who has read that trusts it with every
# array. An array in Fortran order (numpy.asfortranarray, arrays of MATLAB files, Zarr arrays of order F) passes the
# check, and its memory is coded as it lies there: an image of the right size with nearly all samples in wrong places.
#
# qoi 0.8.0, numpy 2.4.6. Output seen:
#   C order: all samples come back
#   flipped view: ValueError array should be C-contiguous (see numpy.ascontiguousarray)
#   Fortran order: 0.99 of the samples differ, no error
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check qoi==0.8.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import numpy as np
import qoi

image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
assert np.array_equal(qoi.decode(qoi.encode(image)), image)
print("C order: all samples come back")
try:
    qoi.encode(image[::-1])
except ValueError as error:
    print("flipped view: ValueError", error)
else:
    raise SystemExit("flipped views are taken now")
fortran = np.asfortranarray(image)
assert np.array_equal(fortran, image)
back = qoi.decode(qoi.encode(fortran))
print(f"Fortran order: {np.mean(back != image):.2f} of the samples differ, no error")
assert back.shape == image.shape
assert np.array_equal(back.ravel(), fortran.ravel(order="A"))
assert not np.array_equal(back, image)
END
