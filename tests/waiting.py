"""Waiting for other processes, but not for ever: a test that fails says more than one that hangs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
# Far more than a loaded machine needs.
SECONDS = 120


def wait_until(reached: Callable[[], Found], process: subprocess.Popen | None = None) -> Found:
    """What ``reached`` returns, once it is true; fails where ``process`` ends before, or where it takes too long."""
    end = time.monotonic() + SECONDS
    while not (found := reached()):
        if process is not None:
            assert process.poll() is None, process.stderr and process.stderr.read()
        if time.monotonic() > end:
            if process is not None:
                process.kill()  # Popen waits for it when it is left
            raise AssertionError(f"not reached in {SECONDS} s")
        time.sleep(0.01)
    return found


def wait_for_end(process: subprocess.Popen[str], seconds: float = SECONDS) -> tuple[str, str]:
    """What a process still writes to standard output and error; fails where it does not end."""
    try:
        return process.communicate(timeout=seconds)
    finally:
        process.kill()
