"""Every kernel of every CPU level equals its plain twin, with sanitizers watching."""

from __future__ import annotations

import platform
import shutil

import pytest
from compiling import SANITIZED, build, run

# The files of AVX-VNNI and AMX in forms that a machine with AVX-512 can run.
OTHER_FORMS = ["-DCHECK_OTHER_FORMS", "-DNLC_VNNI_OF_AVX512"]
OTHER_FORMS += ['-DNLC_EMULATED_TILES="../../tests/emulated_tiles.h"']


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_kernels_equal_their_plain_twins(compiler, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    forms = OTHER_FORMS if platform.machine() in ("x86_64", "AMD64") else []
    program = build(compiler, "tests/check_kernels.c", tmp_path / "check_kernels", [*SANITIZED, *forms])
    said = run([str(program), "60"])
    assert "plain    product16       60 rounds, 0 differ" in said
