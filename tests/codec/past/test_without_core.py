"""Files that hold JPEG coefficients where the compiled core is left out: named, described, and never called damaged."""

from __future__ import annotations

import pytest
from materials import GOLDEN

import nelloc
from nelloc.exact import native

FILES = sorted((GOLDEN / "jpeg").glob("*.nlc"))


@pytest.fixture(autouse=True)
def _no_core(monkeypatch):
    monkeypatch.setenv(native.VARIABLE, native.NO_CORE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_such_a_file_is_refused_with_its_name_and_the_cause(path, tmp_path):
    suffix = ".png" if path.with_suffix(".png").exists() else ".jpg"
    for run in (lambda: nelloc.decompress(path, tmp_path / f"back{suffix}"), lambda: nelloc.verify(path)):
        with pytest.raises(nelloc.NellocError) as caught:
            run()
        expected = f"{path}: holds a JPEG in a form that only the compiled core reads, and {native.missing()}"
        assert str(caught.value) == expected
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_such_a_file_is_described(path):
    found = nelloc.info(path)
    assert (found.jpeg or found.past or "").startswith(("JPEG file, ", "pixels of a JPEG"))


@pytest.mark.parametrize("name", ["baseline-420", "progressive-gray"])
def test_a_jpeg_file_is_kept_all_the_same(name, tmp_path):
    source = GOLDEN / "jpeg" / f"{name}.jpg"
    nelloc.compress(source, tmp_path / "a.nlc")
    nelloc.decompress(tmp_path / "a.nlc", tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_bytes() == source.read_bytes()
