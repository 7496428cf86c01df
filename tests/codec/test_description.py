"""What a file says of its image comes back; what makes no sense is refused with one sentence, in little memory."""

import contextlib
import dataclasses
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelloc
from nelloc.codec import container, description
from nelloc.codec.container import Section
from nelloc.codec.decode import decode_files
from nelloc.codec.encode import encode_pixels
from nelloc.codec.format import NO_MODEL, Method, SectionType
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.errors import NellocError
from nelloc.image.kinds import Kind
from nelloc.image.metadata import MAX_ITEMS, Item, Metadata, pack, parse
from nelloc.image.pixels import Palette, Pixels, from_array
from nelloc.varint import MalformedError

INDICES = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)


@settings(max_examples=60)
@given(
    st.lists(st.builds(Item, st.integers(13, 255), st.binary(max_size=300)), max_size=5).map(tuple),
    st.sampled_from(["RGB", "RGBA"]),
    st.integers(0, 256),
    st.one_of(st.none(), st.integers(0, 255), st.binary(max_size=256)),
)
def test_palette_transparency_and_items_of_unknown_types_come_back(items, mode, count, transparency):
    colours = np.random.default_rng(count).bytes(count * len(mode))
    pixels = Pixels(Kind.PALETTE, (INDICES,), Palette(mode, colours, transparency), None, Metadata(items))
    (encoded,) = encode_pixels([pixels], EncodeOptions(), verify=True)
    (back,) = decode_files([container.parse(encoded.data)], ["file"], DecodeOptions())
    assert back.same_as(pixels)


def test_a_file_without_records_that_need_it_names_no_model():
    image = np.zeros((300, 300, 3), np.uint8)
    data = nelloc.encode(image)
    assert len(data) < 60
    assert container.parse(data).model_id == NO_MODEL


SHORT = st.binary(max_size=60)


@settings(max_examples=300)
@given(st.sampled_from(Kind), st.sampled_from([1, 0x83, 0x84, 0x85]), st.one_of(SHORT, SHORT.map(lambda b: b"\1" + b)))
def test_hostile_sections_raise_nothing_but_nelloc_error(kind, type_, data):
    records = tuple(container.TileRecord(Method.CONSTANT, b"") for _ in kind.groups)
    file = container.Container(kind, 4, 3, 16, NO_MODEL, records, (Section(type_, data),))
    with contextlib.suppress(NellocError):
        decode_files([container.parse(container.pack(file))], ["file"], DecodeOptions())


