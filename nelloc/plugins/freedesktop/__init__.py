"""nelloc on desktops that follow freedesktop.org: a MIME type, thumbnails, and an entry for .nlc files.

The files beside this one are templates: @PYTHON@ is the interpreter, @NELLOC@ the command that runs nelloc with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from nelloc import disk, storage
from nelloc.errors import NellocError

# The templates, and where desktops look for them below a data folder such as ~/.local/share.
TEMPLATES = {
    "nelloc.xml": "mime/packages/nelloc.xml",
    "nelloc.thumbnailer": "thumbnailers/nelloc.thumbnailer",
    "nelloc.desktop": "applications/nelloc.desktop",
}
# Programs that read a folder again after a change in it.
UPDATES = (("update-mime-database", "mime"), ("update-desktop-database", "applications"))
# Characters for which an argument of a desktop entry is quoted, and those that are escaped within quotes.
_RESERVED = re.compile(r"[\s\"'\\><~|&;$*?#()`]")
_ESCAPED = re.compile(r'(["`$\\])')


def user_folder() -> Path:
    """The data folder of the user: XDG_DATA_HOME, or ~/.local/share."""
    given = os.environ.get("XDG_DATA_HOME", "")
    return Path(given) if os.path.isabs(given) else Path.home() / ".local" / "share"


def own_files() -> dict[str, bytes]:
    """The files of this package by their place below a data folder.

    Their commands run this interpreter, so that they work without ``nelloc`` on PATH, and with ``-P``, so that no file
    in the folder where a file manager works is taken for a module.
    """
    # A pattern's backslashes and percent signs are doubled: both mean something in a desktop entry.
    python = _argument(sys.executable)
    filled = {"@PYTHON@": sys.executable.replace("\\", "\\\\"), "@NELLOC@": f"{python} -P -m nelloc"}
    found = {}
    for name, place in TEMPLATES.items():
        text = files(__package__).joinpath(name).read_text("utf-8")
        for placeholder, value in filled.items():
            text = text.replace(placeholder, value)
        found[place] = text.encode()
    return found


def _argument(text: str) -> str:
    """An argument as the Exec key of a desktop entry has it."""
    text = text.replace("%", "%%")
    if not _RESERVED.search(text):
        return text
    quoted = _ESCAPED.sub(r"\\\1", text)
    # Backslashes once more, as in every string of such a file.
    return f'"{quoted}"'.replace("\\", "\\\\")


def install(folder: Path, contents: Mapping[str, bytes]) -> tuple[list[Path], list[str]]:
    """Write files below a data folder, in place of those of an earlier installation.

    Returns the files that were written, and remarks on what could not be updated. Raises NellocError if a file cannot
    be written.
    """
    written = []
    for place, data in contents.items():
        path = folder / place
        storage.make_folder(path.parent)
        storage.write(path, data, force=True)
        written.append(path)
    return written, _update(folder)


def remove(folder: Path, places: Mapping[str, bytes]) -> tuple[list[Path], list[str]]:
    """Remove the files that ``install`` wrote, as far as they are there; the same results.

    Raises NellocError if one cannot be removed.
    """
    removed = []
    for place in places:
        path = folder / place
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise NellocError(f"{path}: cannot be removed ({error.strerror}); check its permissions") from error
        removed.append(path)
    remarks = _update(folder)
    for path in removed:
        with contextlib.suppress(OSError):  # a folder that holds something else stays
            path.parent.rmdir()
    return removed, remarks


def _update(folder: Path) -> list[str]:
    """Let the desktop read its data again; remarks where that cannot be done."""
    remarks = []
    for program, name in UPDATES:
        if not disk.is_folder(folder / name):
            continue
        if shutil.which(program) is None:
            remarks.append(f"{program} is not installed; desktops see the change once it has run on {folder / name}")
            continue
        done = subprocess.run([program, str(folder / name)], capture_output=True, text=True, check=False)
        if done.returncode:
            remarks.append(f"{program} failed: {' '.join(done.stderr.split()) or done.returncode}")
    return remarks
