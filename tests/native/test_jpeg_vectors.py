"""The coder of JPEG coefficients makes the same bytes with vectors and in plain C, here and on other machines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from compiling import NATIVE, SANITIZED, WARNINGS, run

SOURCES = [
    NATIVE / "tests" / "random_coefficients.c",
    *sorted((NATIVE / "src").glob("jpeg_*.c")),
    NATIVE / "src" / "adaptive_tables.c",
    NATIVE / "src" / "crc32.c",
]
BUILDS = {
    "optimised": ("gcc", ["-O2"], []),
    "plain": ("gcc", [*SANITIZED, "-DNLC_PLAIN_VECTORS"], []),
    "clang": ("clang", ["-O2"], []),
    "arm64": ("aarch64-linux-gnu-gcc", ["-O2", "-static"], ["qemu-aarch64"]),
    "s390x": ("s390x-linux-gnu-gcc", ["-O2", "-static"], ["qemu-s390x"]),
}


def hashes(name: str, folder: Path) -> str:
    compiler, flags, emulator = BUILDS[name]
    for needed in (compiler, *emulator):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}")
    program = folder / name
    run([compiler, *WARNINGS, *flags, *map(str, SOURCES), "-o", str(program)])
    return run([*emulator, str(program), "60"])


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> str:
    """What a build with sanitizers prints."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("sanitized")
    run(["gcc", *WARNINGS, *SANITIZED, *map(str, SOURCES), "-o", str(folder / "program")])
    said = run([str(folder / "program"), "60"])
    assert len(set(said.split()[1::2])) == 60
    return said


@pytest.mark.parametrize("name", BUILDS)
def test_streams_of_random_coefficients_are_the_same(name, expected, tmp_path):
    assert hashes(name, tmp_path) == expected
