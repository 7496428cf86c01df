#!/usr/bin/env bash
# FITS images of floats are changed by "gzip" compression, and astropy's quantize_level=0 cuts off all fractions.
#
# GZIP is lossless everywhere else, and is so here for integers. Floats are first rounded to steps of a fraction of the
# noise: astropy's GZIP_2 and fitsio's "gzip" do it by default, and fitsio's steps are four times as wide.
# quantize_level=0 (fpack's "-q 0") switches that off in astropy, but only with a GZIP method. With the default method,
# RICE_1, the floats are then stored as integers, without a warning: of an image with values between 0 and 1 nothing but
# zeros is left.
#
# astropy 8.0.2, fitsio 1.4.2, numpy 2.4.6. Output seen: share of samples that differ, largest error
#   counts, astropy GZIP_2                       1.00, 15
#   counts, astropy GZIP_2, quantize_level=0     0.00, 0
#   counts, fitsio gzip                          1.00, 59
#   counts, fitsio gzip, qlevel=0                0.00, 0
#   0 to 1, astropy RICE_1                       1.00, 0.013
#   0 to 1, astropy RICE_1, quantize_level=0     1.00, 1, all samples are 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check astropy==8.0.2 fitsio==1.4.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'END'
import fitsio
import numpy as np
from astropy.io import fits


def by_astropy(image, **options):
    fits.CompImageHDU(image, **options).writeto("a.fits", overwrite=True)
    return fits.getdata("a.fits", 1)


def by_fitsio(image, **options):
    fitsio.write("b.fits", image, clobber=True, **options)
    return fitsio.read("b.fits")


def difference(name, image, write, **options):
    back = write(image, **options)
    assert (back.shape, back.dtype) == (image.shape, image.dtype)
    error = np.abs(back - image)
    zeros = "" if back.any() else ", all samples are 0"
    print(f"{name:44} {np.mean(error > 0):.2f}, {error.max():.2g}{zeros}")
    return error.max(), bool(zeros)


random = np.random.default_rng(0)
counts = random.integers(0, 1000, (64, 64)).astype(np.float32)
assert difference("counts, astropy GZIP_2", counts, by_astropy, compression_type="GZIP_2")[0] > 1
exact = {"compression_type": "GZIP_2", "quantize_level": 0}
assert difference("counts, astropy GZIP_2, quantize_level=0", counts, by_astropy, **exact)[0] == 0
assert difference("counts, fitsio gzip", counts, by_fitsio, compress="gzip")[0] > 1
assert difference("counts, fitsio gzip, qlevel=0", counts, by_fitsio, compress="gzip", qlevel=0)[0] == 0
shares = random.random((64, 64), dtype=np.float32)
assert difference("0 to 1, astropy RICE_1", shares, by_astropy)[0] < 0.1
assert difference("0 to 1, astropy RICE_1, quantize_level=0", shares, by_astropy, quantize_level=0)[1]
END
