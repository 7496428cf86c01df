"""Files on disk: consistent reads, atomic writes, and no silent replacement."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nelloc.errors import NellocError, exists_already, unreadable, unwritable

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

_PART_BYTES = 1 << 20
_TEMPORARY = re.compile(r"\.nelloc-[0-9a-f]{16}\.part")
# Errors of systems that cannot sync folders, or cannot open them.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Input:
    """Bytes of a file, and its status when they were read."""

    data: bytes
    status: os.stat_result

    @property
    def modified(self) -> int:
        """Modification time in nanoseconds."""
        return self.status.st_mtime_ns

    @property
    def permissions(self) -> int:
        """Permissions of an output of the file: whoever may not read the one may not read the other."""
        return self.status.st_mode & 0o777

    @property
    def version(self) -> tuple[int, ...]:
        """Identity of the file: device, inode, size, mtime."""
        return _version(self.status)

    def is_still(self, path: Path) -> bool:
        """Return True if the file at ``path`` is the one that was read, unchanged. Raises OSError if it is gone."""
        return _version(os.stat(path)) == _version(self.status)


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class Extent:
    """Bytes of a stream that are read: never more than ``most``.

    From its beginning ``wanted`` counts how many there are at least, so that none is read to an end that never comes.
    """

    most: int
    wanted: Callable[[bytes], int] | None = None


def read(path: Path, extent: Extent | None = None) -> bytes:
    """Read a file. Raises NellocError if it cannot be read."""
    return read_input(path, extent).data


def read_input(path: Path, extent: Extent | None = None) -> Input:
    """Read a file with its status, and no more than ``extent`` of one that is not regular.

    Raises NellocError if it cannot be read, or changes meanwhile.
    """
    try:
        with open(path, "rb") as file:
            before = os.fstat(file.fileno())
            data = read_open(file, str(path), extent)
            after = os.fstat(file.fileno())
    except IsADirectoryError as error:
        raise NellocError(f"{path}: is a folder; give the name of a file") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise unreadable(path, error) from error
    if stat.S_ISREG(before.st_mode) and _version(before) != _version(after):
        raise NellocError(f"{path}: changed while it was read; try again when nothing writes to it")
    return Input(data, after)


def read_open(file: BinaryIO, source: str, extent: Extent | None = None) -> bytes:
    """Read an open file, and no more than ``extent`` of one that is not regular.

    Raises NellocError naming ``source`` if it has more than it may have.
    """
    if extent is None or _is_regular(file):
        return file.read()
    data, wanted = io.BytesIO(), 0
    while data.tell() <= extent.most and wanted <= extent.most + 1:
        if data.tell() == wanted:
            wanted = extent.wanted(data.getvalue()) if extent.wanted else extent.most + 1
        part = file.read(max(0, min(wanted - data.tell(), _PART_BYTES)))
        if not part:
            return data.getvalue()
        data.write(part)
    raise NellocError(f"{source}: exceeds the {extent.most} bytes of a stream; give a file, or raise --max-pixels")


def _is_regular(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (OSError, AttributeError):  # not a file of the system
        return False


def is_folder(path: str | Path) -> bool:
    """Tell if ``path`` is a folder. Raises NellocError if that cannot be seen, as in a folder closed to the user."""
    return stat.S_ISDIR(_mode(path))


def is_file(path: str | Path) -> bool:
    """Tell if ``path`` is a regular file. Raises NellocError if that cannot be seen."""
    return stat.S_ISREG(_mode(path))


def exists(path: str | Path) -> bool:
    """Tell if anything has the name ``path``. Raises NellocError if that cannot be seen."""
    return _mode(path) != 0


def _mode(path: str | Path) -> int:
    """Type and permissions of a file or folder; 0 if nothing has that name."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte in the name
        return 0
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself
            return 0
        raise unreadable(path, error) from error


