"""Progress of long work: the one protocol by which rooms report it."""

from __future__ import annotations


class Progress:
    """Progress callbacks. The base class ignores all updates. They are called from several threads."""

    def expect(self, steps: int, phase: str = "") -> None:
        """Increase the expected total by ``steps``; ``phase`` names the part of the work that begins."""

    def advance(self, steps: int = 1, remark: str = "") -> None:
        """Report that ``steps`` more are done; ``remark`` is a status, such as a loss."""

    def message(self, text: str) -> None:
        """Pass on a message to the user, such as a file that is left out."""
