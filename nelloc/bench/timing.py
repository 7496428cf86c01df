"""Comparable timings."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def cpu_seconds() -> float:
    """Processor time of this process and of the programs that it ran and waited for, in seconds.

    Other work on the machine does not count. Where the system does not tell the time of programs (Windows), theirs is
    left out.
    """
    children = 0.0
    with suppress(ImportError):
        import resource

        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        children = usage.ru_utime + usage.ru_stime
    return time.process_time() + children


# The clocks of `nelloc bench --clock`.
CLOCKS: Mapping[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": cpu_seconds}


def medians(
    variants: Mapping[Name, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Name, float]:
    """Median seconds of each variant over rounds in which they take turns; empty without rounds.

    So a slow phase of the machine affects all alike. ``clock`` may be ``time.process_time``, which does not count the
    time of other processes.
    """
    times: dict[Name, list[float]] = {}
    for _ in range(rounds):
        for name, function in variants.items():
            start = clock()
            function()
            times.setdefault(name, []).append(clock() - start)
    return {name: statistics.median(values) for name, values in times.items()}
