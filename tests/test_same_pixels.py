"""benchmarks/same_pixels.py goes on where it stopped, and reports what each decoder has had."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from same_pixels import Coded, Hashes


@pytest.fixture
def images(tmp_path) -> list[Coded]:
    made = [Coded(name, tmp_path / f"{name}.nlc") for name in ("first", "second")]
    for image in made:
        image.path.write_text(image.name)
    return made


def never() -> int:
    raise AssertionError("decoded again")


def test_a_hash_is_stored_at_once_and_not_made_again(images, tmp_path):
    out = tmp_path / "same"
    assert Hashes(out, images).add(images[0], "arm64", lambda: 255)
    assert out.with_suffix(".csv").read_text().splitlines()[1] == f"first,{images[0].crc},arm64,000000ff"
    assert not Hashes(out, images).add(images[0], "arm64", never)
    assert not Hashes(out, images).add(images[0], "nlcd, amx", lambda: None)


def test_a_file_that_changed_is_decoded_again(images, tmp_path):
    out = tmp_path / "same"
    Hashes(out, images).add(images[0], "arm64", lambda: 1)
    images[0].path.write_text("other")
    assert Hashes(out, images).add(images[0], "arm64", lambda: 2)
    assert Hashes(out, images).found["first"] == {"arm64": "00000002"}


def test_the_report_shows_what_each_decoder_has_had(images, tmp_path):
    hashes = Hashes(tmp_path / "same", images)
    hashes.add(images[0], "arm64", lambda: 1)
    hashes.add(images[1], "s390x", lambda: 2)
    for image, value in zip(images, (1, 3), strict=True):
        hashes.add(image, "Python", lambda value=value: value)
    report = hashes.report()
    assert "Python (2), arm64 (1), s390x (1)." in report
    assert report[-2:] == [
        "| first | 00000001 | same | same |  |",
        "| second | 00000003 | same |  | 00000002 |",
    ]
    assert hashes.different == 1
