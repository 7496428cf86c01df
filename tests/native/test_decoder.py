"""libnelloc: the pixels that Python decodes, on every CPU level, in any program."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from compiling import NATIVE, run
from decoder_library import FILES, MODELS, SHIPPED, given, golden_image, line_of, needs_libraries
from materials import GOLDEN
from PIL import Image


def test_golden_files_decode_to_their_pixels_on_every_cpu_level(hash_files):
    expected = [line_of(path, golden_image(path)) for path in FILES]
    levels = run([str(hash_files), "levels"]).split()
    assert "plain" in levels
    for level in levels:
        found = run([str(hash_files), level, *given([*MODELS, *SHIPPED]), *map(str, FILES)])
        assert found.splitlines() == expected, level


def test_the_example_works_with_the_installed_library(installed, tmp_path):
    check_example(installed, tmp_path)


def check_example(installed: Path, tmp_path: Path) -> None:
    """The example, compiled against an installed library, prints pixels."""
    if shutil.which("pkg-config") is None:
        pytest.skip("needs pkg-config")
    source = NATIVE / "tests" / "example.c"
    assert len(source.read_text().splitlines()) <= 60
    environment = os.environ | {"PKG_CONFIG_PATH": str(installed / "lib" / "pkgconfig")}
    expected = [f"{x} {y}: {r} {g} {b} 255" for (y, x), (r, g, b) in pixels_of(GOLDEN / "small-default.png")]
    for static in (False, True):
        kind = ["--static"] if static else []
        command = ["pkg-config", *kind, "--cflags", "--libs", "nelloc"]
        flags = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
        if static:
            flags = [str(installed / "lib" / "libnelloc.a") if flag == "-lnelloc" else flag for flag in flags]
        program = tmp_path / f"example-{static}"
        run(["cc", str(source), *flags, f"-Wl,-rpath,{installed / 'lib'}", "-o", str(program)])
        assert run([str(program), str(GOLDEN / "small-default.nlc")]).splitlines() == ["13 x 11", *expected]


def pixels_of(path: Path):
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return zip(np.ndindex(pixels.shape[:2]), pixels.reshape(-1, 3).tolist(), strict=True)


def test_only_documented_functions_are_exported(installed):
    if shutil.which("nm") is None:
        pytest.skip("needs nm")
    names = run(["nm", "-D", "--defined-only", str(installed / "lib" / "libnelloc.so")]).split()[2::3]
    header = (NATIVE / "include" / "nelloc.h").read_text()
    assert all(f"{name}(" in header for name in names)
    assert 8 <= len(names) <= 12
    assert not {"exit", "abort", "printf", "puts", "getenv"} & imported(installed / "lib" / "libnelloc.so")


def imported(library: Path) -> set[str]:
    """Names that a library takes from others."""
    return {line.split()[-1].partition("@")[0] for line in run(["nm", "-D", "-u", str(library)]).splitlines()}


@pytest.mark.slow
def test_meson_builds_the_same(tmp_path):
    if shutil.which("meson") is None:
        pytest.skip("needs meson")
    needs_libraries("cc")
    run(["meson", "setup", str(tmp_path / "build"), str(NATIVE), f"--prefix={tmp_path / 'prefix'}", "--libdir=lib"])
    run(["meson", "install", "-C", str(tmp_path / "build")])
    assert {path.name for path in (tmp_path / "prefix" / "lib").iterdir()} >= {
        "libnelloc.a",
        "libnelloc.so",
        "pkgconfig",
    }
    done = run([str(tmp_path / "prefix" / "bin" / "nlcd"), "verify", str(GOLDEN / "small-default.nlc")])
    assert "whole, 13 x 11 pixels" in done
    check_example(tmp_path / "prefix", tmp_path)


@pytest.mark.slow
def test_a_small_nlcd_has_less_than_200_kilobytes(tmp_path):
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False).stdout
    if shutil.which("cmake") is None or platform.machine() != "x86_64" or "Free Software Foundation" not in compiler:
        pytest.skip("needs cmake, and GCC for x86-64")
    needs_libraries("cc")
    run(["cmake", "-S", str(NATIVE), "-B", str(tmp_path), "-DNELLOC_MODELS=none", "-DNELLOC_SMALL=ON"])
    run(["cmake", "--build", str(tmp_path), "--target", "nlcd"])
    run(["strip", str(tmp_path / "nlcd")])
    assert (tmp_path / "nlcd").stat().st_size < 200_000
