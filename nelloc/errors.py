"""The one exception family of nelloc."""


class NellocError(Exception):
    """Bad input or a failed check: one sentence with the file, the cause and what to do."""
