"""Fixtures of files: a photograph, the same compressed, and the two directions between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from converting import Job
from PIL import Image

import nelloc
from nelloc.files import convert as files
from nelloc.files.result import Result


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.fixture
def photo(tmp_path, pixels) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def compressed(tmp_path, pixels, small_model_path) -> Path:
    path = tmp_path / "file.nlc"
    path.write_bytes(nelloc.encode(pixels, model=small_model_path, embed=False))
    return path


@pytest.fixture(params=["compress", "decompress"])
def job(request, tmp_path, photo, compressed, small_model_path) -> Job:
    """Compressing photo.png, or decompressing file.nlc."""
    function = getattr(files, request.param)
    source = photo if request.param == "compress" else compressed
    expected = tmp_path / ("expected" + (".nlc" if request.param == "compress" else ".png"))
    function(source, expected, model=small_model_path)
    output = expected.read_bytes()
    expected.unlink()

    def run(target: Path | None = None, **options) -> Result:
        return function(source, target, model=small_model_path, **options)

    return Job(source, source.with_suffix(expected.suffix), run, output)