@pytest.mark.parametrize(
    ("kind", "type_", "data"),
    [
        (Kind.RGB, SectionType.PALETTE, b"\0\0"),
        (Kind.RGB, SectionType.SAMPLES, b"\x08\0"),
        (Kind.RGB16, SectionType.SAMPLES, b"\x09\0"),
        (Kind.RGBA16, SectionType.SAMPLES, b"\x08\0"),
        (Kind.RGBA, SectionType.TRANSPARENT_COLOUR, bytes(6)),
        (Kind.RGB, SectionType.TRANSPARENT_COLOUR, bytes(2)),
        (Kind.RGB, SectionType.METADATA, b""),
        (Kind.RGB, SectionType.METADATA, b"\3"),
        (Kind.RGB, SectionType.METADATA, b"\0\1\5abc"),
        (Kind.RGB, SectionType.METADATA, b"\0\6\1a"),
        (Kind.RGB, SectionType.METADATA, b"\0\x0b\3abc"),
        (Kind.RGB, SectionType.METADATA, b"\0\x0b\4\x1b[2J"),
        (Kind.RGB, SectionType.METADATA, b"\0\x0b\5pr0vx"),
        (Kind.RGB, SectionType.METADATA, b"\0\x0b\4IEND"),
        (Kind.RGB16, SectionType.METADATA, b"\0\x0c\2\x0c\0"),
        (Kind.RGB16, SectionType.METADATA, b"\0\x0c\1\x08"),
        (Kind.RGB16, SectionType.METADATA, b"\0\x0c\1\x10"),
        (Kind.PALETTE, SectionType.METADATA, b"\0"),
        (Kind.PALETTE, SectionType.PALETTE, b"\0\6" + bytes(3)),
        (Kind.PALETTE, SectionType.PALETTE, b"\0\0" + bytes(4)),
        (Kind.PALETTE, SectionType.PALETTE, b"\0\1" + bytes(6)),
        (Kind.PALETTE, SectionType.PALETTE, b"\0\0" + bytes(3 * 257)),
        (Kind.PALETTE, SectionType.PALETTE, b"\0\1" + bytes(4 * 257)),
        (Kind.RGB, SectionType.METADATA, b"\0\5\5\4\1\1\1\1"),
        (Kind.RGB, SectionType.METADATA, b"\0\5\5\1\1\0\1\1"),
        (Kind.RGB, SectionType.METADATA, b"\0\5\x09\3\x80\x80\x80\x80\x10\1\1\1"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(kind, type_, data):
    records = tuple(container.TileRecord(Method.CONSTANT, b"") for _ in kind.groups)
    file = container.Container(kind, 4, 3, 16, NO_MODEL, records, (Section(type_, data),))
    with pytest.raises(NellocError, match="file: its description of the image makes no sense"):
        decode_files([file], ["file"], DecodeOptions())


def test_a_table_of_alpha_is_taken_as_far_as_there_are_indices():
    pixels = Pixels(Kind.PALETTE, (INDICES,), Palette("RGB", bytes(36), bytes(range(256)) * 2))
    (encoded,) = encode_pixels([pixels], EncodeOptions(), verify=False)
    (back,) = decode_files([container.parse(encoded.data)], ["file"], DecodeOptions())
    assert back.palette == Palette("RGB", bytes(36), bytes(range(256)))


def test_metadata_that_unpacks_to_too_much_is_refused():
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"\1" + deflate.compress(bytes(description.MAX_UNPACKED + 1)) + deflate.flush()
    file = dataclasses.replace(container.parse(nelloc.encode(np.zeros((2, 2), np.uint8))), sections=(Section(1, bomb),))
    with pytest.raises(NellocError, match="makes no sense"):
        decode_files([file], ["file"], DecodeOptions())


def test_more_items_than_there_may_be_are_refused_in_little_memory():
    items = bytes(1 << 22)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"\1" + deflate.compress(items) + deflate.flush()
    file = dataclasses.replace(container.parse(nelloc.encode(np.zeros((2, 2), np.uint8))), sections=(Section(1, bomb),))
    tracemalloc.start()
    with pytest.raises(NellocError, match="makes no sense"):
        description.read_description(file, "file")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * len(items)


def test_the_most_items_that_there_may_be_come_back_and_more_are_refused_when_encoding():
    items = (Item(200, b""),) * MAX_ITEMS
    assert parse(pack(Metadata(items))).items == items
    with pytest.raises(MalformedError):
        parse(pack(Metadata((*items, items[0]))))
    pixels = from_array(np.zeros((2, 2), np.uint8))
    with pytest.raises(NellocError, match=r"^image: has 65537 pieces of metadata, .*; use --strip"):
        description.describe(dataclasses.replace(pixels, metadata=Metadata((*items, items[0]))))


def test_too_much_metadata_is_refused_when_encoding():
    pixels = dataclasses.replace(
        from_array(np.zeros((2, 2), np.uint8)), metadata=Metadata((Item(200, bytes(description.MAX_UNPACKED)),))
    )
    with pytest.raises(NellocError, match="use --strip"):
        encode_pixels([pixels], EncodeOptions(), verify=False)


def test_samples_of_fewer_bits_are_coded_as_such():
    eight = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    data = nelloc.encode(eight.astype(np.uint16) * 257)
    assert container.parse(data).section(SectionType.SAMPLES) == b"\x08\x02"
    assert len(data) < len(nelloc.encode(eight)) + 40
