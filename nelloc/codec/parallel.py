"""Distribution of work to threads and processes: by tiles, which scales better than by rows of a matrix product.

The compiled core lets go of the interpreter's lock, so that its work goes to threads. The walks in Python soon wait for
each other in threads; large work of theirs goes to processes where the program that runs says that it may start some.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from nelloc.errors import NellocError
from nelloc.exact import native
from nelloc.exact.callbacks import Advance

if TYPE_CHECKING:  # slow to import and not needed by the core's threads, or not to be had at the end of a program
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import ThreadpoolController

    from nelloc.codec.process_pool import Workers

In = TypeVar("In")
Out = TypeVar("Out")


class Pool(Enum):
    """Workers: threads of the core; processes, or threads that wait for each other; processes or nothing."""

    CORE_THREADS = "core threads"
    PROCESSES_OR_THREADS = "processes or threads"
    PROCESSES = "processes"
    THREADS = "threads"


# Work that costs less is not worth starting processes for; and with threads, which wait for each other, takes longer.
LEAST_FOR_PROCESSES = 1 << 19
LEAST_FOR_THREADS = 1 << 21
LEAST_FOR_CORE_THREADS = 1 << 15


def pool_for(backend: str | None, decoder: str | None = None) -> Pool:
    """Choose the workers for a backend, or for a walk in Python if ``decoder`` names one."""
    if backend is not None and backend.startswith("torch"):
        return Pool.THREADS  # processes of torch take long to begin
    core = backend in ("native", "native-check") or (backend is None and native.missing() is None)
    return Pool.CORE_THREADS if core and decoder is None else Pool.PROCESSES_OR_THREADS


class _Processes:
    """The processes of a program that may have some, started when they are first needed."""

    def __init__(self) -> None:
        self._count = 0
        self._workers: Workers | None = None

    def workers(self, count: int) -> Workers:
        from nelloc.codec.process_pool import Workers

        if self._workers is None or count != self._count:
            self.close()
            self._count, self._workers = count, Workers(count)
        return self._workers

    def close(self) -> None:
        if self._workers is not None:
            self._workers.close()


_processes: ContextVar[_Processes | None] = ContextVar("processes", default=None)


@contextmanager
def processes_allowed() -> Iterator[None]:
    """Let large work inside use processes, each of which imports the main module of the program again."""
    processes = _Processes()
    token = _processes.set(processes)
    try:
        yield
    finally:
        _processes.reset(token)
        processes.close()


def stop_if_not_wanted() -> None:
    """Raise StoppedError in a process of a pool that was closed; long work calls this now and then.

    Such a process has the module of pools. Others need not import it, which takes long, and fails in threads that go on
    when the main one has ended.
    """
    pools = sys.modules.get("nelloc.codec.process_pool")
    if pools is not None:
        pools.stop_if_not_wanted()


class _StoppedError(Exception):
    """Exception that ends a thread whose work is no longer wanted."""


def spread(
    function: Callable[[Sequence[In], Advance], list[Out]],
    items: Sequence[In],
    costs: Sequence[int],
    workers: int,
    advance: Advance,
    pool: Pool = Pool.THREADS,
) -> list[Out]:
    """Apply ``function`` to the items on ``workers`` threads or processes of ``pool``; returns the results in order.

    ``costs`` are the times that items take, in samples that are coded. Little work is done in this thread.
    ``function`` calls its second argument with the number of pixels done. An error in one part, or Ctrl-C, stops the
    others.
    """
    hands = _dealt(costs, min(workers, len(items)))
    if len(hands) < 2:
        return function(items, advance)
    parts = [[items[k] for k in hand] for hand in hands]
    allowed = _processes.get()
    processes = pool in (Pool.PROCESSES, Pool.PROCESSES_OR_THREADS)
    if allowed is not None and processes and sum(costs) >= LEAST_FOR_PROCESSES:
        answers = allowed.workers(workers).answers(partial(_alone, function), parts, advance)
        if answers is not None:
            return _gathered(answers, hands)
    least = LEAST_FOR_CORE_THREADS if pool is Pool.CORE_THREADS else LEAST_FOR_THREADS
    if pool is Pool.PROCESSES or sum(costs) < least:
        return function(items, advance)
    try:
        from concurrent.futures import ThreadPoolExecutor
    except RuntimeError:  # the main thread has ended, after which others may go on, but start no more
        return function(items, advance)
    stop = threading.Event()

    def advance_unless_stopped(pixels: int) -> None:
        if stop.is_set():
            raise _StoppedError
        advance(pixels)

    with ThreadPoolExecutor(len(parts)) as executor:
        try:
            futures = [_submitted(executor, function, part, advance_unless_stopped) for part in parts]
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done():  # before anything was stopped, so that an error is of the work
                    future.result()
            return _gathered([future.result() for future in futures], hands)
        except BaseException:
            stop.set()
            raise


def _submitted(
    executor: ThreadPoolExecutor, function: Callable[[In, Advance], Out], part: In, advance: Advance
) -> Future[Out]:
    """Submit a part. Raises NellocError if the system has no more threads, or no memory for one.

    Once the main thread of a program has ended, others may go on, but start no more: the part is done in this one.
    """
    try:
        return executor.submit(function, part, advance)
    except RuntimeError as error:
        if "interpreter shutdown" in str(error):
            done: Future[Out] = Future()
            done.set_result(function(part, advance))
            return done
        advice = "use fewer threads (--threads 1), or close other programs"
        raise NellocError(f"threads: the system gives no more ({error}); {advice}") from error


def _dealt(costs: Sequence[int], players: int) -> list[list[int]]:
    """Distribute the places of items so that all workers have about the same work."""
    hands: list[list[int]] = [[] for _ in range(players)]
    load = [0] * players
    for place in sorted(range(len(costs)), key=lambda k: -costs[k]):
        least = load.index(min(load))
        hands[least].append(place)
        load[least] += costs[place]
    return [sorted(hand) for hand in hands]


def _gathered(answers: Sequence[list[Out]], hands: Sequence[Sequence[int]]) -> list[Out]:
    """Put the results of distributed items in order."""
    found = {
        k: result for hand, answer in zip(hands, answers, strict=True) for k, result in zip(hand, answer, strict=True)
    }
    return [found[k] for k in range(len(found))]


def _alone(function: Callable[[Sequence[In], Advance], list[Out]], items: Sequence[In], advance: Advance) -> list[Out]:
    """Apply ``function`` to the items in a process of its own."""
    with single_threaded_products():
        return function(items, advance)


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


class SharedByThreads:
    """A change to the whole process, made by the first thread that enters and undone by the last one that leaves.

    What is changed and restored by each thread alone stays changed for ever where one enters before another leaves.
    """

    def __init__(self) -> None:
        self._undo = ExitStack()
        self._lock, self._inside = threading.Lock(), 0

    @contextmanager
    def made(self, change: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
        """Make the change by ``change``, if this is the first thread, while inside."""
        with self._lock:
            if not self._inside:
                self._undo.enter_context(change())
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._undo.close()


@contextmanager
def single_threaded_products() -> Iterator[None]:
    """Limit the matrix products inside to one thread, even if several threads are inside."""
    from threadpoolctl import ThreadpoolController

    libraries = ThreadpoolController()
    # The number of OpenMP is each thread's own, and that of BLAS the process's.
    with libraries.select(user_api="openmp").limit(limits=1), _blas.made(partial(_blas_limited, libraries)):
        yield


@contextmanager
def _blas_limited(libraries: ThreadpoolController) -> Iterator[None]:
    limits = libraries.select(user_api="blas").limit(limits=1)
    _let_other_threads_limit()
    try:
        yield
    finally:
        limits.restore_original_limits()
        _let_other_threads_limit()


def _let_other_threads_limit() -> None:
    """From version 3.8, threadpoolctl ignores all threads but the first one that sets a limit, until it lets go."""
    from threadpoolctl import OpenBLASController

    let_go = getattr(OpenBLASController, "clear_controlling_thread", None)
    if let_go is not None:
        let_go()


_blas = SharedByThreads()
