"""Inputs that are files of an odd sort or name: pipes with a name, and names that are not UTF-8."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nelloc

PICTURE = np.random.default_rng(5).integers(0, 256, (9, 7, 3), dtype=np.uint8)


@pytest.fixture
def photo(tmp_path) -> bytes:
    path = tmp_path / "made.png"
    Image.fromarray(PICTURE).save(path)
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_an_image_is_read_of_a_named_pipe(photo, tmp_path, small_model_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(photo,))
    writer.start()
    result = nelloc.compress(pipe, tmp_path / "out.nlc", model=small_model_path)
    writer.join()
    assert result.source_bytes == len(photo)
    data = (tmp_path / "out.nlc").read_bytes()
    np.testing.assert_array_equal(nelloc.decode(data, model=small_model_path), PICTURE)


@pytest.mark.parametrize("name", [b"\xff\xfe", b"caf\xe9", "写真".encode(), b"new\nline", b" "])
def test_names_of_any_bytes_are_inputs_and_outputs(photo, tmp_path, small_model_path, name):
    folder = os.fsencode(tmp_path)
    try:
        source = Path(os.fsdecode(folder + b"/" + name + b".png"))
        source.write_bytes(photo)
    except OSError:
        pytest.skip("the file system does not allow this name")
    nelloc.compress(source, model=small_model_path)
    compressed = source.with_suffix(".nlc")
    for suffix in (".tif", ".webp"):
        target = source.with_suffix(suffix)
        nelloc.decompress(compressed, target, model=small_model_path)
        np.testing.assert_array_equal(np.asarray(Image.open(target)), PICTURE)
