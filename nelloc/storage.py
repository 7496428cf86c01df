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
from collections.abc import Callable, Iterator, Sequence
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
