"""The one exception family of nelloc, and its warnings."""


class NellocError(Exception):
    """Bad input or a failed check: one sentence with the file, the cause and what to do."""


class NellocWarning(UserWarning):
    """Something is left out that cannot be trusted here; results are the same, later."""


# What to do about a damaged file.
RESTORE = "get the file again from its source or a backup"
