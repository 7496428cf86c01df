"""Promises of streams: no more is read of them than their files have, and bounded by what may be."""

from __future__ import annotations

import io

import pytest
from materials import GOLDEN

from nelloc import storage
from nelloc.codec.checked_bytes import crc16
from nelloc.codec.format import SIGNATURE
from nelloc.codec.stream_end import extent, wanted
from nelloc.errors import NellocError
from nelloc.varint import varint

FILES = [*sorted(GOLDEN.glob("*.nlc")), *sorted(GOLDEN.glob("jpeg/*.nlc"))]
SMALL = 1 << 20  # bytes that are wanted of the small layout


class Endless(io.RawIOBase):
    """A stream of bytes, and then of zeros."""

    def __init__(self, data: bytes):
        self.data, self.given = data, 0

    def read(self, count: int = -1) -> bytes:
        assert count >= 0, "all of an endless stream"
        part = self.data[self.given : self.given + count]
        self.given += count
        return part + bytes(count - len(part))


def header(width: int, height: int, *sections: tuple[int, int], kind: int = 1, tile: int = 256) -> bytes:
    """The header of a tiled file with sections of these types and lengths."""
    made = SIGNATURE + bytes([0x11, kind]) + bytes(4) + varint(width) + varint(height) + varint(tile)
    made += varint(len(sections)) + b"".join(bytes([type_]) + varint(length) for type_, length in sections)
    return made + crc16(made)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stream_is_read_to_a_byte_after_its_file(path):
    data = path.read_bytes()
    stream = Endless(data)
    assert storage.read_open(stream, "a stream", extent()).startswith(data)
    assert stream.given == (len(data) + 1 if data[4] % 16 else SMALL)
    assert storage.read_open(io.BytesIO(data), "a stream", extent()) == data


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_beginning_never_announces_more_than_the_file_has(path):
    data = path.read_bytes()
    if data[4] % 16:
        for length in range(len(data)):
            assert length < wanted(data[:length]) <= len(data) + 1


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"\x89PNG\r\n", 0),
        (SIGNATURE + b"\x21\0", 0),
        (header(8, 8, kind=12), len(header(8, 8))),
        (header(8, 8, tile=15), len(header(8, 8, tile=15))),
        (header(0, 8), len(header(0, 8))),
        (header(1 << 20, 1 << 20), len(header(1 << 20, 1 << 20))),
        (header(8, 8)[:10] + b"\xff" * 5, 0),
        (header(8, 8, (0x86, 2)) + b"\x80\0" + bytes(5), len(header(8, 8, (0x86, 2))) + 6 + 5),
    ],
)
def test_no_more_is_read_of_what_will_be_refused(data, count):
    assert wanted(data) == count


def test_a_stream_that_exceeds_the_limit_is_refused_before_it_is_read():
    stream = Endless(header(8, 8, (0x81, (1 << 35) - 1)))
    with pytest.raises(NellocError, match="a stream: exceeds the 2214592512 bytes of a stream; give a file, or raise"):
        storage.read_open(stream, "a stream", extent())
    assert stream.given < 1 << 21
    with pytest.raises(NellocError, match="exceeds the 100 bytes"):
        storage.read_open(Endless(b""), "a stream", storage.Extent(100))
    assert storage.read_open(io.BytesIO(bytes(100)), "a stream", storage.Extent(100)) == bytes(100)
