#!/usr/bin/env bash
# numpy.percentile and quantile of int8 and int16 arrays give numbers that lie below or above all samples.
#
# mean and median of small integers are computed as floats, so one expects the same here, and the result is float64.
# But the default method takes the difference of two neighbours among the sorted samples first, in the array's own
# type, which wraps around where it is above 127 or 32767. Smooth samples have no such gap, so that trials find
# nothing. Elevations have one: what is not known is -32768 there, and land from 0 on is more than 32767 higher. Along
# an axis, or for several percentages, no warning comes; one percentage of a whole array warns of an overflow.
#
# numpy 2.4.6. Output seen: 40 samples of -32768 and 60 from 1000 to 1059
#                     39.7 %        40 %
#   int16         -42393.704     13707.2
#   int32         -22536.296    -12507.2
#   quantile(int8 [-100, 100], 0.5) 128.0, median 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W error - <<'END'
import numpy as np

EXPECTED = {"int16": [-42393.704, 13707.2], "int32": [-22536.296, -12507.2]}
heights = np.concatenate([np.full(40, -32768), np.arange(1000, 1060)])
print(f"{'':13} {'39.7 %':>13} {'40 %':>11}")
for dtype, expected in EXPECTED.items():
    found = np.percentile(heights.astype(dtype), [39.7, 40])
    print(f"{dtype:13} {found[0]:13.3f} {found[1]:11.1f}")
    assert np.allclose(found, expected, atol=1e-3), f"{dtype} has changed"
pair = np.array([[-100, 100]], np.int8)
half, median = np.quantile(pair, 0.5, axis=1)[0], np.median(pair, axis=1)[0]
print(f"quantile(int8 [-100, 100], 0.5) {half}, median {median}")
assert (half, median) == (128, 0), "quantile has changed"
END
