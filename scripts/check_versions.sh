#!/usr/bin/env bash
# Test the wheel with every Python that is here: the newest dependencies on each, and the oldest on Python 3.11.
# PYTHONS names the interpreters; by default those on the PATH and of pyenv. TESTS names tests, as in test_installed.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip_options=(--quiet --disable-pip-version-check)

if [ -z "${PYTHONS:-}" ]; then
    for minor in 11 12 13 14; do
        for python in "$(command -v "python3.$minor" || true)" "$HOME/.pyenv/versions/3.$minor".*/bin/python; do
            # A shim of pyenv may be on the PATH for a version that is not active.
            if [ -x "$python" ] && "$python" -c "import sys; assert sys.version_info[:2] == (3, $minor)" 2> "$work/no"; then
                PYTHONS="${PYTHONS:-} $python"
                break
            fi
        done
    done
fi
read -ra pythons <<< "${PYTHONS:?no Python 3.11 to 3.14 is here; name one}"

git ls-files -z | tar --create --null --files-from - | tar --extract --directory "$work"
"${pythons[0]}" -m pip wheel "${pip_options[@]}" --no-deps --wheel-dir "$work/dist" "$work"
wheel=$(ls "$work"/dist/nelloc-*.whl)

check() { # check NAME PYTHON [PIP ARGUMENT...]: test the wheel in an environment of its own
    local name=$1 python=$2
    shift 2
    echo "== $name"
    "$python" -m venv "$work/$name"
    "$work/$name/bin/pip" install "${pip_options[@]}" "$@" "$wheel" hypothesis imagecodecs pytest tifffile
    "$work/$name/bin/pip" freeze --disable-pip-version-check | grep -iE '^(click|constriction|numpy|pillow|platformdirs|safetensors)=' | xargs
    env -u PYTHONPATH PATH="$work/$name/bin:$PATH" OMP_NUM_THREADS=1 bash scripts/test_installed.sh -p no:cacheprovider
    rm -rf "${work:?}/$name"
}

for python in "${pythons[@]}"; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    check "python$version-newest" "$python"
    if [ "$version" = 3.11 ]; then
        check "python$version-oldest" "$python" --constraint scripts/oldest.txt
    fi
done
