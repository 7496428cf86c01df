"""The one exception family of nelloc, and its warnings."""

import errno
from collections.abc import Sequence
from pathlib import Path


class NellocError(Exception):
    """Bad input or a failed check: one sentence with the file, the cause and what to do."""


class ExistsError(NellocError):
    """A file has the name of an output."""


class NellocWarning(UserWarning):
    """Warning about a component that cannot be trusted here and is left out: equal results, more slowly."""


# Advice in errors about a damaged file.
RESTORE = "get the file again from its source or a backup"


def damage_remark(source: str, damaged: Sequence[str]) -> str:
    """Sentence about the tiles and other parts of a damaged file that were given up, by their names."""
    return f"{source}: is damaged; these parts are lost (tiles with x, y, width, height): {'; '.join(damaged)}"


def install_advice(extra: str) -> str:
    """Advice to install the packages of one of nelloc's extras.

    It names a wheel file or a clone, since nelloc is in no package index: who installed that name from one would get
    somebody else's package.
    """
    return f"pip install 'PATH[{extra}]', where PATH is nelloc's wheel file or a clone of its repository"


# Remedies where neither names nor permissions are to blame.
_REMEDIES = {
    errno.EMFILE: "close other files first, or raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs, which have too many files open",
    errno.ENOMEM: "close other programs, or use a machine with more memory",
    errno.EIO: "check the disk, or get the file again from a backup",
}


def unreadable(source: str | Path, error: OSError | ValueError) -> NellocError:
    """Error for a file or folder that cannot be read; ValueError is for a zero byte in its name."""
    number, reason = getattr(error, "errno", None), getattr(error, "strerror", None) or error
    remedy = _REMEDIES.get(number or 0, "check its name and permissions")
    return NellocError(f"{source}: cannot be read ({reason}); {remedy}")


def unwritable(target: Path, error: OSError) -> NellocError:
    """Error for a target that cannot be written."""
    remedy = _REMEDIES.get(error.errno or 0, "check its name, permissions and free space")
    return NellocError(f"{target}: cannot be written ({error.strerror}); {remedy}")


def exists_already(target: Path) -> ExistsError:
    """Error for a target that is there already."""
    return ExistsError(f"{target}: exists already; use --force to replace it")
