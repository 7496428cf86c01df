"""Promises of compressing, decompressing and checking single files."""

from __future__ import annotations

import os
import stat

import numpy as np
import pytest
from converting import contents
from PIL import Image

from nelloc.codec.options import DecodeOptions
from nelloc.errors import NellocError
from nelloc.files import convert as files
from nelloc.files.info import Info, info_of_bytes

pytestmark = pytest.mark.usefixtures("model_only")


def test_the_pixels_come_back(tmp_path, photo, pixels, small_model_path):
    files.compress(photo, tmp_path / "a.nlc", model=small_model_path)
    files.decompress(tmp_path / "a.nlc", tmp_path / "b.png", model=small_model_path)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), pixels)


def test_the_output_goes_beside_the_input_by_default(job):
    result = job.run()
    assert job.target.read_bytes() == job.output
    assert result.target == str(job.target)


def test_names_may_be_strings(photo, tmp_path, small_model_path):
    files.compress(str(photo), str(tmp_path / "out.nlc"), model=small_model_path)
    assert (tmp_path / "out.nlc").exists()


def test_the_result_says_what_was_done(job):
    result = job.run()
    assert (result.source, result.target) == (str(job.source), str(job.target))
    assert (result.source_bytes, result.target_bytes) == (job.source.stat().st_size, job.target.stat().st_size)
    assert (result.width, result.height, result.planes, result.samples) == (7, 5, 3, 105)


def test_only_the_output_is_added_to_the_folder(job, tmp_path):
    before = contents(tmp_path)
    job.run()
    assert contents(tmp_path) == before | {str(job.target): job.output}


def test_a_name_of_the_greatest_length_is_written(job, tmp_path):
    longest = tmp_path / ("n" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 4) + job.target.suffix)
    job.run(longest)
    assert longest.read_bytes() == job.output


def test_a_new_file_has_the_permissions_that_the_user_asked_for(job):
    previous = os.umask(0o027)
    try:
        job.run()
    finally:
        os.umask(previous)
    assert stat.S_IMODE(job.target.stat().st_mode) == 0o640


def test_the_extension_chooses_the_image_format(compressed, tmp_path, pixels, small_model_path):
    for suffix in (".png", ".ppm", ".bmp", ".tif", ".webp", ".PNG"):
        target = tmp_path / f"out{suffix}"
        files.decompress(compressed, target, model=small_model_path)
        np.testing.assert_array_equal(np.asarray(Image.open(target)), pixels)


def test_verify_accepts_a_whole_file_and_writes_nothing(compressed, tmp_path, small_model_path):
    before = contents(tmp_path)
    result = files.verify_bytes(compressed.read_bytes(), "file.nlc", DecodeOptions(model=small_model_path))
    assert (result.source, result.width, result.height) == ("file.nlc", 7, 5)
    assert contents(tmp_path) == before


def test_verify_names_a_file_that_does_not_fit_in_memory(compressed, monkeypatch):
    def fail(*args, **options):
        raise MemoryError

    monkeypatch.setattr(files, "decode_slices", fail)
    with pytest.raises(NellocError, match=r"file\.nlc: .*memory"):
        files.verify_bytes(compressed.read_bytes(), "file.nlc", DecodeOptions())


def test_info_needs_no_model_and_says_what_the_file_holds(compressed, small_model):
    data = compressed.read_bytes()
    found = info_of_bytes(data, "file.nlc")
    assert found == Info(
        file="file.nlc",
        bytes=len(data),
        kind="RGB",
        width=7,
        height=5,
        tile=256,
        tiles=1,
        model=small_model.id.hex(),
        model_name=None,
        model_place=None,
        model_bytes=0,
        bits_per_dimension=8 * len(data) / 105,
        bits=8,
        methods={"mixture": 1},
        metadata={},
        metadata_bytes=0,
    )
