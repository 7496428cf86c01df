#!/usr/bin/env bash
# Build nelloc as users do: a wheel with the core, which needs libc alone; and an installation without a C compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
photo=$PWD/docs/images/parrots.png
# Copies of what git tracks, so that no build finds what another compiled.
for name in compiled uncompiled; do
    mkdir "$work/$name-source"
    git ls-files -z | tar --create --null --files-from - | tar --extract --directory "$work/$name-source"
done

echo "== a wheel"
python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet --disable-pip-version-check auditwheel build
# By way of the source distribution, which must have all that the wheel is built from.
"$work/tools/bin/python" -m build --sdist --outdir "$work/sdist" "$work/compiled-source" > "$work/sdist.log"
sdist=$(ls "$work"/sdist/nelloc-*.tar.gz)
bytes=$(wc -c < "$sdist")
if [ "$bytes" -ge 2500000 ]; then
    echo "the source distribution has $bytes bytes, 2.5 MB or more" >&2
    exit 1
fi
"$work/tools/bin/pip" wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work/wheel" "$sdist"
wheel=$(ls "$work"/wheel/nelloc-*.whl)
case "$wheel" in *-cp311-abi3-*) ;; *) echo "$wheel: not for the stable ABI of Python 3.11" >&2; exit 1 ;; esac
"$work/tools/bin/python" - "$wheel" <<'PY'
import sys
import zipfile

names = zipfile.ZipFile(sys.argv[1]).namelist()
assert any(name.startswith("nelloc/_native") for name in names), "the wheel has no core"
assert "nelloc/weights/default.nlm" in names and "nelloc/weights/models.json" in names, "the wheel has no models"
assert not any(name.startswith(("tests/", "benchmarks/", "native/")) or "checkpoints" in name for name in names)
for name in ("py.typed", "bench/page.css", "plugins/freedesktop/nelloc.thumbnailer"):
    assert f"nelloc/{name}" in names, f"the wheel has no {name}"
print(len(names), "files in the wheel")
PY
# auditwheel names every shared library that the core needs beside libc's own.
"$work/tools/bin/auditwheel" show "$wheel" | tee "$work/audit"
grep -q "manylinux" "$work/audit"
if grep -q "requires the following external shared libraries\|libgcc_s\|libgomp\|libstdc" "$work/audit"; then
    echo "the core needs more than libc" >&2
    exit 1
fi

echo "== the wheel in an empty environment"
python3 -m venv "$work/plain"
"$work/plain/bin/pip" install --quiet --disable-pip-version-check "$wheel"
(cd "$work" && ./plain/bin/nelloc compress "$photo" core.nlc)

echo "== what README says, with the wheel, in an empty environment"
python3 scripts/newcomer.py "$wheel"

echo "== without a C compiler"
python3 -m venv "$work/uncompiled"
CC=/bin/false CXX=/bin/false "$work/uncompiled/bin/pip" install --quiet --disable-pip-version-check "$work/uncompiled-source"
(cd "$work" && ./uncompiled/bin/nelloc compress "$photo" numpy.nlc 2> messages)
grep -q "runs on NumPy" "$work/messages"
cmp "$work/core.nlc" "$work/numpy.nlc"
echo "the same bytes, with the core and on NumPy"
