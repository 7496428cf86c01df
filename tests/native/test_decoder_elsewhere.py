"""libnelloc on 64-bit ARM, and on s390x, whose integers are big-endian: under emulation, the same pixels."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from compiling import NATIVE, run
from decoder_library import FILES, MODELS, SHIPPED, build_decoder, given, golden_image, line_of
from test_other_machines import MACHINES

WEB = NATIVE.parent / "web"
# Compile zlib and liblzma for another machine, of which there are no packages here.
LIBRARIES = """
set -e
. "$0"
LZMA_FLAGS=()
build_libraries "$1" "$2" "${@:3}"
echo "$LIBRARY_FLAGS"
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """The sources of zlib and liblzma."""
    folder = WEB / "sources"
    if not folder.is_dir():
        folder = tmp_path_factory.mktemp("sources")
    if any(shutil.which(needed) is None for needed in ("bash", "curl", "sha256sum")):
        pytest.skip("needs bash, curl and sha256sum")
    fetched = subprocess.run(["bash", WEB / "fetch.sh", folder], capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"the sources of zlib and liblzma cannot be fetched: {fetched.stderr.strip()}")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["arm64", "s390x"])
def test_golden_files_decode_to_their_pixels(machine, sources, tmp_path):
    compiler, emulator, levels = MACHINES[machine]
    for needed in (compiler, emulator[0]):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}")
    objects = tmp_path / "objects"
    script = [
        "bash",
        "-c",
        LIBRARIES,
        str(WEB / "libraries.sh"),
        str(sources),
        str(objects),
        compiler,
        "-O2",
        "-static",
    ]
    flags = ["-O2", "-static", *run(script).split()]
    libraries = sorted(map(str, objects.glob("*.o")))
    program = build_decoder(compiler, ["tests/hash_files.c"], tmp_path, flags, libraries=libraries)
    expected = [line_of(path, golden_image(path)) for path in FILES]
    assert set(run([*emulator, str(program), "levels"]).split()) >= levels
    for level in sorted(levels):
        found = run([*emulator, str(program), level, *given([*MODELS, *SHIPPED]), *map(str, FILES)])
        assert found.splitlines() == expected, level
