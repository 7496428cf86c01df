"""Promises of spreading work: the same results in the same order, however many threads or processes there are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import ThreadpoolController, threadpool_limits

import nelloc
from nelloc.codec import container, parallel, process_pool
from nelloc.codec.format import Method
from nelloc.codec.parallel import Pool, processes_allowed, single_threaded_products
from nelloc.errors import NellocError


def doubled(items, advance):
    for item in items:
        advance(item)
    return [(2 * item, os.getpid()) for item in items]


def failing(items, advance):
    if 3 in items:
        raise ZeroDivisionError("three")
    while True:
        advance(1)


def test_threads_that_the_system_does_not_give_are_a_sentence(monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(NellocError, match=r"^threads: the system gives no more \(can't start new thread\); use fewer"):
        parallel.spread(doubled, [1, 2], [parallel.LEAST_FOR_THREADS] * 2, 2, lambda pixels: None)


@pytest.mark.parametrize("used_before", [False, True])
def test_a_thread_that_goes_on_when_the_main_one_has_ended_does_all_work(tmp_path, used_before):
    program = f"""
import threading
import numpy as np
import nelloc
from PIL import Image

image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
options = {{"tile": 64, "threads": 2, "model": "fast"}}

def work():
    threading.main_thread().join()
    assert (nelloc.decode(nelloc.encode(image, **options), threads=2) == image).all()
    for name in "ab":
        Image.fromarray(image[:9, :9]).save(name + ".png")
    print([type(done).__name__ for done in nelloc.compress_folder(["a.png", "b.png"], "out")])

if {used_before}:
    nelloc.encode(image, **options)
threading.Thread(target=work).start()
"""
    environment = os.environ | {"PYTHONPATH": str(Path(nelloc.__file__).parents[1])}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("['Converted', 'Converted']\n", "")


def dying(items, advance):
    os.kill(os.getpid(), signal.SIGKILL)


def spread_out(function, items, workers, told=None, **options):
    advance = (lambda number: None) if told is None else told.append
    return parallel.spread(function, items, [1] * len(items), workers, advance, **options)


@pytest.fixture
def processes(monkeypatch):
    """Processes are allowed, also for small work, and so are threads."""
    monkeypatch.setattr(parallel, "LEAST_FOR_PROCESSES", 0)
    monkeypatch.setattr(parallel, "LEAST_FOR_THREADS", 0)
    monkeypatch.setattr(parallel, "LEAST_FOR_CORE_THREADS", 0)
    with processes_allowed():
        yield


@given(st.lists(st.integers(0, 1000)), st.integers(1, 9))
def test_every_item_is_dealt_to_one_and_none_has_much_more_than_others(costs, players):
    hands = parallel._dealt(costs, players)
    assert sorted(place for hand in hands for place in hand) == list(range(len(costs)))
    loads = [sum(costs[place] for place in hand) for hand in hands]
    assert max(loads) - min(loads) <= max(costs, default=0)


@pytest.mark.parametrize("workers", [1, 2, 3, 9])
@pytest.mark.parametrize("pool", Pool)
def test_results_are_in_order_and_all_that_is_done_is_told(processes, workers, pool):
    told = []
    found = spread_out(doubled, range(7), workers, told, pool=pool)
    assert [result for result, _ in found] == [2 * n for n in range(7)]
    assert sum(told) == sum(range(7))
    here = {process == os.getpid() for _, process in found}
    here_only = workers == 1 or pool in (Pool.THREADS, Pool.CORE_THREADS)
    assert here == {here_only}


def test_threads_are_for_much_work(monkeypatch):
    all_here = threading.Barrier(2, timeout=60)

    def named(items, advance):
        return [(item, threading.get_ident()) for item in items]

    def named_together(items, advance):
        all_here.wait()
        return named(items, advance)

    here = {threading.get_ident()}
    assert {thread for _, thread in spread_out(named, range(4), 2)} == here
    monkeypatch.setattr(parallel, "LEAST_FOR_THREADS", 0)
    found = spread_out(named_together, range(4), 2)
    assert [item for item, _ in found] == [0, 1, 2, 3]
    assert len({thread for _, thread in found} - here) == 2


def test_processes_stay_for_the_next_work(processes):
    # More often than there are processes, one of which may do all at a time.
    found = {
        process for _ in range(3) for _, process in spread_out(doubled, range(4), 2, pool=Pool.PROCESSES_OR_THREADS)
    }
    assert os.getpid() not in found
    assert len(found) <= 2


def test_small_work_and_programs_that_did_not_allow_them_get_no_processes(monkeypatch):
    with processes_allowed():
        assert {process for _, process in spread_out(doubled, range(4), 2, pool=Pool.PROCESSES_OR_THREADS)} == {
            os.getpid()
        }
    monkeypatch.setattr(parallel, "LEAST_FOR_PROCESSES", 0)
    assert {process for _, process in spread_out(doubled, range(4), 2, pool=Pool.PROCESSES_OR_THREADS)} == {os.getpid()}


def test_without_threads_it_is_processes_or_this_one(processes, monkeypatch):
    found = {process for _, process in spread_out(doubled, range(4), 2, pool=Pool.PROCESSES)}
    assert os.getpid() not in found
    monkeypatch.setattr(parallel, "LEAST_FOR_PROCESSES", 100)
    assert {process for _, process in spread_out(doubled, range(4), 2, pool=Pool.PROCESSES)} == {os.getpid()}


def test_an_error_ends_the_others_and_is_raised_here(processes):
    with pytest.raises(ZeroDivisionError, match="three"):
        spread_out(failing, range(4), 2, pool=Pool.PROCESSES_OR_THREADS)
    assert len(spread_out(doubled, range(4), 2, pool=Pool.PROCESSES_OR_THREADS)) == 4


@pytest.mark.parametrize("failing_item", [0, 1])
def test_an_error_in_one_thread_stops_the_others_and_is_the_one_that_is_raised(monkeypatch, failing_item):
    monkeypatch.setattr(parallel, "LEAST_FOR_THREADS", 0)
    both_begun, not_stopped = threading.Barrier(2, timeout=60), []

    def one_fails(items, advance):
        both_begun.wait()
        if failing_item in items:
            raise ZeroDivisionError("one")
        for _ in range(3000):
            time.sleep(0.01)
            advance(1)
        not_stopped.extend(items)

    with pytest.raises(ZeroDivisionError, match="one"):
        spread_out(one_fails, range(2), 2)
    assert not not_stopped


def test_a_process_that_dies_is_told(processes):
    with pytest.raises(NellocError, match="died, perhaps for want of memory; try it with fewer --threads"):
        spread_out(dying, range(4), 2, pool=Pool.PROCESSES_OR_THREADS)
    assert len(spread_out(doubled, range(4), 2, pool=Pool.PROCESSES_OR_THREADS)) == 4


def test_where_the_system_gives_no_processes_there_are_threads_and_it_is_asked_once(processes, monkeypatch):
    asked = []

    def fail(*arguments):
        asked.append(arguments)
        raise NotImplementedError("no semaphores")

    monkeypatch.setattr(process_pool, "ProcessPoolExecutor", fail)
    for _ in range(2):
        assert {process for _, process in spread_out(doubled, range(4), 2, pool=Pool.PROCESSES_OR_THREADS)} == {
            os.getpid()
        }
    assert len(asked) == 1


def waves(*shape: int) -> np.ndarray:
    """A picture of soft waves and some noise, whose tiles a small model codes best."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    noise = np.random.default_rng(1).normal(size=shape) * 3
    return (120 + 50 * np.sin(rows / 9 + columns / 7)[(...,) + (None,) * (len(shape) - 2)] + noise).astype(np.uint8)


