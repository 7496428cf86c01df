"""JPEG files in .nlc files, byte for byte: as coefficients, or as packed bytes where those are not reproduced.

docs/methods/jpeg.md, section 16, has the form.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nelloc.codec.container import Container, Section, TileRecord
from nelloc.codec.format import NO_MODEL, Method, SectionType
from nelloc.codec.options import Options
from nelloc.codec.parallel import Pool, spread
from nelloc.codec.past import core
from nelloc.codec.tiling import DEFAULT_TILE
from nelloc.errors import RESTORE, NellocError
from nelloc.image.formats import jpeg
from nelloc.image.kinds import Kind
from nelloc.image.metadata import Metadata
from nelloc.varint import Cursor, MalformedError, varint

# Forms in which a section holds a file.
_STORED, _LZMA, _PACKED, _COEFFICIENTS = _FORMS = range(4)
# Extensions of JPEG files that are kept, by number; of another name the first.
EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".JPG", ".JPEG", ".JPE", ".JFIF")
# Larger files are not packed by the core, which takes a second for each megabyte.
_MOST_PACKED = 1 << 22
_MOST_BYTES = 1 << 30
_DICTIONARY = 1 << 24
# Most bytes that a byte of a packed stream stands for, and most blocks that a byte of coefficients stands for.
_BYTES_OF_A_BYTE, _BLOCKS_OF_A_BYTE = 1536, 1024
_CODER_BYTES = 16
_BLOCK_PIXELS = 64
# A block of a JPEG file has at least a bit.
_PIXELS_OF_A_BYTE = 8 * _BLOCK_PIXELS * 16


@dataclass(frozen=True)
class Content:
    """Contents of the section of a JPEG file: its form, the file's extension, size and CRC-32, and the data."""

    form: int
    extension: str
    size: int
    checksum: int
    data: bytes


@dataclass(frozen=True)
class Restored:
    """A JPEG file as it was, or, with names of parts in ``damaged``, what is left of it."""

    data: bytes
    damaged: tuple[str, ...] = ()


def pack_file(data: bytes, source: str, options: Options) -> Container:
    """The .nlc file that holds a JPEG file, and the extension of its name.

    Raises NellocError naming ``source`` if it has too many pixels or bytes.
    """
    frame = known_frame(data)
    if frame is not None and frame.width * frame.height > options.max_pixels:
        raise NellocError(
            f"{source}: has {frame.width} x {frame.height} pixels, above the limit of {options.max_pixels}; raise "
            "--max-pixels to read it"
        )
    if len(data) > _MOST_BYTES:
        raise NellocError(f"{source}: has {len(data)} bytes, above the limit of {_MOST_BYTES}; keep the JPEG file")
    read = core.read(data, options.max_pixels) if core.available() else None
    form, body = _STORED, data
    records: tuple[TileRecord, ...] = ()
    if read is not None:
        image, skeleton, corrections = read
        rest = varint(len(skeleton)) + skeleton + corrections
        form, body = _COEFFICIENTS, varint(len(rest)) + core.pack_bytes(rest)
        records = tuple(TileRecord(Method.COEFFICIENTS, part) for part in _encode_parts(image, data, options))
    if read is None or sum(record.size for record in records) + len(body) >= len(data):
        form, body = min(_forms(data), key=lambda one: len(one[1]))
        records = ()
    kept = len(_FORMS) * _number_of(source) + form
    section = varint(len(records)) + bytes([kept]) + varint(len(data)) + struct.pack("<I", zlib.crc32(data)) + body
    width, height = (1, 1) if frame is None else (frame.width, frame.height)
    kind = Kind.GRAY if frame is not None and frame.channels == 1 else Kind.RGB
    sections = (Section(SectionType.JPEG, section),)
    return Container(kind, width, height, DEFAULT_TILE, NO_MODEL, records, sections)


def _number_of(source: str) -> int:
    """The number of the extension of a name."""
    suffix = Path(source).suffix
    return EXTENSIONS.index(suffix) if suffix in EXTENSIONS else 0


