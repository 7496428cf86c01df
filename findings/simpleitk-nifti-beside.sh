#!/usr/bin/env bash
# SimpleITK reads scan.nii.gz from scan.nii, if a file of that name lies beside it.
#
# A volume that was unpacked, or compressed with its original kept, leaves both names in one folder, and the two need not
# hold the same samples for long. Asked for the .nii.gz, ITK's NIfTI reader takes its header, but then looks for the data
# by the name without .gz first: shape and type are those of the one file, the samples those of the other. No error and no
# warning. nibabel reads the file it is asked for.
#
# SimpleITK 2.5.7, nibabel 5.4.2, numpy 2.4.6. Output seen: the samples that scan.nii.gz is read with
#   alone           SimpleITK: scan.nii.gz, nibabel: scan.nii.gz
#   with scan.nii   SimpleITK: scan.nii, nibabel: scan.nii.gz
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check simpleitk==2.5.7 nibabel==5.4.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import nibabel
import numpy as np
import SimpleITK

random = np.random.default_rng(0)
new = random.integers(0, 1000, (24, 32), dtype=np.uint16)
old = random.integers(0, 1000, (48, 32), dtype=np.int16)
SAMPLES = {"scan.nii.gz": new, "scan.nii": old[:24].astype(np.uint16)}
READERS = {
    "SimpleITK": lambda name: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(name)),
    "nibabel": lambda name: np.asarray(nibabel.load(name).dataobj).T,
}


def sources():
    found = {}
    for reader, read in READERS.items():
        array = read("scan.nii.gz")
        assert (array.shape, array.dtype) == (new.shape, new.dtype)
        found[reader] = next(name for name, samples in SAMPLES.items() if np.array_equal(array, samples))
    return found


def said(found):
    return ", ".join(f"{reader}: {name}" for reader, name in found.items())


SimpleITK.WriteImage(SimpleITK.GetImageFromArray(new), "scan.nii.gz")
alone = sources()
print("alone          ", said(alone))
assert alone == {"SimpleITK": "scan.nii.gz", "nibabel": "scan.nii.gz"}
SimpleITK.WriteImage(SimpleITK.GetImageFromArray(old), "scan.nii")
beside = sources()
print("with scan.nii  ", said(beside))
assert beside == {"SimpleITK": "scan.nii", "nibabel": "scan.nii.gz"}
END
