#!/usr/bin/env bash
# nibabel saves an image in the sample type of the header that it is given, not of the array, and scales samples to fit.
#
# The usual way to save a result beside its original is Nifti1Image(result, image.affine, image.header). If the original
# is a mask of uint8, probabilities in float32 are spread over 256 levels; and labels, which are names and not amounts,
# are spread as well: 1 becomes 0, 2 becomes 3.92. There is no warning, and shape and dtype of get_fdata() are as they
# were. The mean and a picture look right. What fits is kept: labels up to 255 come back as they are, so that a trial
# with few labels finds nothing. Nifti1Image(..., dtype=result.dtype), or header.set_data_dtype, keeps all.
#
# nibabel 5.4.2, numpy 2.4.6. Output seen: header of uint8, what was saved and what is loaded
#   labels 0 1 2 255      stored as uint8   0, 1, 2, 255
#   labels 0 1 2 1000     stored as uint8   0, 0, 3.92, 1000
#   the same, dtype=      stored as uint16  0, 1, 2, 1000
#   float32 from 0 to 1   stored as uint8   256 of 4096 values, off by at most 0.0020
#   the same, dtype=      stored as float32 4096 of 4096 values, off by at most 0.0000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nibabel==5.4.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W error - <<'END'
import nibabel
import numpy as np

mask = nibabel.Nifti1Image(np.zeros((16, 16, 16), np.uint8), np.eye(4))


def saved(array, **options):
    nibabel.save(nibabel.Nifti1Image(array, mask.affine, mask.header, **options), "result.nii")
    again = nibabel.load("result.nii")
    return again.get_data_dtype(), again.get_fdata()


def labels(last, title, **options):
    kind, samples = saved(np.array([0, 1, 2, last], np.uint16).repeat(1024).reshape(16, 16, 16), **options)
    found = [float(f"{value:.2f}") for value in np.unique(samples)]
    of_each = [float(f"{value:.2f}") for value in samples.ravel()[::1024]]
    print(f"{title:21} stored as {str(kind):7} {', '.join(f'{value:g}' for value in of_each)}")
    return kind, of_each, len(found)


assert labels(255, "labels 0 1 2 255") == ("uint8", [0, 1, 2, 255], 4)
assert labels(1000, "labels 0 1 2 1000") == ("uint8", [0, 0, 3.92, 1000], 3)
assert labels(1000, "the same, dtype=", dtype=np.uint16) == ("uint16", [0, 1, 2, 1000], 4)
share = np.linspace(0, 1, 4096, dtype=np.float32).reshape(16, 16, 16)
for title, options, kind, count in (
    ("float32 from 0 to 1", {}, "uint8", 256), ("the same, dtype=", {"dtype": np.float32}, "float32", 4096)
):
    stored, samples = saved(share, **options)
    values, off = len(np.unique(samples)), np.abs(samples - share).max()
    print(f"{title:21} stored as {str(stored):7} {values} of 4096 values, off by at most {off:.4f}")
    assert (stored, values) == (kind, count)
    assert off == 0 if options else off > 0.001
END
