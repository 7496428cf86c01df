"""Progress of long work: the one protocol by which rooms report it."""

from __future__ import annotations


class Progress:
    """Progress callbacks. The base class ignores all updates. They are called from several threads."""

    def expect(self, steps: int, phase: str = "") -> None:
        """Increase the expected total.

        Parameters
        ----------
        steps : int
            Number of further steps: pixels of encoding and decoding, once for each trial and group of planes.
        phase : str
            Name of the part of the work that begins, or nothing.
        """

    def advance(self, steps: int = 1, remark: str = "") -> None:
        """Report that steps are done.

        Parameters
        ----------
        steps : int
            Number of steps since the last call; 0 while nothing is done, so that the work can be stopped here.
        remark : str
            Status, such as a loss, or nothing.
        """

    def message(self, text: str) -> None:
        """Pass on a message to the user.

        Parameters
        ----------
        text : str
            One sentence, such as on a file that is left out.
        """
