"""Promises of `nelloc train --model`: shapes of networks are named or spelled, and counted before they are built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from failed_training import assert_failed
from PIL import Image
from running import invoke

from nelloc.cli import train as command
from nelloc.exact import model_store

pytest.importorskip("torch", reason="training needs torch")

from nelloc.training.folder import AUGMENTATIONS, DEFAULT_MEMORY
from nelloc.training.loop import TrainingConfig
from nelloc.training.networks.export import restore
from nelloc.training.networks.full import FullConfig, FullNetwork
from nelloc.training.networks.local import LocalConfig, LocalNetwork
from nelloc.training.shapes import SHAPES, parse_shape, spell, weight_count


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder of each test, with a folder of images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for k in range(4):
        Image.new("RGB", (48, 48)).save(f"photos/{k}.png")
    return tmp_path


def test_shapes_are_named_or_spelled():
    assert parse_shape("width=256,blocks=0,depth=1,horizon=3,components=10") == LocalConfig()
    assert parse_shape("high,components=5") == replace(SHAPES["high"], components=5)
    assert parse_shape("channels=1,inputs=raw,joint=false") == LocalConfig(channels=1, inputs="raw", joint=False)
    for shape in SHAPES.values():
        assert parse_shape(spell(shape)) == shape


@pytest.mark.parametrize("name", ["fast", "default", "high", "fast-gray", "default-gray", "high-gray"])
def test_a_name_is_the_shape_of_the_shipped_model(name):
    assert SHAPES[name] == restore(model_store.find(name)).config


@pytest.mark.parametrize(
    "text",
    ["", "huge", "width", "width=", "width=x", "width=-1", "width=0", "deep=3", "default,", "joint=2", "inputs=x"],
)
def test_a_wrong_shape_is_named(text):
    assert_failed(
        invoke("train", "--data", "photos", "--out", "run", "--model", text),
        "inputs x" if "inputs" in text else f"model {text}",
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "width=4096,blocks=9,depth=30"], ("957,", "weights", "narrower")),
        (["--model", "width=8,blocks=20,depth=62"], ("124 layers are too many",)),
        (["--ood", "--model", "width=4096,blocks=9"], ("weights", "narrower")),
        (["--ood", "--model", "width=64,blocks=1,kernel=4095"], ("weights", "narrower")),
    ],
    ids=str,
)
def test_a_shape_that_no_memory_or_file_holds_is_refused(options, words):
    assert_failed(invoke("train", "--data", "photos", "--out", "run", *options), f"model {options[-1]}: ", *words)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "shape",
    [LocalConfig(width=8, blocks=1, borders=True), FullConfig(width=8), FullConfig(width=8, inputs="normalised")],
    ids=str,
)
def test_weights_are_counted(shape):
    network = LocalNetwork(shape) if isinstance(shape, LocalConfig) else FullNetwork(shape)
    assert weight_count(shape) == sum(p.numel() for p in network.parameters() if p.ndim == 2)


def test_what_the_help_says_is_true():
    assert tuple(SHAPES) == command.SHAPE_NAMES
    assert AUGMENTATIONS == command.AUGMENTATION_NAMES
    assert command.DEFAULT_MEMORY << 20 == DEFAULT_MEMORY
    defaults = TrainingConfig()
    assert (defaults.batch, defaults.learning_rate, defaults.seed) == (4096, 0.002, 1)
