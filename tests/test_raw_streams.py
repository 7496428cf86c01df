"""Streams that take a part of what they get: all is written in the end, or an error says that it is not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import nelloc
from nelloc.streams import write_whole


class Narrow(io.RawIOBase):
    """A raw stream that takes seven bytes at once, and ``most`` in all."""

    def __init__(self, most=1 << 20):
        self.data, self.most = b"", most

    def writable(self):
        return True

    def write(self, data):
        if len(self.data) == self.most:
            return None
        taken = bytes(data[: min(7, self.most - len(self.data))])
        self.data += taken
        return len(taken)


def test_a_stream_that_takes_little_at_once_gets_all():
    stream = Narrow()
    write_whole(stream, bytes(range(100)))
    assert stream.data == bytes(range(100))
    with pytest.raises(BlockingIOError):
        write_whole(Narrow(most=50), bytes(100))
    buffer = io.BytesIO()
    write_whole(buffer, b"data")
    assert buffer.getvalue() == b"data"


def test_pillow_saves_whole_files_to_raw_streams():
    nelloc.register()
    picture = np.random.default_rng(3).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    stream = Narrow()
    Image.fromarray(picture).save(stream, "NLC", effort=1)
    np.testing.assert_array_equal(nelloc.decode(stream.data), picture)
