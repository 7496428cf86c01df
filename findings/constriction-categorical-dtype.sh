#!/usr/bin/env bash
# constriction: the same probabilities as float32 and as float64 are two entropy models, and one decodes the other's data
# to wrong symbols, without an error.
#
# A coder must see the same numbers on both sides. float32 numbers converted to float64 are the same numbers, so one
# thinks that is kept: a network's output is encoded as it is, and stored, or sent as JSON, and decoded as Python's floats.
# But Categorical(p, perfect=False), which the library recommends, rounds to its fixed-point numbers in the type of the
# array: a sum and a scale in float32 end elsewhere than in float64. With perfect=True both types give one model.
#
# constriction 0.5.0, numpy 2.4.6. Output seen: symbols of 2000 that are right
#   perfect=False   decoded as float32: 2000   as float64: under 200
#   perfect=True    decoded as float32: 2000   as float64: 2000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check constriction==0.5.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import constriction
import numpy as np

AnsCoder = constriction.stream.stack.AnsCoder
Categorical = constriction.stream.model.Categorical

random = np.random.default_rng(0)
narrow = random.dirichlet(np.ones(50)).astype(np.float32)
wide = narrow.astype(np.float64)
assert np.array_equal(narrow, wide)
symbols = random.integers(0, 50, 2000).astype(np.int32)

def right(perfect, probabilities):
    coder = AnsCoder()
    coder.encode_reverse(symbols, Categorical(narrow, perfect=perfect))
    decoder = AnsCoder(coder.get_compressed())
    return int(np.sum(decoder.decode(Categorical(probabilities, perfect=perfect), len(symbols)) == symbols))

for perfect in (False, True):
    same, other = right(perfect, narrow), right(perfect, wide)
    shown = "under 200" if other < 200 else other
    print(f"perfect={str(perfect):6}  decoded as float32: {same}   as float64: {shown}")
    assert same == 2000
    assert other < 200 if not perfect else other == 2000
END
