"""Where memory is short the core says so: no crash, no leak, no half of a result."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from compiling import FEWER_LEVELS
from materials import small_model_bytes

import nelloc
from nelloc.exact import native

NATIVE = Path(__file__).parents[2] / "native"
SANITIZERS = "-fsanitize=address,undefined"
REPLACED = ("calloc=failing_calloc", "malloc=failing_malloc", "free=counting_free")


def test_each_allocation_of_the_core_may_fail(tmp_path):
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("neither gcc nor clang is installed")
    empty = tmp_path / "empty.c"
    empty.write_text("int main(void) { return 0; }\n")
    run = {"capture_output": True, "text": True, "check": False, "timeout": 400}
    if subprocess.run([compiler, SANITIZERS, empty, "-o", tmp_path / "empty"], **run).returncode:
        pytest.skip("the compiler has no sanitizers")
    sources = [
        NATIVE / "tests" / "failing_allocations.c",
        *(NATIVE / "src").glob("*.c"),
        *(NATIVE / "src/level").glob("*.c"),
    ]
    program = tmp_path / "failing_allocations"
    options = ["-std=c11", "-g1", "-O0", SANITIZERS, "-fno-sanitize-recover=all", *FEWER_LEVELS]
    options += [f"-D{name}" for name in REPLACED]
    done = subprocess.run([compiler, *options, *sources, "-lm", "-o", program], **run)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([program], env=os.environ | {"ASAN_OPTIONS": "detect_leaks=1"}, **run)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 100


@pytest.mark.skipif(native._native is None, reason="the core is not built")
@pytest.mark.parametrize("function", ["model", "walk", "run"])
def test_want_of_memory_in_the_core_is_one_of_the_known_errors(function, tmp_path, monkeypatch, model_only):
    path, image, out = tmp_path / "model.nlm", tmp_path / "image.png", tmp_path / "image.nlc"
    path.write_bytes(small_model_bytes(seed=5))
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)).save(image)
    nelloc.compress(image, out, model=path)

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(native._native, function, fail)
    native._compiled.clear()
    with pytest.raises(nelloc.NellocError, match="memory"):
        nelloc.compress(image, tmp_path / "again.nlc", model=path)
    with pytest.raises(nelloc.NellocError, match="memory"):
        nelloc.decompress(out, tmp_path / "back.png", model=path)
    assert {file.name for file in tmp_path.iterdir()} == {"model.nlm", "image.png", "image.nlc"}
