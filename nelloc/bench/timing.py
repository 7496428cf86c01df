"""Comparable timings."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


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
