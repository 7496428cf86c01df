"""BMP files: header fields that Pillow does not expose, and variants that it does not read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.image.metadata import Metadata, Resolution, resolution_item

_HEADER_PLACE = 14
_V3_SIZE, _V4_SIZE, _V5_SIZE = 40, 108, 124
# Header fields: the offset of the samples, and the value for uncompressed storage.
_SAMPLES_PLACE, _PLAIN = 10, (0, 3)
# Used bits of a pixel: those of the masks (alpha's in long headers only), else blue, green and red.
_MASKS_PLACE, _ALPHA_MASK_SIZE, _RGB_MASK = 54, 56, 0xFFFFFF
# Offsets in the header, and values of the colour space: calibrated, an embedded profile, or a linked one.
_COLOUR_SPACE, _CALIBRATION, _PROFILE = 56, slice(60, 108), 112
_CALIBRATED, _EMBEDDED, _LINKED = 0, int.from_bytes(b"MBED", "big"), int.from_bytes(b"LINK", "big")


_RAW, _RLE8, _RLE4, _MASKED, _JPEG, _PNG, _MASKED_WITH_ALPHA = range(7)
# Sizes of the Windows headers.
_WINDOWS = (40, 52, 56, 108, 124)
_NAMES = {3: "Huffman coding", 4: "RLE of 24 bits"}  # of OS/2
# Masks that Pillow supports.
_KNOWN_MASKS = {
    16: ((0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)),
    24: ((0xFF0000, 0xFF00, 0xFF, 0),),
    32: ((0xFF0000, 0xFF00, 0xFF, 0), (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
}
_SKIPPED = "which pixels the file does not set (they have index 0)"


@dataclass(frozen=True)
class _Head:
    """Header fields that describe the storage of samples; ``colours`` has four bytes for each index."""

    size: int
    width: int
    height: int
    bits: int
    compression: int
    image_bytes: int
    resolution: tuple[int, int]
    masks: tuple[int, int, int, int]
    colours: bytes
    start: int


def is_bmp(data: bytes) -> bool:
    """Return True if ``data`` starts with the signature of BMP."""
    return data.startswith(b"BM")


def _head(data: bytes) -> _Head | None:
    """Parse the header of a BMP file; None unless it is a Windows header."""
    header = _header(data)
    if len(header) not in _WINDOWS:
        return None
    width, height, _, bits, compression, size, x, y, used = struct.unpack_from("<iiHHIIiiI", header, 4)
    masks = (0, 0, 0, 0)
    after = _HEADER_PLACE + len(header)
    if compression in (_MASKED, _MASKED_WITH_ALPHA):
        count = 4 if len(header) >= _ALPHA_MASK_SIZE or compression == _MASKED_WITH_ALPHA else 3
        found = data[_MASKS_PLACE : _MASKS_PLACE + 4 * count]
        masks = struct.unpack("<4I", found.ljust(16, b"\0"))
        after = max(after, _MASKS_PLACE + 4 * count)
    (start,) = struct.unpack_from("<I", data, _SAMPLES_PLACE)
    table = data[after : after + 4 * (used or 1 << bits)] if bits <= 8 else b""
    return _Head(len(header), width, height, bits, compression, size, (x, y), masks, table, start)


def embedded(data: bytes) -> tuple[bytes, Metadata] | None:
    """Extract the PNG or JPEG file inside a BMP file, and the BMP file's metadata; None if there is no such file.

    Raises ValueError for damage.
    """
    head = _head(data)
    if head is None or head.compression not in (_JPEG, _PNG):
        return None
    x, y = head.resolution
    items = (resolution_item(Resolution((x, 1), (y, 1), "metre")),) if x > 0 and y > 0 else ()
    inner = data[head.start : head.start + head.image_bytes]
    if not inner.startswith((b"\x89PNG", b"\xff\xd8")):
        raise ValueError("the embedded image does not match its header")
    return inner, Metadata(items)


def plain(data: bytes, source: str, max_pixels: int) -> tuple[bytes, list[str]]:
    """Rewrite the file as a BMP variant that Pillow reads; return it and names of what that loses.

    Most files are returned unchanged. Raises NellocError for variants that cannot be kept, ValueError for damage.
    """
    head = _head(data)
    if head is None:
        header = _header(data)
        if len(header) == 64 and (name := _NAMES.get(int.from_bytes(header[16:20], "little"))):
            raise NellocError(
                f"{source}: is a BMP file of OS/2 with {name}, which is not read; convert it to PNG first"
            )
        return data, []
    area = head.width * abs(head.height)
    if head.width <= 0 or area > max_pixels or not area:
        return data, []  # Pillow reports the error
    if head.compression in (_RLE8, _RLE4) and head.bits in (4, 8):
        indices, skipped = _run_lengths(data[head.start :], head)
        return _rebuilt(head, 8, indices, head.colours), [_SKIPPED] if skipped else []
    if head.bits == 2 and head.compression == _RAW:
        return _rebuilt(head, 8, _indices_of_2_bits(data, head), head.colours), []
    if head.compression in (_MASKED, _MASKED_WITH_ALPHA) and head.masks not in _KNOWN_MASKS.get(head.bits, ()):
        return _unmasked(data, head, source), []
    if head.bits not in (1, 4, 8, 16, 24, 32):
        raise NellocError(
            f"{source}: is a BMP file of {head.bits} bits per pixel, which is not read; convert it to PNG"
        )
    return data, []


def _rebuilt(head: _Head, bits: int, rows: NDArray[np.uint8], colours: bytes) -> bytes:
    """Build an uncompressed file of rows from top to bottom, with the resolution of ``head``."""
    padded = np.zeros((rows.shape[0], -(-rows.shape[1] // 4) * 4), np.uint8)
    padded[:, : rows.shape[1]] = rows
    body = padded[::-1].tobytes()
    masks = b"" if bits < 32 else struct.pack("<4I", *_KNOWN_MASKS[32][1])
    size = 40 + len(masks)
    start = _HEADER_PLACE + size + len(colours)
    compression = _MASKED if masks else _RAW
    out = struct.pack("<2sIIIIiiHH", b"BM", start + len(body), 0, start, size, head.width, abs(head.height), 1, bits)
    out += struct.pack("<IIiiII", compression, len(body), *head.resolution, len(colours) // 4, 0)
    return out + masks + colours + body


def _run_lengths(data: bytes, head: _Head) -> tuple[NDArray[np.uint8], bool]:
    """Decode run lengths to indices (H, W), from top to bottom; the flag is True if some pixels are not set."""
    height, width = abs(head.height), head.width
    rows, known = np.zeros((height, width), np.uint8), np.zeros((height, width), np.bool_)
    x = y = place = 0

    def put(values: NDArray[np.uint8]) -> None:
        nonlocal x
        if y < height:
            values = values[: max(0, width - x)]
            rows[y, x : x + len(values)] = values
            known[y, x : x + len(values)] = True
        x += len(values)

    while place + 2 <= len(data):
        count, code = data[place], data[place + 1]
        place += 2
        if count:
            pair = (code, code) if head.compression == _RLE8 else (code >> 4, code & 15)
            put(np.array(pair * (count // 2 + 1), np.uint8)[:count])
        elif code == 0:
            x, y = 0, y + 1
        elif code == 1:
            break
        elif code == 2:
            if place + 2 > len(data):
                raise ValueError("its samples are cut off")
            x, y = x + data[place], y + data[place + 1]
            place += 2
        else:
            size = code if head.compression == _RLE8 else (code + 1) // 2
            values = np.frombuffer(data[place : place + size], np.uint8)
            if len(values) < size:
                raise ValueError("its samples are cut off")
            if head.compression == _RLE4:
                values = np.stack([values >> 4, values & 15], axis=1).ravel()[:code]
            put(values)
            place += size + size % 2
    else:
        if not known.all():
            raise ValueError("its samples are cut off")
    return rows[::-1] if head.height > 0 else rows, not bool(known.all())


def _stored_rows(data: bytes, head: _Head) -> NDArray[np.uint8]:
    """Read the rows of an uncompressed file, from top to bottom. Raises ValueError if some are missing."""
    stride = (head.width * head.bits + 31) // 32 * 4
    body = data[head.start : head.start + stride * abs(head.height)]
    if len(body) < stride * abs(head.height):
        raise ValueError("its samples are cut off")
    rows = np.frombuffer(body, np.uint8).reshape(-1, stride)
    return rows[::-1] if head.height > 0 else rows


def _indices_of_2_bits(data: bytes, head: _Head) -> NDArray[np.uint8]:
    rows = _stored_rows(data, head)
    return np.stack([rows >> 6, rows >> 4 & 3, rows >> 2 & 3, rows & 3], axis=2).reshape(len(rows), -1)[:, : head.width]


def _unmasked(data: bytes, head: _Head, source: str) -> bytes:
    """Convert a file with bit masks to 24 bits per pixel, or 32 with alpha."""
    if head.bits not in (16, 32):
        raise NellocError(
            f"{source}: is a BMP file of {head.bits} bits with masks, which is not read; convert it to PNG"
        )
    values = _stored_rows(data, head).view(f"<u{head.bits // 8}")[:, : head.width].astype(np.uint32)
    planes: list[NDArray[np.uint8]] = []
    for mask in head.masks:
        low = (mask & -mask).bit_length() - 1
        largest = mask >> max(0, low)
        if mask and largest & (largest + 1):
            raise NellocError(
                f"{source}: is a BMP file with a mask of scattered bits, which is not read; convert it to PNG"
            )
        if largest > 255:
            raise NellocError(
                f"{source}: is a BMP file with samples of {largest.bit_length()} bits, of which 8 could be kept; "
                "convert it to 16-bit PNG first"
            )
        if not mask and len(planes) < 3:
            raise NellocError(f"{source}: is a BMP file without a mask for one of its colours; convert it to PNG first")
        if mask:
            sample = (values & np.uint32(mask)) >> np.uint32(low)
            planes.append(((sample * 255 + largest // 2) // largest).astype(np.uint8))
    order = [planes[2], planes[1], planes[0], *planes[3:]]
    rows = np.stack(order, axis=2).reshape(len(values), -1)
    return _rebuilt(head, 8 * len(order), rows, b"")


def colours(data: bytes) -> tuple[bytes, list[str]]:
    """Read the ICC profile of a BMP file (may be empty), and name its other colour data."""
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
    """Name the unused bytes of 32-bit pixels, unless all of them are 0 or all are 255."""
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
    """Find the end of the samples and the profile of a BMP file; None if unknown."""
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
    """Offset of the profile from the start of the header, and its size."""
    start, size = struct.unpack_from("<II", header, _PROFILE)
    return start, size
