"""libnelloc and nlcd with JPEG files that are kept, and with pictures that were JPEGs: bytes, pixels and metadata."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from compiling import run
from decoder_library import given, line_of
from jpeg_samples import keep, made, picture, saved
from materials import GOLDEN
from PIL import Image

import nelloc
from nelloc.codec import container
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.past import core
from nelloc.codec.past.jpeg_file import pack_file, unpack_file
from nelloc.image import read
from nelloc.varint import varint

pytestmark = pytest.mark.skipif(not core.available(), reason="the compiled core is not built")
KEPT = sorted((GOLDEN / "jpeg").glob("*.jpg"))
PAST = sorted((GOLDEN / "jpeg").glob("past*.nlc"))


def by_cjpeg(image: Image.Image, *options: str) -> bytes:
    """The JPEG file that libjpeg-turbo's own program makes, which knows more samplings than Pillow."""
    if shutil.which("cjpeg") is None:
        pytest.skip("needs cjpeg (Debian: libjpeg-turbo-progs)")
    file = io.BytesIO()
    image.save(file, "PPM")
    return subprocess.run(["cjpeg", *options], input=file.getvalue(), capture_output=True, check=True).stdout


def check_pixels(hash_files, tmp_path, files: dict[str, bytes]) -> None:
    """Pixels are those of Pillow; ``files`` are JPEG files by name."""
    paths, expected = [], []
    for number, data in enumerate(files.values()):
        paths.append(tmp_path / f"{number}.nlc")
        keep(paths[-1], data)
        expected.append(line_of(paths[-1], read(data, "made.jpg")))
    found = run([str(hash_files), "", *map(str, paths)]).splitlines()
    for name, line, wanted in zip(files, found, expected, strict=True):
        assert line == wanted, name


def test_pixels_of_kept_files_are_those_of_libjpeg(hash_files, tmp_path):
    check_pixels(hash_files, tmp_path, dict(made()))


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (31, 40)])
def test_pixels_of_unusual_samplings_are_those_of_libjpeg(size, hash_files, tmp_path):
    image = picture(*size, seed=9)
    samplings = ["1x1", "2x1", "1x2", "2x2", "4x1", "4x2", "2x2,2x1,1x1", "2x2,1x2,1x2", "1x1,2x2,2x2", "1x4"]
    files = {sampling: by_cjpeg(image, "-quality", "70", "-sample", sampling) for sampling in samplings}
    files["rgb"] = by_cjpeg(image, "-rgb")
    files["progressive"] = by_cjpeg(image, "-progressive", "-sample", "1x2")
    check_pixels(hash_files, tmp_path, files)


@pytest.mark.parametrize("transform", [0, 1])
def test_colours_are_what_the_marker_of_adobe_says(transform, hash_files, tmp_path):
    data = saved(picture(33, 20), quality=80)
    app0 = 4 + int.from_bytes(data[4:6], "big")
    adobe = b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
    check_pixels(hash_files, tmp_path, {"adobe": data[:2] + adobe + data[app0:]})


def test_pixels_that_a_decoder_guesses_at_are_refused(hash_files, tmp_path):
    whole = saved(picture(60, 44), progressive=True)
    last = whole.rindex(b"\xff\xda")
    data = whole[:last] + b"\xff\xd9"
    assert core.read(data, 1 << 20) is not None
    keep(tmp_path / "guessed.nlc", data)
    assert "error -4" in run([str(hash_files), "", str(tmp_path / "guessed.nlc")])


def test_regions_of_kept_files_and_of_past_ones_are_cut_from_the_whole(nlcd, tmp_path):
    keep(tmp_path / "kept.nlc", saved(picture(90, 70), quality=70, subsampling=2))
    for path in (tmp_path / "kept.nlc", *PAST):
        whole = np.asarray(nelloc.decode(path.read_bytes()))
        for x, y, width, height in [(0, 0, 90, 70), (31, 0, 2, 70), (80, 60, 1, 1), (3, 41, 70, 9)]:
            done = nlcd("-f", "--region", f"{x},{y},{width},{height}", path, tmp_path / "part.png")
            assert done.returncode == 0, done.stderr
            assert np.array_equal(np.asarray(Image.open(tmp_path / "part.png")), whole[y : y + height, x : x + width])


