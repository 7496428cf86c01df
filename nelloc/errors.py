"""The one exception family of nelloc, and its warnings."""


class NellocError(Exception):
    """Bad input or a failed check: one sentence with the file, the cause and what to do."""


class NellocWarning(UserWarning):
    """Warning about a component that cannot be trusted here and is left out: equal results, more slowly."""


# Advice in errors about a damaged file.
RESTORE = "get the file again from its source or a backup"


def install_advice(extra: str) -> str:
    """Advice to install the packages of one of nelloc's extras.

    It names a wheel file or a clone, since nelloc is in no package index: who installed that name from one would get
    somebody else's package.
    """
    return f"pip install 'PATH[{extra}]', where PATH is nelloc's wheel file or a clone of its repository"
