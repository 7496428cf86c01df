"""Files and folders on disk: looks at them before they are read or written."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path

from nelloc.errors import NellocError, exists_already, unreadable, unwritable


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
