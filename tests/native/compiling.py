"""Compiling programs of the core for tests: sanitizers, warnings that are errors, other machines."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

NATIVE = Path(__file__).parents[2] / "native"
CORE = (*sorted((NATIVE / "src").glob("*.c")), *sorted((NATIVE / "src" / "level").glob("*.c")))
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
# Without optimisation what sanitizers watch takes minutes; with more of it, and of what debuggers ask, compiling does.
SANITIZED = ("-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# For what is not about kernels: sanitizers make those of AVX-512 slow to compile.
FEWER_LEVELS = ("-DNLC_LEAVE_OUT_AVX512=1", "-DNLC_LEAVE_OUT_AVX_VNNI=1")


def build(compiler: str, programs: Sequence[str], target: Path, flags: Sequence[str]) -> Path:
    """Compile files of native/ and the core into an executable at ``target``."""
    own = _compiled(compiler, tuple(NATIVE / program for program in programs), tuple(flags))
    core = _compiled(compiler, CORE, tuple(flags))
    run([compiler, *flags, *own, *core, "-lm", "-o", str(target)])
    return target


@cache
def _compiled(compiler: str, sources: Sequence[Path], flags: Sequence[str]) -> list[str]:
    """Object files: those of the core serve all programs of the same flags."""
    folder = Path(_folder().name, str(len(list(Path(_folder().name).iterdir()))))
    folder.mkdir()

    def compiled(source: Path) -> str:
        made = folder / f"{source.stem}.o"
        run([compiler, *WARNINGS, *flags, "-c", str(source), "-o", str(made)])
        return str(made)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compiled, sources))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def run(command: Sequence[str]) -> str:
    """Run a command; what it prints, or a failed test with all that it said."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
