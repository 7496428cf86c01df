"""Building libnelloc and programs with it, for tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from compiling import CORE, NATIVE, WARNINGS, _compiled, run
from materials import GOLDEN

DECODER = tuple(path for path in sorted((NATIVE / "lib").glob("*.c")) if path.stem not in ("embed", "memory"))
MEMORY = (NATIVE / "lib" / "memory.c",)
# What the core allocates is counted by the library.
COUNTED = ("-Dmalloc=nlc_core_malloc", "-Dcalloc=nlc_core_calloc", "-Dfree=nlc_core_free")
MODELS = sorted(GOLDEN.glob("*.nlm"))
SHIPPED = sorted((NATIVE.parent / "weights").glob("*.nlm"))


def given(models: Sequence[Path]) -> list[str]:
    """The arguments that give the test programs models."""
    return [argument for model in models for argument in ("-m", str(model))]


def needs_libraries(compiler: str) -> None:
    """Skip the test unless zlib and liblzma can be compiled with."""
    source = (
        "#include <lzma.h>\n#include <zlib.h>\nint main(void) { return !zlibVersion() + !lzma_version_number(); }\n"
    )
    command = [compiler, "-x", "c", "-", "-lz", "-llzma", "-o", "/dev/null"]
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    if subprocess.run(command, input=source, capture_output=True, text=True, check=False).returncode:
        pytest.skip("needs the headers of zlib and liblzma (Debian: zlib1g-dev and liblzma-dev)")


def shipped_models(folder: Path, models: Sequence[Path] = ()) -> Path:
    """The C file of the models that are built in."""
    embed, made = folder / "embed", folder / "shipped_models.c"
    run(["cc", *WARNINGS, str(NATIVE / "lib/embed.c"), str(NATIVE / "lib/sha256.c"), "-o", str(embed)])
    run([str(embed), str(made), *map(str, models)])
    return made


def build_decoder(
    compiler: str,
    programs: Sequence[str],
    folder: Path,
    flags: Sequence[str],
    own: Sequence[str] = (),
    libraries: Sequence[str] = ("-lz", "-llzma"),
    models: Sequence[Path] = (),
) -> Path:
    """Compile files of native/ with the library into a program; ``own`` are flags of the library's memory alone.

    ``libraries`` are what zlib and liblzma are linked by; ``models`` are built in.
    """
    shipped, target = shipped_models(folder, models), folder / Path(programs[-1]).stem
    parts = [
        *_compiled(compiler, tuple(NATIVE / program for program in programs), tuple(flags)),
        *_compiled(compiler, DECODER, tuple(flags)),
        *_compiled(compiler, MEMORY, (*flags, *own)),
        *_compiled(compiler, (shipped,), (*flags, f"-I{NATIVE / 'lib'}")),
        *_compiled(compiler, CORE, (*flags, *COUNTED)),
    ]
    run([compiler, *flags, *parts, *libraries, "-lm", "-o", str(target)])
    return target
