"""The header of a BMP file: what it says of colours and pixels, which Pillow does not tell."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER_PLACE = 14
_V3_SIZE, _V4_SIZE, _V5_SIZE = 40, 108, 124
# Where the file says that samples begin; and how they are stored unless packed.
_SAMPLES_PLACE, _PLAIN = 10, (0, 3)
# Which bits of a pixel mean something: those of the masks, alpha's in long headers only; else blue, green and red.
_MASKS_PLACE, _ALPHA_MASK_SIZE, _RGB_MASK = 54, 56, 0xFFFFFF
# Places in the header, and what the colour space may be there: calibrated, a profile inside, or one elsewhere.
_COLOUR_SPACE, _CALIBRATION, _PROFILE = 56, slice(60, 108), 112
_CALIBRATED, _EMBEDDED, _LINKED = 0, int.from_bytes(b"MBED", "big"), int.from_bytes(b"LINK", "big")


def colours(data: bytes) -> tuple[bytes, list[str]]:
    """The ICC profile of a BMP file, which may be empty, and names of what else it says of colours."""
    header = _header(data)
    if len(header) not in (_V4_SIZE, _V5_SIZE):
        return b"", []
    space = int.from_bytes(header[_COLOUR_SPACE : _COLOUR_SPACE + 4], "little")
    if space == _CALIBRATED:
        return b"", ["calibrated colours"] if any(header[_CALIBRATION]) else []
    if space not in (_EMBEDDED, _LINKED) or len(header) < _V5_SIZE:
        return b"", []
    start, size = _profile_place(header)
    profile = data[_HEADER_PLACE + start : _HEADER_PLACE + start + size]
    if space == _EMBEDDED and len(profile) == size:
        return profile, []
    return b"", ["ICC profile"]


def left_out(data: bytes) -> Iterator[str]:
    """Names the bytes of 32-bit pixels that are said to have no meaning, unless they are all 0 or all 255."""
    header = _header(data)
    if len(header) < _V3_SIZE:
        return
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", header, 4)
    if bits != 32 or compression not in _PLAIN:
        return
    masks = data[_MASKS_PLACE : _MASKS_PLACE + (16 if len(header) >= _ALPHA_MASK_SIZE else 12)].ljust(16, b"\0")
    used = sum(set(struct.unpack("<4I", masks))) if compression else _RGB_MASK
    (start,) = struct.unpack_from("<I", data, _SAMPLES_PLACE)
    for place in range(4):
        unused = data[start + place : start + width * abs(height) * 4 : 4]
        if used and not used >> 8 * place & 0xFF and unused.strip(b"\0") and unused.strip(b"\xff"):
            yield "the unused byte of each pixel"


def end_of(data: bytes) -> int | None:
    """Where the samples and the profile of a BMP file end; None if that is not known."""
    header = _header(data)
    if len(header) < _V3_SIZE:
        return None
    (start,) = struct.unpack_from("<I", data, _SAMPLES_PLACE)
    width, height, _, bits, compression, size = struct.unpack_from("<iiHHII", header, 4)
    if compression in _PLAIN:
        size = (width * bits + 31) // 32 * 4 * abs(height)
    elif not size:
        return None
    profile = sum(_profile_place(header)) + _HEADER_PLACE if len(header) == _V5_SIZE else 0
    return max(start + size, profile)


def _header(data: bytes) -> bytes:
    return data[_HEADER_PLACE : _HEADER_PLACE + int.from_bytes(data[_HEADER_PLACE : _HEADER_PLACE + 4], "little")]


def _profile_place(header: bytes) -> tuple[int, int]:
    """Where a profile begins, from the header on, and its size."""
    start, size = struct.unpack_from("<II", header, _PROFILE)
    return start, size
