"""JPEG files come back byte for byte, whatever they are, and mostly from their coefficients."""

from __future__ import annotations

import io
import random
from dataclasses import replace

import numpy as np
import pytest
from independent import decode as decode_independently
from jpeg_samples import made, mutated, picture, saved
from PIL import Image

import nelloc
from nelloc.codec import container
from nelloc.codec.format import Method, SectionType
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.past import core
from nelloc.codec.past.jpeg_file import about, pack_file, unpack_file
from nelloc.codec.tiling import Rectangle
from nelloc.errors import NellocError

pytestmark = pytest.mark.skipif(not core.available(), reason="the compiled core is not built")
MADE = dict(made())
# What a file of JPEG bytes has beside them.
OVERHEAD = 64
PHOTO = saved(picture(60, 45), quality=90, subsampling=2)


def packed(data: bytes) -> bytes:
    return container.pack(pack_file(data, "photo.jpg", EncodeOptions()))


def back(data: bytes, **options) -> bytes:
    return unpack_file(container.parse(data, "photo.nlc"), "photo.nlc", DecodeOptions(), **options).data


def is_reproduced(data: bytes) -> bool:
    """True if a file is held as coefficients and not as it is."""
    return bool(pack_file(data, "photo.jpg", EncodeOptions()).records)


@pytest.mark.parametrize("name", MADE)
def test_made_files_come_back_from_their_coefficients(name):
    read = core.read(MADE[name], 1 << 28)
    assert read is not None
    assert core.write(*read) == MADE[name]
    assert back(packed(MADE[name])) == MADE[name]
    assert len(packed(MADE[name])) <= len(MADE[name]) + OVERHEAD


def test_photographs_become_smaller():
    files = [saved(picture(300, 200, seed), quality=q) for seed, q in enumerate((60, 80, 95))]
    assert sum(len(packed(data)) for data in files) < 0.93 * sum(map(len, files))
    assert all(is_reproduced(data) for data in files)


def with_factors(data: bytes, factors: int) -> bytes:
    """A file whose first component has other sampling factors, of which there are as many MCUs of as many blocks."""
    at = data.index(b"\xff\xc0") + 11
    return data[:at] + bytes([factors]) + data[at + 1 :]


@pytest.mark.parametrize(("sampling", "factors"), [(1, 0x12), (2, 0x41), (2, 0x14)], ids=["4:4:0", "4:1:1", "1x4"])
def test_other_samplings_come_back_from_their_coefficients(sampling, factors):
    data = with_factors(saved(picture(32, 32), quality=80, subsampling=sampling), factors)
    assert is_reproduced(data)
    assert back(packed(data)) == data
    assert decode_independently(packed(data), []).sections[SectionType.JPEG] == data


@pytest.mark.parametrize("extra", [b"\0", b"\xff", b"after the end", PHOTO, b"\xff\xd9", b"\r\n"])
def test_what_follows_the_image_is_kept(extra):
    assert is_reproduced(PHOTO + extra)
    assert back(packed(PHOTO + extra)) == PHOTO + extra


def with_padding(data: bytes, bits: int) -> bytes:
    """A file whose last byte of coded data is filled with other bits than ones."""
    at = data.rindex(b"\xff\xd9") - 1
    return data[:at] + bytes([data[at] & ~bits & 255]) + data[at + 1 :]


def test_padding_of_zeros_is_kept():
    files = [saved(picture(40 + k, 30), quality=70) for k in range(8)]
    changed = [with_padding(data, 1) for data in files]
    kept = [data for data in changed if core.read(data, 1 << 28) is not None]
    assert len(kept) > 2
    assert all(back(packed(data)) == data for data in changed)


def test_fill_bytes_before_markers_are_kept():
    data = PHOTO.replace(b"\xff\xda", b"\xff\xff\xff\xda").replace(b"\xff\xd9", b"\xff\xff\xd9")
    assert is_reproduced(data)
    assert back(packed(data)) == data


@pytest.mark.parametrize("progressive", [False, True])
def test_a_file_cut_off_anywhere_comes_back(progressive):
    data = saved(picture(20, 14), quality=60, progressive=progressive)
    for size in range(2, len(data), 9):
        assert back(packed(data[:size])) == data[:size]
        assert len(packed(data[:size])) <= size + OVERHEAD


@pytest.mark.parametrize("kind", range(4))
def test_damaged_files_come_back(kind):
    chance = random.Random(kind)
    data = saved(picture(24, 19, kind), quality=75, subsampling=2 * (kind % 2), progressive=kind > 1)
    for _ in range(40):
        changed = mutated(data, chance)
        assert len(packed(changed)) <= len(changed) + OVERHEAD
        assert back(packed(changed)) == changed


