#!/usr/bin/env bash
# safetensors 0.8.0 saves transposed numpy arrays with their values in another order; 0.7.0 saves them right.
#
# safetensors is remembered to refuse tensors that are not contiguous: safetensors.torch still does. safetensors.numpy
# took any array, as its tobytes() gives the values in C order. Since 0.8.0 it hands over the address of the array's
# memory instead, and does not look at its strides. So of w.T the file has the shape of w.T and the bytes of w, and of
# every second column the first columns. Weights are transposed when they go from one framework to another; astype and
# arithmetic keep the order; and no checksum, shape or type tells. np.ascontiguousarray before saving is right in all
# versions.
#
# safetensors 0.7.0 and 0.8.0, numpy 2.4.6. Output seen: is the array that comes back equal?
#             as it is  w.T    Fortran order  columns 0, 2  ascontiguousarray(w.T)
#   0.7.0     True      True   True           True          True
#   0.8.0     True      False  False          False         True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cat > "$folder/trial.py" <<'END'
import sys

import numpy as np
import safetensors
from safetensors.numpy import load, load_file, save, save_file

w = np.arange(12, dtype=np.float32).reshape(3, 4)
arrays = {
    "as it is": w,
    "w.T": w.T,
    "Fortran order": np.asfortranarray(w),
    "columns 0, 2": w[:, ::2],
    "ascontiguousarray(w.T)": np.ascontiguousarray(w.T),
}
exact = []
for array in arrays.values():
    back = load(save({"w": array}))["w"]
    assert (back.shape, back.dtype) == (array.shape, array.dtype)
    save_file({"w": array}, sys.argv[1])
    assert np.array_equal(load_file(sys.argv[1])["w"], back)
    exact.append(np.array_equal(back, array))
print(safetensors.__version__, *exact)
assert exact == [True] * 5 if safetensors.__version__ == "0.7.0" else exact == [True, False, False, False, True]
back = load(save({"w": w.T}))["w"]
assert safetensors.__version__ == "0.7.0" or np.array_equal(back.ravel(), w.ravel()), "not the bytes of w"
END
for version in 0.7.0 0.8.0; do
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==$version numpy==2.4.6
    "$folder/venv/bin/python" "$folder/trial.py" "$folder/w.safetensors"
done
