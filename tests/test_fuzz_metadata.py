"""A short run of scripts/fuzz_metadata.py: no value of metadata is changed or lost with no word."""

import sys
from pathlib import Path

import outside_readers
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import fuzz_metadata


@pytest.mark.parametrize("seed", range(3))
def test_random_metadata_comes_back_or_is_named(seed, capsys):
    outside_readers.need("exiftool")
    counts = fuzz_metadata.run(80, seed)
    assert counts["differences"] == 0, capsys.readouterr().out
    assert sum(counts[name] for name in fuzz_metadata.FORMATS) == 80


def test_the_comparison_sees_what_differs(monkeypatch, capsys):
    outside_readers.need("exiftool")
    from nelloc.image import writing
    from nelloc.image.metadata import ItemType, Metadata

    # A writer that forgets texts, and says nothing.
    real = writing.png.metadata_chunks
    forget = {ItemType.TEXT, ItemType.XMP}
    monkeypatch.setattr(
        writing.png,
        "metadata_chunks",
        lambda found: real(Metadata(tuple(item for item in found.items if item.type not in forget))),
    )
    monkeypatch.setattr(writing, "_missing", lambda *_: ())
    assert fuzz_metadata.run(40, 1)["differences"] > 0
    assert "to .png: " in capsys.readouterr().out


@pytest.mark.slow
def test_20_000_files_of_random_metadata():
    outside_readers.need("exiftool")
    counts = fuzz_metadata.run(20_000, 7)
    assert counts["differences"] == 0
