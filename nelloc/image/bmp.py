"""The header of a BMP file: what it says of colours, which Pillow does not tell."""

from __future__ import annotations

import struct

_HEADER_PLACE = 14
_V4_SIZE, _V5_SIZE = 108, 124
# Places in the header, and what the colour space may be there: calibrated, a profile inside, or one elsewhere.
_COLOUR_SPACE, _CALIBRATION, _PROFILE = 56, slice(60, 108), 112
_CALIBRATED, _EMBEDDED, _LINKED = 0, int.from_bytes(b"MBED", "big"), int.from_bytes(b"LINK", "big")


def colours(data: bytes) -> tuple[bytes, list[str]]:
    """The ICC profile of a BMP file, which may be empty, and names of what else it says of colours."""
    header = data[_HEADER_PLACE : _HEADER_PLACE + int.from_bytes(data[_HEADER_PLACE : _HEADER_PLACE + 4], "little")]
    if len(header) not in (_V4_SIZE, _V5_SIZE):
        return b"", []
    space = int.from_bytes(header[_COLOUR_SPACE : _COLOUR_SPACE + 4], "little")
    if space == _CALIBRATED:
        return b"", ["calibrated colours"] if any(header[_CALIBRATION]) else []
    if space not in (_EMBEDDED, _LINKED) or len(header) < _V5_SIZE:
        return b"", []
    start, size = struct.unpack_from("<II", header, _PROFILE)
    profile = data[_HEADER_PLACE + start : _HEADER_PLACE + start + size]
    if space == _EMBEDDED and len(profile) == size:
        return profile, []
    return b"", ["ICC profile"]
