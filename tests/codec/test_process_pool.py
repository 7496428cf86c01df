"""Promises of spreading work over processes: nothing is lost, nothing outlives the one who asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import wait_for_end, wait_until

import nelloc
from nelloc.codec import process_pool
from nelloc.codec.process_pool import in_processes

_FOLDERS = (Path(nelloc.__file__).parents[1], Path(__file__).parents[1], Path(__file__).parent)
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, _FOLDERS))}


def double(number: int) -> tuple[int, int]:
    return 2 * number, os.getpid()


def die_of_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return -number


def fail_of_two(number: int) -> int:
    if number == 2:
        raise ZeroDivisionError("two")
    return number


def work_until_stopped(place: str) -> None:
    Path(place, str(os.getpid())).touch()
    while True:
        time.sleep(0.01)
        process_pool.stop_if_not_wanted()


def test_every_item_is_answered_by_another_process():
    answers = dict(in_processes(double, range(9), 2))
    assert {item: answer[0] for item, answer in answers.items()} == {n: 2 * n for n in range(9)}
    processes = {answer[1] for answer in answers.values()}
    assert os.getpid() not in processes
    assert len(processes) <= 2


def test_an_item_whose_process_dies_is_the_only_one_without_an_answer():
    answers = list(in_processes(die_of_three, range(6), 2))
    assert sorted(item for item, _ in answers) == list(range(6))
    assert dict(answers) == {n: None if n == 3 else -n for n in range(6)}


def test_an_error_is_raised_here_and_ends_the_rest():
    with pytest.raises(ZeroDivisionError, match="two"):
        list(in_processes(fail_of_two, range(100), 2))


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("nelloc.codec.process_pool.ProcessPoolExecutor", NotImplementedError("no semaphores")),
        ("multiprocessing.context.SpawnProcess.start", BlockingIOError("no more processes")),
    ],
)
def test_without_processes_the_work_is_done_here(monkeypatch, place, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(place, fail)
    assert dict(in_processes(double, range(3), 2)) == {n: (2 * n, os.getpid()) for n in range(3)}


def test_closing_the_iterator_stops_the_work(tmp_path):
    answers = in_processes(double_or_work, [0, str(tmp_path)], 2)
    assert next(answers)[0] == 0
    answers.close()
    assert not alive(tmp_path)


def double_or_work(item: int | str) -> int | None:
    return work_until_stopped(item) if isinstance(item, str) else 2 * item


def alive(place: Path) -> list[int]:
    """The processes that said that they began, and have not ended."""
    found = []
    for path in place.iterdir():
        status = Path("/proc", path.name, "status")
        if status.exists() and "zombie" not in status.read_text():
            found.append(int(path.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_one_that_was_stopped(tmp_path, number):
    with script_running(tmp_path, "") as process:
        wait_for(2, tmp_path, process)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        _, messages = wait_for_end(process)
    wait_until(lambda: not alive(tmp_path))
    assert "Traceback" not in messages


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("begun", [1, 2])
def test_ctrl_c_while_a_process_starts_ends_it_quietly(tmp_path, begun):
    # A process imports the main module before it opens what the first process made for it, which must still be there.
    slow_start = f"else:\n    Path({str(tmp_path)!r}, str(os.getpid())).touch()\n    time.sleep(2)\n"
    with script_running(tmp_path, slow_start) as process:
        wait_for(begun, tmp_path, process)
        os.killpg(process.pid, signal.SIGINT)
        _, messages = wait_for_end(process)
    wait_until(lambda: not alive(tmp_path))
    assert messages == "Aborted!\n"


def script_running(place: Path, rest: str) -> subprocess.Popen[str]:
    """A program of its own that has work in ``place`` done until it is stopped; ``rest`` ends its main module."""
    script = place.parent / "script.py"
    script.write_text(
        "from test_process_pool import *\n"
        # A shell without job control starts what is in its background with SIGINT ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        # Whoever catches Ctrl-C, as a command line does, lets go of what the work held.
        "if __name__ == '__main__':\n    try:\n"
        f"        list(in_processes(work_until_stopped, [{str(place)!r}] * 4, 2))\n"
        f"    except KeyboardInterrupt:\n        print('Aborted!', file=sys.stderr)\n{rest}"
    )
    command = [sys.executable, str(script)]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(count: int, place: Path, process: subprocess.Popen[str]) -> None:
    wait_until(lambda: len(list(place.iterdir())) >= count, process)
