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
from nelloc.codec.format import SectionType
from nelloc.exact import model_store
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


def held(name: str) -> tuple[int, bytes] | None:
    """Type and bytes of the model that a file holds."""
    section = container.parse(Path(name).read_bytes()).model_section
    return None if section is None else (section.type, section.data)


@pytest.mark.parametrize("options", [["-r"], ["-r", "--rm"], ["-r", "--rm", "--jobs", "2"], []])
def test_files_hold_the_model_and_decode_without_it(options, pixels):
    result = invoke("compress", "photos", *options, "--output-dir", "out", "--embed", *MODEL)
    assert (result.exit_code, "nelloc: " in result.stderr) == (0, False)
    assert held("out/a.nlc") == (SectionType.MODEL, Path("runs/model.nlm").read_bytes())
    shutil.rmtree("runs")
    os.rename("out", "elsewhere")
    assert invoke("decompress", "-r", "elsewhere").exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open("elsewhere/a.png")), pixels)
    assert "inside the file, " in invoke("info", "elsewhere/a.nlc").stdout


def test_a_file_holds_no_model_that_comes_with_nelloc_or_that_it_does_not_need():
    Image.new("1", (30, 30)).save("black.png")
    shutil.copy(model_store.shipped()["fast"], "copy.nlm")
    for name, model in (("black", "runs/model.nlm"), ("photos/a", "fast"), ("photos/sub/b", "copy.nlm")):
        assert invoke("compress", f"{name}.png", "--model", model).exit_code == 0
        assert held(f"{name}.nlc") is None


@pytest.mark.parametrize("arguments", [["photos/a.png"], ["-r", "photos"], ["photos/a.png", "a.nlc"]])
def test_a_model_that_is_left_out_is_named_and_inputs_are_kept(arguments):
    result = invoke("compress", *arguments, "--no-embed", "--rm", *MODEL)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith(f"nelloc: runs/model.nlm: is not in {model_store.user_folder()}")
    assert sorted(map(str, Path().rglob("*.nlc"))) == ["file.nlc"]
    assert (Path("photos/a.png").exists(), Path("photos/sub/b.png").exists()) == (True, True)
    result = invoke("compress", *arguments, "--no-embed", *MODEL)
    assert result.exit_code == 0
    (last,) = [line for line in result.stderr.splitlines() if line.startswith("nelloc: ")]
    assert f"model {model_id()}; decode them with --model runs/model.nlm, or copy it into" in last


def test_a_file_without_its_model_says_how_to_get_it_and_finds_it_where_it_says(pixels):
    done = run("compress", "-", "--no-embed", *MODEL, data=Path("photos/a.png").read_bytes())
    Path("x.nlc").write_bytes(done.stdout)
    assert b"nelloc: outputs need model" in done.stderr
    assert held("x.nlc") is None
    shutil.copy("runs/model.nlm", "beside.nlm")  # not a place where it is looked for
    failed = invoke("decompress", "x.nlc")
    assert failed.exit_code == 1
    words = f"x.nlc: needs model {model_id()}, which is not installed; give its file with --model, or copy it into"
    assert f"{words} {model_store.user_folder()}" in failed.stderr
    for given in ("runs/model.nlm", "runs"):
        assert invoke("decompress", "x.nlc", "--force", "--model", given).exit_code == 0
        np.testing.assert_array_equal(np.asarray(Image.open("x.png")), pixels)
    failed = invoke("verify", "x.nlc", "--model", "photos")
    assert f"needs model {model_id()}, which is not in the folder photos" in failed.stderr
    model_store.user_folder().mkdir()
    shutil.copy("runs/model.nlm", model_store.user_folder() / "some.nlm")
    assert invoke("verify", "x.nlc").exit_code == 0
    for arguments in (["photos/a.png"], ["-r", "photos", "--output-dir", "out"]):
        result = invoke("compress", *arguments, "--no-embed", "--rm", *MODEL)
        assert (result.exit_code, "nelloc: " in result.stderr) == (0, False)


def test_a_model_of_differences_goes_into_files_whole_or_as_they_are(monkeypatch):
    base, model = small_model_bytes(), small_model_bytes(1)
    differences = encode_differences(base, model)
    model_store.user_folder().mkdir()
    (model_store.user_folder() / "base.nlm").write_bytes(base)
    Path("runs/model.nlm").write_bytes(differences)
    assert invoke("compress", "photos/a.png", *MODEL).exit_code == 0
    assert held("photos/a.nlc") == (SectionType.MODEL, model)
    shipped = model_store.shipped() | {"base": model_store.user_folder() / "base.nlm"}
    monkeypatch.setattr(model_store, "shipped", lambda: shipped)
    assert invoke("compress", "photos/sub/b.png", *MODEL).exit_code == 0
    assert held("photos/sub/b.nlc") == (SectionType.DIFFERENCES, differences)
    assert invoke("verify", "photos/sub/b.nlc").exit_code == 0