def contents(folder: Path) -> list[Path]:
    """List the files and folders in a folder by name. Raises NellocError if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from error


def files_below(folder: Path, suffixes: Collection[str]) -> tuple[list[Path], list[NellocError]]:
    """List the files below a folder with one of these extensions, by name; and an error for each unreadable folder.

    Extensions are in lower case, and match those of files in any case. Links to folders are not followed.
    """
    errors: list[NellocError] = []
    found = [
        Path(parent, name)
        for parent, _, names in os.walk(folder, onerror=lambda error: errors.append(unreadable(error.filename, error)))
        for name in names
        if os.path.splitext(name)[1].lower() in suffixes
    ]
    return sorted(found), errors


def file_path(name: str | Path) -> Path:
    """Convert the name of a file to be written to a path.

    Raises NellocError for a name that can only be a folder's, such as one with a slash at its end: a ``Path`` loses the
    slash.
    """
    if os.path.basename(name) in ("", os.curdir, os.pardir):
        raise NellocError(f"{os.fspath(name) or 'the empty name'}: names a folder; give a file name")
    return Path(name)


def check_target(source: Path, target: Path, force: bool, *, in_place: bool = False) -> None:
    """Raise NellocError early for a target that could not be written in the end.

    With ``in_place`` an existing file is not replaced by a new one, but written into.
    """
    try:
        if target.is_dir():
            raise NellocError(f"{target}: is a folder; give a file name")
        if target.exists() and not target.is_file():
            raise NellocError(f'{target}: is not a regular file; give a file name, or "-" for standard output')
        if target.exists() and os.path.exists(source) and source.samefile(target):
            raise NellocError(f"{target}: is the input itself; give another output name")
        if not target.parent.is_dir():
            raise NellocError(f"{target}: its folder does not exist; create it first")
        if not (in_place and target.exists()) and not os.access(target.parent, os.W_OK | os.X_OK):
            raise NellocError(f"{target}: cannot be written, as its folder cannot; check its permissions")
    except OSError as error:
        raise unwritable(target, error) from error
    if not force and os.path.lexists(target):
        raise exists_already(target)


def write(
    target: Path,
    data: bytes,
    force: bool,
    modified: int | None = None,
    permissions: int = 0o666,
    *,
    sync: bool = True,
) -> None:
    """Write ``target`` whole or not at all: a synced temporary file beside it, then a rename.

    Parameters
    ----------
    target : Path
        File to write.
    data : bytes
        Its content.
    force : bool
        Replace an existing file.
    modified : int, optional
        Modification time in nanoseconds; by default now.
    permissions : int
        Those of a new file, less what the umask takes; one that is replaced keeps its own.
    sync : bool
        Make the new name durable, too; otherwise that is left to ``sync_folder``.

    Raises
    ------
    NellocError
        If the target exists and ``force`` is not set, or if it cannot be written.
    """
    temporary = target.with_name(f".nelloc-{secrets.token_hex(8)}.part")
    renamed = False
    try:
        try:
            descriptor = _create(temporary, permissions)
            with contextlib.ExitStack() as lock:
                with os.fdopen(descriptor, "wb") as file:
                    lock.enter_context(_keeping_lock(descriptor))
                    if force:
                        _keep_permissions(target, temporary)
                    file.write(data)
                    file.flush()
                    if modified is not None:
                        with contextlib.suppress(OSError):  # a file system without such times still gets the data
                            os.utime(temporary, ns=(time.time_ns(), modified))
                    os.fsync(descriptor)
                if force:
                    os.replace(temporary, target)
                    renamed = True
                else:
                    _rename_to_free_name(temporary, target)
        finally:  # also on Ctrl-C
            if not renamed:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
        if sync:
            sync_folder(target.parent)
    except FileExistsError:
        raise exists_already(target) from None
    except OSError as error:
        raise unwritable(target, error) from error


def make_folder(folder: Path, like: Sequence[Path] = ()) -> None:
    """Create a folder and its missing parents, durably. Raises NellocError if that fails.

    ``like`` are the folders that it and those above it mirror: new ones have their permissions, less what the umask
    takes, but for its owner, who may write into it.
    """
    try:
        if not folder.is_dir():
            _make_missing(folder, like)
            sync_path(folder)
    except OSError as error:
        raise unwritable(folder, error) from error


def _make_missing(folder: Path, like: Sequence[Path]) -> None:
    if not folder.parent.is_dir():
        _make_missing(folder.parent, like[1:])
    folder.mkdir(like[0].stat().st_mode & 0o777 | 0o700 if like else 0o777, exist_ok=True)


def check_output_folder(folder: Path) -> None:
    """Raise NellocError if a folder for outputs is not one, or could not be created."""
    try:
        status = os.stat(folder)
    except (FileNotFoundError, ValueError):
        if not os.path.islink(folder):
            return
        raise NellocError(f"{folder}: is a link to nothing; remove it, or give another folder") from None
    except OSError as error:
        raise unwritable(folder, error) from error
    if not stat.S_ISDIR(status.st_mode):
        raise NellocError(f"{folder}: is a file; give a folder, or the name of one to be made")


def check_writable_folder(folder: Path) -> None:
    """Raise NellocError if nothing can be written into a folder, or it could not be created: before hours of work."""
    check_output_folder(folder)
    above = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        raise NellocError(f"{folder}: cannot be written into; check its permissions, or give another folder")


def sync_path(folder: Path) -> None:
    """Make the names in ``folder`` and in all folders above it durable. Raises OSError if the disk fails."""
    folder = folder.absolute()
    for above in (folder, *folder.parents):
        sync_folder(above)


def sync_file(path: Path) -> None:
    """Make the content of a file durable. Raises OSError if the disk fails."""
    with open(path, "r+b" if os.name == "nt" else "rb") as file:  # Windows syncs only what may be written
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable, where the system can. Raises OSError if the disk fails."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of killed writers from ``folder``; those still being written are locked."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if _TEMPORARY.fullmatch(name):
                with contextlib.suppress(OSError):
                    _remove_unless_locked(folder / name)


def _create(temporary: Path, permissions: int) -> int:
    """Create a file, locked, and return its descriptor. Its owner may read it; Windows replaces what is writable."""
    permissions |= 0o600 if os.name == "nt" else 0o400
    while True:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), permissions)
        if fcntl is None:
            return descriptor
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # it was removed as a leftover before it was locked


@contextlib.contextmanager
def _keeping_lock(descriptor: int) -> Iterator[None]:
    """Keep a file's lock after its descriptor is closed: some systems cannot rename open files."""
    if fcntl is None:
        yield
        return
    same = os.dup(descriptor)
    try:
        yield
    finally:
        os.close(same)


def _remove_unless_locked(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(descriptor)


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
