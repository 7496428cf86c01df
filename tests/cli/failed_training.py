"""Trainings that fail."""

from click.testing import Result


def assert_failed(result: Result, *words: str) -> None:
    """One line on standard error with ``words``, and exit status 1."""
    assert result.exit_code == 1
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith("nelloc: ")
    for word in words:
        assert word in last
