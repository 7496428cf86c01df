#!/usr/bin/env bash
# numpy.searchsorted compares a table of uint64 with a Python integer as floats, and finds the wrong symbol.
#
# A decoder finds a symbol in a table of cumulative frequencies. Since NumPy 2 a Python integer takes the type of the
# array beside it: table + n and table <= n are exact in uint64. searchsorted does not go by that rule: it makes an
# array of the number first, which is int64, and the type that int64 and uint64 have in common is float64. So beyond
# 2**53 neighbours in the table are one number to it. numpy.digitize does the same. np.uint64(n), or a number that
# only fits uint64, is exact, as is a table of int64: a trial with small or with the largest numbers finds nothing. No
# warning.
#
# numpy 2.4.6. Output seen: number of entries that are at most n, of a table of uint64 that has every number around n
#   n        table <= n   searchsorted, int   searchsorted, np.uint64   digitize, int   table of int64, int
#   1000     501          501                 501                       501             501
#   2**53    501          502                 501                       502             501
#   2**60    501          629                 501                       629             501
#   2**63    501          501                 501                       501             -
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
"$folder/venv/bin/python" - <<'END'
import numpy as np

NUMBERS = {"1000": 1000, "2**53": 2**53, "2**60": 2**60, "2**63": 2**63}
WRONG = {"2**53": 502, "2**60": 629}

print("n        table <= n   searchsorted, int   searchsorted, np.uint64   digitize, int   table of int64, int")
for name, n in NUMBERS.items():
    numbers = range(n - 500, n + 500)
    table = np.array(numbers, np.uint64)
    signed = np.array(numbers, np.int64) if n < 2**62 else None
    counts = [
        int((table <= n).sum()),
        int(np.searchsorted(table, n, side="right")),
        int(np.searchsorted(table, np.uint64(n), side="right")),
        int(np.digitize(n, table)),
    ]
    last = "-" if signed is None else int(np.searchsorted(signed, n, side="right"))
    columns = f"{counts[0]:<12} {counts[1]:<19} {counts[2]:<25} {counts[3]:<15} {last}"
    print(f"{name:8} {columns}")
    wrong = WRONG.get(name, 501)
    assert counts == [501, wrong, 501, wrong], f"{name} has changed"
    assert last in ("-", 501), f"int64 at {name} has changed"
END
