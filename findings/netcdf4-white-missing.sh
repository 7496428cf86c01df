#!/usr/bin/env bash
# netCDF4 takes white (255) and saturated samples (65535) for missing ones, in files that say nothing of that.
#
# A variable that was made without a fill value, and has no attribute, is a plain array of samples, as HDF5 reads it.
# But the NetCDF library has a fill value for each type, and netCDF4 masks what is equal to it: the highest number of
# the unsigned types up to 32 bits, which in images is the one that occurs. mean() leaves the white out, and the check
# that was to find it passes: masked == image is masked where it is missing, and all() ignores that. Signed bytes,
# where the value would be -127, are left alone. fill_value=False when the variable is made, or set_auto_mask(False),
# cures it.
#
# netCDF4 1.7.4, h5py 3.16.0, numpy 2.4.6. Output seen: what of 0, 128, 255, 255 and of 0, 128, 65535, 65535 is there
#                            samples    mean()  (read == image).all()
#   uint8                    2 of 4      64.0  True
#   uint16                   2 of 4      64.0  True
#   uint8, fill_value=False  4 of 4     159.5  True
#   uint8, by h5py           4 of 4     159.5  True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check netCDF4==1.7.4 h5py==3.16.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W error - <<'END'
import h5py
import netCDF4
import numpy as np


def image(dtype):
    return np.array([0, 128, np.iinfo(dtype).max, np.iinfo(dtype).max], dtype)


def by_netcdf(dtype, **options):
    with netCDF4.Dataset("a.nc", "w") as file:
        file.createDimension("x", 4)
        file.createVariable("image", dtype, ("x",), **options)[:] = image(dtype)
    with netCDF4.Dataset("a.nc") as file:
        assert not file["image"].ncattrs()
        return file["image"][:]


def by_h5py(dtype):
    by_netcdf(dtype)
    with h5py.File("a.nc") as file:
        return file["image"][...]


cases = {
    "uint8": ("u1", by_netcdf("u1"), 2, 64.0),
    "uint16": ("u2", by_netcdf("u2"), 2, 64.0),
    "uint8, fill_value=False": ("u1", by_netcdf("u1", fill_value=False), 4, 159.5),
    "uint8, by h5py": ("u1", by_h5py("u1"), 4, 159.5),
}
print(f"{'':24} samples    mean()  (read == image).all()")
for name, (dtype, found, count, mean) in cases.items():
    same = bool((found == image(dtype)).all())
    print(f"{name:24} {np.ma.count(found)} of 4  {found.mean():8.1f}  {same}")
    assert (np.ma.count(found), found.mean(), same) == (count, mean, True), f"{name} has changed"
END
