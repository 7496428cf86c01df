#!/usr/bin/env bash
# Run the tests with a compiled core that AddressSanitizer and UndefinedBehaviorSanitizer watch; any finding ends a test.
#
#     bash scripts/test_sanitized.sh [TESTS...]
#
# Without TESTS all that use the core, many times as long as without the sanitizers. The tree is copied, so that the core of this one
# stays. Needs GCC; Python with what pyproject.toml names under "test".
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$work"
cd "$work"
gcc -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIC -shared \
    -DPy_LIMITED_API=0x030B0000 $(python3-config --includes) -o nelloc/_native.abi3.so \
    native/src/*.c native/src/level/*.c native/binding/*.c -lm
tests=("$@")
if [ ${#tests[@]} = 0 ]; then
    tests=(tests/exact tests/codec tests/files tests/image tests/cli tests/plugins tests/conformance tests/bench
        tests/test_api.py tests/test_damage.py tests/test_fuzz.py tests/test_golden.py tests/test_odd_inputs.py)
fi
# Python itself never gives all of its memory back; processes of tests are not to be slowed by what they do not use.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
export PYTHONPATH=$work OMP_NUM_THREADS=1
libraries="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
# Without the core the tests would pass on NumPy.
LD_PRELOAD=$libraries python3 -c 'import sys; from nelloc.exact import native; sys.exit(native.missing())'
LD_PRELOAD=$libraries python3 -m pytest -q -p no:cacheprovider "${tests[@]}"
