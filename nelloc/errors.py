"""The one exception family of nelloc, and its warnings."""


class NellocError(Exception):
    """Bad input or a failed check: one sentence with the file, the cause and what to do."""


class NellocWarning(UserWarning):
    """Warning about a component that cannot be trusted here and is left out: equal results, more slowly."""


# Advice in errors about a damaged file.
RESTORE = "get the file again from its source or a backup"
