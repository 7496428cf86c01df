"""JPEG files through the commands, the folders, the library and Pillow: their bytes come back, and their pixels."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from click.testing import CliRunner
from jpeg_samples import picture, saved
from PIL import Image

import nelloc
from nelloc.cli.main import main
from nelloc.codec.past import core
from nelloc.errors import NellocError
from nelloc.files.batch.run import compress_folder, decompress_folder

pytestmark = pytest.mark.skipif(not core.available(), reason="the compiled core is not built")
PHOTO = saved(picture(90, 70), quality=85, subsampling=2, comment=b"a comment")
FAST = {"model": "fast", "effort": 1}


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpeg"
    path.write_bytes(PHOTO)
    return path


def run(*words, status=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == status, result.output
    return result


def test_a_jpeg_file_comes_back_and_its_pixels_on_request(photo):
    packed = photo.with_suffix(".nlc")
    said = run("compress", photo).stderr
    assert "byte for byte" in said
    assert packed.stat().st_size < 0.9 * len(PHOTO)
    photo.unlink()
    run("decompress", packed)
    assert photo.read_bytes() == PHOTO
    run("decompress", packed, photo.with_name("other.JPG"))
    assert photo.with_name("other.JPG").read_bytes() == PHOTO
    run("decompress", packed, photo.with_suffix(".png"))
    expected = np.asarray(Image.open(photo))
    assert np.array_equal(np.asarray(Image.open(photo.with_suffix(".png"))), expected)
    run("decompress", packed, photo.with_name("part.png"), "--region", "3,5,20,10")
    assert np.array_equal(np.asarray(Image.open(photo.with_name("part.png"))), expected[5:15, 3:23])
    assert "whole, 90 x 70" in run("verify", packed).stdout


def test_a_jpeg_file_that_was_cut_off_is_kept_whole(photo):
    photo.write_bytes(PHOTO[:-300])
    packed = photo.with_suffix(".nlc")
    run("compress", photo)
    assert "whole, 90 x 70" in run("verify", packed).stdout
    run("decompress", packed, "--force")
    assert photo.read_bytes() == PHOTO[:-300]


def test_verify_says_what_a_file_keeps(photo):
    nelloc.compress(photo)
    assert nelloc.verify(photo.with_suffix(".nlc")).keeps == "bytes"
    nelloc.compress(photo, pixels=True, force=True)
    assert nelloc.verify(photo.with_suffix(".nlc")).keeps == "pixels"


def test_verify_names_the_part_that_is_damaged(photo):
    run("compress", photo)
    packed = photo.with_suffix(".nlc")
    data = bytearray(packed.read_bytes())
    data[-30] ^= 1
    packed.write_bytes(data)
    assert "part 0 of 1 of its JPEG file is damaged" in run("verify", packed, status=1).stderr


def test_info_says_that_a_jpeg_file_is_kept(photo):
    run("compress", photo)
    text = run("info", photo.with_suffix(".nlc")).stdout
    assert f"JPEG file, baseline, quality about 85, 4:2:0, {len(PHOTO)} bytes" in text


@pytest.mark.parametrize(
    ("channels", "bits", "kind"), [(1, 12, "12-bit GRAY"), (4, 8, "8-bit CMYK"), (2, 8, "2 channels")]
)
def test_info_says_of_what_samples_a_jpeg_file_is(tmp_path, channels, bits, kind):
    components = b"".join(bytes([number, 17, 0]) for number in range(channels))
    frame = struct.pack(">BHHB", bits, 4, 5, channels) + components
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff\xc1" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9" + bytes(40))
    nelloc.compress(path)
    assert kind in run("info", path.with_suffix(".nlc")).stdout
    found = nelloc.info(path.with_suffix(".nlc"))
    assert found.bits == bits
    assert found.bits_per_dimension == pytest.approx(8 * found.bytes / (20 * channels))


def test_pixels_are_kept_instead_if_that_is_asked_for(photo):
    result = nelloc.compress(photo, pixels=True, **FAST)
    assert result.keeps == "pixels"
    with pytest.raises(NellocError, match="holds pixels"):
        nelloc.decompress(result.target, photo.with_name("back.jpg"))
    assert np.array_equal(nelloc.decode((photo.with_suffix(".nlc")).read_bytes()), np.asarray(Image.open(photo)))


def test_strip_leaves_the_metadata_out_of_the_file_that_comes_back(photo):
    nelloc.compress(photo, strip=True)
    nelloc.decompress(photo.with_suffix(".nlc"), photo.with_suffix(".jpg"))
    back = photo.with_suffix(".jpg").read_bytes()
    assert b"a comment" not in back
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(back))), np.asarray(Image.open(photo)))


def test_a_folder_of_jpeg_files_is_replaced_and_comes_back(tmp_path):
    names = {"a.jpg": PHOTO, "b.JPG": PHOTO, "sub/c.jpeg": saved(picture(50, 60, 3), quality=70)}
    names |= {"sub/cut.JPEG": PHOTO[:-30], "sub/d.Jpg": PHOTO, "e.jfif": PHOTO, "sub/f.JPE": PHOTO}
    for name, data in names.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    outcomes = list(compress_folder([tmp_path], recursive=True, remove=True))
    assert [outcome.removal.done for outcome in outcomes] == [True] * 7
    assert {path.suffix for path in tmp_path.rglob("*.*")} == {".nlc"}
    outcomes = list(decompress_folder([tmp_path], recursive=True, remove=True))
    assert [outcome.removal.done for outcome in outcomes] == [True] * 7
    names["sub/d.jpg"] = names.pop("sub/d.Jpg")  # an ending that has no number
    for name, data in names.items():
        assert (tmp_path / name).read_bytes() == data
    assert not list(tmp_path.rglob("*.nlc"))


def test_a_run_with_rm_says_what_it_saved_and_a_second_one_removes_what_is_done(photo):
    folder = photo.parent
    run("compress", "-r", folder)
    (folder / "other.jpg").write_bytes(saved(picture(50, 40, 9), quality=80))
    said = run("compress", "-r", folder, "--rm").stderr
    assert "2 inputs removed" in said
    assert "bytes saved" in said
    assert sorted(path.name for path in folder.iterdir()) == ["other.nlc", "photo.nlc"]


def test_rm_keeps_a_jpeg_file_whose_output_holds_pixels_only(photo):
    run("compress", "-r", photo.parent, "--pixels", "--model", "fast", "--effort", "1")
    result = CliRunner().invoke(main, ["compress", "-r", str(photo.parent), "--rm"])
    assert result.exit_code == 1
    assert "holds the pixels of the JPEG file, not its bytes" in result.stderr
    assert photo.read_bytes() == PHOTO


def test_pillow_opens_it(photo):
    nelloc.compress(photo)
    nelloc.register()
    with Image.open(photo.with_suffix(".nlc")) as image:
        assert (image.size, image.mode) == ((90, 70), "RGB")
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(photo)))


def test_thumbnails_are_made_of_it(photo):
    run("compress", photo)
    run("thumbnail", photo.with_suffix(".nlc"), photo.with_suffix(".png"), "--size", "32")
    with Image.open(photo.with_suffix(".png")) as image:
        assert max(image.size) == 32


def test_what_is_said_of_a_file_that_holds_no_image(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no image at all")
    run("compress", broken)
    run("decompress", tmp_path / "broken.nlc", tmp_path / "back.jpg")
    assert (tmp_path / "back.jpg").read_bytes() == broken.read_bytes()
    assert "nelloc: " in run("decompress", tmp_path / "broken.nlc", tmp_path / "x.png", status=1).stderr
    assert not (tmp_path / "x.png").exists()


def test_the_first_of_several_images_is_shown(photo):
    file = io.BytesIO()
    picture(90, 70).save(file, "MPO", save_all=True, append_images=[picture(45, 35, 2)])
    photo.write_bytes(file.getvalue())
    expected = np.asarray(Image.open(photo))
    assert Image.open(photo).n_frames == 2
    packed = nelloc.compress(photo).target
    assert "APP2 segment (MPF)" in run("decompress", packed, photo.with_suffix(".png")).stderr
    assert np.array_equal(np.asarray(Image.open(photo.with_suffix(".png"))), expected)
    run("thumbnail", packed, photo.with_name("small.png"), "--size", "32")
    run("decompress", packed, photo.with_suffix(".jpg"))
    assert photo.with_suffix(".jpg").read_bytes() == file.getvalue()


@pytest.mark.parametrize("more", [[], ["--adapt-minutes", "0.001"]])
def test_with_pixels_the_first_of_several_images_is_kept_and_the_rest_named(photo, more):
    file = io.BytesIO()
    picture(90, 70).save(file, "MPO", save_all=True, append_images=[picture(45, 35, 2)])
    photo.write_bytes(file.getvalue())
    expected = np.asarray(Image.open(photo))
    told = run("compress", "--pixels", "--rm", *more, photo).stderr
    assert "not kept in the output: data after the image, APP2 segment (MPF)" in told
    assert photo.read_bytes() == file.getvalue()
    assert np.array_equal(nelloc.decode(photo.with_suffix(".nlc").read_bytes()), expected)


def test_a_jpeg_file_that_lacks_only_its_end_marker_has_all_its_pixels(photo):
    expected = np.asarray(Image.open(photo))
    photo.write_bytes(PHOTO[:-2])
    packed = nelloc.compress(photo).target
    run("decompress", packed, photo.with_suffix(".png"))
    assert np.array_equal(np.asarray(Image.open(photo.with_suffix(".png"))), expected)
    run("decompress", packed, photo.with_suffix(".jpg"))
    assert photo.with_suffix(".jpg").read_bytes() == PHOTO[:-2]


@pytest.mark.parametrize(
    ("data", "cause"), [(saved(picture(9, 7).convert("CMYK")), "of mode CMYK"), (PHOTO[:-300], "damaged")]
)
def test_a_jpeg_file_whose_pixels_cannot_be_given_is_told_from_the_file_that_holds_it(photo, data, cause):
    photo.write_bytes(data)
    packed = nelloc.compress(photo).target
    said = run("decompress", packed, photo.with_suffix(".png"), status=1).stderr
    assert f"{packed}: the JPEG file that it holds is {cause}" in said
    assert "decompress to a name in .jpg" in said
    run("decompress", packed, photo.with_suffix(".jpg"))
    assert photo.with_suffix(".jpg").read_bytes() == data
