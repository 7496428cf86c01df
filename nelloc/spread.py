"""Spreading work over threads: tiles, not rows of a matrix product, which scales better."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import TypeVar

from threadpoolctl import threadpool_limits

from nelloc.exact.engine import Advance

In = TypeVar("In")
Out = TypeVar("Out")


class _StoppedError(Exception):
    """Ends a thread whose work is not wanted any more."""


def spread(
    function: Callable[[Sequence[In], Advance], list[Out]], items: Sequence[In], workers: int, advance: Advance
) -> list[Out]:
    """``function`` of the items, in parts side by side on ``workers`` threads; the results in order.

    ``function`` tells its second argument of the pixels done. An error in one part, or Ctrl-C, stops the others there.
    """
    parts = min(workers, len(items))
    if parts < 2:
        return function(items, advance)
    stop = threading.Event()

    def advance_unless_stopped(pixels: int) -> None:
        if stop.is_set():
            raise _StoppedError
        advance(pixels)

    cuts = [len(items) * k // parts for k in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        try:
            futures = [pool.submit(function, items[a:b], advance_unless_stopped) for a, b in pairwise(cuts)]
            return [result for future in futures for result in future.result()]
        except BaseException:
            stop.set()
            raise


def in_parts(items: Iterable[In], size: Callable[[In], int], most: int) -> Iterator[list[In]]:
    """The items in order, in parts of at least ``most`` together; the last may be smaller."""
    part: list[In] = []
    total = 0
    for item in items:
        part.append(item)
        total += size(item)
        if total >= most:
            yield part
            part, total = [], 0
    if part:
        yield part


@contextmanager
def single_threaded_products() -> Iterator[None]:
    """Keep the matrix products inside to one thread."""
    with threadpool_limits(limits=1):
        yield
