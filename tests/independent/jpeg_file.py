"""Section 16: JPEG files, from their section and records."""

from __future__ import annotations

import lzma
from zlib import crc32

from independent.jpeg_bytes import unpack_bytes
from independent.jpeg_coefficients import Part
from independent.jpeg_scans import Corrections, write_jpeg
from independent.jpeg_skeleton import read_skeleton
from independent.notation import varint

LZMA_24 = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 24}]


def decode_jpeg(section: bytes, records: list[bytes], width: int, height: int) -> bytes:
    """The JPEG file of a file's section of type 0x86 and its records."""
    count, at = varint(section, 0)
    extension, form = divmod(section[at], 4)
    size, at = varint(section, at + 1)
    checksum, body = int.from_bytes(section[at : at + 4], "little"), section[at + 4 :]
    if count != len(records) or (form == 3) != (count > 0) or extension > 7:
        raise ValueError("a malformed section")
    if form == 3:
        data = from_coefficients(body, records, width, height)
    elif form == 2:
        data = unpack_bytes(body, size)
    elif form == 1:
        data = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=LZMA_24).decompress(body, size + 1)
    else:
        data = body
    if len(data) != size or crc32(data) != checksum:
        raise ValueError("not the JPEG file")
    return data


def from_coefficients(body: bytes, records: list[bytes], width: int, height: int) -> bytes:
    size, at = varint(body, 0)
    rest = unpack_bytes(body[at:], size)
    length, at = varint(rest, 0)
    skeleton, corrections = rest[at : at + length], Corrections(rest[at + length :])
    jpeg = read_skeleton(skeleton)
    if (jpeg.width, jpeg.height) != (width, height):
        raise ValueError("another size")
    rows, columns = jpeg.mcus
    step = max(1, 131072 // (columns * sum(one.h * one.v for one in jpeg.components)))
    if len(records) != -(-rows // step):
        raise ValueError("another number of parts")
    for number, stream in enumerate(records):
        Part(jpeg, stream, number * step, min((number + 1) * step, rows))
    return write_jpeg(jpeg, skeleton, corrections)
