"""Streams of samples of PNG files: interlaced ones, and what follows the last row."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from conformance.pictures import picture, png
from outside_readers import need

from nelloc import image
from nelloc.image.formats.png import SIGNATURE, chunks, pack

MORE = ("data after the last row, in PNG chunk IDAT",)


def with_stream(data: bytes, change) -> bytes:
    """The file with another stream of samples: that of the rows which ``change`` makes of its own."""
    stream = b"".join(body for name, body in chunks(data) if name == b"IDAT")
    others = [chunk for chunk in chunks(data) if chunk[0] not in (b"IDAT", b"IEND")]
    return pack([*others, (b"IDAT", change(zlib.decompress(stream))), (b"IEND", b"")])


@pytest.mark.parametrize("side", [(1, 1), (3, 2), (5, 9), (17, 23)])
@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_interlaced_files_of_16_bits_are_read_without_a_word(colour, channels, side, capfd):
    need("imagecodecs")
    samples = picture(channels, 16, side=side)
    data = png(samples, colour, 16, [(b"gAMA", bytes(9)), (b"bKGD", b"")], interlaced=True)
    found = image.to_array(image.read(data, "photo"))
    np.testing.assert_array_equal(found.reshape(samples.shape), samples)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "depth", "channels"), [(2, 8, 3), (2, 16, 3), (0, 1, 1), (0, 4, 1), (6, 8, 4)])
def test_what_follows_the_last_row_of_a_png_is_named(colour, depth, channels, interlaced, capfd):
    if depth == 16:
        need("imagecodecs")
    data = png(picture(channels, depth, side=(9, 11)), colour, depth, [], interlaced=interlaced)
    plain = image.read(data, "photo")
    assert plain.left_out == ()
    changes = {
        "another row": lambda rows: zlib.compress(rows + rows[-50:]),
        "bytes after the stream": lambda rows: zlib.compress(rows) + b"hidden",
    }
    for name, change in changes.items():
        found = image.read(with_stream(data, change), "photo")
        assert found.left_out == MORE, name
        np.testing.assert_array_equal(image.to_array(found), image.to_array(plain))
    late = pack([*list(chunks(data))[:-1], (b"IDAT", b"late"), (b"IEND", b"")])
    assert image.read(late, "photo").left_out == MORE
    empty = pack([*list(chunks(data))[:-1], (b"IDAT", b""), (b"IEND", b"")])
    assert image.read(empty, "photo").left_out == ()
    assert capfd.readouterr() == ("", "")


def test_a_stream_of_many_small_chunks_is_read():
    samples = picture(3, 8)
    data = png(samples, 2, 8, [])
    stream = next(body for name, body in chunks(data) if name == b"IDAT")
    head = SIGNATURE + data[len(SIGNATURE) : data.index(b"IDAT") - 4]
    parts = b"".join(
        struct.pack(">I", 1) + b"IDAT" + stream[n : n + 1] + struct.pack(">I", zlib.crc32(b"IDAT" + stream[n : n + 1]))
        for n in range(len(stream))
    )
    found = image.read(head + parts + data[-12:], "photo")
    np.testing.assert_array_equal(image.to_array(found), samples)
    assert found.left_out == ()
