"""Compression and restoration of JPEG files that are kept byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nelloc import image
from nelloc.codec import container
from nelloc.codec.format import LAYOUT_PLACE, SIGNATURE, Layout, SectionType
from nelloc.codec.options import DecodeOptions, EncodeOptions, Options
from nelloc.codec.past.jpeg_file import extension, known_frame, pack_file, unpack_file
from nelloc.errors import NellocError
from nelloc.files.result import Result
from nelloc.image.formats import jpeg
from nelloc.image.formats.lossy import lossy_format
from nelloc.varint import Cursor, MalformedError

JPEG_SUFFIX = ".jpg"
JPEG_SUFFIXES = (JPEG_SUFFIX, ".jpeg", ".jpe", ".jfif")
PIXEL_SUFFIX = ".png"
# Bytes of a file that contain the types of its sections, and the beginning of the first one.
_HEAD_BYTES = 256
_SIZES_PLACE = 10
_CHECKSUM_BYTES = 2


@dataclass(frozen=True)
class OpenedJpeg:
    """A JPEG file that was read: its name, the bytes to be kept, its size in bytes, and the size of its image.

    A file without a size counts as one pixel.
    """

    source: str
    data: bytes
    bytes: int
    width: int
    height: int
    planes: int
    left_out: tuple[str, ...] = ()


def is_kept(data: bytes, options: Options) -> bool:
    """True if the bytes of an image file are those of a JPEG file that is to be kept byte for byte."""
    return isinstance(options, EncodeOptions) and options.keeps_jpeg_files and lossy_format(data) == "JPEG"


def open_jpeg(data: bytes, source: str, options: Options) -> OpenedJpeg:
    """Read a JPEG file; with ``strip`` without its metadata."""
    kept = jpeg.stripped(data) if options.strip else data
    frame = known_frame(data)
    width, height, planes = (1, 1, 1) if frame is None else (frame.width, frame.height, frame.channels)
    return OpenedJpeg(source, kept, len(data), width, height, planes)


def encode_jpeg(opened: OpenedJpeg, options: EncodeOptions, *, verify: bool) -> tuple[Result, bytes]:
    """Compress a JPEG file. Raises NellocError if ``verify`` finds that it does not come back."""
    file = pack_file(opened.data, opened.source, options)
    data = container.pack(file)
    if verify:
        decoding = options.for_decoding(options.backend)
        name = f"{opened.source}: its encoded data"
        parsed = container.parse(data, name, max_pixels=options.max_pixels)
        if unpack_file(parsed, name, decoding).data != opened.data:
            raise NellocError(f"{opened.source}: does not come back from the encoded data; please report this file")
    size = opened.width, opened.height, opened.planes
    return Result(opened.source, "-", opened.bytes, len(data), *size, keeps="bytes"), data


def restore_jpeg(
    file: container.Container, source: str, size: int, options: DecodeOptions, suffix: str
) -> tuple[Result, bytes]:
    """Restore the JPEG file in an .nlc file of ``size`` bytes. Raises NellocError if there is none or it is damaged."""
    if file.jpeg is None:
        raise NellocError(
            f"{source}: holds pixels, not a JPEG file, and {suffix} would be lossy; choose {PIXEL_SUFFIX}"
        )
    if options.region is not None:
        raise NellocError(f"{source}: a region cannot be a JPEG file; choose {PIXEL_SUFFIX}")
    restored = unpack_file(file, source, options, allow_damaged=options.allow_damaged)
    data = jpeg.stripped(restored.data) if options.strip else restored.data
    damaged = (*restored.damaged, *file.damage)
    shape = file.width, file.height, file.kind.planes
    return Result(source, "-", size, len(data), *shape, damaged=damaged, keeps="bytes"), data


def check_same_file(file: container.Container, source: str, data: bytes, options: DecodeOptions) -> None:
    """Raise NellocError unless an .nlc file holds the JPEG file of these bytes."""
    if file.jpeg is None:
        raise NellocError(f"{source}: holds the pixels of the JPEG file, not its bytes; use --pixels, or --force")
    if unpack_file(file, source, options).data != data:
        raise NellocError(f"{source}: holds another JPEG file; keep both files")


def check_whole(file: container.Container, source: str, options: DecodeOptions) -> None:
    """Raise NellocError if an .nlc file holds a JPEG file of which something is damaged."""
    if file.jpeg is None:
        return
    damaged = unpack_file(file, source, options, allow_damaged=True).damaged
    if damaged:
        raise NellocError(
            f"{source}: {'; '.join(damaged)} of its JPEG file is damaged; get the file again from a backup, or restore "
            "what is left with decompress --allow-damaged"
        )


def check_output(path: Path) -> None:
    """Raise NellocError unless the extension of ``path`` is that of a lossless format, or of JPEG files."""
    if path.suffix.lower() not in JPEG_SUFFIXES:
        image.check_output(path)


def default_suffix(data: bytes) -> str:
    """Extension of the output for .nlc bytes, or their beginning: that of the JPEG file that they hold, else .png."""
    return _extension_of_jpeg(data) or PIXEL_SUFFIX


def default_suffix_of(path: Path) -> str:
    """Extension of the output for an .nlc file; .png if it cannot be read."""
    try:
        if path.is_file():  # reading takes the beginning of others away
            with path.open("rb") as file:
                return default_suffix(file.read(_HEAD_BYTES))
    except (OSError, ValueError):
        pass
    return PIXEL_SUFFIX


def _extension_of_jpeg(data: bytes) -> str | None:
    """The extension of the JPEG file that the sections at the beginning of a file tell; None if they do not."""
    if not data.startswith(SIGNATURE) or len(data) <= _SIZES_PLACE or data[LAYOUT_PLACE] % 16 != Layout.TILED:
        return None
    reader = Cursor(data[_SIZES_PLACE:])
    try:
        for _ in range(3):
            reader.varint()
        types = []
        for _ in range(reader.varint()):
            types.append(reader.byte())
            reader.varint()
        if SectionType.JPEG not in types:
            return None
        reader.take(_CHECKSUM_BYTES)
        return extension(reader.rest()) if types[0] == SectionType.JPEG else JPEG_SUFFIX
    except MalformedError:
        return None