def test_what_is_not_reproduced_is_kept_as_it_is():
    cmyk = saved(picture(30, 20).convert("CMYK"))
    arithmetic = PHOTO.replace(b"\xff\xc0", b"\xff\xc9")
    twelve = PHOTO.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    for data in (cmyk, arithmetic, twelve, b"\xff\xd8\xff", b"\xff\xd8\xff\xd9"):
        assert not is_reproduced(data)
        assert back(packed(data)) == data
        assert len(packed(data)) <= len(data) + OVERHEAD


def test_a_file_that_says_too_much_for_its_size_is_not_read():
    """A header of few bytes must cost neither time nor memory."""
    at = PHOTO.index(b"\xff\xc0") + 5
    huge = PHOTO[:at] + b"\xff\x00\xff\x00" + PHOTO[at + 4 :]
    assert core.read(huge, 1 << 40) is None
    assert back(packed(huge)) == huge


def test_more_pixels_than_are_allowed_are_refused():
    with pytest.raises(NellocError, match="--max-pixels"):
        pack_file(PHOTO, "photo.jpg", EncodeOptions(max_pixels=100))


@pytest.mark.parametrize("name", [*MADE][::4])
def test_an_independent_decoder_gives_the_same_bytes(name):
    found = decode_independently(packed(MADE[name]), [])
    assert found.sections[SectionType.JPEG] == MADE[name]


def test_an_independent_decoder_reads_what_is_kept_as_it_is():
    for data in (b"\xff\xd8\xff" + b"words and words " * 20, PHOTO[:-40], b"\xff\xd8\xff"):
        assert decode_independently(packed(data), []).sections[SectionType.JPEG] == data


def test_damage_is_told_by_part_and_the_rest_is_restored():
    big = saved(picture(2600, 1300), quality=20, subsampling=0)
    file = pack_file(big, "photo.jpg", EncodeOptions())
    assert len(file.records) > 1
    data = container.pack(file)
    at = data.index(file.records[1].data) + 20
    bad = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
    with pytest.raises(NellocError, match="part 1"):
        container.parse(bad, "photo.nlc")
    restored = unpack_file(
        container.parse(bad, "photo.nlc", keep_damaged=True), "photo.nlc", DecodeOptions(), allow_damaged=True
    )
    assert restored.damaged == (f"part 1 of {len(file.records)}",)
    pixels, left = (np.asarray(Image.open(io.BytesIO(one))) for one in (big, restored.data))
    assert np.array_equal(pixels[:500], left[:500])
    assert not np.array_equal(pixels, left)


def test_any_changed_byte_is_noticed():
    data = packed(PHOTO)
    chance = random.Random(5)
    for at in range(0, len(data), 5):
        bad = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        with pytest.raises(NellocError):
            back(bad)


def test_records_of_pixels_and_of_a_jpeg_file_do_not_go_together():
    file = pack_file(PHOTO, "photo.jpg", EncodeOptions())
    mixed = container.TileRecord(Method.STORED, b"x")
    with pytest.raises(NellocError, match="no encoder writes"):
        container.parse(container.pack(replace(file, records=(mixed,))), "photo.nlc")
    other = container.Section(SectionType.TRANSPARENT_COLOUR, b"\0\0")
    with pytest.raises(NellocError, match="no encoder writes"):
        container.parse(container.pack(replace(file, sections=(*file.sections, other))), "photo.nlc")


def test_about_tells_the_coding_the_quality_and_the_sampling():
    for quality, sampling, name in ((90, 0, "4:4:4"), (75, 2, "4:2:0"), (50, 1, "4:2:2")):
        data = saved(picture(40, 30), quality=quality, subsampling=sampling, progressive=quality == 75)
        found = about(pack_file(data, "photo.jpg", EncodeOptions()), "photo.nlc")
        assert (found.quality, found.sampling, found.bytes) == (quality, name, len(data))
        assert found.coding == ("progressive" if quality == 75 else "baseline")


def test_the_pixels_are_those_that_pillow_decodes():
    expected = np.asarray(Image.open(io.BytesIO(PHOTO)))
    assert np.array_equal(nelloc.decode(packed(PHOTO)), expected)
    region = Rectangle(5, 7, 20, 30)
    assert np.array_equal(nelloc.decode(packed(PHOTO), region=region), expected[5:25, 7:37])


def test_threads_change_nothing_but_the_time():
    big = saved(picture(2600, 1300), quality=20, subsampling=0)
    one, two = (container.pack(pack_file(big, "x", EncodeOptions(threads=threads))) for threads in (1, 2))
    assert one == two
