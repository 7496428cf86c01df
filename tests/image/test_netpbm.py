"""The head of PGM and PPM files: as Pillow reads it, and in time that follows its length."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from PIL import Image

from nelloc.image.formats import netpbm

HEADS = [
    b"P5 3 2 255\n",
    b"P6\n# a comment\n3\t2 # and another\r\n#\n\n65535\n",
    b"P5" + b" " * 40 + b"#c\r3 2 65535 ",
    b"P5\n#one\r#two\n3 2\r255\r",
    b"P6 #3 2 255\n3 2 255 ",
]


@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_read_as_pillow_reads_it(head):
    found = netpbm.unpack(head + bytes(36))
    with Image.open(io.BytesIO(head + bytes(36))) as opened:
        assert found is not None
        assert (found[0].width, found[0].height) == opened.size == (3, 2)
        assert found[1] == opened.tile[0].offset == len(head)


@pytest.mark.parametrize("head", [b"P5 1#\n2 3 255\n", b"P5#\n3 2 255\n", b"P5 3 2 255#\n", b"P5 3 2\n", b"P5 3 2 255"])
def test_a_head_that_pillow_reads_otherwise_is_none(head):
    assert netpbm.unpack(head) is None


@pytest.mark.parametrize("between", [" " * 5000, " " * 2500 + "#c\r" * 900, "\n#" * 2500])
def test_a_long_head_without_an_end_takes_no_time(between):
    program = f"from nelloc.image.formats import netpbm; assert netpbm.unpack(b'P5' + {between.encode()!r}) is None"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