def test_a_region_of_a_large_kept_file_needs_only_its_parts(nlcd, tmp_path):
    data = saved(picture(4096, 2200).convert("L"), quality=20)
    keep(tmp_path / "large.nlc", data)
    spoiled = bytearray((tmp_path / "large.nlc").read_bytes())
    spoiled[-100] ^= 1
    (tmp_path / "spoiled.nlc").write_bytes(spoiled)
    whole = np.asarray(Image.open(io.BytesIO(data)))
    for region, is_hit in [("5,6,300,200", False), ("0,2040,4000,8", True)]:
        done = nlcd("-f", "--region", region, tmp_path / "spoiled.nlc", tmp_path / "part.png")
        assert done.returncode == is_hit
        assert ("part 1 of its JPEG file is damaged" in done.stderr) == is_hit
    assert np.array_equal(np.asarray(nelloc.decode((tmp_path / "large.nlc").read_bytes())), whole)
    done = nlcd("-f", "--region", "5,2000,300,200", tmp_path / "large.nlc", tmp_path / "part.png")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.asarray(Image.open(tmp_path / "part.png")), whole[2000:2200, 5:305])


def test_nlcd_gives_kept_files_back(nlcd, tmp_path):
    files = [path.read_bytes() for path in KEPT] + [saved(picture(20, 30), quality=60), b"\xff\xd8\xff no JPEG at all"]
    for data in files:
        for form in (None, 0, 2):
            keep(tmp_path / "made.nlc", data, form)
            done = nlcd("-f", tmp_path / "made.nlc")
            assert done.returncode == 0, done.stderr
            assert (tmp_path / "made.jpg").read_bytes() == data
            piped = nlcd("-", "-", data=(tmp_path / "made.nlc").read_bytes())
            assert piped.returncode == 0
            assert piped.stdout == data
            assert nlcd("verify", tmp_path / "made.nlc").returncode == 0


def test_nlcd_tells_of_kept_files_and_of_what_is_none(nlcd, tmp_path):
    data = saved(picture(20, 30))
    keep(tmp_path / "made.nlc", data)
    assert f"{len(data)} bytes, kept as they are, in 1 part" in nlcd("info", tmp_path / "made.nlc").stdout
    done = nlcd(GOLDEN / "photograph.nlc", tmp_path / "out.jpg", "--model", GOLDEN / "model.nlm")
    assert done.returncode == 1
    assert "holds pixels, not a JPEG file" in done.stderr
    done = nlcd("--region", "0,0,2,2", tmp_path / "made.nlc", tmp_path / "out.jpg")
    assert done.returncode == 1
    assert "a region cannot be a JPEG file" in done.stderr
    assert not (tmp_path / "out.jpg").exists()


