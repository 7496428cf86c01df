"""Distribution of work to a Dask cluster, whose workers have the same files under the same names."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from nelloc.errors import NellocError
from nelloc.extras import required

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Time limit for the scheduler, and for its first worker.
SECONDS = 10


def on_cluster(
    function: Callable[[Item], Answer], items: Sequence[Item], address: str
) -> Iterator[tuple[Item, Answer | None]]:
    """Apply ``function`` to the items on the cluster whose scheduler is at ``address``; yields answers as they arrive.

    The answer is None for an item at which workers died. Raises NellocError without ``distributed``, without a cluster
    at the address, and if its workers cannot run ``function``.
    """
    required("distributed", "--dask needs distributed", "dask")
    from distributed import Client, KilledWorker, as_completed
    from distributed.comm import CommClosedError, resolve_address

    try:
        resolve_address(address)  # a client of an address that is none waits 20 s in the end, and prints a traceback
        client = Client(address, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError) as error:
        reason = f"no Dask scheduler answers there ({_first_line(error)})"
        raise NellocError(f"{address}: {reason}; check the address") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=SECONDS)
            slots = sum(client.nthreads().values())
        except (OSError, CommClosedError) as error:
            raise NellocError(f"{address}: has no workers; start some with: dask worker {address}") from error
        waiting = deque(items)
        flying: dict[Any, Item] = {}

        def submit() -> Any:
            item = waiting.popleft()
            future = client.submit(function, item, pure=False)
            flying[future] = item
            return future

        results = as_completed([submit() for _ in range(min(len(waiting), 2 * slots))], loop=client.loop)
        for future in results:
            item = flying.pop(future)
            try:
                answer = future.result()
            except KilledWorker:
                answer = None
            except Exception as error:
                reason = f"{address}: cannot run the work ({_first_line(error.__cause__ or error)})"
                raise NellocError(f"{reason}; install this version of nelloc on its scheduler and workers") from error
            yield item, answer
            if waiting:
                results.add(submit())


def _first_line(error: BaseException) -> str:
    """Type of an error, and the first line of its message."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
