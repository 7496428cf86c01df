"""Promise of interrupting `nelloc compress`: the target is old or new and whole, at whatever moment it is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from waiting import wait_for_end, wait_until

import nelloc
from nelloc.codec.options import DecodeOptions
from nelloc.exact import tile_coder
from nelloc.files import convert as files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent as on POSIX systems")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(nelloc.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"}
# Says when the work of the command begins and ends: a signal before or after meets Python, and not nelloc.
COMMAND = """
from nelloc.cli.main import main
compress = main.commands["compress"]
work = compress.callback
def told(**options):
    print("begin", flush=True)
    work(**options)
    print("end", flush=True)
compress.callback = told
main(prog_name="nelloc")
"""
# The same, with threads for small images too, or with processes.
COMMANDS = {
    "1": COMMAND,
    "2 threads": "import nelloc.codec.parallel as s\ns.LEAST_FOR_THREADS = 0\n" + COMMAND,
    "2 processes": "import nelloc.codec.parallel as s\ns.LEAST_FOR_PROCESSES = 0\n" + COMMAND,
}
# The same, but the disk takes its time, so that a signal can hit the moment of writing.
SLOW_DISK = "import os, time\nos.fsync = lambda descriptor: time.sleep(60)\n" + COMMAND
OLD = b"what the target held before"
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
# A signal kills the process, or Python turns it into an exit status that is not zero.
KILLED = {
    signal.SIGINT: (1, 130, -signal.SIGINT),
    signal.SIGTERM: (-signal.SIGTERM,),
    signal.SIGKILL: (-signal.SIGKILL,),
}


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    """An image that takes about a second."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (160, 160, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def whole(photo, small_model_path) -> tuple[bytes, float]:
    """The bytes that an undisturbed compression writes, and the seconds that it takes."""
    target = photo.with_name("whole.nlc")
    with started(COMMAND, photo, target, small_model_path) as process:
        start = time.monotonic()
        wait_for_end(process)
        seconds = time.monotonic() - start
    assert process.returncode == 0
    files.verify_bytes(target.read_bytes(), "whole.nlc", DecodeOptions(model=small_model_path))
    return target.read_bytes(), seconds


def started(code: str, photo: Path, target: Path, model: Path, *flags: str) -> subprocess.Popen[str]:
    """A process that has just begun to compress ``photo``."""
    command = [sys.executable, "-c", code, "compress", str(photo), str(target), "--model", str(model), "--tile", "48"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, *flags], env=ENVIRONMENT, **pipes)
    assert process.stdout.readline() == "begin\n"
    return process


@pytest.mark.parametrize("threads", COMMANDS)
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_at_a_random_moment_leaves_the_target_old_or_new(
    tmp_path, photo, small_model_path, whole, number, threads
):
    expected, seconds = whole
    moments = random.Random(f"{number} {threads}")
    for attempt, force in enumerate((False, True, True)):
        target = tmp_path / f"{attempt}.nlc"
        if force:
            target.write_bytes(OLD)
        flags = ["--threads", threads[0], *(["--force"] if force else [])]
        with started(COMMANDS[threads], photo, target, small_model_path, *flags) as process:
            time.sleep(moments.random() * seconds)
            process.send_signal(number)
            output, messages = wait_for_end(process)
        found = target.read_bytes() if target.exists() else None
        assert found in (OLD if force else None, expected)
        assert process.returncode in (0, *KILLED[number])
        if process.returncode == 0:
            assert found == expected
        if number == signal.SIGINT:
            assert "Traceback" not in messages or "end" in output
            assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_output_is_written_leaves_the_target_as_it_was(
    tmp_path, photo, small_model_path, whole, number, force
):
    target = tmp_path / "out.nlc"
    if force:
        target.write_bytes(OLD)
    flags = ["--no-verify", *(["--force"] if force else [])]
    with started(SLOW_DISK, photo, target, small_model_path, *flags) as process:
        wait_until(lambda: any(part.stat().st_size for part in tmp_path.glob(".*.part")), process)
        process.send_signal(number)
        _, messages = wait_for_end(process)
    assert process.returncode in KILLED[number]
    assert (target.read_bytes() if target.exists() else None) == (OLD if force else None)
    if number == signal.SIGINT:
        assert "Traceback" not in messages
        assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_does_not_wait_for_the_rest_of_the_work(tmp_path, small_model_path, threads, drawn):
    # Half a minute of work and more for the largest model in the core, minutes for the adaptive coder in NumPy: the
    # test would not end in time if it were all done.
    noise = np.random.default_rng(0).integers(0, 9, (2400, 2400, 3), np.uint8)
    image = noise + (128 + 80 * np.sin(np.arange(2400) / 50)).astype(np.uint8)[:, None]
    Image.fromarray(image // 64 * 64 if drawn else image).save(tmp_path / "large.bmp")
    flags = ["--threads", threads, "--no-verify", *(["--backend", "numpy"] if drawn else [])]
    model = small_model_path if drawn else "high"
    with started(COMMAND, tmp_path / "large.bmp", tmp_path / "out.nlc", model, *flags) as process:
        time.sleep(3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, messages = wait_for_end(process, seconds=60)
    assert process.returncode in KILLED[signal.SIGINT]
    assert "Traceback" not in messages
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.bmp"]


def test_work_that_another_thread_gave_up_does_not_hide_its_error(tmp_path, small_model_path, monkeypatch):
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(photo)
    real = tile_coder.encode_tile
    calls = []

    def fail(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 1:
            raise nelloc.NellocError("the first tile fails")
        return real(*arguments, **options)

    monkeypatch.setattr(tile_coder, "encode_tile", fail)
    monkeypatch.setattr("nelloc.codec.parallel.LEAST_FOR_THREADS", 0)
    with pytest.raises(nelloc.NellocError, match="the first tile fails"):
        files.compress(photo, model=small_model_path, tile=16, threads=2, learn=False, backend="numpy")
    assert len(calls) < 16
