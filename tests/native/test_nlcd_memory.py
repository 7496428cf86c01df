"""Where memory is short nlcd says so, and leaves no output."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from compiling import NATIVE, SANITIZED, WARNINGS, run
from materials import GOLDEN
from PIL import Image

import nelloc

FAILING = [f"-D{name}=failing_{name}" for name in ("malloc", "calloc", "realloc")]


@pytest.fixture(scope="module")
def failing(installed, tmp_path_factory) -> Path:
    """nlcd, of whose own allocations one fails (native/tests/failing_memory.c), under sanitizers."""
    program = tmp_path_factory.mktemp("failing") / "nlcd"
    sources = [NATIVE / "tests" / "failing_memory.c", *sorted((NATIVE / "tools").glob("*.c"))]
    library = [f"-L{installed / 'lib'}", f"-Wl,-rpath,{installed / 'lib'}", "-lnelloc", "-lz"]
    compiler = shutil.which("gcc") or "cc"
    run([compiler, *WARNINGS, *SANITIZED, *FAILING, *map(str, sources), *library, "-o", str(program)])
    return program


@pytest.fixture(scope="module")
def commented(tmp_path_factory) -> Path:
    """A file with a palette, and a comment that is no UTF-8."""
    folder = tmp_path_factory.mktemp("commented")
    image = Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10)).quantize(9)
    image.save(folder / "in.gif", comment=b"caf\xe9 " * 300)
    nelloc.compress(folder / "in.gif", folder / "in.nlc")
    return folder / "in.nlc"


def test_models_that_are_left_out_of_the_search_are_told(failing, tmp_path):
    """Where a name in the folder of models finds no memory, the model seems not to be installed."""
    models = tmp_path / "models"
    models.mkdir()
    shutil.copyfile(GOLDEN / "model.nlm", models / "model.nlm")
    for number in count(1):
        own = os.environ | {"FAILING": str(number), "NELLOC_MODELS": str(models)}
        command = [str(failing), "-q", str(GOLDEN / "photograph.nlc"), str(tmp_path / f"{number}.ppm")]
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
        if "an allocation fails" not in done.stderr:
            assert done.returncode == 0, done.stderr
            break
        assert done.returncode == 1
        told = any(reason in done.stderr for reason in ("cannot be searched for models", "cannot be read"))
        assert told or "not installed" not in done.stderr, number
    assert number > 5


def check(program: Path, arguments: list[str], out: Path) -> int:
    """Let each allocation fail in turn; how many there are."""
    for number in count(1):
        command = [str(program), "-q", "--model", str(GOLDEN / "model.nlm"), *arguments, str(out)]
        own = os.environ | {"FAILING": str(number)}
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
        said = done.stderr.splitlines()
        if "an allocation fails" not in said:
            assert done.returncode == 0, done.stderr
            return number - 1
        assert (done.returncode, len(said) > 1) == (1, True), (number, done.stderr)
        assert all(line.startswith("nlcd: ") for line in said[1:])
        assert not list(out.parent.iterdir())


@pytest.mark.parametrize("ending", ["png", "ppm", "pam", "raw"])
def test_each_allocation_of_nlcd_may_fail(failing, ending, tmp_path):
    out = tmp_path / f"out.{ending}"
    name = "kind-metadata.nlc" if ending == "png" else "photograph.nlc"
    assert check(failing, [str(GOLDEN / name)], out) >= 5


def test_no_comment_is_lost_for_want_of_memory(failing, commented, tmp_path):
    assert check(failing, [str(commented)], tmp_path / "out.png") > 10
    text = Image.open(tmp_path / "out.png").text
    assert text == {"Comment": "caf\xe9 " * 300}


def test_the_name_of_the_output_may_be_what_fails(failing, commented, tmp_path):
    """Without a second name the output's is made of the first."""
    (tmp_path / "in.nlc").write_bytes(commented.read_bytes())
    for number in count(1):
        own = os.environ | {"FAILING": str(number)}
        command = [str(failing), "-q", str(tmp_path / "in.nlc")]
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
        said = done.stderr.splitlines()
        if "an allocation fails" not in said:
            break
        assert (done.returncode, len(said) > 1) == (1, True), (number, done.stderr)
        assert [path.name for path in tmp_path.iterdir()] == ["in.nlc"]
    assert number > 3
    assert (tmp_path / "in.png").exists()
