"""Promises of thumbnails: what file managers read of them, and that they show the image."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest
from materials import GOLDEN
from PIL import Image, ImageCms

import nelloc
from nelloc.codec.options import DecodeOptions
from nelloc.errors import NellocError
from nelloc.plugins.thumbnail import write_thumbnail

OPTIONS = DecodeOptions()


def stored(path, image, **keywords):
    """The image as an .nlc file, by a fast way to code it."""
    path.write_bytes(nelloc.encode(image, effort=1, verify=False, **keywords))
    return path


def opened(path) -> Image.Image:
    image = Image.open(path)
    image.load()
    return image


def test_a_thumbnail_has_the_keys_of_the_standard(tmp_path):
    source = stored(tmp_path / "ä photo #1.nlc", Image.new("RGB", (300, 150), "teal"))
    os.utime(source, ns=(0, 1_234_567_890_987_654_321))
    made = write_thumbnail(source, tmp_path / "t.png", 128, OPTIONS)
    image = opened(tmp_path / "t.png")
    assert image.format == "PNG"
    assert image.size == (made.width, made.height) == (128, 64)
    assert image.getpixel((5, 5)) == (0, 128, 128)
    assert image.text == {
        "Thumb::URI": f"file://{tmp_path}/%C3%A4%20photo%20%231.nlc",
        "Thumb::MTime": "1234567890",
        "Thumb::Size": str(source.stat().st_size),
        "Thumb::Mimetype": "image/x-nelloc",
        "Thumb::Image::Width": "300",
        "Thumb::Image::Height": "150",
        "Software": f"nelloc {nelloc.__version__}",
    }


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("la", "LA"),
        ("rgba", "RGBA"),
        ("palette", None),
        ("bilevel", "L"),
        ("gray16", "L"),
        ("rgb16", "RGB"),
        ("la16", "LA"),
        ("rgba16", "RGBA"),
        ("12-bit", None),
    ],
)
def test_every_kind_of_image_has_a_thumbnail_of_8_bits(tmp_path, name, mode):
    options = dataclasses.replace(OPTIONS, model=GOLDEN / "model.nlm")
    write_thumbnail(GOLDEN / f"kind-{name}.nlc", tmp_path / "t.png", 8, options)
    image = opened(tmp_path / "t.png")
    assert max(image.size) <= 8
    assert image.mode in ("L", "LA", "RGB", "RGBA") if mode is None else image.mode == mode


def test_16_bits_are_shown_as_bright_as_they_are(tmp_path):
    for bits in (16, 12):
        samples = np.full((4, 4), (1 << bits) * 3 // 4, np.uint16)
        samples[0, 0] = (1 << bits) - 1
        source = stored(tmp_path / f"{bits}.nlc", samples)
        write_thumbnail(source, tmp_path / f"{bits}.png", 4, OPTIONS)
    assert np.asarray(opened(tmp_path / "16.png"))[2, 2] == 192


def test_small_images_are_not_enlarged_and_a_line_keeps_a_pixel(tmp_path):
    for size, expected in (((5, 3), (5, 3)), ((600, 1), (128, 1))):
        source = stored(tmp_path / "image.nlc", Image.new("L", size))
        made = write_thumbnail(source, tmp_path / "t.png", 128, OPTIONS, force=True)
        assert (made.width, made.height) == expected


def test_a_thumbnail_is_upright_and_has_the_profile(tmp_path):
    image = Image.new("RGB", (40, 20), "white")
    exif = Image.Exif()
    exif[274] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.info |= {"exif": exif.tobytes(), "icc_profile": profile}
    source = stored(tmp_path / "turned.nlc", image)
    write_thumbnail(source, tmp_path / "t.png", 128, OPTIONS)
    shown = opened(tmp_path / "t.png")
    assert shown.size == (20, 40)
    assert shown.info["icc_profile"] == profile
    assert 274 not in shown.getexif()


def test_transparent_colours_are_transparent(tmp_path):
    image = Image.new("RGB", (4, 4), "red")
    image.info["transparency"] = (255, 0, 0)
    write_thumbnail(stored(tmp_path / "a.nlc", image), tmp_path / "t.png", 128, OPTIONS)
    assert opened(tmp_path / "t.png").getpixel((1, 1))[3] == 0


@pytest.mark.skipif(os.name == "nt", reason="files have no such permissions here")
def test_the_thumbnail_of_a_private_file_is_private(tmp_path):
    source = stored(tmp_path / "a.nlc", Image.new("L", (9, 9)))
    source.chmod(0o600)
    write_thumbnail(source, tmp_path / "t.png", 128, OPTIONS)
    assert (tmp_path / "t.png").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_held_open_gets_the_thumbnail(tmp_path):
    source = stored(tmp_path / "a.nlc", Image.new("L", (9, 9)))
    target = tmp_path / "t"
    target.write_bytes(bytes(9999))
    with target.open("rb") as held:
        made = write_thumbnail(source, target, 128, OPTIONS, force=True)
        assert held.read() == made.data


def test_an_existing_file_is_kept_and_a_damaged_one_writes_nothing(tmp_path):
    source = stored(tmp_path / "a.nlc", np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8))
    (tmp_path / "t.png").write_bytes(b"mine")
    with pytest.raises(NellocError, match="exists already"):
        write_thumbnail(source, tmp_path / "t.png", 128, OPTIONS)
    source.write_bytes(source.read_bytes()[:-1] + b"\x55")
    with pytest.raises(NellocError, match=r"a\.nlc"):
        write_thumbnail(source, tmp_path / "u.png", 128, OPTIONS)
    assert (tmp_path / "t.png").read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["a.nlc", "t.png"]
