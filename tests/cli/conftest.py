"""Folders of tests: a photograph, the same compressed, and the model; and a tree of photographs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from materials import small_model_bytes
from PIL import Image
from trees import TREE
from trees import pixels as pixels_of

import nelloc


@pytest.fixture
def pixels() -> np.ndarray:
    """Of a photograph's sort, so that the model codes them."""
    rows, columns, channel = np.ogrid[:5, :20, :3]
    noise = np.random.default_rng(3).normal(size=(5, 20, 3)) * 3
    return (120 + 50 * np.sin(rows / 9 + columns / 7 + channel) + noise).astype(np.uint8)


@pytest.fixture
def photo_folder(tmp_path, pixels, small_model_path, monkeypatch) -> Path:
    """The current folder: photo.png, the same as file.nlc, and model.nlm."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(pixels).save("photo.png")
    (tmp_path / "model.nlm").write_bytes(small_model_path.read_bytes())
    (tmp_path / "file.nlc").write_bytes(nelloc.encode(pixels, model=small_model_path))
    return tmp_path


@pytest.fixture
def photo_tree(tmp_path, monkeypatch) -> Path:
    """The current folder of each test: a tree of photographs, and a model."""
    monkeypatch.chdir(tmp_path)
    Path("model.nlm").write_bytes(small_model_bytes())
    for number, name in enumerate(TREE):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels_of(name)).save(name, **({"lossless": True} if name.endswith("webp") else {}))
        os.utime(name, ns=(10**18, 10**18 + 1234567 * number + 500))
    return tmp_path
