"""Compressing and decompressing files: what is read, what is written, and nothing lost."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from nelloc import container, image, library
from nelloc.codec import Options, decode_files, encode_pixels
from nelloc.errors import NellocError

SUFFIX = ".nlc"


@dataclass(frozen=True)
class Result:
    """What was done: the files, their sizes in bytes, and the image."""

    source: str
    target: str
    source_bytes: int
    target_bytes: int
    width: int
    height: int
    planes: int
    left_out: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        return self.width * self.height * self.planes


@dataclass(frozen=True)
class Info:
    """What a file says of itself, without decoding it."""

    file: str
    bytes: int
    kind: str
    width: int
    height: int
    tile: int
    tiles: int
    model: str
    model_name: str | None
    bits_per_dimension: float


def compress(
    source: str | Path,
    target: str | Path | None = None,
    *,
    force: bool = False,
    verify: bool = True,
    options: Options | None = None,
    **fields,
) -> Result:
    """Compress an image file to ``target`` (by default beside it, with the extension .nlc).

    Keywords are the fields of ``Options``. Raises NellocError, and writes nothing, if the image cannot
    be read or kept exactly, or if ``target`` exists and ``force`` is not set.
    """
    options = options or Options(**fields)
    source = Path(source)
    target = default_target(source, SUFFIX) if target is None else Path(target)
    check_target(source, target, force)
    result, encoded = compress_bytes(read(source), str(source), options, verify=verify)
    write(target, encoded, force)
    return replace(result, target=str(target))


def compress_bytes(data: bytes, source: str, options: Options, *, verify: bool) -> tuple[Result, bytes]:
    """The .nlc bytes of an image file's bytes; ``source`` names them in errors."""
    pixels = image.read(data, source, max_pixels=options.max_pixels)
    with _enough_memory(source):
        (encoded,) = encode_pixels([pixels], options, verify=verify)
    planes, height, width = pixels.planes.shape
    sizes = (len(data), len(encoded.data))
    return Result(source, "-", *sizes, width, height, planes, pixels.left_out), encoded.data


def decompress(
    source: str | Path,
    target: str | Path | None = None,
    *,
    force: bool = False,
    options: Options | None = None,
    **fields,
) -> Result:
    """Decompress an .nlc file to ``target`` (by default beside it, as PNG; the extension chooses the format).

    Keywords are the fields of ``Options``. Raises NellocError, and writes nothing, if the file is damaged,
    its model is missing, or ``target`` exists and ``force`` is not set.
    """
    options = options or Options(**fields)
    source = Path(source)
    target = default_target(source, ".png") if target is None else Path(target)
    image.check_output(target)
    check_target(source, target, force)
    result, encoded = decompress_bytes(read(source), str(source), options, target.suffix)
    write(target, encoded, force)
    return replace(result, target=str(target))


def decompress_bytes(data: bytes, source: str, options: Options, suffix: str = ".png") -> tuple[Result, bytes]:
    """The bytes of an image file, in the format of ``suffix``, from .nlc bytes."""
    file = container.parse(data, source, max_pixels=options.max_pixels)
    with _enough_memory(source):
        (array,) = decode_files([file], [source], options)
        encoded = image.write(array, suffix, source)
    sizes = (len(data), len(encoded))
    return Result(source, "-", *sizes, file.width, file.height, file.kind.planes), encoded


def verify(data: bytes, source: str, options: Options) -> Result:
    """Decode ``data`` completely and check every checksum. Raises NellocError if anything is wrong."""
    file = container.parse(data, source, max_pixels=options.max_pixels)
    with _enough_memory(source):
        decode_files([file], [source], options)
    return Result(source, "-", len(data), 0, file.width, file.height, file.kind.planes)


def info(data: bytes, source: str, *, max_pixels: int = container.MAX_PIXELS) -> Info:
    """What .nlc bytes say of themselves. Raises NellocError if they are not a whole file."""
    file = container.parse(data, source, max_pixels=max_pixels)
    return Info(
        file=source,
        bytes=len(data),
        kind=file.kind.name,
        width=file.width,
        height=file.height,
        tile=file.tile,
        tiles=len(file.tiles),
        model=file.model_id.hex(),
        model_name=library.name_of(file.model_id),
        bits_per_dimension=8 * len(data) / (file.width * file.height * file.kind.planes),
    )


def read(path: Path) -> bytes:
    """A file's bytes. Raises NellocError if it cannot be read."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise NellocError(f"{path}: cannot be read ({reason}); check its name and permissions") from error


def default_target(source: Path, suffix: str) -> Path:
    """The file beside ``source`` with another extension. Raises NellocError if ``source`` names no file."""
    if not source.name:
        raise NellocError(f"{source}: is a folder; give a file name")
    return source.with_suffix(suffix)


def check_target(source: Path, target: Path, force: bool) -> None:
    """Raise NellocError early for a target that could not be written in the end."""
    try:
        if target.is_dir():
            raise NellocError(f"{target}: is a folder; give a file name")
        if target.exists() and not target.is_file():
            raise NellocError(f'{target}: is not a regular file; give a file name, or "-" for standard output')
        if target.exists() and source.exists() and source.samefile(target):
            raise NellocError(f"{target}: is the input itself; give another output name")
        if not target.parent.is_dir():
            raise NellocError(f"{target}: its folder does not exist; create it first")
    except OSError as error:
        raise _unwritable(target, error) from error
    if not force and os.path.lexists(target):
        raise _exists(target)


def write(target: Path, data: bytes, force: bool) -> None:
    """Write ``target`` whole or not at all: a synced temporary file beside it, then a rename.

    Raises NellocError if it exists and ``force`` is not set, or if it cannot be written.
    """
    temporary = target.with_name(f".nelloc-{secrets.token_hex(8)}.part")
    try:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
                if force:
                    _keep_permissions(target, temporary)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if force:
                os.replace(temporary, target)
            else:
                _rename_to_free_name(temporary, target)
        finally:  # also on Ctrl-C
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        _sync_folder(target.parent)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        raise _unwritable(target, error) from error


@contextlib.contextmanager
def _enough_memory(source: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise NellocError(f"{source}: does not fit in memory; use a machine with more of it") from None


def _unwritable(target: Path, error: OSError) -> NellocError:
    return NellocError(f"{target}: cannot be written ({error.strerror}); check its name, permissions and free space")


def _exists(target: Path) -> NellocError:
    return NellocError(f"{target}: exists already; use --force to replace it")


def _rename_to_free_name(temporary: Path, target: Path) -> None:
    """Rename without ever replacing a file that appeared meanwhile."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise FileExistsError from None
        os.rename(temporary, target)


def _keep_permissions(target: Path, temporary: Path) -> None:
    with contextlib.suppress(OSError):
        os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can."""
    with contextlib.suppress(OSError, AttributeError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
