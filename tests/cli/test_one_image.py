"""Promises of compressing and decompressing one image: names, streams and metadata."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running import BEFORE, MODEL, invoke, names, run

pytestmark = pytest.mark.usefixtures("photo_folder")


def test_compress_writes_beside_the_input_and_reports_on_standard_error():
    result = invoke("compress", "photo.png", *MODEL)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.startswith("photo.png -> photo.nlc: ")
    assert Path("photo.nlc").read_bytes() == Path("file.nlc").read_bytes()
    assert names() == sorted([*BEFORE, "photo.nlc"])


def test_decompress_writes_a_png_beside_the_input_and_reports_on_standard_error(pixels):
    result = invoke("decompress", "file.nlc", *MODEL)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == "file.nlc -> file.png: 20 x 5 pixels\n"
    np.testing.assert_array_equal(np.asarray(Image.open("file.png")), pixels)


def test_the_output_name_may_be_given(pixels):
    assert invoke("compress", "photo.png", "other.name", *MODEL).exit_code == 0
    assert Path("other.name").read_bytes() == Path("file.nlc").read_bytes()
    assert invoke("decompress", "other.name", "back.ppm", *MODEL).exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open("back.ppm")), pixels)


@pytest.mark.parametrize("form", ["png", "ppm"])
def test_the_format_is_that_of_the_option_where_the_output_has_no_extension(form, pixels):
    assert invoke("decompress", "file.nlc", "back", "--format", form, *MODEL).exit_code == 0
    assert invoke("decompress", "file.nlc", f"back.{form}", *MODEL).exit_code == 0
    assert Path("back").read_bytes() == Path(f"back.{form}").read_bytes()
    result = invoke("decompress", "file.nlc", "back", "--rm", "-f", "--format", form, *MODEL)
    assert (result.exit_code, Path("file.nlc").exists()) == (0, False)
    np.testing.assert_array_equal(np.asarray(Image.open("back")), pixels)


@pytest.mark.parametrize("force", [[], ["--force"], ["--rm", "-f"]])
@pytest.mark.parametrize("target", ["second.png", "new.JPG", "new.avif"])
def test_a_second_image_is_not_taken_for_the_output(target, force):
    Path("second.png").write_bytes(Path("photo.png").read_bytes())
    result = invoke("compress", "photo.png", target, *force, *MODEL)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"OUT is {target}" in result.stderr
    assert "to compress several images give --output-dir or -r" in " ".join(result.stderr.split())
    assert Path("second.png").read_bytes() == Path("photo.png").read_bytes()
    assert names() == sorted([*BEFORE, "second.png"])


def test_dash_reads_standard_input_and_writes_standard_output():
    compressed = run("compress", "-", *MODEL, data=Path("photo.png").read_bytes())
    assert (compressed.returncode, compressed.stdout) == (0, Path("file.nlc").read_bytes())
    assert compressed.stderr.startswith(b"standard input -> -: ")
    back = run("decompress", "-", "-", *MODEL, data=compressed.stdout)
    assert back.returncode == 0
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(back.stdout))), np.asarray(Image.open("photo.png")))
    assert names() == BEFORE


def test_dash_may_stand_on_one_side_only():
    photo, compressed = Path("photo.png").read_bytes(), Path("file.nlc").read_bytes()
    assert invoke("compress", "photo.png", "-", *MODEL).stdout_bytes == compressed
    assert invoke("compress", "-", "a.nlc", *MODEL, data=photo).stdout == ""
    assert Path("a.nlc").read_bytes() == compressed
    assert invoke("decompress", "-", "a.ppm", *MODEL, data=compressed).stdout == ""
    assert Path("a.ppm").exists()
    assert invoke("decompress", "file.nlc", "-", *MODEL).stdout_bytes.startswith(b"\x89PNG")


@pytest.fixture
def camera(pixels):
    """A photograph that says which camera took it."""
    exif = Image.Exif()
    exif[271] = "a camera"
    Image.fromarray(pixels).save("camera.png", exif=exif)
    return "camera.png"


def test_metadata_is_kept_unless_it_is_stripped_which_is_said(camera):
    assert "not kept" not in invoke("compress", camera, *MODEL).stderr
    assert "not kept" not in invoke("decompress", "camera.nlc", "back.png", *MODEL).stderr
    assert Image.open("back.png").getexif()[271] == "a camera"
    result = invoke("decompress", "camera.nlc", "bare.png", "--strip", *MODEL)
    assert "nelloc: camera.nlc: not kept in the output: EXIF\n" in result.stderr
    assert len(Image.open("bare.png").getexif()) == 0
    result = invoke("compress", camera, "stripped.nlc", "--strip", *MODEL)
    assert "nelloc: camera.png: not kept in the output: EXIF\n" in result.stderr
    assert Path("stripped.nlc").stat().st_size < Path("camera.nlc").stat().st_size
    assert invoke("compress", camera, "quiet.nlc", "-q", "--strip", *MODEL).stderr == ""
    row = json.loads(invoke("compress", camera, "-f", "--strip", "--json", *MODEL).stdout)
    assert row["left_out"] == ["EXIF"]


def test_info_names_the_kind_the_methods_and_the_metadata(camera):
    invoke("compress", camera, *MODEL)
    lines = invoke("info", "camera.nlc").stdout.splitlines()
    assert "image  20 x 5, 8-bit RGB" in lines
    assert "tiles  1, at most 256 x 256; 1 learning" in lines
    row = json.loads(invoke("info", "camera.nlc", "--json").stdout)
    assert list(row["metadata"]) == ["EXIF"]
    assert f"about  EXIF {row['metadata']['EXIF']} bytes; {row['metadata_bytes']} in the file" in lines
    Image.new("1", (300, 300)).save("black.png")
    invoke("compress", "black.png", *MODEL)
    lines = invoke("info", "black.nlc").stdout.splitlines()
    assert "image  300 x 300, 1-bit BILEVEL" in lines
    assert "tiles  4, at most 256 x 256; 4 constant" in lines
    assert "model  none needed" in lines


def test_what_the_output_format_does_not_hold_is_said(camera):
    invoke("compress", camera, *MODEL)
    assert (
        "nelloc: camera.nlc: not kept in the output: EXIF\n"
        in invoke("decompress", "camera.nlc", "a.bmp", *MODEL).stderr
    )
    row = json.loads(invoke("decompress", "camera.nlc", "b.bmp", "--json", *MODEL).stdout)
    assert row["left_out"] == ["EXIF"]


def test_an_output_format_that_does_not_hold_the_image_is_refused(pixels):
    Image.fromarray(np.dstack([pixels, pixels[:, :, :1]])).save("alpha.png")
    invoke("compress", "alpha.png", *MODEL)
    result = invoke("decompress", "alpha.nlc", "alpha.ppm", *MODEL)
    assert (result.exit_code, Path("alpha.ppm").exists()) == (1, False)
    assert result.stderr == "nelloc: alpha.nlc: is an RGBA image, and .ppm holds RGB only; use .png\n"
    assert invoke("decompress", "alpha.nlc", "alpha.webp", *MODEL).exit_code == 0
