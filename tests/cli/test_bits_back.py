"""Promises of `nelloc research bits-back`."""

from __future__ import annotations

import importlib.util
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import running
from PIL import Image

if importlib.util.find_spec("torch") is None:
    pytest.skip("needs the extra [research]", allow_module_level=True)

from nelloc.training.datasets import read_idx


@pytest.fixture(autouse=True)
def digits(tmp_path, monkeypatch):
    """In an empty folder, 30 small gray pictures as an idx file, and a model that has learnt a little of them."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    rows = np.linspace(0, 1, 8)[:, None] * np.linspace(0, 1, 6)
    values = (255 * rows * random.random((30, 1, 1))).astype(np.uint8)
    Path("digits.idx").write_bytes(b"\0\0\x08\x03" + np.array(values.shape, ">u4").tobytes() + values.tobytes())
    assert invoke("train", "digits.idx", "model", "--epochs", "1", "--latent", "2", "--seed", "3").exit_code == 0


invoke = partial(running.invoke, "research", "bits-back")


@pytest.mark.parametrize("more", [[], ["--steps", "2"]], ids=str)
def test_an_idx_file_goes_there_and_back(more):
    result = invoke("compress", "digits.idx", "digits.nbb", "--model", "model", *more)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "30 images" in result.stderr
    result = invoke("decompress", "digits.nbb", "back.gz", "--model", "model")
    assert (result.exit_code, result.stderr) == (0, "back.gz: 30 images\n")
    assert np.array_equal(read_idx(Path("back.gz")), read_idx(Path("digits.idx")))


def test_a_folder_goes_there_and_back():
    Path("in").mkdir()
    for index, values in enumerate(read_idx(Path("digits.idx"))[:3]):
        Image.fromarray(values).save(f"in/{index}.png")
    assert invoke("compress", "in", "a.nbb", "--model", "model", "-q").output == ""
    assert invoke("decompress", "a.nbb", "out", "--model", "model", "-q").output == ""
    for index in range(3):
        pair = [np.asarray(Image.open(f"{folder}/{index}.png")) for folder in ("in", "out")]
        assert np.array_equal(*pair)
    again = invoke("decompress", "a.nbb", "out", "--model", "model")
    assert (again.exit_code, again.stderr) == (
        1,
        f"nelloc: {Path('out/0.png')}: exists already; use --force to replace it\n",
    )
    assert invoke("decompress", "a.nbb", "out", "--model", "model", "--force").exit_code == 0


def test_json_has_the_rates():
    arguments = ["compress", "digits.idx", "a.nbb", "--model", "model", "--json", "-q", "--initial-words", "40"]
    summary = json.loads(invoke(*arguments).stdout)
    assert summary["initial_words"] == 40
    assert summary["bytes"] == Path("a.nbb").stat().st_size
    assert 0 < summary["net_bpd"] < summary["gross_bpd"]


def test_training_follows_the_seed_and_the_kind_of_encoder():
    for name, more in {"same": [], "other": ["--half-asleep"]}.items():
        result = invoke("train", "digits.idx", name, "--epochs", "1", "--latent", "2", "--seed", "3", *more)
        assert (result.exit_code, result.stdout) == (0, "")
    assert Path("same").read_bytes() == Path("model").read_bytes() != Path("other").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "missing", "new"], "missing: cannot be read"),
        (["train", "digits.idx", "model"], "model: exists already"),
        (["train", "digits.idx", "new", "--device", "nonsense"], "device nonsense: cannot be used"),
        (["compress", "digits.idx", "a.nbb", "--model", "missing"], "missing: cannot be read"),
        (["compress", "digits.idx", "a.nbb", "--model", "digits.idx"], "not a VAE of nelloc"),
        (["compress", "digits.idx", "a.nbb", "--model", "model", "--initial-words", "0"], "ran empty"),
        (["decompress", "digits.idx", "back", "--model", "model"], "is not a bits-back archive"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_nothing_is_written(arguments, says):
    before = sorted(Path().iterdir())
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("arguments", [["compress", "a", "b"], ["train", "a"], ["compress", "--steps", "-1"], ["x"]])
def test_wrong_usage_has_exit_status_2(arguments):
    assert invoke(*arguments).exit_code == 2


@pytest.mark.parametrize("name", ["train", "compress", "decompress"])
def test_help_has_the_exit_statuses(name):
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert "Exit status: 0 done" in result.stdout
