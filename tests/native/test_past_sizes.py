"""Sizes of pictures are multiplied without wrapping, also where sizes have 32 bits."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from compiling import NATIVE, SANITIZED, WARNINGS, run

SOURCES = [NATIVE / "tests" / "past_sizes.c", *sorted((NATIVE / "src").glob("past_*.c"))]


@pytest.mark.parametrize("bits", [64, 32])
def test_neither_sizes_nor_costs_wrap(bits, tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    (tmp_path / "empty.c").write_text("#include <stdlib.h>\nint main(void) { return 0; }\n")
    flags = [f"-m{bits}", *SANITIZED]
    asked = ["gcc", *flags, str(tmp_path / "empty.c"), "-o", str(tmp_path / "empty")]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip(f"needs a compiler of {bits} bits with its sanitizers")
    program = tmp_path / "sizes"
    run(["gcc", *WARNINGS, *flags, *map(str, SOURCES), "-lm", "-o", str(program)])
    assert run([str(program)]) == ""
