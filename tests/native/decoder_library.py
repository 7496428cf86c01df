"""Building libnelloc and programs with it, for tests."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from compiling import CORE, FEWER_LEVELS, NATIVE, SANITIZED, WARNINGS, _compiled, run
from materials import GOLDEN

from nelloc.image import read

DECODER = tuple(path for path in sorted((NATIVE / "lib").glob("*.c")) if path.stem not in ("embed", "memory"))
MEMORY = (NATIVE / "lib" / "memory.c",)
# What the core allocates is counted by the library.
COUNTED = ("-Dmalloc=nlc_core_malloc", "-Dcalloc=nlc_core_calloc", "-Dfree=nlc_core_free")
# One keeps a JPEG file that is cut off, of which there are no pixels.
FILES = sorted(path for path in GOLDEN.rglob("*.nlc") if path.stem != "cut-off")
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


def sanitized(program: str, folder: Path, *own: str) -> Path:
    """A program of native/tests with the library, under sanitizers."""
    compiler = shutil.which("gcc") or shutil.which("clang") or "cc"
    needs_libraries(compiler)
    return build_decoder(compiler, [f"tests/{program}.c"], folder, (*SANITIZED, *FEWER_LEVELS), own)


def line_of(name: Path, image) -> str:
    """What the program prints of an image that Python has."""
    planes = np.concatenate([group.astype("<u2" if image.kind.deep else "u1") for group in image.groups])
    samples = np.ascontiguousarray(planes.transpose(1, 2, 0))
    return f"{name} {image.width} {image.height} {int(image.kind)} {zlib.crc32(samples.tobytes()):08x}"


def golden_image(path: Path):
    """What a golden file was made of."""
    made_of = next(name for name in (path.with_suffix(".png"), path.with_suffix(".jpg")) if name.exists())
    return read(made_of.read_bytes(), path.name)
