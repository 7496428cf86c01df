"""The core gives NumPy's bytes on other machines too: 64-bit ARM and s390x, whose integers are big-endian.

Programs are compiled for them and run under emulation, with the golden files' tiles and the shipped models.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from compiling import build, run
from golden_tiles import golden_tiles, lines_of, photograph_tiles, write

MACHINES = {
    "this": ("gcc", [], {"plain"}),
    "arm64": ("aarch64-linux-gnu-gcc", ["qemu-aarch64", "-cpu", "max"], {"plain", "neon", "dotprod"}),
    "s390x": ("s390x-linux-gnu-gcc", ["qemu-s390x"], {"plain"}),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> tuple[Path, list[str]]:
    """The file of tiles, and what NumPy makes of each."""
    path = tmp_path_factory.mktemp("tiles") / "tiles"
    tiles = golden_tiles() + photograph_tiles()
    assert len(tiles) > 50
    write(tiles, path)
    return path, lines_of(tiles)


def prepared(machine: str, program: str, folder: Path) -> list[str]:
    """The command that runs a program of native/tests, compiled for a machine."""
    compiler, emulator, _ = MACHINES[machine]
    for needed in (compiler, *emulator[:1]):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}")
    # Without libraries of the other machine; with the vectors that systems of s390x ask for, which are sooner emulated.
    own = ["-static"] if emulator else []
    own += ["-march=z13"] if machine == "s390x" else []
    return [*emulator, str(build(compiler, [f"tests/{program}.c"], folder / program, ["-O2", *own]))]


@pytest.mark.parametrize("machine", MACHINES)
def test_tiles_are_coded_as_by_numpy_on_every_level(machine, stored, tmp_path):
    path, expected = stored
    found: dict[str, list[str]] = {}
    for line in run([*prepared(machine, "golden_tiles", tmp_path), str(path)]).splitlines():
        level, _, rest = line.partition(" ")
        found.setdefault(level, []).append(rest)
    assert found.keys() >= MACHINES[machine][2]
    for level, lines in found.items():
        assert lines == expected, level


def test_kernels_of_arm_equal_their_plain_twins(tmp_path):
    said = run([*prepared("arm64", "check_kernels", tmp_path), "20"])
    assert "dotprod  product8        20 rounds, 0 differ" in said
    assert "neon     product16       20 rounds, 0 differ" in said
