"""`nelloc train --ood`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running import invoke

torch = pytest.importorskip("torch", reason="training needs torch")

from nelloc.ood.pair import find  # noqa: E402
from nelloc.ood.training import load_images, load_settings  # noqa: E402
from nelloc.training.loop import Trainer  # noqa: E402

TINY = ["--model", "horizon=2,width=8,blocks=1,components=2", "--megapixels", "0.006", "--threads", "1"]


def wave(seed, size=(6, 8), channels=1):
    rows, columns = np.mgrid[: size[0], : size[1]]
    phases = np.random.default_rng(seed).uniform(0, 6, channels)
    image = np.stack([128 + 90 * np.sin(rows / 2 + columns / 3 + phase) for phase in phases], axis=2).astype(np.uint8)
    return Image.fromarray(image[:, :, 0] if channels == 1 else image)


def write_images(folder: Path, count: int, channels: int = 1) -> None:
    folder.mkdir()
    for k in range(count):
        wave(k, channels=channels).save(folder / f"{k:02}.png")


def train(*arguments):
    return invoke("train", "--ood", "--data", "images", "--out", "run", *TINY, *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, dict]:
    """A folder with images and a finished run, and what the command has printed."""
    folder = tmp_path_factory.mktemp("finished")
    write_images(folder / "images", 30)
    paths = ["--data", str(folder / "images"), "--out", str(folder / "run")]
    result = invoke("train", "--ood", *paths, *TINY, "--json")
    assert result.exit_code == 0
    return folder, json.loads(result.stdout)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder of each test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(finished, folder) -> None:
    """``run`` and ``images`` in the current folder."""
    shutil.copytree(finished[0], folder, dirs_exist_ok=True)


def assert_failed(result, *words):
    """The last line on standard error has ``words``; exit status 1."""
    assert (result.exit_code, result.stdout) == (1, "")
    last = result.stderr.splitlines()[-1]
    assert last.startswith("nelloc: ")
    for word in words:
        assert word in last


def test_a_folder_becomes_a_pair_that_scores(finished, run):
    found = finished[1]
    assert found["pair"].endswith("run/pair.safetensors")
    pair = find("run")
    assert (pair.shape, pair.local.config.kernel, pair.full.config.kernel) == ("8x6 gray", 1, 3)
    assert pair.about["trained_on"] == [str(finished[0] / "images")]
    assert pair.local.config.horizon == pair.full.config.horizon == 2
    for part, rate in found["held_out_bpd"].items():
        history = json.loads(Path(f"run/{part}/checkpoint.json").read_text())["history"]
        assert rate == history[-1]["held-out_bpd"] < history[0]["held-out_bpd"]
    scored = invoke("ood-score", "--model", "run", "images", "--calibrate", "images", "--fpr", "0", "--json")
    assert scored.exit_code == 0
    held_out = load_images(load_settings(Path("run")))[1]
    assert 0 < len(held_out) < 30


def test_resume_goes_on_where_a_run_stopped(run):
    """Here after its first model, with more to do for both; an image that has gone bad since is named and left out."""
    shutil.rmtree("run/full")
    before = Path("run/pair.safetensors")
    before.unlink()
    Path("images/broken.png").write_bytes(b"no image")
    shutil.copytree("images", "moved")
    assert_failed(invoke("ood-score", "--model", "run", "images"), "run: has no pair.safetensors", "--resume")
    result = invoke("train", "--ood", "--resume", "--out", "run", "--data", "moved", "--megapixels", "0.009", "-q")
    assert (result.exit_code, result.stdout) == (0, "")
    for part in ("local", "full"):
        assert Trainer.resume(Path("run", part)).seen >= 9000
    remembered = json.loads(Path("run/pair.json").read_text())
    assert (remembered["pixels"], remembered["folders"]) == (9000, [str(Path("moved").absolute())])
    assert find("run").shape == "8x6 gray"
    assert find("run").about["trained_on"] == [str(Path("moved").absolute())]


def test_a_size_resizes_and_without_it_all_must_be_alike():
    write_images(Path("images"), 8)
    wave(99, size=(9, 9)).save("images/zz.png")
    wave(98, channels=3).save("images/zy.png")
    assert_failed(train(), "where 8x6 gray is needed; a new run with --size makes it that")
    assert not Path("run").exists()
    assert train("--size", "5x4", "-q").exit_code == 0
    assert find("run").shape == "5x4 gray"


def test_images_of_16_bits_are_named_and_left_out():
    write_images(Path("images"), 8)
    for name in ("000", "zz"):  # first of all, and last
        Image.fromarray(np.full((6, 8), 999, np.uint16)).save(f"images/{name}.png")
    result = train("--megapixels", "0.001")
    assert result.exit_code == 0
    for name in ("000", "zz"):
        assert f"{name}.png: has more than 8 bits per sample; convert it to 8; it is left out" in result.stderr
    assert find("run").shape == "8x6 gray"


def test_a_seed_decides_the_pair_of_colour_images():
    write_images(Path("images"), 6, channels=3)
    options = ["--seed", "3", "--batch", "96", "--learning-rate", "0.001", "--megapixels", "0.002", "-q"]
    pairs = []
    for run in ("a", "b"):
        assert train(*options, "--out", run).exit_code == 0
        pairs.append(Path(run, "pair.safetensors").read_bytes())
    assert pairs[0] == pairs[1]
    assert find("a").channels == 3
    assert Trainer.resume(Path("a/full")).config.batch == 96


def test_what_fails(run):
    Path("empty").mkdir()
    assert_failed(invoke("train", "--ood", "--data", "empty", "--out", "new"), "empty: no images there")
    assert_failed(invoke("train", "--ood", "--resume", "--out", "new"), "no run of a pair")
    assert_failed(train("--out", "new", "--model", "horizon=2,depth=3"), "'depth' is not a field of a shape")
    assert_failed(train("--out", "new", "--model", "horizon=2,horizon=3"), "horizon is given twice; give it once")
    assert_failed(train(), "run: has a training run already")
    assert_failed(invoke("train", "--resume", "--out", "run/full"), "--data")
    assert_failed(invoke("export", "run/full", "model.nlm"), "cannot code")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--ood", "--data", "images", "--init", "default"],
        ["--ood", "--data", "images", "--augment", "rotate"],
        ["--ood", "--data", "images", "--memory", "9"],
        ["--ood", "--resume", "--size", "4x4"],
        ["--data", "images", "--size", "4x4"],
        ["--ood"],
    ],
)
def test_wrong_usage(arguments):
    assert invoke("train", "--out", "run", *arguments).exit_code == 2
