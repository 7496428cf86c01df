"""The folder of runs that go wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from materials import small_model_bytes
from small_runs import NAMES, image


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder: three small photographs and a model."""
    monkeypatch.chdir(tmp_path)
    Path("model.nlm").write_bytes(small_model_bytes())
    os.mkdir("in")
    for seed, name in enumerate(NAMES):
        image(seed).save(f"in/{name}.png")
    return tmp_path
