"""Every sort of file comes back: samples, kind, palette, transparency and metadata, through .nlc and a written file."""

from __future__ import annotations

import outside_readers
import pytest

from conformance.cases import cases
from conformance.round_trip import run
from nelloc import image
from nelloc.codec.options import EncodeOptions
from nelloc.image.kinds import Kind

CASES = {case.name: case for case in cases()}


def test_there_are_cases_of_every_kind():
    assert {image.read(case.data, case.name).kind for case in CASES.values()} == set(Kind)


@pytest.fixture(scope="module")
def exiftool():
    """A running exiftool; None where it is not installed."""
    if outside_readers.version("exiftool") is None:
        yield None
        return
    with outside_readers.ExifTool() as running:
        yield running


def test_there_are_enough_cases():
    assert len(CASES) >= 170


@pytest.mark.parametrize("name", CASES)
def test_a_file_comes_back(name, small_model_path, exiftool):
    vips = outside_readers.version("vips") is not None
    outcome = run(CASES[name], EncodeOptions(model=small_model_path), exiftool, vips)
    assert outcome.samples
    assert outcome.description
    assert outcome.metadata_kept
    assert outcome.named == CASES[name].named
    assert outcome.written
    assert outcome.readers == dict.fromkeys(outcome.readers, True)
    if outcome.suffix == ".png":
        assert "imagecodecs" in outcome.readers
    if outcome.suffix == ".tif":
        assert "tifffile" in outcome.readers
    if outcome.suffix == CASES[name].suffix and CASES[name].data[:2] != b"BM":
        assert outcome.left_out in ((), ("comment",))


@pytest.mark.parametrize("program", ["exiftool", "vips"])
def test_other_readers_were_used(program, small_model_path, exiftool):
    outside_readers.need(program)
    outcome = run(CASES["TIFF with metadata"], EncodeOptions(model=small_model_path), exiftool, vips=True)
    assert outcome.readers[program]
