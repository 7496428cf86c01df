"""The installed library and nlcd, built once for all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from compiling import NATIVE, run
from decoder_library import SHIPPED, needs_libraries


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """The folder that CMake installs the library and nlcd to, for all processes that share the tests."""
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    needs_libraries("cc")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with open(folder / "library.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            install(folder / "build", folder / "prefix")
            (folder / "installed").touch()
    return folder / "prefix"


def install(build: Path, prefix: Path) -> None:
    """Build the library with CMake in one folder, and install it to the other."""
    # What is slow to compile is not what is tested here; models that are not built in are found elsewhere.
    settings = [
        "-DCMAKE_BUILD_TYPE=",
        "-DCMAKE_C_FLAGS=-O1",
        "-DNELLOC_MODELS=default;default-gray",
    ]
    run(["cmake", "-S", str(NATIVE), "-B", str(build), *settings])
    run(["cmake", "--build", str(build), "--parallel", "2"])
    run(["cmake", "--install", str(build), "--prefix", str(prefix)])


@pytest.fixture(scope="session")
def hash_files(installed, tmp_path_factory) -> Path:
    """The program that prints hashes of pixels, with the installed library."""
    target = tmp_path_factory.mktemp("hash") / "hash_files"
    flags = [f"-I{installed / 'include'}", f"-L{installed / 'lib'}", f"-Wl,-rpath,{installed / 'lib'}"]
    run(["cc", "-std=c11", "-O2", str(NATIVE / "tests" / "hash_files.c"), *flags, "-lnelloc", "-o", str(target)])
    return target


@pytest.fixture(scope="session")
def nlcd(installed):
    """nlcd as a function of its arguments; gives what subprocess does, text unless ``data`` are bytes."""

    def call(*arguments, data: bytes | None = None, **environment):
        command = [str(installed / "bin" / "nlcd"), *map(str, arguments)]
        env = os.environ | {"NELLOC_MODELS": str(SHIPPED[0].parent)} | environment
        return subprocess.run(command, input=data, capture_output=True, text=data is None, env=env, check=False)

    return call
