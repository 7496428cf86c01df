"""Compression and decompression of files, each read and written whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from nelloc import disk, image, storage
from nelloc.codec import container, stream_end
from nelloc.codec.decode import decode_files, decode_slices, open_file
from nelloc.codec.description import read_description
from nelloc.codec.options import DecodeKeywords, DecodeOptions, EncodeKeywords, EncodeOptions, Options, chosen_options
from nelloc.codec.tiling import Rectangle, tile_count
from nelloc.errors import NellocError
from nelloc.files.jpeg import (
    JPEG_SUFFIXES,
    OpenedJpeg,
    check_output,
    check_same_file,
    check_whole,
    default_suffix,
    default_suffix_of,
    encode_jpeg,
    is_kept,
    open_jpeg,
    restore_jpeg,
)
from nelloc.files.result import Gain, Result

if TYPE_CHECKING:
    from nelloc.codec.encode import Encoded

SUFFIX = ".nlc"


def compress(
    source: str | Path,
    target: str | Path | None = None,
    *,
    force: bool = False,
    verify: bool = True,
    options: EncodeOptions | None = None,
    **keywords: Unpack[EncodeKeywords],
) -> Result:
    """Compress an image file.

    Parameters
    ----------
    source : str or Path
        The image file.
    target : str or Path, optional
        The .nlc file, which gets time and permissions of ``source``; by default beside it, with the extension .nlc.
    force : bool
        Replace ``target`` if it exists.
    verify : bool
        Decode the result and compare it before it is written.
    options : EncodeOptions, optional
        How to encode.
    **keywords
        The fields of `EncodeOptions`, instead of ``options``.

    Returns
    -------
    Result
        Names, sizes in bytes, and what of the image file is not kept.

    Raises
    ------
    NellocError
        And nothing is written: if the image cannot be read or kept exactly, or if ``target`` exists.
    TypeError
        If a keyword is unknown, of the wrong type, or given beside ``options``.
    """
    chosen = chosen_options(EncodeOptions, options, keywords, source=source, target=target, force=force, verify=verify)
    source = Path(source)
    target = default_target(source, SUFFIX) if target is None else disk.file_path(target)
    disk.check_target(source, target, force)
    file = storage.read_input(source, image.extent(chosen.max_pixels))
    result, encoded = compress_bytes(file.data, str(source), chosen, verify=verify)
    storage.write(target, encoded, force, file.modified, file.permissions)
    return replace(result, target=str(target))


def compress_bytes(data: bytes, source: str, options: EncodeOptions, *, verify: bool) -> tuple[Result, bytes]:
    """Compress the bytes of an image file; ``source`` names them in errors."""
    return encode_images([open_image(data, source, options)], options, verify=verify)[0]


@dataclass(frozen=True)
class OpenedImage:
    """An image file that was read: its name, its size in bytes, and its pixels."""

    source: str
    bytes: int
    pixels: image.Pixels

    @property
    def width(self) -> int:
        """Width of the image."""
        return self.pixels.width

    @property
    def height(self) -> int:
        """Height of the image."""
        return self.pixels.height

    @property
    def left_out(self) -> tuple[str, ...]:
        """Parts of the image file that are not kept."""
        return self.pixels.left_out


def open_image(data: bytes, source: str, options: Options) -> OpenedImage | OpenedJpeg:
    """Read the image in the bytes of a file; ``source`` names them in errors. Raises NellocError if that fails.

    A JPEG file that is to be encoded is not decoded, unless its pixels are to be kept: those of its first image.
    """
    if is_kept(data, options):
        return open_jpeg(data, source, options)
    pixels = image.read(data, source, max_pixels=options.max_pixels)
    return OpenedImage(source, len(data), pixels.stripped() if options.strip else pixels)


def encode_images(
    images: Sequence[OpenedImage | OpenedJpeg], options: EncodeOptions, *, verify: bool
) -> list[tuple[Result, bytes]]:
    """Compress several images together; with ``adapt``, each has a model of its own."""
    from nelloc.codec.encode import encode_pixels  # not needed to decompress

    pictures = [one for one in images if isinstance(one, OpenedImage)]
    with enough_memory(images[0].source):
        if options.adapt:
            return [_encode_adapted(one, options, verify=verify) for one in pictures]
        pixels, sources = [one.pixels for one in pictures], [one.source for one in pictures]
        encoded = iter(encode_pixels(pixels, options, verify=verify, sources=sources) if pictures else ())
        return [
            encode_jpeg(one, options, verify=verify) if isinstance(one, OpenedJpeg) else _made(one, next(encoded))
            for one in images
        ]


def _made(opened: OpenedImage, encoded: Encoded, gain: Gain | None = None) -> tuple[Result, bytes]:
    return result_of(opened, encoded, gain), encoded.data


def _encode_adapted(opened: OpenedImage, options: EncodeOptions, *, verify: bool) -> tuple[Result, bytes]:
    found = encode_adapted_images([opened.pixels], options, verify=verify, embed=True, sources=[opened.source])
    (encoded,), gain, _ = found
    return _made(opened, encoded, gain)


def encode_adapted_images(
    images: Sequence[image.Pixels], options: EncodeOptions, *, verify: bool, embed: bool, sources: Sequence[str]
) -> tuple[list[Encoded], Gain, dict[str, bytes]]:
    """Adapt models and compress with them; returns also the gain, and the files of the models by their ids."""
    from nelloc.training.adapt.encode import encode_adapted

    encoded, found = encode_adapted(images, options, verify=verify, embed=embed, sources=sources)
    models = {adapted.model.id.hex(): adapted.stored for adapted in found.models}
    size = sum(map(len, models.values()))
    gain = Gain(tuple(models), size, found.shipped_bytes, found.adapted_bytes, found.gain, found.pixels)
    return encoded, gain, models


def result_of(opened: OpenedImage, encoded: Encoded, gain: Gain | None = None) -> Result:
    """Result for an image, without the name of its target."""
    pixels, sizes = opened.pixels, (opened.bytes, len(encoded.data))
    return Result(opened.source, "-", *sizes, pixels.width, pixels.height, pixels.kind.planes, pixels.left_out, gain)


def decompress(
    source: str | Path,
    target: str | Path | None = None,
    *,
    force: bool = False,
    options: DecodeOptions | None = None,
    **keywords: Unpack[DecodeKeywords],
) -> Result:
    """Decompress an .nlc file to an image file.

    Parameters
    ----------
    source : str or Path
        The .nlc file.
    target : str or Path, optional
        The image file, whose extension chooses the format; by default beside ``source``, as PNG.
    force : bool
        Replace ``target`` if it exists.
    options : DecodeOptions, optional
        How to decode.
    **keywords
        The fields of `DecodeOptions`, instead of ``options``.

    Returns
    -------
    Result
        Names, sizes in bytes, and the metadata that the format cannot hold.

    Raises
    ------
    NellocError
        And nothing is written: if the file is damaged, its model is not found, the format cannot hold the image, or
        ``target`` exists.
    TypeError
        As `compress`.
    """
    chosen = chosen_options(DecodeOptions, options, keywords, source=source, target=target, force=force)
    source = Path(source)
    target = default_target(source, default_suffix_of(source)) if target is None else disk.file_path(target)
    check_output(target)
    disk.check_target(source, target, force)
    file = storage.read_input(source, stream_end.extent(chosen.max_pixels))
    result, encoded = decompress_bytes(file.data, str(source), chosen, target.suffix)
    storage.write(target, encoded, force, file.modified, file.permissions)
    return replace(result, target=str(target))


def decompress_bytes(
    data: bytes, source: str, options: DecodeOptions, suffix: str | None = None
) -> tuple[Result, bytes]:
    """Decompress .nlc bytes to the format of ``suffix``.

    Without ``suffix`` the result is a JPEG file if the bytes hold one, else a PNG file.
    """
    return decode_images([open_compressed(data, source, options)], options, suffix or default_suffix(data))[0]


@dataclass(frozen=True)
class OpenedFile:
    """An .nlc file that was read: its name, its size in bytes, and its contents."""

    source: str
    bytes: int
    file: container.Container


def open_compressed(data: bytes, source: str, options: DecodeOptions) -> OpenedFile:
    """Parse .nlc bytes; ``source`` names them in errors. Raises NellocError if they are not a whole file."""
    return OpenedFile(source, len(data), open_file(data, source, options))


def decode_images(
    opened: Sequence[OpenedFile], options: DecodeOptions, suffix: str, *, verify: bool = False
) -> list[tuple[Result, bytes]]:
    """Decompress several .nlc files together, to the format of ``suffix``.

    Outputs are read again and compared. Raises NellocError for a file that is damaged, whose model is missing, or
    that the format cannot hold; with ``verify``, also if it cannot hold the metadata.
    """
    with enough_memory(opened[0].source):
        if suffix.lower() in JPEG_SUFFIXES:
            return [restore_jpeg(one.file, one.source, one.bytes, options, suffix) for one in opened]
        if len(opened) == 1 and image.in_slices(opened[0].file.kind, _area(opened[0].file, options), suffix):
            return [_decode_in_slices(opened[0], options, suffix, verify)]
        decoded = decode_files([one.file for one in opened], [one.source for one in opened], options)
        done = []
        for one, pixels in zip(opened, decoded, strict=True):
            pixels = pixels.stripped() if options.strip else pixels
            written = image.write(pixels, suffix, one.source)
            size = pixels.width, pixels.height
            done.append((_result(one, size, pixels.left_out, pixels.damaged, written, suffix, verify), written.data))
    return done


def _decode_in_slices(one: OpenedFile, options: DecodeOptions, suffix: str, verify: bool) -> tuple[Result, bytes]:
    """Decompress a file in slices, so that its samples are never in memory all at once."""
    found: list[image.Pixels] = []  # all but the samples

    def parts() -> Iterator[image.Pixels]:
        for part in decode_slices(one.file, one.source, options):
            part = part.stripped() if options.strip else part
            found.append(replace(part, groups=()))
            yield part

    whole = options.region or Rectangle(0, 0, one.file.height, one.file.width)
    written = image.write_slices(parts(), whole.height, suffix, one.source)
    damaged = tuple(name for part in found for name in part.damaged)
    return _result(one, (whole.width, whole.height), found[0].left_out, damaged, written, suffix, verify), written.data


def _result(
    one: OpenedFile,
    size: tuple[int, int],
    left_out: tuple[str, ...],
    damaged: tuple[str, ...],
    written: image.Written,
    suffix: str,
    verify: bool,
) -> Result:
    """Result for an .nlc file. Raises NellocError, with ``verify``, if the format cannot hold all of its metadata."""
    if verify:
        _refuse_loss(written, one.source, suffix)
    left_out = (*left_out, *written.left_out)
    sizes = one.bytes, len(written.data), *size, one.file.kind.planes
    return Result(one.source, "-", *sizes, left_out, damaged=(*damaged, *one.file.damage))


def _refuse_loss(written: image.Written, source: str, suffix: str) -> None:
    if written.left_out:
        raise NellocError(f"{source}: {', '.join(written.left_out)} would be lost in {suffix}; choose .png, or --strip")


def _area(file: container.Container, options: DecodeOptions) -> int:
    """Pixels of the image, or of the region that is wanted."""
    return file.height * file.width if options.region is None else options.region.height * options.region.width


def check_same(
    opened: OpenedImage | OpenedJpeg, compressed: OpenedFile, options: DecodeOptions, *, made: str | None = None
) -> None:
    """Decode an .nlc file. Raises NellocError if it does not hold the image.

    That is, its samples and all of its metadata; an image file with the extension ``made``, which was made of the .nlc
    file, has them as its format says them.
    """
    with enough_memory(compressed.source):
        if isinstance(opened, OpenedJpeg):
            check_same_file(compressed.file, compressed.source, opened.data, options)
            return
        slices = decode_slices(compressed.file, compressed.source, options)
        if not opened.pixels.same_in_slices(slices, image.same_picture):
            raise NellocError(f"{compressed.source}: its pixels and those of the image file differ; keep both files")
    kept = image.Metadata() if options.strip else read_description(compressed.file, compressed.source).metadata
    if made is not None:
        written = image.write(replace(opened.pixels.rows(0, 1), metadata=kept), made, opened.source)
        _refuse_loss(written, compressed.source, made)
        kept = image.read(written.data, opened.source).metadata
    if opened.pixels.metadata != kept:
        raise NellocError(f"{compressed.source}: its metadata and that of the image file differ; keep both files")


def verify(source: str | Path, *, options: DecodeOptions | None = None, **keywords: Unpack[DecodeKeywords]) -> Result:
    """Decode an .nlc file completely, and check every checksum.

    Parameters
    ----------
    source : str or Path
        The .nlc file.
    options : DecodeOptions, optional
        How to decode.
    **keywords
        The fields of `DecodeOptions`, instead of ``options``.

    Returns
    -------
    Result
        The file's name, its size in bytes, and the size of its image.

    Raises
    ------
    NellocError
        If anything is wrong with the file.
    TypeError
        As `compress`.
    """
    chosen = chosen_options(DecodeOptions, options, keywords, source=source)
    return verify_bytes(storage.read(Path(source), stream_end.extent(chosen.max_pixels)), str(source), chosen)


def verify_bytes(data: bytes, source: str, options: DecodeOptions) -> Result:
    """Decode ``data`` completely and check every checksum. Raises NellocError if anything is wrong."""
    options = replace(options, region=None, allow_damaged=True)
    file = open_file(data, source, options)
    with enough_memory(source):
        check_whole(file, source, options)
        slices = () if file.jpeg is not None else decode_slices(file, source, options)
        damaged = [name for part in slices for name in part.damaged]
    if damaged:
        count = tile_count(file.height, file.width, file.tile)
        raise NellocError(
            f"{source}: has damaged tiles, {len(damaged)} of {count}: {'; '.join(damaged)} (x, y, width, "
            "height); get the file again from a backup, or restore the rest with decompress --allow-damaged"
        )
    if file.damage:
        raise NellocError(
            f"{source}: is damaged ({'; '.join(file.damage)}); get the file again from a backup, or restore its pixels "
            "with decompress --allow-damaged"
        )
    keeps = "pixels" if file.jpeg is None else "bytes"
    return Result(source, "-", len(data), 0, file.width, file.height, file.kind.planes, keeps=keeps)


def default_target(source: Path, suffix: str) -> Path:
    """Name beside ``source`` with another extension. Raises NellocError if ``source`` is not the name of a file."""
    if not source.name:
        raise NellocError(f"{source}: is a folder; give a file name")
    return source.with_suffix(suffix)


@contextlib.contextmanager
def enough_memory(source: str) -> Iterator[None]:
    """Turn MemoryError into NellocError that names ``source``."""
    try:
        yield
    except MemoryError:
        raise NellocError(f"{source}: does not fit in memory; use a machine with more of it") from None
