"""`nelloc sample`."""

import json
from pathlib import Path

import numpy as np
import pytest
from materials import small_model_bytes
from PIL import Image
from running import invoke, run_without_torch

from nelloc.exact import model_store
from nelloc.exact.sample import sample


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder of each test: a gray and an RGB model."""
    monkeypatch.chdir(tmp_path)
    Path("gray.nlm").write_bytes(small_model_bytes(channels=1))
    Path("colour.nlm").write_bytes(small_model_bytes())
    return tmp_path


def assert_failed(result, *words):
    """One line on standard error that has ``words``, nothing else, and exit status 1."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("nelloc: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_one_image_is_written_as_it_is():
    result = invoke("sample", "--model", "gray.nlm", "--size", "7x5", "--out", "a.png")
    assert (result.exit_code, result.stdout) == (0, "")
    drawn = sample(model_store.find("gray.nlm"), 5, 7, 1, seed=1)
    assert np.array_equal(pixels("a.png"), drawn[0, :, :, 0])
    assert result.stderr == "a.png: 1 of 7x5 from gray.nlm\n"


def test_several_images_become_a_sheet():
    drawn = sample(model_store.find("colour.nlm"), 6, 4, 5, seed=9)
    for columns, size in ((None, (16, 14)), (2, (10, 22)), (5, (28, 6)), (99, (28, 6))):
        options = [] if columns is None else ["--columns", str(columns)]
        arguments = ["--model", "colour.nlm", "--size", "4x6", "--count", "5", "--seed", "9", "--force", *options]
        assert invoke("sample", *arguments, "--out", "a.png", "-q").output == ""
        assert Image.open("a.png").size == size
        sheet, across = pixels("a.png"), columns or 3
        for number, image in enumerate(drawn):
            top, left = number // min(5, across) * 8, number % min(5, across) * 6
            assert np.array_equal(sheet[top : top + 6, left : left + 4], image)
    assert (pixels("a.png")[:, 4:6] == 255).all()


def test_the_seed_decides_and_the_backend_does_not():
    for name, options in {"a": [], "b": ["--backend", "reference"], "c": ["--seed", "2"]}.items():
        assert invoke("sample", "--model", "gray.nlm", "--out", f"{name}.png", *options).exit_code == 0
    a, b, c = (Path(f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_json_and_quiet():
    result = invoke("sample", "--model", "gray.nlm", "--out", "a.png", "--json", "--quiet")
    assert json.loads(result.stdout) == {
        "file": "a.png", "model": "gray.nlm", "seed": 1, "width": 32, "height": 32, "count": 1
    }  # fmt: skip
    assert result.stderr == ""


def test_a_pair_has_two_models_to_draw_from():
    pytest.importorskip("torch", reason="pairs need torch")
    from nelloc.ood.pair import Pair, write
    from nelloc.training.networks.full import FullConfig, FullNetwork

    shape = {"horizon": 1, "width": 4, "components": 1, "channels": 3}
    networks = (FullNetwork(FullConfig(kernel=1, **shape)), FullNetwork(FullConfig(**shape)))
    write(Path("pair.safetensors"), Pair(*networks, 8, 8))
    arguments = ["--model", "pair.safetensors", "--size", "9x6", "--count", "2", "--columns", "1"]
    for name, options in {"a": [], "b": ["--part", "local"], "c": ["--part", "full"]}.items():
        assert invoke("sample", *arguments, *options, "--out", f"{name}.png").exit_code == 0
    a, b, c = (pixels(f"{name}.png") for name in "abc")
    assert a.shape == (14, 9, 3)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_what_cannot_be_drawn_or_written():
    Path("there.png").write_bytes(b"kept")
    common = ["sample", "--model", "gray.nlm", "--out"]
    assert_failed(invoke(*common, "there.png"), "there.png", "--force")
    assert Path("there.png").read_bytes() == b"kept"
    assert_failed(invoke(*common, "a.jpg"), "a.jpg", ".png")
    assert_failed(invoke(*common, "a.png", "--part", "full"), "--part is for a pair")
    assert_failed(invoke("sample", "--model", "absent.nlm", "--out", "a.png"), "absent.nlm", "no such model")
    assert_failed(
        invoke("sample", "--model", "nosuch", "--out", "a.png"), "nosuch: no such model; ", "default", "cifar10"
    )
    for size, words in (
        ("100000x9", "'100000x9' is too large; choose sides of at most 5 digits"),
        ("0x9", "not a size"),
    ):
        result = invoke("sample", "--model", "gray.nlm", "--out", "a.png", "--size", size)
        assert result.exit_code == 2
        assert words in result.stderr
    assert not Path("a.png").exists()


def test_what_does_not_fit_in_memory(monkeypatch):
    def too_large(*arguments, **settings):
        raise MemoryError

    monkeypatch.setattr("nelloc.exact.sample.sample", too_large)
    assert_failed(invoke("sample", "--model", "gray.nlm", "--out", "a.png"), "a.png: does not fit in memory")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--out", "a.png", "--size", "32"],
        ["--out", "a.png", "--size", "0x4"],
        ["--out", "a.png", "--count", "0"],
        ["--out", "a.png", "--seed", "-1"],
        ["--out", "a.png", "--seed", "99999999999999999999999"],
        ["--out", "a.png", "--size", "99999x99999"],
        ["--out", "a.png", "--size", "4096x4096", "--count", "17"],
        ["--out", "a.png", "--columns", "0"],
    ],
)
def test_wrong_usage(arguments):
    assert invoke("sample", "--model", "gray.nlm", *arguments).exit_code == 2


def test_an_integer_model_needs_no_torch_and_a_pair_says_so():
    Path("pair.safetensors").write_bytes(b"")
    for model, status, words in (("gray.nlm", 0, "a.png: 1 of"), ("pair.safetensors", 1, "PATH[train]")):
        done = run_without_torch("sample", "--model", model, "--out", "a.png", "-f")
        assert done.returncode == status, done.stderr
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
