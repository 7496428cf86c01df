"""Streams of any bytes, each in two numbers of four bits: the rest of a JPEG file beside its coefficients."""

from __future__ import annotations

from functools import cache

from nelloc.codec.past.reference.mixing import Decisions, line

_FIRST_WEIGHTS = [1200] * 7 + [0]
_HALVES, _NODES, _BYTES = 2, 16, 256
# Most bytes that a byte of a stream stands for, and those of the coder.
_BYTES_OF_A_BYTE, _CODER_BYTES = 1536, 16
# Bytes that are learned from before a stream: a JPEG file as most begin, with the tables of the standard's annex K.
_USUAL = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c39"
    "33383740485c4e404457453738506d51575f626768673e4d71797064785c656763ffdb0043011112121815182f1a1a2f6342384263636363"
    "63636363636363636363636363636363636363636363636363636363636363636363636363636363636363636363ffc000110801e0028003"
    "012200021101031101ffc4001f0000010501010101010100000000000000000102030405060708090a0bffc400b510000201030302040305"
    "0504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a2526272829"
    "2a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a9293949596979899"
    "9aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9"
    "faffc4001f0100030101010101010101010000000000000102030405060708090a0bffc400b5110002010204040304070504040001027700"
    "0102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536373839"
    "3a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6"
    "a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9faffda000c030100"
    "02110311003f00"
)


def unpack_bytes(stream: bytes, size: int) -> bytes | None:
    """The ``size`` bytes of a stream; None if it is damaged."""
    if size > _BYTES_OF_A_BYTE * (len(stream) + _CODER_BYTES):
        return None
    decisions = _begun().copy()
    decisions.start(stream)
    found = bytearray()
    for _ in range(size):
        found.append(_byte(decisions, found))
    return bytes(found) if decisions.whole else None


@cache
def _begun() -> Decisions:
    """Decisions as they are at the beginning of a stream."""
    decisions = Decisions(
        [_FIRST_WEIGHTS[:] for _ in range(_HALVES * _NODES)], [_FIRST_WEIGHTS[:] for _ in range(_BYTES)]
    )
    before = bytearray()
    for byte in _USUAL:
        decisions.tell([byte >> bit & 1 for bit in range(8)])
        before.append(_byte(decisions, before))
    decisions.tell(None)
    return decisions


def _byte(decisions: Decisions, before: bytearray) -> int:
    """Decode the byte after others."""
    found = 0
    last = before[-1] if before else 0
    for half in range(_HALVES):
        found = 16 * found + decisions.number(_lines(before, half, found), _NODES * half, [last] * 4)
    return found


def _lines(before: bytearray, half: int, found: int) -> list[int]:
    """The contexts of four bits: the bytes before, a number of them; of the lower four bits also the higher ones."""
    group = 1 + found if half else 0
    one, two, three, four, five, six = [*reversed(before[-6:]), *bytes(6)][:6]
    pair = one << 8 | two
    lines = [
        line(group, 1, one),
        line(group, 2, pair),
        line(group, 3, pair << 8 | three),
        line(group, pair << 8 | three, four + 4),
        line(group, pair << 16 | three << 8 | four, (five << 8 | six) + 260),
    ]
    for odd in range(2):
        likely, off = _in_line(before, odd)
        fits = half and found == likely >> 4
        lines.append(line(32 + odd, half << 1 | fits, (likely & 15 if half else likely >> 4) << 2 | off))
    return lines


def _in_line(before: bytearray, odd: int) -> tuple[int, int]:
    """The byte that comes if big-endian numbers of 16 bits go on in a straight line, and how far the last was off.

    ``odd`` is 1 if it is the second byte of its number.
    """
    last = [0, 0, 0]
    for k in range(3):
        end = len(before) - odd - 2 * k
        if end >= 2:
            last[k] = before[end - 2] << 8 | before[end - 1]
    off = min(abs(last[0] - 2 * last[1] + last[2]), 3)
    following = (2 * last[0] - last[1]) & 0xFFFF
    if not odd:
        return following >> 8, off
    high = before[-1] if before else 0
    return (following & 255 if high == following >> 8 else 255 if high < following >> 8 else 0), off
