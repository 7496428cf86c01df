"""Compressing and decompressing files: what is read, what is written, and nothing lost."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nelloc import container, image, library
from nelloc.codec import Encoded, Options, decode_files, encode_pixels, locate_model
from nelloc.errors import NellocError

SUFFIX = ".nlc"
# What is compressed of a folder.
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".qoi")


@dataclass(frozen=True)
class Gain:
    """What adapting the model brought.

    ``models`` are the ids of the adapted models, and ``model_bytes`` their size in the files or beside them; there are
    none if nothing was gained, and the model was used as it is. ``shipped_bytes`` is the size of all files made with
    it, ``adapted_bytes`` of all files made with the adapted ones and of these; ``gain`` is the share of bytes saved.
    """

    models: tuple[str, ...]
    model_bytes: int
    shipped_bytes: int
    adapted_bytes: int
    gain: float


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
    adapted: Gain | None = None

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
    model_place: str | None
    model_bytes: int
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
    gain = None
    with _enough_memory(source):
        if options.adapt:
            (encoded,), gain, _ = _encode_adapted([pixels], options, verify=verify, embed=True)
        else:
            (encoded,) = encode_pixels([pixels], options, verify=verify)
    return _result(source, "-", len(data), pixels, encoded, gain), encoded.data


@dataclass(frozen=True)
class Failure:
    """A file that could not be done."""

    source: str
    error: NellocError


def compress_files(
    sources: Sequence[str | Path],
    folder: str | Path,
    *,
    force: bool = False,
    verify: bool = True,
    options: Options | None = None,
    **fields,
) -> Iterator[Result | Failure]:
    """Compress image files, and those in folders, into ``folder``, one by one; a failure does not stop the others.

    With ``adapt`` the model is adapted to all of them together and written once, as ID.nlm beside the outputs; the last
    result then says what that brought. Keywords are the fields of ``Options``. Raises NellocError if a folder has no
    images, or two inputs have the same output.
    """
    options = options or Options(**fields)
    jobs = _jobs([Path(source) for source in sources], Path(folder))
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(Path(folder), error) from error
    if options.adapt:
        yield from _compress_adapted(jobs, Path(folder), force, verify, options)
        return
    for source, target in jobs:
        try:
            yield compress(source, target, force=force, verify=verify, options=options)
        except NellocError as error:
            yield Failure(str(source), error)


def _compress_adapted(
    jobs: Sequence[tuple[Path, Path]], folder: Path, force: bool, verify: bool, options: Options
) -> Iterator[Result | Failure]:
    """Compress files with one model, adapted to all that can be read."""
    done: list[tuple[Path, Path, int, image.Pixels]] = []
    for source, target in jobs:
        try:
            check_target(source, target, force)
            data = read(source)
            done.append((source, target, len(data), image.read(data, str(source), max_pixels=options.max_pixels)))
        except NellocError as error:
            yield Failure(str(source), error)
    if not done:
        return
    with _enough_memory(str(folder)):
        encoded, gain, models = _encode_adapted([job[3] for job in done], options, verify=verify, embed=False)
    for name, data in models.items():
        path = folder / f"{name}{library.MODEL_SUFFIX}"
        # The same model may be there from the time before; files that need it may be too.
        if not (path.is_file() and read(path) == data):
            write(path, data, force)
    for number, ((source, target, size, pixels), file) in enumerate(zip(done, encoded, strict=True), 1):
        try:
            write(target, file.data, force)
        except NellocError as error:
            yield Failure(str(source), error)
            continue
        yield _result(str(source), str(target), size, pixels, file, gain if number == len(done) else None)


def _encode_adapted(
    pixels: Sequence[image.Pixels], options: Options, *, verify: bool, embed: bool
) -> tuple[list[Encoded], Gain, dict[str, bytes]]:
    """The coded images, what adapting brought, and the differences of the adapted models by their ids."""
    from nelloc.adapt.encode import encode_adapted

    encoded, found = encode_adapted(pixels, options, verify=verify, embed=embed)
    models = {adapted.model.id.hex(): adapted.differences for adapted in found.models}
    size = sum(len(data) for data in models.values())
    return encoded, Gain(tuple(models), size, found.shipped_bytes, found.adapted_bytes, found.gain), models


def _jobs(sources: Sequence[Path], folder: Path) -> list[tuple[Path, Path]]:
    """Each input file, those in folders by name, and its output. Raises NellocError if two have the same output."""
    jobs: dict[Path, Path] = {}
    for source in sources:
        try:
            found = [p for p in sorted(source.iterdir()) if p.is_file()] if source.is_dir() else None
        except OSError as error:
            raise NellocError(f"{source}: cannot be read ({error.strerror}); check its permissions") from error
        images = [source] if found is None else [p for p in found if p.suffix.lower() in IMAGE_SUFFIXES]
        if not images:
            raise NellocError(f"{source}: no images there; give a folder of PNG, JPEG, WebP or other images")
        for path in images:
            target = folder / default_target(path, SUFFIX).name
            if target in jobs:
                raise NellocError(f"{target}: would be the output of {jobs[target]} and of {path}; rename one of them")
            jobs[target] = path
    return [(source, target) for target, source in jobs.items()]


def _result(
    source: str, target: str, source_bytes: int, pixels: image.Pixels, encoded: Encoded, gain: Gain | None
) -> Result:
    planes, height, width = pixels.planes.shape
    sizes = (source_bytes, len(encoded.data))
    return Result(source, target, *sizes, width, height, planes, pixels.left_out, gain)


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
    result, encoded = decompress_bytes(read(source), str(source), options, target.suffix, source.parent)
    write(target, encoded, force)
    return replace(result, target=str(target))


def decompress_bytes(
    data: bytes, source: str, options: Options, suffix: str = ".png", folder: Path | None = None
) -> tuple[Result, bytes]:
    """The bytes of an image file, in the format of ``suffix``, from .nlc bytes; its model may be in ``folder``."""
    file = container.parse(data, source, max_pixels=options.max_pixels)
    with _enough_memory(source):
        (array,) = decode_files([file], [source], options, folder=folder)
        encoded = image.write(array, suffix, source)
    sizes = (len(data), len(encoded))
    return Result(source, "-", *sizes, file.width, file.height, file.kind.planes), encoded


def verify(data: bytes, source: str, options: Options, folder: Path | None = None) -> Result:
    """Decode ``data`` completely and check every checksum; its model may be in ``folder``.

    Raises NellocError if anything is wrong.
    """
    file = container.parse(data, source, max_pixels=options.max_pixels)
    with _enough_memory(source):
        decode_files([file], [source], options, folder=folder)
    return Result(source, "-", len(data), 0, file.width, file.height, file.kind.planes)


def info(data: bytes, source: str, *, max_pixels: int = container.MAX_PIXELS, folder: Path | None = None) -> Info:
    """What .nlc bytes say of themselves, and where their model is found, ``folder`` included.

    Raises NellocError if they are not a whole file.
    """
    file = container.parse(data, source, max_pixels=max_pixels)
    section = file.model_section
    place: str | None = None
    name: str | None = None
    with contextlib.suppress(NellocError):  # a model that is missing or damaged
        located = locate_model(file, source, None, folder)
        place, name = located.place, None if located.path is None else located.path.stem
    return Info(
        file=source,
        bytes=len(data),
        kind=file.kind.name,
        width=file.width,
        height=file.height,
        tile=file.tile,
        tiles=len(file.tiles),
        model=file.model_id.hex(),
        model_name=name,
        model_place=place,
        model_bytes=0 if section is None else len(section.data),
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
