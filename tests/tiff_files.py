"""TIFF files made entry by entry, in either order of bytes, small or BigTIFF."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_FORMS = {1: "B", 3: "H", 4: "I", 5: "I", 6: "b", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 18: "Q"}
# A tag: its type, and its values: numbers (two for a fraction) or bytes.
Tags = Mapping[int, tuple[int, Sequence[float] | bytes]]


def tiff(
    samples: bytes,
    tags: Tags,
    *,
    width: int = 2,
    height: int = 2,
    bits: Sequence[int] = (8,),
    photometric: int = 1,
    order: str = "<",
    big: bool = False,
    children: Mapping[int, Tags] | None = None,
) -> bytes:
    """A TIFF file of raw ``samples`` in one strip, with more ``tags``; ``children`` are directories of their own."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42))
    out += struct.pack(order + "HHQ", 8, 0, 0) if big else bytes(4)
    strip = len(out)
    out += samples + bytes(len(samples) % 2)
    every: dict[int, tuple[int, Sequence[float] | bytes]] = {
        256: (3, (width,)),
        257: (3, (height,)),
        258: (3, tuple(bits)),
        259: (3, (1,)),
        262: (3, (photometric,)),
        273: (4, (strip,)),
        277: (3, (len(bits),)),
        278: (3, (height,)),
        279: (4, (len(samples),)),
    }
    every |= tags
    for tag, child in (children or {}).items():
        every[tag] = (18 if big else 4, (_append(out, child, order, big),))
    place = _append(out, every, order, big)
    out[8 if big else 4 : 16 if big else 8] = struct.pack(order + ("Q" if big else "I"), place)
    return bytes(out)


def _append(out: bytearray, tags: Tags, order: str, big: bool) -> int:
    inline = 8 if big else 4
    entries = bytearray()
    for tag in sorted(tags):
        type_, values = tags[tag]
        data = bytes(values) if isinstance(values, bytes) else struct.pack(order + _FORMS[type_] * len(values), *values)
        count = len(data) // SIZES[type_]
        if len(data) > inline:
            out += bytes(len(out) % 2)
            place, data = len(out), data
            out += data
            data = struct.pack(order + ("Q" if big else "I"), place)
        entries += struct.pack(order + ("HHQ" if big else "HHI"), tag, type_, count) + data.ljust(inline, b"\0")
    out += bytes(len(out) % 2)
    place = len(out)
    out += struct.pack(order + ("Q" if big else "H"), len(tags)) + entries + bytes(inline)
    return place
