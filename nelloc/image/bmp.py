"""The header of a BMP file: what it says of colours, which Pillow does not tell."""

from __future__ import annotations

import struct

_HEADER_PLACE = 14
_V3_SIZE, _V4_SIZE, _V5_SIZE = 40, 108, 124
# Where the file says that samples begin; and how they are stored unless packed.
_SAMPLES_PLACE, _PLAIN = 10, (0, 3)
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
