"""Promises of `nelloc compress --adapt` and `--output-dir`: what is written, that it comes back, and what is said."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
from materials import small_model_bytes
from PIL import Image
from running import invoke, run_without_torch

import nelloc
from nelloc.codec import container
from nelloc.exact import model_delta, model_store
from nelloc.exact.model import load_model

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="adapting needs torch")
BRIEFLY = ("--adapt-minutes", "0.01", "--threads", "1")


def smooth(seed: int, height: int = 48, width: int = 60) -> np.ndarray:
    """An image that a model of random weights codes badly, and one adapted to it much better."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([128 + 90 * np.sin(rows / a + columns / b) for a, b in random.uniform(5, 20, (3, 2))], axis=2)
    return (image + random.normal(0, 1, image.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder of each test: two photographs, one of them gray too, and a model as if it came with nelloc.

    Other processes find it in the user's folder.
    """
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("models").mkdir()
    monkeypatch.setenv("NELLOC_MODELS", str(tmp_path / "models"))
    small = tmp_path / "models" / "small.nlm"
    small.write_bytes(small_model_bytes())
    shipped = model_store.shipped
    monkeypatch.setattr(model_store, "shipped", lambda: shipped() | ({"small": small} if small.exists() else {}))
    for name, seed in (("a", 1), ("b", 2)):
        Image.fromarray(smooth(seed)).save(f"photos/{name}.png")
    Image.fromarray(smooth(1, 120, 150)).convert("L").save("photos/gray.png")
    return tmp_path


def same(first: str, second: str) -> bool:
    return np.array_equal(np.asarray(Image.open(first)), np.asarray(Image.open(second)))


# One image


@needs_torch
def test_the_adapted_model_travels_in_the_file_and_decoding_needs_no_torch():
    plain = invoke("compress", "photos/a.png", "plain.nlc", "--model", "small")
    assert plain.exit_code == 0
    result = invoke("compress", "photos/a.png", "a.nlc", "--model", "small", *BRIEFLY)
    assert result.exit_code == 0
    file = container.parse(Path("a.nlc").read_bytes())
    assert f"\nadapted model {file.model_id.hex()}: " in result.stderr
    assert "% less" in result.stderr
    assert Path("a.nlc").stat().st_size < Path("plain.nlc").stat().st_size
    done = run_without_torch("decompress", "a.nlc", "back.png")
    assert (done.returncode, done.stderr) == (0, "a.nlc -> back.png: 60 x 48 pixels\n")
    assert same("back.png", "photos/a.png")
    assert invoke("verify", "a.nlc").exit_code == 0
    size = len(file.model_section.data)
    assert f"{file.model_id.hex()} (inside the file, {size} bytes)" in invoke("info", "a.nlc").stdout
    found = json.loads(invoke("info", "a.nlc", "--json").stdout)
    assert (found["model_place"], found["model_bytes"]) == ("inside the file", size)


@needs_torch
def test_json_says_what_the_adapted_model_is_and_brings():
    result = invoke("compress", "photos/a.png", "--model", "small", "--adapt", *BRIEFLY, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    gain = json.loads(result.stdout)["adapted"]
    file = container.parse(Path("photos/a.nlc").read_bytes())
    assert gain["models"] == [file.model_id.hex()]
    assert gain["model_bytes"] == len(file.model_section.data)
    assert gain["adapted_bytes"] == Path("photos/a.nlc").stat().st_size < gain["shipped_bytes"]
    assert gain["gain"] == pytest.approx(1 - gain["adapted_bytes"] / gain["shipped_bytes"])


@needs_torch
def test_the_same_machine_makes_the_same_file_again():
    for target in ("1.nlc", "2.nlc"):
        assert invoke("compress", "photos/b.png", target, "--model", "small", *BRIEFLY).exit_code == 0
    assert Path("1.nlc").read_bytes() == Path("2.nlc").read_bytes()


@needs_torch
def test_gray_images_are_adapted_to_as_well():
    # What a model of random weights learns while it codes is more than brief adapting brings.
    result = invoke("compress", "photos/gray.png", "gray.nlc", "--model", "small", "--no-learn", *BRIEFLY)
    assert "% less" in result.stderr
    assert invoke("decompress", "gray.nlc").exit_code == 0
    assert same("gray.png", "photos/gray.png")


@needs_torch
def test_where_nothing_is_gained_the_model_is_used_as_it_is():
    Image.fromarray(smooth(3, 4, 4)).save("tiny.png")
    assert invoke("compress", "tiny.png", "plain.nlc", "--model", "small").exit_code == 0
    result = invoke("compress", "tiny.png", "--model", "small", "--adapt-minutes", "0.001")
    assert result.exit_code == 0
    assert "the model was used as it is" in result.stderr
    assert Path("tiny.nlc").read_bytes() == Path("plain.nlc").read_bytes()


def test_without_torch_one_sentence_says_what_to_install():
    done = run_without_torch("compress", "photos/a.png", "--adapt")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "PATH[train]" in done.stderr
    assert not Path("photos/a.nlc").exists()


@needs_torch
def test_a_missing_base_is_named():
    assert invoke("compress", "photos/a.png", "a.nlc", "--model", "small", *BRIEFLY).exit_code == 0
    os.rename("models/small.nlm", "elsewhere.bin")
    base = load_model(small_model_bytes()).id.hex()
    for command in ("decompress", "verify"):
        result = invoke(command, "a.nlc")
        assert result.exit_code == 1
        assert result.stderr.startswith(f"nelloc: a.nlc: needs model {base}, which is not installed; give its file ")
    assert "its base is not installed" in invoke("info", "a.nlc").stdout
    assert invoke("decompress", "a.nlc", "back.png", "--model", "elsewhere.bin").exit_code == 0
    assert same("back.png", "photos/a.png")


# Several images


def test_several_inputs_go_into_the_output_folder(folder):
    result = invoke("compress", "photos", "--output-dir", "out/deep", "--model", "small")
    assert result.exit_code == 0
    assert sorted(os.listdir("out/deep")) == ["a.nlc", "b.nlc", "gray.nlc"]
    model = folder / "models" / "small.nlm"
    assert Path("out/deep/a.nlc").read_bytes() == nelloc.encode(smooth(1), model=model)
    assert invoke("compress", "photos", "--output-dir", "out/deep", "--model", "small", "-f").exit_code == 0


def test_a_file_that_fails_does_not_stop_the_others():
    Path("photos/aa.png").write_bytes(b"no image")
    result = invoke("compress", "photos", "--output-dir", "out", "--model", "small")
    assert result.exit_code == 1
    assert "nelloc: photos/aa.png: " in result.stderr
    assert sorted(os.listdir("out")) == ["a.nlc", "b.nlc", "gray.nlc"]


def test_wrong_usage_of_several_inputs_is_refused():
    Path("empty").mkdir()
    assert invoke("compress", "photos/a.png", "photos/b.png", "c").exit_code == 2
    assert invoke("compress", "-", "--output-dir", "out").exit_code == 2
    result = invoke("compress", "empty", "--output-dir", "out")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "no images there" in result.stderr
    assert not Path("out").exists()


@needs_torch
def test_a_folder_shares_one_adapted_model_that_is_given_to_decode():
    result = invoke("compress", "photos", "--output-dir", "out", "--model", "small", *BRIEFLY, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    (name,) = rows[-1]["adapted"]["models"]
    assert sorted(os.listdir("out")) == sorted(["a.nlc", "b.nlc", "gray.nlc", f"{name}.nlm"])
    assert rows[-1]["adapted"]["adapted_bytes"] == sum(path.stat().st_size for path in Path("out").iterdir())
    assert model_delta.is_differences(Path(f"out/{name}.nlm").read_bytes())
    for file in ("a", "b", "gray"):
        assert container.parse(Path(f"out/{file}.nlc").read_bytes()).model_id.hex() == name
        assert f"{name} (not installed)" in invoke("info", f"out/{file}.nlc").stdout
        assert f"needs model {name}, which is not installed" in invoke("verify", f"out/{file}.nlc").stderr
        done = run_without_torch("decompress", f"out/{file}.nlc", "--model", "out")
        assert done.returncode == 0, done.stderr
        assert same(f"out/{file}.png", f"photos/{file}.png")
    os.mkdir("elsewhere")
    os.rename(f"out/{name}.nlm", "elsewhere/model.nlm")
    result = invoke("verify", "out/a.nlc")
    assert (result.exit_code, result.stderr.count(name)) == (1, 1)
    assert invoke("verify", "out/a.nlc", "--model", "elsewhere/model.nlm").exit_code == 0
    os.rename("elsewhere/model.nlm", "models/mine.nlm")
    assert invoke("verify", "out/a.nlc").exit_code == 0
    assert f"{name} (mine, installed)" in invoke("info", "out/a.nlc").stdout


@needs_torch
def test_a_tree_shares_one_adapted_model(monkeypatch):
    monkeypatch.setattr("nelloc.training.adapt.encode.PART_PIXELS", 4000)
    os.mkdir("photos/sub")
    os.rename("photos/b.png", "photos/sub/b.png")
    result = invoke("compress", "-r", "photos", "--output-dir", "out", "--model", "small", *BRIEFLY, "--rm", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["removed"] for row in rows] == [True] * 3
    (name,) = rows[-1]["adapted"]["models"]
    assert sorted(path.name for path in Path("out").rglob("*.nl*")) == sorted(
        ["a.nlc", "b.nlc", "gray.nlc", f"{name}.nlm"]
    )
    assert invoke("decompress", "-r", "out", "--output-dir", "back", "--model", "out").exit_code == 0
    assert np.array_equal(np.asarray(Image.open("back/sub/b.png")), smooth(2))


@needs_torch
def test_a_second_adapted_run_skips_what_is_done():
    arguments = ("compress", "photos", "--output-dir", "out", "--model", "small", *BRIEFLY, "--json")
    assert invoke(*arguments).exit_code == 0
    rows = [json.loads(line) for line in invoke(*arguments).stdout.splitlines()]
    assert [row["status"] for row in rows] == ["skipped"] * 3
    rows = [json.loads(line) for line in invoke(*arguments, "--rm").stdout.splitlines()]
    assert [(row["status"], row["removed"]) for row in rows] == [("skipped", True)] * 3
