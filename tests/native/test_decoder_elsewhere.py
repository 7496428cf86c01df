"""libnelloc on other machines: the same pixels.

64-bit ARM, and s390x, whose integers are big-endian, are emulated; x86 has programs of 32 bits, as browsers have.
"""

from __future__ import annotations

import platform
import resource
import shutil
import struct
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from compiling import NATIVE, run
from decoder_library import FILES, MODELS, SHIPPED, build_decoder, given, golden_image, line_of
from test_decoder_safety import tiled_head
from test_other_machines import MACHINES

from nelloc.codec.container import Container, TileRecord, pack
from nelloc.codec.format import NO_MODEL, Method
from nelloc.image.kinds import Kind
from nelloc.varint import varint

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


def libraries(compiler: str, options: Sequence[str], sources: Path, folder: Path) -> tuple[list[str], list[str]]:
    """The options that programs are compiled with beside zlib and liblzma, and what these are linked by."""
    script = ["bash", "-c", LIBRARIES, str(WEB / "libraries.sh"), str(sources), str(folder), compiler, *options]
    flags = run(script).split()
    return [*options, *flags], sorted(map(str, folder.glob("*.o")))


def check_golden_files(command: Sequence[str], level: str) -> None:
    """Compare what hash_files prints of the golden files with the images that they were made of."""
    expected = [line_of(path, golden_image(path)) for path in FILES]
    found = run([*command, level, *given([*MODELS, *SHIPPED]), *map(str, FILES)])
    assert found.splitlines() == expected, level


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["arm64", "s390x"])
def test_golden_files_decode_to_their_pixels(machine, sources, tmp_path):
    compiler, emulator, levels = MACHINES[machine]
    for needed in (compiler, emulator[0]):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}")
    flags, linked = libraries(compiler, ["-O2", "-static"], sources, tmp_path / "objects")
    program = build_decoder(compiler, ["tests/hash_files.c"], tmp_path, flags, libraries=linked)
    assert set(run([*emulator, str(program), "levels"]).split()) >= levels
    for level in sorted(levels):
        check_golden_files([*emulator, str(program)], level)


@pytest.fixture(scope="module")
def narrow(sources, tmp_path_factory):
    """Compile programs of native/ with the library for sizes of 32 bits."""
    if platform.machine() != "x86_64" or shutil.which("gcc") is None:
        pytest.skip("needs GCC for x86-64")
    # Cross compilers leave the system's headers for 32 bits only there.
    options = ["-m32", "-O1", "-idirafter", "/usr/include/x86_64-linux-gnu"]
    source = "#include <errno.h>\nint main(void) { return errno; }\n"
    command = ["gcc", *options, "-x", "c", "-", "-o", "/dev/null"]
    if subprocess.run(command, input=source, capture_output=True, text=True, check=False).returncode:
        pytest.skip("needs GCC's libraries for 32 bits (Debian: gcc-12-multilib)")
    folder = tmp_path_factory.mktemp("narrow")
    flags, linked = libraries("gcc", options, sources, folder / "objects")
    return lambda *programs: str(build_decoder("gcc", programs, folder, flags, libraries=linked))


@pytest.mark.slow
def test_golden_files_decode_to_their_pixels_where_sizes_have_32_bits(narrow):
    check_golden_files([narrow("tests/hash_files.c")], "plain")


@pytest.mark.slow
def test_what_32_bits_do_not_count_is_refused_for_want_of_memory(narrow, tmp_path):
    """Rows of more bits than that, and more bytes of a skeleton."""
    width = (1 << 32) // 24 + 1
    records = (TileRecord(Method.CONSTANT, b"\1"),) * -(-width // 4096)
    wide = pack(Container(Kind.RGB, width, 1, 4096, NO_MODEL, records))
    kept = b"\1\3\1" + bytes(4) + varint((1 << 32) + 8) + bytes(3 << 20)
    nlcd = narrow(*(f"tools/{path.name}" for path in sorted((NATIVE / "tools").glob("*.c"), key=is_main)))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    index = bytes([Method.COEFFICIENTS, 1])
    index += struct.pack("<I", zlib.crc32(index)) + b"\1" + struct.pack("<I", zlib.crc32(b"\1"))
    jpeg = tiled_head(8, 8, 16, [(0x86, kept)]) + index
    for name, content in (("out.png", wide), ("out.ppm", wide), ("out.jpg", jpeg)):
        (tmp_path / "in.nlc").write_bytes(content)
        command = [nlcd, str(tmp_path / "in.nlc"), str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert "memory" in done.stderr


def is_main(path: Path) -> bool:
    """Last the file that a program is named after."""
    return path.stem == "nlcd"
