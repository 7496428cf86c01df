"""Promises of the container: what is packed is read back; what is damaged, foreign or hostile is refused."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tracemalloc
from pathlib import Path

import pytest
from container_files import (
    DEFAULT_ID,
    MODEL_ID,
    MODELLED,
    PIXEL_METHODS,
    containers,
    refusal,
    small_file,
    tiled_file,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from materials import GOLDEN

import nelloc
from nelloc.codec.container import Container, Section, TileRecord, pack, parse
from nelloc.codec.format import MODEL_NUMBERS, NO_MODEL, OTHER_MODEL, SIGNATURE, Layout, Method
from nelloc.codec.tiling import MAX_TILE, MIN_TILE, tile_count
from nelloc.errors import NellocError
from nelloc.exact import model_store
from nelloc.image.kinds import Kind
from nelloc.image.limits import MAX_PIXELS

SMALL = Container(Kind.RGB, 7, 5, 256, NO_MODEL, (TileRecord(Method.ROWS, b"the data of one tile"),))
TILED = Container(
    Kind.GRAY, 40, 20, 16, MODEL_ID, tuple(TileRecord(Method.MIXTURE, b"data of tile %d" % n) for n in range(6))
)
WITH_SECTIONS = dataclasses.replace(TILED, sections=(Section(1, b"metadata"), Section(0x7F, b"")))
FILES = pytest.mark.parametrize("file", [SMALL, TILED, WITH_SECTIONS], ids=["small", "tiled", "sections"])


@settings(max_examples=100)
@given(containers())
def test_what_is_packed_is_read_back(container):
    found = parse(pack(container))
    if container.small:  # one tile: the tile size says nothing and is not kept
        found = dataclasses.replace(found, tile=container.tile)
    assert found == container


@pytest.mark.parametrize("size", [(1, 1), (256, 256), (257, 1), (1, 257), (70000, 1)])
def test_the_sizes_at_the_edges_of_the_layouts_are_read_back(size):
    width, height = size
    tiles = (TileRecord(Method.MIXTURE, b""),) * tile_count(height, width, 256)
    container = Container(Kind.GRAY, width, height, 256, MODEL_ID, tiles)
    assert parse(pack(container)) == container


def test_the_small_layout_is_the_one_of_the_specification():
    for method in set(PIXEL_METHODS) - {Method.PAST}:
        id_ = DEFAULT_ID if method in MODELLED else NO_MODEL
        file = dataclasses.replace(SMALL, model_id=id_, records=(TileRecord(method, b"tile"),))
        assert file.small
        assert pack(file) == small_file(method=method)
        assert parse(small_file(method=method)) == dataclasses.replace(file, tile=256)
    assert small_file().hex() == "8e4e4c0a1051020604" + b"tile".hex()
    assert small_file(method=Method.ROWS).hex() == "8e4e4c0a1031000604" + "ba5e" + b"tile".hex()


def test_a_model_without_a_number_is_named_by_its_id():
    file = dataclasses.replace(SMALL, model_id=MODEL_ID, records=(TileRecord(Method.LEARNING, b"tile"),))
    assert pack(file) == small_file(method=Method.LEARNING, number=OTHER_MODEL)
    assert pack(file).hex() == "8e4e4c0a1061ff0604c0ffee42" + b"tile".hex()
    assert parse(pack(file)) == file


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": DEFAULT_ID},
        {"records": (TileRecord(Method.MIXTURE, b"tile"),)},
        {"sections": (Section(1, b"metadata"),)},
        {"width": 257},
    ],
)
def test_other_files_do_not_have_the_small_layout(change):
    assert SMALL.small
    file = dataclasses.replace(SMALL, **change)
    assert not file.small
    assert pack(file)[4] & 15 == Layout.TILED


def test_what_does_not_go_together_in_the_small_layout_is_refused():
    for method in set(PIXEL_METHODS):
        for number in (0, 2, OTHER_MODEL):
            if (number != 0) != (method in MODELLED):
                assert "does not go together" in refusal(small_file(method=method, number=number))
    assert "needs model number 200" in refusal(small_file(number=200))
    assert "ends too early" in refusal(small_file()[:8])
    assert "of a JPEG file" in refusal(small_file(method=Method.COEFFICIENTS))


def test_models_keep_their_numbers_and_every_shipped_one_has_one():
    first = ["00000000", "5b94bb3d", "d946b757", "32190ca6", "430dd05d", "e7a6f68c", "ce8add88"]
    assert [MODEL_NUMBERS[number].hex() for number in range(len(first))] == first
    assert {model_store.find(name).id for name in model_store.shipped()} == set(MODEL_NUMBERS.values()) - {NO_MODEL}
    root = Path(__file__).parents[2]
    text, core = (root / "docs" / "FORMAT.md").read_text(), (root / "native" / "lib" / "file.c").read_text()
    for number, model in MODEL_NUMBERS.items():
        assert number == 0 or f"| {number} | `{model.hex()}` |" in text
    table = core.split("numbered_models[][NLC_ID_BYTES] = {")[1].split("};")[0]
    listed = [bytes(int(byte, 0) for byte in row) for row in re.findall(r"\{(\w+), (\w+), (\w+), (\w+)\}", table)]
    assert listed == [MODEL_NUMBERS[number] for number in range(len(MODEL_NUMBERS))]


@settings(max_examples=60)
@given(st.data())
def test_any_change_of_a_small_file_is_noticed(data):
    name = data.draw(
        st.sampled_from(["small-default", "small-fast-gray", "small-adaptive", "kind-la", "joined-la", "pixel"])
    )
    file = bytearray((GOLDEN / f"{name}.nlc").read_bytes())
    place = data.draw(st.integers(0, len(file) - 1))
    file[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NellocError):
        nelloc.decode(bytes(file), model=GOLDEN / "model.nlm")


def test_the_tiled_layout_is_the_one_of_the_specification():
    tiles = tuple((Method.MIXTURE, b"data of tile %d" % n) for n in range(6))
    sections = ((1, b"metadata"), (0x7F, b""))
    assert pack(TILED) == tiled_file(40, 20, 16, kind=0, tiles=tiles)
    assert pack(WITH_SECTIONS) == tiled_file(40, 20, 16, kind=0, sections=sections, tiles=tiles)
    assert tiled_file(300, 20, 16)[:14].hex() == "8e4e4c0a1101c0ffee42ac021410"
    assert tiled_file(300, 20, 16)[14:17].hex()[:2] == "00"


@FILES
def test_every_truncation_is_refused(file):
    data = pack(file)
    for length in range(len(data)):
        refusal(data[:length])


@FILES
def test_every_change_of_one_byte_is_refused(file):
    """By its bytes; by the samples if it becomes a small file of a method that checks these."""
    data = pack(file)
    for position in range(len(data)):
        for change in range(1, 256):
            damaged = bytearray(data)
            damaged[position] ^= change
            with pytest.raises(NellocError):
                nelloc.decode(bytes(damaged))


@FILES
def test_bytes_after_the_end_are_refused(file):
    for more in (b"\0", b"\n", pack(file)):
        refusal(pack(file) + more)


def test_the_sentence_names_bytes_after_the_end():
    assert ": bytes follow its end" in refusal(pack(TILED) + b"abc")


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data):
    refusal(data)


@settings(max_examples=300)
@given(st.sampled_from([b"\x10\x00", b"\x10\x41", b"\x10\x53", b"\x11\x00", b"\x11\x01"]), st.binary(max_size=300))
def test_random_bytes_after_a_good_signature_raise_nothing_but_nelloc_error(start, data):
    with contextlib.suppress(NellocError):
        parse(SIGNATURE + start + data)


@settings(max_examples=200)
@given(
    st.tuples(*[st.integers(0, 2**35 - 1)] * 3),
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=8)), max_size=3).map(tuple),
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=8)), max_size=5).map(tuple),
    st.sampled_from([1, MAX_PIXELS, 2**70]),
)
def test_hostile_headers_with_right_checksums_raise_nothing_but_nelloc_error(sizes, sections, tiles, limit):
    data = tiled_file(*sizes, sections=sections, tiles=tiles)
    with contextlib.suppress(NellocError):
        parse(data, max_pixels=limit)


@pytest.mark.parametrize("tile", [MIN_TILE, 256, MAX_TILE])
@pytest.mark.parametrize("size", [(2**31, 2**31), (2**35 - 1, 2**35 - 1), (2**31, 1), (1, 2**31)])
@pytest.mark.parametrize("limit", [MAX_PIXELS, 2**80], ids=["default limit", "no limit"])
def test_a_header_that_announces_a_huge_image_is_refused_in_little_memory(tile, size, limit):
    tiles = ((0, b""),) * 1000
    data = tiled_file(*size, tile, tiles=tiles)
    tracemalloc.start()
    try:
        sentence = refusal(data, max_pixels=limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
    if limit == MAX_PIXELS:
        assert f"announces {size[0]} x {size[1]} pixels" in sentence
        assert "--max-pixels" in sentence
    else:
        assert "ends too early" in sentence


def test_the_pixel_limit_is_the_last_size_that_is_read():
    for data, area in ((pack(SMALL), 35), (pack(TILED), 800)):
        assert parse(data, max_pixels=area).width
        assert f"above the limit of {area - 1}" in refusal(data, max_pixels=area - 1)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_an_empty_image_is_refused(size):
    assert "empty image" in refusal(tiled_file(*size))


@pytest.mark.parametrize("tile", [0, 1, MIN_TILE - 1, MAX_TILE + 1, 2**34])
def test_a_tile_size_out_of_range_is_refused(tile):
    assert f"tile size {tile} is out of range" in refusal(tiled_file(tile=tile))


@pytest.mark.parametrize("number", [b"\x94\0", b"\x80\0", b"\xff" * 5 + b"\x01", b"\xff" * 9], ids=bytes.hex)
def test_a_number_that_is_not_in_its_shortest_form_is_refused(number):
    assert "malformed number" in refusal(tiled_file(width=number))


@pytest.mark.parametrize("make", [small_file, tiled_file])
def test_a_later_version_is_refused_and_named(make):
    for version in (0, 2, 15):
        sentence = refusal(make(version=version))
        assert f"format version {version} " in sentence
        assert "newer nelloc" in sentence


@pytest.mark.parametrize("make", [small_file, tiled_file])
def test_an_unknown_layout_is_refused(make):
    for layout in range(2, 16):
        assert "feature that this nelloc does not know" in refusal(make(layout=layout))


def test_an_unknown_kind_is_refused_and_named():
    for kind in range(12, 16):  # beside which the other bits are a method
        assert f"kind {kind} " in refusal(small_file(kind))
    for kind in range(12, 256):
        assert f"kind {kind} " in refusal(tiled_file(kind=kind))


def test_an_unknown_method_is_refused_and_named():
    for method in sorted(set(range(16)) - set(Method)):
        assert f"method {method} " in refusal(small_file(method=method))
    for method in sorted(set(range(256)) - set(Method)):
        assert f"method {method} " in refusal(tiled_file(tiles=((method, b"tile"),)))


@pytest.mark.parametrize("type_", [0x80, 0x8F, 0xFF])
def test_an_unknown_critical_section_is_refused_and_named(type_):
    sentence = refusal(tiled_file(sections=((type_, b"model"),)))
    assert f"section of type {type_} " in sentence
    assert "newer nelloc" in sentence


@pytest.mark.parametrize("type_", [0x81, 0x82])
def test_one_section_may_hold_the_model(type_):
    file = parse(tiled_file(sections=((1, b"other"), (type_, b"model"))))
    assert file.model_section == Section(type_, b"model")
    assert parse(pack(file)) == file
    assert parse(tiled_file(sections=((1, b"other"),))).model_section is None
    assert "more than one model" in refusal(tiled_file(sections=((type_, b"model"), (0x81, b"model"))))


@pytest.mark.parametrize("type_", [0, 2, 0x7F])
def test_an_unknown_section_that_is_not_critical_does_not_hinder_reading(type_):
    found = parse(tiled_file(sections=((type_, b"anything"), (type_, b"\0"))))
    assert (found.width, found.height, found.records) == (20, 20, (TileRecord(Method.MIXTURE, b"tile"),))


@pytest.mark.parametrize("type_", [1, 0x83, 0x84, 0x85])
def test_two_sections_of_a_known_type_are_refused(type_):
    assert parse(tiled_file(sections=((type_, b"one"),))).section(type_) == b"one"
    assert "two sections" in refusal(tiled_file(sections=((type_, b"one"), (type_, b"two"))))


def test_the_damaged_group_of_a_tile_is_named():
    tiles = ((Method.MIXTURE, b"colour"), (Method.CONSTANT, b"alpha"))
    data = tiled_file(kind=3, tiles=tiles)
    for part, name in ((b"colour", "tile 0 (colour)"), (b"alpha", "tile 0 (alpha)")):
        assert name in refusal(data.replace(part, part.upper()))


@pytest.mark.parametrize("other", [Method.CONSTANT, Method.ADAPTIVE])
def test_the_small_layout_of_two_groups_is_the_one_of_the_specification(other):
    records = (TileRecord(Method.MIXTURE, b"RGB"), TileRecord(other, b"\xff"))
    file = Container(Kind.RGBA, 7, 5, 256, DEFAULT_ID, records)
    assert pack(file) == small_file(3, b"RGB\xff", other=other)
    assert parse(pack(file)) == file
    assert "ends too early" in refusal(small_file(3, b"RG", other=other))


@pytest.mark.parametrize("make", [small_file, tiled_file])
def test_damage_by_a_text_mode_transfer_is_named(make):
    data = make()
    for damaged in (data.replace(b"\n", b"\r\n"), bytes(byte & 0x7F for byte in data)):
        assert "text-mode transfer" in refusal(damaged)


def test_another_kind_of_file_is_named_as_such():
    for data in (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"GIF89a", b"x", b"\0" * 100):
        assert "not an nlc file" in refusal(data)


def test_an_empty_file_ends_too_early():
    assert "ends too early, at byte 0" in refusal(b"")


def test_data_that_ends_in_a_zero_byte_is_refused():
    # One tile has one form: no two files decode to the same pixels by padding.
    for data in (small_file(data=b"tile\0"), tiled_file(tiles=((Method.MIXTURE, b"tile\0"),))):
        assert "ends in a zero byte" in refusal(data)


def test_the_damaged_part_is_named():
    data = tiled_file(sections=((1, b"section"),), tiles=((Method.MIXTURE, b"tile"),))
    for part, name in ((b"section", "its metadata"), (b"tile", "tile 0"), (b"\x05\x04", "tile index")):
        place = data.rindex(part)
        damaged = data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
        assert name in refusal(damaged)
        assert "damaged" in refusal(damaged)
