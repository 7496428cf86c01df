"""Outcomes of the files of a run, and their summary."""

from __future__ import annotations

from dataclasses import dataclass

from nelloc.errors import NellocError
from nelloc.files.result import Result


@dataclass(frozen=True)
class Removal:
    """Removal of an input after its conversion: it is ``done``, or ``kept`` is the reason if it was asked for."""

    done: bool = False
    kept: str | None = None


@dataclass(frozen=True)
class Converted:
    """A file that was converted, and the removal of its input.

    ``grown`` names the lossy format of an input that is smaller than its output.
    """

    result: Result
    removal: Removal = Removal()
    grown: str | None = None

    @property
    def source(self) -> str:
        """Name of the input."""
        return self.result.source


@dataclass(frozen=True)
class Failed:
    """A file or a folder that failed."""

    source: str
    error: NellocError


@dataclass(frozen=True)
class Skipped:
    """A file that needs no work: ``target`` holds ``source`` already, or ``reason`` is another reason."""

    source: str
    target: str | None
    reason: str
    removal: Removal = Removal()


Outcome = Converted | Failed | Skipped


@dataclass
class Summary:
    """Counts of a run, as its outcomes arrive; sizes are in bytes, of the files that were done.

    ``damaged`` of the files ``done`` were done in part; ``saved`` is the size of the inputs that were removed, less
    that of their outputs.
    """

    done: int = 0
    damaged: int = 0
    failed: int = 0
    skipped: int = 0
    removed: int = 0
    grown: int = 0
    source_bytes: int = 0
    target_bytes: int = 0
    saved: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        match outcome:
            case Converted(result=result):
                self.done += 1
                self.damaged += bool(result.damaged)
                self.grown += outcome.grown is not None
                self.source_bytes += result.source_bytes
                self.target_bytes += result.target_bytes
                self.saved += (result.source_bytes - result.target_bytes) * outcome.removal.done
            case Failed():
                self.failed += 1
            case Skipped():
                self.skipped += 1
        self.removed += not isinstance(outcome, Failed) and outcome.removal.done

    @property
    def count(self) -> int:
        """Number of outcomes."""
        return self.done + self.failed + self.skipped

    @property
    def exit_status(self) -> int:
        """0 if nothing failed, and nothing was done in part."""
        return 1 if self.failed or self.damaged else 0

    def __str__(self) -> str:
        sizes = f", {self.source_bytes} to {self.target_bytes} bytes" if self.done else ""
        damaged = f" ({self.damaged} in part)" if self.damaged else ""
        saved = f", {self.saved} bytes saved" if self.saved > 0 else ""
        removed = f"; {self.removed} inputs removed{saved}" if self.removed else ""
        return f"{self.done} done{damaged}{sizes}; {self.skipped} skipped; {self.failed} failed{removed}"
