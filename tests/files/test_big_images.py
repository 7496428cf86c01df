"""Big images: read, coded, checked and written in slices, to the same bytes as in one piece."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

import nelloc
from nelloc import image
from nelloc.codec import decode as decoding
from nelloc.codec import encode as codec
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.tiling import Rectangle
from nelloc.errors import NellocError
from nelloc.files import convert as files
from nelloc.image import from_array, mapped_array, slices

pytestmark = pytest.mark.usefixtures("model_only")


@pytest.fixture
def big(monkeypatch, tmp_path) -> Callable[[], None]:
    """Makes every image count as big from the call on: it is read, coded, checked and written in slices."""

    def begin() -> None:
        monkeypatch.setattr(slices, "LARGE", 1)
        monkeypatch.setattr(slices, "_AT_ONCE", 100)
        monkeypatch.setattr(mapped_array, "LARGE", 1)
        monkeypatch.setattr(decoding, "PIXELS_AT_ONCE", 300)
        monkeypatch.setattr(codec, "PIXELS_AT_ONCE", 300)
        for module in (codec, files):
            monkeypatch.setattr(module, "decode_files", lambda found, *_, **__: pytest.fail("whole") if found else [])
        monkeypatch.setattr(image, "write", lambda *_: pytest.fail("whole"))

    return begin


def picture(kind: str) -> np.ndarray:
    rows, columns = np.mgrid[:70, :50]
    photo = (120 + 50 * np.sin(rows / 9 + columns / 7) + np.random.default_rng(1).normal(size=(70, 50)) * 3)[..., None]
    if kind == "deep":
        return (photo * 250 + np.arange(3) * 900).astype(np.uint16)
    photo = (photo + np.arange(4) * 9).astype(np.uint8)
    if kind == "drawn":
        return np.where(photo[:, :, :1] > 130, np.uint8([200, 30, 90, 250]), 7).astype(np.uint8)
    return photo[:, :, : {"gray": 1, "rgb": 3, "rgba": 4}[kind]].squeeze()


@pytest.mark.parametrize("kind", ["gray", "rgb", "rgba", "drawn", "deep"])
def test_big_images_make_the_same_files_and_come_back(kind, tmp_path, small_model_path, big):
    array, path = picture(kind), tmp_path / "photo.png"
    pixels = from_array(array)
    path.write_bytes(image.write(pixels, ".png").data)
    options = EncodeOptions(model=small_model_path, tile=16, threads=2, effort=7)
    decoding = DecodeOptions(model=small_model_path, threads=2)
    files.compress(path, tmp_path / "whole.nlc", options=options)
    big()
    files.compress(path, tmp_path / "sliced.nlc", options=options)
    assert (tmp_path / "sliced.nlc").read_bytes() == (tmp_path / "whole.nlc").read_bytes()
    files.verify_bytes((tmp_path / "sliced.nlc").read_bytes(), "sliced.nlc", decoding)
    suffix = ".ppm" if kind in ("rgb", "deep") else ".pgm" if kind == "gray" else ".png"
    for name in ("back.png", f"other{suffix}"):
        result = files.decompress(tmp_path / "sliced.nlc", tmp_path / name, options=decoding)
        assert (result.width, result.height, result.left_out) == (50, 70, ())
        assert image.same_picture(image.read((tmp_path / name).read_bytes(), name), pixels)
    region = dataclasses.replace(decoding, region=Rectangle(13, 7, 40, 30))
    files.decompress(tmp_path / "sliced.nlc", tmp_path / "part.png", options=region)
    part = image.to_array(image.read((tmp_path / "part.png").read_bytes(), "part"))
    np.testing.assert_array_equal(part, array[13:53, 7:37])


def test_what_is_left_of_a_big_damaged_file_is_written_and_named(tmp_path, small_model_path, big):
    array = picture("rgb")
    options = DecodeOptions(model=small_model_path, allow_damaged=True)
    data = bytearray(nelloc.encode(array, model=small_model_path, tile=16, effort=1))
    data[-5] ^= 1
    big()
    with pytest.raises(NellocError, match=r"damaged tiles, 1 of 20: tile 19 \(37,56,13,14\)"):
        files.verify_bytes(bytes(data), "file", options)
    result, written = files.decompress_bytes(bytes(data), "file", options)
    assert result.damaged == ("tile 19 (37,56,13,14)",)
    back = image.to_array(image.read(written, "back"))
    np.testing.assert_array_equal(back[:56], array[:56])
    assert (back[56:, 37:] == [255, 0, 255]).all()
    options = dataclasses.replace(options, allow_damaged=False)
    with pytest.raises(NellocError, match="tile 19"):
        files.decompress_bytes(bytes(data), "file", options)


def test_the_output_of_a_big_image_is_compared_by_slices(tmp_path, small_model_path, big):
    array = picture("rgb")
    options = DecodeOptions(model=small_model_path)
    encoded = nelloc.encode(array, model=small_model_path, tile=16, effort=1)
    compressed = files.open_compressed(encoded, "file", options)
    changed = array.copy()
    changed[-1, -1, -1] ^= 1
    big()
    for other, same in ((array, True), (changed, False), (array[:-1], False), (array[:, :-1], False)):
        opened = files.OpenedImage("photo", 0, from_array(other))
        with contextlib.nullcontext() if same else pytest.raises(NellocError, match="differ; keep both"):
            files.check_same(opened, compressed, options)


def test_a_big_file_that_does_not_decode_to_its_image_is_not_written(tmp_path, small_model_path, big, monkeypatch):
    path = tmp_path / "photo.png"
    path.write_bytes(image.write(from_array(picture("rgb")), ".png").data)
    big()
    real = codec.decode_slices

    def wrong(*arguments, **options):
        *rest, last = real(*arguments, **options)
        yield from rest
        last.planes[-1, -1, -1] ^= 1
        yield last

    monkeypatch.setattr(codec, "decode_slices", wrong)
    with pytest.raises(NellocError, match="does not decode to the same pixels"):
        files.compress(path, model=small_model_path, tile=16)
    assert not (tmp_path / "photo.nlc").exists()


def test_metadata_that_a_big_output_cannot_hold_is_named_and_keeps_the_input(tmp_path, small_model_path, big):
    path = tmp_path / "photo.png"
    Image.fromarray(picture("rgb")).save(path, dpi=(300, 300))
    files.compress(path, tmp_path / "file.nlc", model=small_model_path, tile=16, effort=1)
    options = DecodeOptions(model=small_model_path)
    big()
    opened = files.open_compressed((tmp_path / "file.nlc").read_bytes(), "file", options)
    ((result, _),) = files.decode_images([opened], options, ".ppm")
    assert result.left_out == ("resolution",)
    with pytest.raises(NellocError, match=r"resolution would be lost in \.ppm"):
        files.decode_images([opened], options, ".ppm", verify=True)
    ((result, data),) = files.decode_images([opened], dataclasses.replace(options, strip=True), ".png")
    assert result.left_out == ("resolution",)
    assert not image.read(data, "back").metadata


@pytest.mark.parametrize("kind", ["gray", "rgb", "deep"])
def test_a_big_netpbm_file_with_comments_is_read_in_slices(kind, big):
    pixels = from_array(picture(kind))
    data = image.write(pixels, ".pgm" if kind == "gray" else ".ppm").data
    magic, size, rest = data.split(b"\n", 2)
    commented = b"\n".join([magic + b" # made by hand", b"# two lines", size, rest])
    big()
    assert len(list(slices.layout_of(commented).heights())) > 1
    assert image.same_picture(image.read(commented, "photo.ppm"), pixels)
