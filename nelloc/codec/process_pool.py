"""Distribution of work to processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import TypeVar

from nelloc.errors import NellocError
from nelloc.exact.callbacks import Advance

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# In a process of a pool: set when its work is not wanted any more; and what it has done, together with the others.
_stopped: Event | None = None
_done: Synchronized[int] | None = None
# Seconds between looks at what was done.
_PAUSE = 0.1
_CONTEXT = multiprocessing.get_context("spawn")  # others would copy the state of libraries' threads


class StoppedError(BaseException):
    """Exception that ends work that is no longer wanted; like KeyboardInterrupt, it must not be caught."""


def stop_if_not_wanted() -> None:
    """Raise StoppedError if the pool is closed; work in a pool calls this now and then."""
    if _stopped is not None and _stopped.is_set():
        raise StoppedError


class Workers:
    """Processes that stay until they are closed, for work that is spread over them again and again."""

    def __init__(self, count: int) -> None:
        self._count, self._open = count, ExitStack()
        self._pool: ProcessPoolExecutor | None = None
        self._done: Synchronized[int] | None = None
        self._refused = False  # by the system, which is asked once

    def answers(
        self,
        function: Callable[[Item, Advance], Answer],
        items: Sequence[Item],
        advance: Advance,
    ) -> list[Answer] | None:
        """Apply ``function`` to the items side by side; returns the results in order, or None without processes.

        ``function`` calls its second argument with numbers, and ``advance`` is called with their sums. Its errors are
        raised here, and end the processes, as Ctrl-C does. Raises NellocError if a process dies.
        """
        pool, done = self._started()
        if pool is None or done is None:
            return None
        told = done.value
        try:
            with _interrupts_held():
                futures = [pool.submit(_counted, function, item) for item in items]
            pending: set[Future[Answer]] = set(futures)
            while pending:
                finished, pending = wait(pending, _PAUSE, FIRST_EXCEPTION)
                now = done.value
                advance(now - told)
                told = now
                for future in finished:
                    future.result()
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            self.close()
            reason = "a process that coded tiles died, perhaps for want of memory; try it with fewer --threads"
            raise NellocError(reason) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the processes; at once if that is because of an error."""
        self._pool = None
        self._open.__exit__(*sys.exc_info())

    def _started(self) -> tuple[ProcessPoolExecutor | None, Synchronized[int] | None]:
        if self._pool is None and not self._refused:
            try:
                self._done = _CONTEXT.Value("Q", 0)
            except (ImportError, NotImplementedError, OSError):
                self._refused = True
                return None, None
            self._pool = self._open.enter_context(_pool(self._count, self._done))
            self._refused = self._pool is None
        return self._pool, self._done


def _counted(function: Callable[[Item, Advance], Answer], item: Item) -> Answer:
    """Apply ``function`` to an item in a process of a pool."""

    def advance(number: int) -> None:
        stop_if_not_wanted()
        assert _done is not None
        with _done.get_lock():
            _done.value += number

    return function(item, advance)


def in_processes(
    function: Callable[[Item], Answer], items: Sequence[Item], processes: int
) -> Generator[tuple[Item, Answer | None], None, None]:
    """Apply ``function`` to the items on a number of processes; yields answers as they arrive.

    The answer is None for an item whose process died, usually for lack of memory; the others are not lost. An error of
    ``function`` is raised here. If the system gives no processes, all is done in this one. Closing the iterator, and
    Ctrl-C, stop the work.
    """
    waiting = deque(items)
    suspects: deque[Item] = deque()
    while waiting or suspects:
        # If a process dies the pool is lost, and the item is not known: those in flight are tried one by one.
        alone = not waiting
        queue, count = (deque([suspects.popleft()]), 1) if alone else (waiting, processes)
        with _pool(min(count, len(queue))) as pool:
            if pool is None:
                for item in (*queue, *suspects):
                    yield item, function(item)
                return
            lost = yield from _answers(pool, function, queue, 2 * count)
        if alone:
            yield from ((item, None) for item in (*lost, *queue))
        else:
            suspects += lost


def _answers(
    pool: ProcessPoolExecutor, function: Callable[[Item], Answer], queue: deque[Item], most: int
) -> Generator[tuple[Item, Answer], None, list[Item]]:
    """Take items from ``queue``, ``most`` at a time; returns those that were in flight when the pool broke."""
    flying: dict[Future[Answer], Item] = {}
    while queue or flying:
        while queue and len(flying) < most:
            with _interrupts_held():
                try:
                    future = pool.submit(function, queue[0])
                except BrokenProcessPool:
                    return list(flying.values())
            flying[future] = queue.popleft()
        done, _ = wait(flying, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                answer = future.result()
            except BrokenProcessPool:
                continue
            yield flying.pop(future), answer
        if any(future in flying for future in done):
            return list(flying.values())
    return []


@contextmanager
def _pool(processes: int, done: Synchronized[int] | None = None) -> Iterator[ProcessPoolExecutor | None]:
    """A pool of fresh processes, which count in ``done``, or None where the system gives none."""
    try:
        stopped = _CONTEXT.Event()
        pool = ProcessPoolExecutor(processes, _CONTEXT, _begin, (stopped, done))
    except (ImportError, NotImplementedError, OSError):
        yield None
        return
    try:
        yield pool if _starts(pool) else None
    except BaseException:
        stopped.set()
        raise
    finally:
        # Ctrl-C can come before this: a process that still starts opens ``stopped``, which goes with this frame.
        pool.shutdown(wait=True, cancel_futures=True)


def _starts(pool: ProcessPoolExecutor) -> bool:
    """True if the system gives a process to the pool."""
    try:
        with _interrupts_held():
            first = pool.submit(os.getpid)
        first.result()
    except (ImportError, NotImplementedError, OSError, BrokenProcessPool):
        return False
    return True


def _begin(stopped: Event, done: Synchronized[int] | None) -> None:
    """Prepare a process of the pool."""
    global _stopped, _done
    _stopped, _done = stopped, done
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the first one stops the others
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process if its parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while a process is started, which then ignores it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
