#!/usr/bin/env bash
# Test the nelloc that is installed in the active environment, not the files beside this script, as far as its
# dependencies and those of the extra [deep] allow: no torch, no peers. Arguments go to pytest; TESTS names other tests.
set -euo pipefail
cd "$(dirname "$0")/.."
# Not "python -m pytest", which would import nelloc from here.
tests=(tests/codec tests/exact tests/files tests/image tests/plugins tests/cli tests/test_golden.py tests/test_same_bits.py)
if [ -n "${TESTS:-}" ]; then
    read -ra tests <<< "$TESTS"
fi
pytest --override-ini "addopts=-q -m 'not slow' --strict-markers" "$@" "${tests[@]}"
