"""What the tests of single images have: a folder with a photograph, the same compressed, and the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
