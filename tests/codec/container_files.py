"""Files of both layouts, made byte by byte and drawn at random, and the sentences with which they are refused."""

from __future__ import annotations

import binascii
import hashlib
import struct
import zlib

import pytest
from hypothesis import strategies as st

from nelloc.codec.container import Container, Section, TileRecord, parse
from nelloc.codec.format import LAYERS, MODEL_NUMBERS, NO_MODEL, OTHER_MODEL, SIGNATURE, Layout, Method, SectionType
from nelloc.codec.tiling import tile_count
from nelloc.errors import NellocError
from nelloc.image.kinds import Kind

MODEL_ID = bytes.fromhex("c0ffee42")
DEFAULT_ID = MODEL_NUMBERS[2]
# Those that records of pixels may have.
PIXEL_METHODS = [method for method in Method if method is not Method.COEFFICIENTS]
CHECKED = {Method.ADAPTIVE, *LAYERS, Method.LATTICE}
MODELLED = CHECKED - {Method.ADAPTIVE}


def varint(value: int) -> bytes:
    """LEB128, written here a second time so that headers can be made that ``pack`` would not make."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def tiled_file(
    width: bytes | int = 20,
    height: bytes | int = 20,
    tile: int = 32,
    *,
    version: int = 1,
    layout: int = Layout.TILED,
    kind: int = 1,
    sections: tuple[tuple[int, bytes], ...] = (),
    tiles: tuple[tuple[int, bytes], ...] = ((Method.MIXTURE, b"tile"),),
) -> bytes:
    """A file of the tiled layout with right checksums, whatever its header announces."""
    head = SIGNATURE + bytes([version << 4 | layout, kind]) + MODEL_ID
    head += b"".join(size if isinstance(size, bytes) else varint(size) for size in (width, height)) + varint(tile)
    head += varint(len(sections)) + b"".join(bytes([type_]) + varint(len(data)) for type_, data in sections)
    parts = [head, struct.pack("<H", binascii.crc_hqx(head, 0xFFFF))]
    index = b"".join(bytes([method]) + varint(len(data)) for method, data in tiles)
    for body in (*(data for _, data in sections), index, *(data for _, data in tiles)):
        parts += [body, struct.pack("<I", zlib.crc32(body))]
    return b"".join(parts)


def small_file(
    kind: int = 1,
    data: bytes = b"tile",
    *,
    method: int = Method.MIXTURE,
    other: int | None = None,
    version: int = 1,
    layout: int = Layout.SMALL,
    number: int | None = None,
) -> bytes:
    """A file of the small layout, 7 x 5 pixels, with a right checksum if it has one.

    With ``other`` it has a second record, of this method, which begins after three bytes of ``data``. The model is the
    one of this number, by default `default` or none.
    """
    methods = {method} if other is None else {method, other}
    if number is None:
        number = 2 if methods & MODELLED else 0
    head = SIGNATURE + bytes([version << 4 | layout, kind | method << 4, number, 6, 4])
    head += MODEL_ID if number == OTHER_MODEL else b""
    head += b"" if other is None else bytes([other, 3])
    crc = b"" if methods <= CHECKED else struct.pack("<H", binascii.crc_hqx(head + data, 0xFFFF))
    return head + crc + data


def refusal(data: bytes, **options) -> str:
    """The sentence with which ``data`` is refused."""
    with pytest.raises(NellocError) as caught:
        parse(data, "photo.nlc", **options)
    sentence = str(caught.value)
    assert sentence.startswith("photo.nlc: ")
    assert "\n" not in sentence
    return sentence


@st.composite
def containers(draw) -> Container:
    width, height = draw(st.integers(1, 400)), draw(st.integers(1, 400))
    tile = draw(st.sampled_from([16, 17, 64, 255, 256, 257, 300, 4096]))
    salt = draw(st.binary(max_size=4))
    kind, model_id = draw(st.sampled_from(Kind)), draw(st.binary(min_size=4, max_size=4) | st.just(DEFAULT_ID))
    count = 1 if max(width, height) <= min(tile, 256) else tile_count(height, width, tile)
    tiles = []
    for number in range(count * len(kind.groups)):
        digest = hashlib.blake2b(salt + number.to_bytes(4, "little")).digest()
        tiles.append(TileRecord(PIXEL_METHODS[digest[1] % len(PIXEL_METHODS)], digest[: digest[0] % 40].rstrip(b"\0")))
    # Of types that are known there is one section at most.
    types = st.one_of(
        st.sampled_from([type_ for type_ in SectionType if type_ is not SectionType.JPEG]), st.integers(2, 0x7F)
    )
    sections = draw(
        st.lists(st.builds(Section, types, st.binary(max_size=200)), max_size=4, unique_by=lambda section: section.type)
    )
    if sum(section.type in (0x81, 0x82) for section in sections) > 1:
        sections = []
    model_id = model_id if MODELLED & {record.method for record in tiles} else NO_MODEL
    return Container(kind, width, height, tile, model_id, tuple(tiles), tuple(sections))
