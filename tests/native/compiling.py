"""Compiling programs of the core for tests: sanitizers, warnings that are errors, other machines."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NATIVE = Path(__file__).parents[2] / "native"
CORE = [*sorted((NATIVE / "src").glob("*.c")), *sorted((NATIVE / "src" / "level").glob("*.c"))]
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
# Without optimisation what sanitizers watch takes minutes; with more of it compiling does.
SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def build(compiler: str, program: str, target: Path, flags: Sequence[str]) -> Path:
    """Compile a program of native/ and the core into an executable at ``target``."""
    objects = target.with_suffix(".objects")
    objects.mkdir()

    def compiled(source: Path) -> str:
        made = objects / f"{source.stem}.o"
        run([compiler, *WARNINGS, *flags, "-c", str(source), "-o", str(made)])
        return str(made)

    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(compiled, [NATIVE / program, *CORE]))
    run([compiler, *flags, *parts, "-lm", "-o", str(target)])
    return target


def run(command: Sequence[str]) -> str:
    """Run a command; what it prints, or a failed test with all that it said."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
