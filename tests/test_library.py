"""Models are found by name, path and id, and all of them are installed."""

import tomllib
from pathlib import Path

import pytest
from conftest import small_model_bytes

from nelloc import NellocError, library

ROOT = Path(__file__).parents[1]


def test_every_shipped_model_is_in_the_wheel_and_described():
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    card = (ROOT / "weights" / "MODEL_CARD.md").read_text()
    for path in (ROOT / "weights").glob("*.nlm"):
        name = f"weights/{path.name}"
        assert included["force-include"][name] == f"nelloc/{name}"
        assert library.find(path).id.hex() in card


def test_a_shipped_model_is_found_by_name_and_by_id():
    model = library.find("default")
    assert library.find_by_id(model.id, "photo.nlc") is model
    assert library.name_of(model.id) == "default"
    assert model.size <= 1 << 20


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(NellocError, match=r"photo\.nlc: needs model 01020304"):
        library.find_by_id(bytes([1, 2, 3, 4]), "photo.nlc")
    assert library.name_of(bytes(4)) is None
    with pytest.raises(NellocError, match=r"nowhere\.nlm: no such model"):
        library.find(tmp_path / "nowhere.nlm")
    other = tmp_path / "other.nlm"
    other.write_bytes(small_model_bytes())
    with pytest.raises(NellocError, match="was made with model"):
        library.find_by_id(library.find().id, "photo.nlc", other)
