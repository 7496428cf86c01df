#!/usr/bin/env bash
# A filter of numcodecs makes Zarr 3 arrays of big-endian numbers come back with their bytes swapped.
#
# FITS images, NetCDF 3 variables and big-endian TIFF files give arrays of dtype >u2 or >f4. Zarr format 3 keeps no
# byte order in the data type: an array of >u2 becomes uint16, stored by the codec "bytes" as that says, and comes
# back right. But with Delta, FixedScaleOffset or AsType before "bytes", as filters of format 2 are carried over,
# every sample is another number, whichever order the filter's own dtype names: what a filter gives is taken for
# native numbers. The same filters are right in format 2, and in format 3 for little-endian arrays. No error. astype
# of the array before helps.
#
# zarr 3.1.6, numcodecs 0.16.6, numpy 2.4.6. Output seen: share of samples that differ
#                      array of >u2                    array of <u2
#                      format 2   format 3             format 2   format 3
#   no filter          0.00       0.00                 0.00       0.00
#   Delta              0.00       1.00                 0.00       0.00
#   FixedScaleOffset   0.00       1.00, swapped        0.00       0.00
#   AsType             0.00       1.00, swapped        0.00       0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zarr==3.1.6 numcodecs==0.16.6 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'END'
import numcodecs
import numpy as np
import zarr
from zarr.codecs import numcodecs as for_format_3

COUNTS = np.random.default_rng(1).integers(1, 255, (64, 64))  # not one of them is itself with its bytes swapped
OPTIONS = {
    "Delta": lambda dtype: {"dtype": dtype},
    "FixedScaleOffset": lambda dtype: {"offset": 0, "scale": 1, "dtype": dtype},
    "AsType": lambda dtype: {"encode_dtype": dtype, "decode_dtype": dtype},
}


def trial(dtype, zarr_format, name):
    module = numcodecs if zarr_format == 2 else for_format_3
    filters = [getattr(module, name)(**OPTIONS[name](dtype))] if name in OPTIONS else None
    samples, store = COUNTS.astype(dtype), {}
    array = zarr.create_array(
        store, shape=samples.shape, chunks=(32, 32), dtype=samples.dtype, zarr_format=zarr_format, filters=filters
    )
    array[:] = samples
    back = zarr.open_array(store, mode="r")[:]
    differ = float((back != samples).mean())
    return differ, bool((back == samples.byteswap()).all())


def text(differ, swapped):
    return f"{differ:.2f}{', swapped' if swapped else ''}"


print("                   array of >u2                    array of <u2")
print("                   format 2   format 3             format 2   format 3")
for name in ("no filter", *OPTIONS):
    found = [trial(dtype, zarr_format, name) for dtype in (">u2", "<u2") for zarr_format in (2, 3)]
    columns = [text(*one) for one in found]
    print(f"{name:18} {columns[0]:10} {columns[1]:20} {columns[2]:10} {columns[3]}")
    wrong = name in OPTIONS
    assert [one[0] for one in found] == [0, float(wrong), 0, 0], f"{name} has changed"
    assert found[1][1] == (name in ("FixedScaleOffset", "AsType")), f"{name} has changed"
END
