"""The one exception family of nelloc."""


class NellocError(Exception):
    """Bad input or a failed check: one sentence with the file, the cause and what to do."""


# What to do about a damaged file.
RESTORE = "get the file again from its source or a backup"
