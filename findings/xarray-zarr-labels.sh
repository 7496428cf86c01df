#!/usr/bin/env bash
# xarray gives different labels of a Zarr 2 segmentation the same number, and calls the background NaN.
#
# Segment ids of brains are uint64 numbers of 18 digits, and 0 is what is none. An array of Zarr format 2 always has a
# fill value, mostly 0: what chunks hold that were not written. xarray takes it for "missing", so open_zarr turns the
# array into float64, in which neighbouring ids are one number; written back as uint64 they stay so. No warning. The
# same array in format 3 comes back as it is, and so does that of format 2 with mask_and_scale=False. NetCDF files with
# int64 numbers and a _FillValue go the same way. uint16 images become float32, with NaN for each black sample.
#
# xarray 2026.9.0, zarr 3.1.6, netCDF4 1.7.4, numpy 2.4.6. Output seen: type, and number of labels of 4, background too
#   Zarr format 3                          uint64   4
#   Zarr format 2                          float64  2
#   Zarr format 2, mask_and_scale=False    uint64   4
#   NetCDF, int64, _FillValue 0            float64  2
#   NetCDF, int64                          int64    4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xarray==2026.9.0 zarr==3.1.6 netCDF4==1.7.4 \
    numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import warnings

import netCDF4  # noqa: F401
import numpy as np
import xarray
import zarr

warnings.simplefilter("error")  # there is none
first = 720575940619861417
labels = np.array([[first, first + 1], [first + 2, 0]])


def by_zarr(version, **options):
    group = zarr.open_group(f"{version}.zarr", mode="w", zarr_format=version)
    more = {"attributes": {"_ARRAY_DIMENSIONS": ["y", "x"]}} if version == 2 else {"dimension_names": ["y", "x"]}
    array = group.create_array("labels", shape=(2, 2), dtype=np.uint64, **more)
    array[...] = labels
    assert np.array_equal(array[...], labels)
    return xarray.open_zarr(f"{version}.zarr", consolidated=False, **options)["labels"]


def by_netcdf(name, **encoding):
    xarray.Dataset({"labels": (("y", "x"), labels)}).to_netcdf(name, encoding={"labels": encoding})
    return xarray.open_dataset(name)["labels"]


cases = {
    "Zarr format 3": (by_zarr(3), "uint64"),
    "Zarr format 2": (by_zarr(2), "float64"),
    "Zarr format 2, mask_and_scale=False": (by_zarr(2, mask_and_scale=False), "uint64"),
    "NetCDF, int64, _FillValue 0": (by_netcdf("a.nc", _FillValue=0), "float64"),
    "NetCDF, int64": (by_netcdf("b.nc"), "int64"),
}
for name, (found, kind) in cases.items():
    count = len(np.unique(found.values))
    print(f"{name:38} {found.dtype!s:8} {count}")
    assert (found.dtype, count) == (kind, 2 if kind == "float64" else 4), "xarray has changed"
END
