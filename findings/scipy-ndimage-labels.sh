#!/usr/bin/env bash
# scipy.ndimage moves and enlarges 64-bit labels with order=0 to other labels, also by no distance at all.
#
# order=0 is "nearest": it picks samples and computes none, which makes it the order for segmentations. The result has
# the type of the input, so nothing looks amiss. But every sample goes through a double on its way, so of ids beyond
# 2**53, as those of brain atlases, neighbouring ones become one, even by a shift of 0 or a turn by 0 degrees.
# grey_dilation, maximum_filter and median_filter keep them, and zoom by a factor of 1 returns its input. No warning.
#
# scipy 1.17.1, numpy 2.4.6. Output seen: labels of 4 in a uint64 array, and the type of the result
#   shift by 0            2 uint64
#   rotate by 0           2 uint64
#   zoom by 2             2 uint64
#   affine, identity      2 uint64
#   map_coordinates       2 uint64
#   zoom by 1             4 uint64
#   maximum_filter        4 uint64
#   numpy.repeat by 2     4 uint64
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W error - <<'END'
import numpy as np
from scipy import ndimage

first = 720575940619861417
labels = np.array([[first, first + 1], [first + 2, 0]], np.uint64)
cases = {
    "shift by 0": (ndimage.shift(labels, 0, order=0), 2),
    "rotate by 0": (ndimage.rotate(labels, 0, order=0), 2),
    "zoom by 2": (ndimage.zoom(labels, 2, order=0), 2),
    "affine, identity": (ndimage.affine_transform(labels, np.eye(2), order=0), 2),
    "map_coordinates": (ndimage.map_coordinates(labels, np.indices((2, 2)), order=0), 2),
    "zoom by 1": (ndimage.zoom(labels, 1, order=0), 4),
    "maximum_filter": (ndimage.maximum_filter(labels, 1), 4),
    "numpy.repeat by 2": (labels.repeat(2, 0).repeat(2, 1), 4),
}
for name, (found, expected) in cases.items():
    count = len(np.unique(found))
    print(f"{name:21} {count} {found.dtype}")
    assert (count, found.dtype) == (expected, labels.dtype), f"{name} has changed"
assert len(np.unique(ndimage.zoom(np.arange(4, dtype=np.uint64), 2, order=0))) == 4, "small labels are changed too"
END
