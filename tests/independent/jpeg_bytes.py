"""Section 16: streams of bytes."""

from __future__ import annotations

from independent.jpeg_decisions import Mixer

USUAL = bytes.fromhex(
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


def unpack_bytes(stream: bytes, size: int) -> bytes:
    """A stream of bytes."""
    if size > 1536 * (len(stream) + 16):
        raise ValueError("too few bytes")
    mixer = Mixer(b"")
    usual = bytearray()
    for byte in USUAL:
        mixer.known = [byte >> bit & 1 for bit in range(7, -1, -1)]
        usual.append(coded_byte(mixer, usual))
    mixer.known = None
    mixer.start(stream)
    out = bytearray()
    for _ in range(size):
        out.append(coded_byte(mixer, out))
    mixer.end()
    return bytes(out)


def coded_byte(mixer: Mixer, before: bytearray) -> int:
    b = [*reversed(before[-6:]), 0, 0, 0, 0, 0, 0][:6]
    x = 256 * b[0] + b[1]
    found = 0
    for half in range(2):
        g = 1 + found if half else 0
        contexts = [
            (g, 1, b[0]),
            (g, 2, x),
            (g, 3, 256 * x + b[2]),
            (g, 256 * x + b[2], b[3] + 4),
            (g, 65536 * x + 256 * b[2] + b[3], 256 * b[4] + b[5] + 260),
        ]
        for odd in range(2):
            likely, off = in_line(before, odd)
            y = likely % 16 if half else likely >> 4
            fits = half and found == likely >> 4
            contexts.append((32 + odd, 2 * half + fits, 4 * y + off))
        lines = [mixer.line(*one) for one in contexts]
        node = 1
        for _ in range(4):
            places = [(line, node) for line in lines]
            node = node * 2 + mixer.decide(places, [256], 16 * half + node, b[0], [1200] * 7 + [0])
        found = found * 16 + node - 16
    return found


def in_line(before: bytearray, odd: int) -> tuple[int, int]:
    numbers = [0, 0, 0]
    for k in range(3):
        end = len(before) - odd - 2 * k
        if end >= 2:
            numbers[k] = 256 * before[end - 2] + before[end - 1]
    off = min(abs(numbers[0] - 2 * numbers[1] + numbers[2]), 3)
    z = (2 * numbers[0] - numbers[1]) % 65536
    if not odd:
        return z >> 8, off
    last = before[-1] if before else 0
    return (z % 256 if last == z >> 8 else 255 if last < z >> 8 else 0), off
