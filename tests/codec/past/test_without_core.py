"""Files that hold JPEGs where the compiled core is left out: read as with it, slowly, and packed more simply."""

from __future__ import annotations

import io

import numpy as np
import pytest
from materials import GOLDEN
from PIL import Image

import nelloc
from nelloc.codec.options import EncodeOptions
from nelloc.codec.past import coefficients
from nelloc.codec.progress import Progress
from nelloc.codec.tiling import Rectangle
from nelloc.exact import native

FILES = sorted((GOLDEN / "jpeg").glob("*.nlc"))
KEPT = [path for path in FILES if path.with_suffix(".jpg").exists()]
PAST = [path for path in FILES if path.with_suffix(".png").exists()]


@pytest.fixture(autouse=True)
def _no_core(monkeypatch):
    monkeypatch.setenv(native.VARIABLE, native.NO_CORE)
    nelloc.register()


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_jpeg_file_comes_back(path, tmp_path):
    data = path.with_suffix(".jpg").read_bytes()
    nelloc.decompress(path, tmp_path / "back.jpg")
    assert (tmp_path / "back.jpg").read_bytes() == data
    assert not nelloc.verify(path).damaged
    assert nelloc.info(path).jpeg.startswith("JPEG file, ")
    if path.stem == "cut-off":
        with pytest.raises(nelloc.NellocError, match="truncated"):
            nelloc.decode(path.read_bytes())
        return
    assert np.array_equal(nelloc.decode(path.read_bytes()), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("path", PAST, ids=lambda path: path.stem)
def test_pixels_of_a_jpeg_come_back(path, tmp_path):
    expected = np.asarray(Image.open(path.with_suffix(".png")))
    nelloc.decompress(path, tmp_path / "back.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back.png")), expected)
    assert not nelloc.verify(path).damaged
    assert nelloc.info(path).past.startswith("pixels of a JPEG, quality about ")
    assert np.array_equal(np.asarray(Image.open(path)), expected)
    data = path.read_bytes()
    assert np.array_equal(nelloc.decode(data, region=Rectangle(9, 5, 30, 20)), expected[9:39, 5:25])


@pytest.mark.parametrize("path", [KEPT[0], PAST[0]], ids=lambda path: path.stem)
def test_damage_is_named(path, tmp_path):
    data = bytearray(path.read_bytes())
    data[-200] ^= 1
    (tmp_path / "damaged.nlc").write_bytes(data)
    with pytest.raises(nelloc.NellocError, match="damaged"):
        nelloc.decompress(tmp_path / "damaged.nlc", tmp_path / "back.png")
    if path in KEPT:
        result = nelloc.decompress(tmp_path / "damaged.nlc", tmp_path / "back.png", allow_damaged=True)
        assert result.damaged


def test_progress_is_reported_row_by_row():
    class Watched(Progress):
        expected = done = steps = 0

        def expect(self, steps, phase=""):
            self.expected += steps

        def advance(self, steps=1, remark=""):
            self.done += steps
            self.steps += steps > 0

    for path in (GOLDEN / "jpeg" / "baseline-420.nlc", PAST[0]):
        watched = Watched()
        nelloc.decode(path.read_bytes(), progress=watched)
        assert watched.done == watched.expected
        assert watched.steps > 5


@pytest.mark.parametrize("name", ["baseline-420", "progressive-gray"])
def test_a_jpeg_file_is_kept_all_the_same(name, tmp_path):
    source = GOLDEN / "jpeg" / f"{name}.jpg"
    nelloc.compress(source, tmp_path / "a.nlc")
    nelloc.decompress(tmp_path / "a.nlc", tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_bytes() == source.read_bytes()


def test_a_picture_is_stored_as_pixels(tmp_path):
    Image.open(PAST[0].with_suffix(".png")).crop((0, 0, 24, 16)).save(tmp_path / "a.png")
    nelloc.compress(tmp_path / "a.png", tmp_path / "a.nlc", model="fast")
    assert nelloc.info(tmp_path / "a.nlc").past is None


def test_coefficients_are_not_encoded():
    component = coefficients.Component(1, 1, np.ones(64, np.uint16), np.zeros((1, 1, 64), np.int16))
    image = coefficients.JpegCoefficients(8, 8, (component,))
    with pytest.raises(nelloc.NellocError) as caught:
        coefficients.encode_coefficients(image)
    assert str(caught.value) == f"image: only the compiled core encodes coefficients, and {native.missing()}"
    assert EncodeOptions().past