@pytest.mark.parametrize(("learn", "method"), [(False, Method.MIXTURE), (True, Method.LEARNING)])
@pytest.mark.parametrize("decoder", ["sheared", "parallel"])
def test_images_are_the_same_bytes_and_pixels_in_processes(processes, small_model_path, learn, method, decoder):
    image = waves(35, 44, 3)
    options = {"model": small_model_path, "tile": 16, "learn": learn, "backend": "numpy"}
    data = nelloc.encode(image, threads=2, **options)
    assert {record.method for record in container.parse(data).records} == {method}
    assert data == nelloc.encode(image, threads=1, **options)
    np.testing.assert_array_equal(nelloc.decode(data, model=small_model_path, threads=2, decoder=decoder), image)


def test_drawn_images_are_the_same_in_processes(processes, small_model_path):
    image = np.random.default_rng(1).integers(0, 3, (61, 70), dtype=np.uint8) * 90
    data = nelloc.encode(image, model=small_model_path, tile=16, threads=2)
    assert {record.method for record in container.parse(data).records} == {Method.ADAPTIVE}
    assert data == nelloc.encode(image, model=small_model_path, tile=16, threads=1)
    for threads in (1, 2):
        np.testing.assert_array_equal(nelloc.decode(data, threads=threads), image)


def test_a_damaged_tile_is_named_in_processes_too(processes, small_model_path):
    file = container.parse(nelloc.encode(waves(40, 40), model=small_model_path, tile=16, threads=2), "file")
    damaged = replace(file.records[4], view=b"\1\2\3\4" * 60)
    assert damaged.method.needs_model
    data = container.pack(replace(file, records=(*file.records[:4], damaged, *file.records[5:])))
    with pytest.raises(NellocError, match="tile 4 has pixels that do not match their checksum"):
        nelloc.decode(data, model=small_model_path, threads=2)


@pytest.fixture
def blas_threads():
    """How many threads the BLAS libraries have, each of which has two before the test."""

    def numbers():
        return [library.num_threads for library in ThreadpoolController().select(user_api="blas").lib_controllers]

    def limit(number):
        # In a thread that ends, because threadpoolctl ignores others while one that set a limit is alive.
        thread = threading.Thread(target=threadpool_limits, kwargs={"limits": number, "user_api": "blas"})
        thread.start()
        thread.join()

    before = numbers()
    limit(2)
    if not before or set(numbers()) != {2}:
        pytest.skip("no BLAS library whose threads can be limited")
    yield lambda: set(numbers())
    limit(max(before))


@pytest.mark.parametrize("first_out", [0, 1])
def test_products_have_one_thread_until_the_last_of_two_threads_is_done(blas_threads, first_out):
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        places = [(thread, single_threaded_products()) for thread in (one, other)]
        for thread, place in places:
            thread.submit(place.__enter__).result()
            assert blas_threads() == {1}
        (first, its_place), (last, last_place) = places[first_out], places[1 - first_out]
        first.submit(its_place.__exit__, None, None, None).result()
        assert blas_threads() == {1}
        last.submit(last_place.__exit__, None, None, None).result()
        assert blas_threads() == {2}


def test_the_change_of_the_whole_process_is_made_again_after_the_last_thread_left():
    told = []

    @contextmanager
    def change():
        told.append("made")
        yield
        told.append("undone")

    place = parallel.SharedByThreads()
    for _ in range(2):
        with place.made(change), place.made(change):
            assert told.pop() == "made"
        assert told.pop() == "undone"
    assert not told
