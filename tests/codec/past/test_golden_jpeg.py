"""Golden JPEG files come back for ever, from nelloc and from a decoder written from docs/FORMAT.md alone."""

from __future__ import annotations

import independent
import pytest
from materials import GOLDEN

from nelloc.codec import container
from nelloc.codec.format import SectionType
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.past import core
from nelloc.codec.past.jpeg_file import pack_file, unpack_file

needs_core = pytest.mark.skipif(not core.available(), reason="the compiled core is not built")
FOLDER = GOLDEN / "jpeg"
FILES = sorted(path.stem for path in FOLDER.glob("*.jpg"))


def test_there_are_golden_files_of_several_codings_and_of_a_file_that_is_kept_as_it_is():
    assert set(FILES) >= {"baseline-420", "restart-444", "progressive-422", "progressive-gray", "cut-off"}


@pytest.mark.parametrize("name", FILES)
def test_a_golden_file_is_the_jpeg_file(name):
    data, expected = ((FOLDER / f"{name}.{suffix}").read_bytes() for suffix in ("nlc", "jpg"))
    assert unpack_file(container.parse(data, name), name, DecodeOptions()).data == expected
    assert independent.decode(data, []).sections[SectionType.JPEG] == expected


@needs_core
@pytest.mark.parametrize("name", [name for name in FILES if name != "cut-off"])  # LZMA's encoders may differ
def test_the_same_bytes_are_made_again(name):
    data, jpeg = ((FOLDER / f"{name}.{suffix}").read_bytes() for suffix in ("nlc", "jpg"))
    assert container.pack(pack_file(jpeg, name, EncodeOptions())) == data
