#!/usr/bin/env bash
# numcodecs' filter Delta fills the holes of masks: of a boolean array nearly all of what follows the first True is
# True.
#
# Delta is exact for whole numbers of any type, as differences wrap around, and takes dtype bool without complaint; a
# mask differs from its shifted self at few places, which is what Delta is for. numpy.diff of booleans is "not equal",
# and would be undone by exclusive or. Delta undoes it by numpy.cumsum, which for booleans is "or": once True, always
# True. So Zarr arrays with the filter hold another mask than was written, without an error. The mask as uint8 is
# exact.
#
# numcodecs 0.16.6, zarr 3.1.6, numpy 2.4.6. Output seen: pixels of 4096 that are True, and that differ
#   the mask                            400
#   Delta(dtype="bool")                2796   2396
#   Zarr format 2, filter Delta, bool  2796   2396
#   Zarr format 3, filter Delta, bool  2796   2396
#   Zarr format 2, uint8                400      0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numcodecs==0.16.6 zarr==3.1.6 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'END'
import numcodecs
import numpy as np
import zarr
from zarr.codecs import numcodecs as for_format_3

MASK = np.zeros((64, 64), bool)
MASK[20:40, 20:40] = True


def alone():
    codec = numcodecs.Delta(dtype="bool")
    return codec.decode(codec.encode(MASK)).reshape(MASK.shape)


def in_zarr(zarr_format, dtype):
    delta = (numcodecs if zarr_format == 2 else for_format_3).Delta(dtype=dtype)
    store = {}
    array = zarr.create_array(
        store, shape=MASK.shape, chunks=MASK.shape, dtype=dtype, zarr_format=zarr_format, filters=[delta]
    )
    array[:] = MASK
    return zarr.open_array(store, mode="r")[:].astype(bool)


print(f"{'the mask':34} {int(MASK.sum()):4}")
for title, back, right in (
    ('Delta(dtype="bool")', alone(), False),
    ("Zarr format 2, filter Delta, bool", in_zarr(2, "bool"), False),
    ("Zarr format 3, filter Delta, bool", in_zarr(3, "bool"), False),
    ("Zarr format 2, uint8", in_zarr(2, "uint8"), True),
):
    differ = int((back != MASK).sum())
    print(f"{title:34} {int(back.sum()):4} {differ:6}")
    assert (differ == 0) == right, f"{title} has changed"
END
