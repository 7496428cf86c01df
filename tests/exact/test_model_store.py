"""Models are found by name, path and id, and all of them are installed."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from materials import small_model_bytes

import nelloc
from nelloc import NellocError
from nelloc.codec import container
from nelloc.codec.decode import decode_files
from nelloc.codec.options import DecodeOptions
from nelloc.exact import model_store
from nelloc.exact.model import load_model

pytestmark = pytest.mark.usefixtures("model_only")

ROOT = Path(__file__).parents[2]


def test_every_shipped_model_is_described():
    card = (ROOT / "weights" / "MODEL_CARD.md").read_text()
    for path in (ROOT / "weights").glob("*.nlm"):
        assert model_store.find(path).id.hex() in card


def test_a_shipped_model_is_found_by_name_and_by_id():
    model = model_store.find("default")
    assert model_store.find_by_id(model.id, "photo.nlc") is model
    assert model_store.name_of(model.id) == "default"
    assert model.size <= 1 << 20


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(NellocError, match=r"photo\.nlc: needs model 01020304"):
        model_store.find_by_id(bytes([1, 2, 3, 4]), "photo.nlc")
    assert model_store.name_of(bytes(4)) is None
    with pytest.raises(NellocError, match=r"weights: a folder; give a model file in it, such as model\.nlm"):
        model_store.find(ROOT / "weights")
    with pytest.raises(NellocError, match=r"nowhere\.nlm: no such model"):
        model_store.find(tmp_path / "nowhere.nlm")
    other = tmp_path / "other.nlm"
    other.write_bytes(small_model_bytes())
    with pytest.raises(NellocError, match="was made with model"):
        model_store.find_by_id(bytes([1, 2, 3, 4]), "photo.nlc", other)
    assert model_store.find_by_id(model_store.find().id, "photo.nlc", other) is model_store.find()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tests where Linux has it")
def test_the_folder_of_own_models_is_in_the_data_folder_unless_it_is_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("NELLOC_MODELS", raising=False)
    assert model_store.user_folder() == tmp_path / "nelloc" / "models"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_store.user_folder() == tmp_path / ".local" / "share" / "nelloc" / "models"
    monkeypatch.setenv("NELLOC_MODELS", "mine")
    assert model_store.user_folder() == Path("mine")


@pytest.fixture
def with_gray_sibling(tmp_path, monkeypatch):
    """A library of default and default-gray, and their ids."""
    files = {
        "default": small_model_bytes(),
        "default-gray": small_model_bytes(channels=1),
        "lone": small_model_bytes(5),
    }
    for name, data in files.items():
        (tmp_path / f"{name}.nlm").write_bytes(data)
    monkeypatch.setattr(model_store, "shipped", lambda: {name: tmp_path / f"{name}.nlm" for name in files})
    return {name: load_model(data).id for name, data in files.items()}


def test_a_gray_image_is_coded_by_the_gray_sibling(with_gray_sibling):
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (6, 5, *c), np.uint8) for c in ((), (3,), ())]
    for given, gray in ((None, "default-gray"), ("default", "default-gray"), ("lone", "lone")):
        coded = nelloc.encode_many(images, model=given)
        used = [container.parse(data, "x").model_id for data in coded]
        assert used == [with_gray_sibling[name] for name in (gray, given or "default", gray)]
        for model in (None, given):
            assert all(
                np.array_equal(a, b) for a, b in zip(nelloc.decode_many(coded, model=model), images, strict=True)
            )


def test_a_gray_model_refuses_rgb_images(with_gray_sibling, tmp_path):
    random = np.random.default_rng(0)
    gray, rgb = random.integers(0, 256, (4, 5), np.uint8), random.integers(0, 256, (4, 5, 3), np.uint8)
    for model in ("default-gray", tmp_path / "default-gray.nlm"):
        with pytest.raises(NellocError, match=r"default-gray.*: codes gray images only; use --model default"):
            nelloc.encode(rgb, model=model)
        data = nelloc.encode(gray, model=model)
        assert container.parse(data, "x").model_id == with_gray_sibling["default-gray"]
    file = container.parse(data, "x")
    forged = container.pack(dataclasses.replace(file, kind=container.Kind.RGB))
    with pytest.raises(NellocError, match="x: is an RGB image, but its model codes gray images only"):
        decode_files([container.parse(forged, "x")], ["x"], DecodeOptions())
