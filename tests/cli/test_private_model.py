"""Promises of `nelloc compress --model` with a model that only its owner has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from materials import small_model_bytes
from PIL import Image
from running import invoke, run

from nelloc.codec import container
from nelloc.exact.model import load_model
from nelloc.exact.model_delta import encode_differences

MODEL = ("--model", "runs/model.nlm")


@pytest.fixture(autouse=True)
def folder(photo_folder, monkeypatch) -> Path:
    """The current folder of each test: photos/a.png, photos/sub/b.png, and a model that files there do not find."""
    for name in ("runs", "photos/sub"):
        os.makedirs(name)
    os.rename("model.nlm", "runs/model.nlm")
    os.rename("photo.png", "photos/a.png")
    shutil.copy("photos/a.png", "photos/sub/b.png")
    monkeypatch.setenv("NELLOC_MODELS", str(photo_folder / "mine"))
    return photo_folder


def model_id() -> str:
    return load_model(Path("runs/model.nlm").read_bytes()).id.hex()


@pytest.mark.parametrize("options", [["-r"], ["-r", "--rm"], ["-r", "--rm", "--jobs", "2"], []])
def test_the_model_goes_along_into_the_output_folder(options, pixels):
    result = invoke("compress", "photos", *options, "--output-dir", "out", *MODEL)
    assert result.exit_code == 0
    copy = Path("out", f"{model_id()}.nlm")
    assert f"nelloc: {copy}: is a copy of runs/model.nlm" in result.stderr
    assert copy.read_bytes() == Path("runs/model.nlm").read_bytes()
    assert copy.stat().st_mtime_ns == Path("runs/model.nlm").stat().st_mtime_ns
    shutil.rmtree("runs")
    os.rename("out", "elsewhere")
    assert invoke("decompress", "-r", "elsewhere").exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open("elsewhere/a.png")), pixels)


def test_the_model_is_copied_once_and_never_over_another_file():
    assert invoke("compress", "photos", "--output-dir", "out", *MODEL).exit_code == 0
    copy = Path("out", f"{model_id()}.nlm")
    again = invoke("compress", "photos", "--output-dir", "out", *MODEL)
    assert (again.exit_code, "copy of" in again.stderr) == (0, False)
    copy.write_bytes(b"something else")
    result = invoke("compress", "photos", "--output-dir", "out", "--force", *MODEL)
    assert (result.exit_code, copy.read_bytes()) == (0, b"something else")
    assert f"model {model_id()} is not found from the outputs in out" in result.stderr
    result = invoke("compress", "photos", "--output-dir", "out", "--force", "--rm", *MODEL)
    assert (result.exit_code, copy.read_bytes()) == (1, b"something else")
    assert Path("photos/a.png").exists()


@pytest.mark.parametrize("arguments", [["photos/a.png"], ["-r", "photos"], ["photos/a.png", "a.nlc"]])
def test_outputs_that_do_not_find_the_model_are_told_of_it_and_their_inputs_kept(arguments):
    result = invoke("compress", *arguments, "--rm", *MODEL)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith("nelloc: runs/model.nlm: is not found from outputs in ")
    assert sorted(map(str, Path().rglob("*.nlc"))) == ["file.nlc"]
    assert (Path("photos/a.png").exists(), Path("photos/sub/b.png").exists()) == (True, True)
    result = invoke("compress", *arguments, *MODEL)
    assert result.exit_code == 0
    (last,) = [line for line in result.stderr.splitlines() if line.startswith("nelloc: ")]
    assert f"model {model_id()}" in last
    assert "copy runs/model.nlm there or into" in last


def test_a_pipe_is_told_of_the_model():
    done = run("compress", "-", *MODEL, data=Path("photos/a.png").read_bytes())
    assert done.returncode == 0
    assert f"nelloc: standard output: needs model {model_id()}" in done.stderr.decode()


def test_nothing_is_said_where_the_model_is_found_or_not_needed():
    Image.new("1", (30, 30)).save("black.png")
    result = invoke("compress", "black.png", *MODEL)
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
    assert not container.parse(Path("black.nlc").read_bytes()).needs_model
    os.mkdir("mine")
    shutil.copy("runs/model.nlm", "mine/some.nlm")
    for arguments in (["photos/a.png"], ["-r", "photos", "--output-dir", "out"]):
        result = invoke("compress", *arguments, "--rm", *MODEL)
        assert (result.exit_code, "nelloc: " in result.stderr) == (0, False)
    assert not list(Path("out").glob("*.nlm"))


def test_a_model_of_differences_is_copied_whole():
    base, model = small_model_bytes(), small_model_bytes(1)
    Path("runs/base.nlm").write_bytes(base)
    Path("runs/model.nlm").write_bytes(encode_differences(base, model))
    assert invoke("compress", "photos", "--output-dir", "out", *MODEL).exit_code == 0
    assert Path("out", f"{load_model(model).id.hex()}.nlm").read_bytes() == model