def test_metadata_is_that_which_python_finds(nlcd, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "two parrots"
    profile = bytes(range(256)) * 300  # in two segments
    data = saved(
        picture(20, 30), dpi=(300, 250), exif=exif, icc_profile=profile, comment=b"a comment", xmp=b"<x:xmpmeta/>"
    )
    photoshop = b"\xff\xed\x00\x1ePhotoshop 3.0\x008BIM\4\4\0\0\0\0\0\2ab"
    for number, own in enumerate((data, data[:2] + photoshop * 2 + data[2:], saved(picture(9, 9)))):
        keep(tmp_path / f"{number}.nlc", own)
        assert nlcd("-f", tmp_path / f"{number}.nlc", tmp_path / "ours.png").returncode == 0
        nelloc.decompress(tmp_path / f"{number}.nlc", tmp_path / f"{number}.png")
        ours, theirs = (read((tmp_path / name).read_bytes(), name) for name in ("ours.png", f"{number}.png"))
        found, expected = ([(item.type, item.data) for item in one.metadata.items] for one in (ours, theirs))
        assert sorted(found) == sorted(expected)  # the order of chunks says nothing
        assert np.array_equal(ours.groups[0], theirs.groups[0])


def test_damaged_parts_are_named_and_left_empty(nlcd, tmp_path):
    keep(tmp_path / "whole.nlc", saved(picture(64, 50), quality=90))
    data = bytearray((tmp_path / "whole.nlc").read_bytes())
    data[-60] ^= 4
    (tmp_path / "bad.nlc").write_bytes(data)
    for target in ("out.png", "out.jpg"):
        done = nlcd(tmp_path / "bad.nlc", tmp_path / target)
        assert done.returncode == 1
        assert "part 0 of its JPEG file is damaged" in done.stderr
        assert not (tmp_path / target).exists()
        done = nlcd("--allow-damaged", tmp_path / "bad.nlc", tmp_path / target)
        assert done.returncode == 1
        assert "not as it was is tile 0" in done.stderr
    options = DecodeOptions(allow_damaged=True)
    file = container.parse(bytes(data), "bad.nlc", keep_damaged=True)
    left = unpack_file(file, "bad.nlc", options, allow_damaged=True).data
    assert (tmp_path / "out.jpg").read_bytes() == left
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), np.asarray(Image.open(io.BytesIO(left))))


def test_a_wrong_checksum_of_the_file_is_found(hash_files, nlcd, tmp_path):
    data = saved(picture(64, 50), quality=90)
    file = pack_file(data, "made.jpg", EncodeOptions())
    section = bytearray(file.sections[0].data)
    section[2 + len(varint(len(data)))] ^= 1
    wrong = replace(file, sections=(container.Section(0x86, bytes(section)),))
    (tmp_path / "wrong.nlc").write_bytes(container.pack(wrong))
    assert "the JPEG file in it is damaged" in run([str(hash_files), "", str(tmp_path / "wrong.nlc")])
    assert "the JPEG file in it is damaged" in nlcd("verify", tmp_path / "wrong.nlc").stderr


def test_records_of_jpeg_files_and_of_pixels_do_not_mix(hash_files, tmp_path):
    file = pack_file(saved(picture(64, 50), quality=90), "made.jpg", EncodeOptions())
    pixels = container.parse((GOLDEN / "jpeg" / "past-gray.nlc").read_bytes(), "past-gray.nlc")
    mixed = {
        "sections": replace(file, sections=(*file.sections, *pixels.sections)),
        "records": replace(file, sections=()),
        "methods": replace(pixels, sections=file.sections, records=pixels.records[:1]),
    }
    for name, one in mixed.items():
        (tmp_path / f"{name}.nlc").write_bytes(container.pack(one))
        assert "of a JPEG file and of pixels" in run([str(hash_files), "", str(tmp_path / f"{name}.nlc")]), name


def test_a_file_without_its_coefficients_is_damaged(hash_files, tmp_path):
    whole = container.parse((GOLDEN / "jpeg" / "past-420.nlc").read_bytes(), "past-420.nlc")
    (tmp_path / "without.nlc").write_bytes(container.pack(replace(whole, sections=())))
    assert "by a JPEG that the file does not hold" in run([str(hash_files), "", str(tmp_path / "without.nlc")])
    (old,) = whole.sections
    for place in (0, 2, 9, len(old.data) - 1):
        data = bytearray(old.data)
        data[place] ^= 1
        changed = replace(whole, sections=(container.Section(old.type, bytes(data)),))
        (tmp_path / "changed.nlc").write_bytes(container.pack(changed))
        said = run([str(hash_files), "", *given([]), str(tmp_path / "changed.nlc")])
        assert "its coefficients are damaged" in said or not place, place