def extension(section: bytes) -> str:
    """The extension that a section says, of which there may be only the beginning. Raises MalformedError."""
    reader = Cursor(section)
    reader.varint()
    number = reader.byte() // len(_FORMS)
    if number >= len(EXTENSIONS):
        raise MalformedError("extension")
    return EXTENSIONS[number]


def known_frame(data: bytes) -> jpeg.Frame | None:
    """The frame of a JPEG file; None if there is none, or one of a size that the file cannot have."""
    frame = jpeg.frame(data)
    possible = frame is not None and 0 < frame.width * frame.height <= _PIXELS_OF_A_BYTE * len(data)
    return frame if possible else None


def _forms(data: bytes) -> list[tuple[int, bytes]]:
    """The bytes of a file in all forms but that of coefficients."""
    size = max(1 << 12, min(_DICTIONARY, 1 << len(data).bit_length()))  # one that is not filled only takes time
    forms = [(_STORED, data), (_LZMA, lzma.compress(data, lzma.FORMAT_RAW, filters=_filters(size)))]
    if core.available() and len(data) <= _MOST_PACKED:
        forms.append((_PACKED, core.pack_bytes(data)))
    return forms


def _filters(dictionary: int) -> list[dict[str, Any]]:
    """Raw LZMA2."""
    return [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": dictionary}]


def _encode_parts(image: core.Image, data: bytes, options: Options) -> list[bytes]:
    """The streams of all parts, side by side."""
    count = core.parts(image)
    pixels = _pixels(image)
    options.progress.expect(pixels)

    def encode(numbers: Sequence[int], advance: Any) -> list[bytes]:
        streams = []
        for number in numbers:
            streams.append(core.encode(image, number, lambda: advance(0)))
            advance(pixels // count)
        return streams

    costs = [pixels // count] * count
    return spread(encode, range(count), costs, options.workers, options.progress.advance, Pool.CORE_THREADS)


def _pixels(image: core.Image) -> int:
    width, height, _ = core.shape(image)
    return width * height


def content(file: Container, source: str) -> Content:
    """Read the section of a JPEG file. Raises NellocError naming ``source`` if it is invalid."""
    assert file.jpeg is not None, "the file holds pixels"
    reader = Cursor(file.jpeg)
    try:
        suffix = extension(file.jpeg)
        count, form, size = reader.varint(), reader.byte() % len(_FORMS), reader.varint()
        (checksum,) = struct.unpack("<I", reader.take(4))
        if size > _MOST_BYTES or bool(count) != (form == _COEFFICIENTS):
            raise MalformedError("form")
        return Content(form, suffix, size, checksum, reader.rest())
    except MalformedError:
        raise _damaged(source) from None


def _damaged(source: str) -> NellocError:
    return NellocError(f"{source}: the JPEG file in it is damaged; {RESTORE}")


def unpack_file(file: Container, source: str, options: Options, *, allow_damaged: bool = False) -> Restored:
    """The JPEG file that an .nlc file holds.

    With ``allow_damaged`` damaged parts are left without content and named. Raises NellocError naming ``source`` if the
    file cannot be restored.
    """
    found = content(file, source)
    if found.form == _COEFFICIENTS:
        restored = _from_coefficients(file, found, source, options, allow_damaged)
    else:
        restored = Restored(_unpacked(found, source))
    if not restored.damaged and (len(restored.data), zlib.crc32(restored.data)) != (found.size, found.checksum):
        raise _damaged(source)
    return restored


def _unpacked(found: Content, source: str) -> bytes:
    """The bytes of a file that is not held as coefficients."""
    data: bytes | None = None
    if found.form == _STORED:
        data = found.data
    elif found.form == _LZMA:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(_DICTIONARY))
        try:
            data = decoder.decompress(found.data, found.size + 1)
        except (lzma.LZMAError, EOFError):
            raise _damaged(source) from None
    elif found.size <= _BYTES_OF_A_BYTE * (len(found.data) + _CODER_BYTES):
        data = core.unpack_bytes(found.data, found.size)
    if data is None or len(data) != found.size:
        raise _damaged(source)
    return data


def metadata(file: Container, source: str) -> Metadata:
    """Metadata of the JPEG file."""
    return jpeg.metadata(skeleton(file, source))


def skeleton(file: Container, source: str) -> bytes:
    """The segments of the JPEG file: the file without its coded data, or all of it."""
    found = content(file, source)
    return _rest(found, source)[0] if found.form == _COEFFICIENTS else _unpacked(found, source)


def _rest(found: Content, source: str) -> tuple[bytes, bytes]:
    """The skeleton and the corrections. Raises NellocError if they are damaged."""
    reader = Cursor(found.data)
    try:
        size, stream = reader.varint(), reader.rest()
        if size > _BYTES_OF_A_BYTE * (len(stream) + _CODER_BYTES):
            raise MalformedError("size")
        rest = core.unpack_bytes(stream, size)
        if rest is None:
            raise MalformedError("rest")
        reader = Cursor(rest)
        return reader.take(reader.varint()), reader.rest()
    except MalformedError:
        raise _damaged(source) from None


def _from_coefficients(file: Container, found: Content, source: str, options: Options, allow_damaged: bool) -> Restored:
    bytes_of_parts = sum(record.size for record in file.records)
    whole = not any(record.damaged for record in file.records)
    most = _BLOCKS_OF_A_BYTE * _BLOCK_PIXELS * (bytes_of_parts + _CODER_BYTES * len(file.records))
    if whole and file.width * file.height > most:
        raise _damaged(source)
    bones, corrections = _rest(found, source)
    image = core.prepare(bones, options.max_pixels)
    if image is None or core.shape(image)[:2] != (file.width, file.height) or core.parts(image) != len(file.records):
        raise _damaged(source)
    good = _decode_parts(image, file, options)
    bad = tuple(f"part {number} of {len(good)}" for number, one in enumerate(good) if not one)
    if bad and not allow_damaged:
        raise NellocError(f"{source}: {bad[0]} of its JPEG file is damaged; {RESTORE}")
    data = core.write(image, bones, corrections)
    if data is None:
        raise _damaged(source)
    return Restored(data, bad)


def _decode_parts(image: core.Image, file: Container, options: Options) -> list[bool]:
    """Decode all parts, side by side; which of them are whole."""
    pixels = _pixels(image) // len(file.records)
    options.progress.expect(pixels * len(file.records))

    def decode(numbers: Sequence[int], advance: Any) -> list[bool]:
        good = []
        for number in numbers:
            record = file.records[number]
            if record.damaged:
                good.append(False)
                advance(pixels)
            else:
                good.append(core.decode(image, number, record.data, advance, pixels))
        return good

    count = len(file.records)
    workers = options.workers if core.available() else 1  # threads of Python would wait for each other
    return spread(decode, range(count), [pixels] * count, workers, options.progress.advance, Pool.CORE_THREADS)


@dataclass(frozen=True)
class About:
    """Facts about a JPEG file in an .nlc file.

    ``bytes`` is its size, and ``frame`` its frame header, if it has one; ``quality`` is the one that fits its tables
    best, and ``sampling`` that of its colours, if known. ``coefficients`` is True if it is held as coefficients.
    """

    bytes: int
    frame: jpeg.Frame | None
    quality: int | None
    sampling: str | None
    coefficients: bool

    @property
    def coding(self) -> str:
        """Name of the coding."""
        return "without a frame" if self.frame is None else self.frame.coding

    def __str__(self) -> str:
        quality = "" if self.quality is None else f", quality about {self.quality}"
        sampling = "" if self.sampling is None else f", {self.sampling}"
        held = "" if self.coefficients else ", packed as it is"
        return f"JPEG file, {self.coding}{quality}{sampling}, {self.bytes} bytes{held}"


def about(file: Container, source: str) -> About:
    """Read the facts about the JPEG file in an .nlc file. Raises NellocError naming ``source`` if it is damaged."""
    found = content(file, source)
    segments = skeleton(file, source)
    quality, sampling = jpeg.quality(segments), jpeg.sampling(segments)
    return About(found.size, jpeg.frame(segments), quality, sampling, found.form == _COEFFICIENTS)
